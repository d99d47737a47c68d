# SPDX-License-Identifier: BSD-2-Clause
"""The parts a test of weir is played with: real processes, real sockets, scripted peers."""
