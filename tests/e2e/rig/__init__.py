# SPDX-License-Identifier: BSD-2-Clause
"""What tests of weir are made of: real processes, real sockets, scripted peers."""
