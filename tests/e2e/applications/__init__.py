# SPDX-License-Identifier: BSD-2-Clause
"""Real applications, as Debian and npm ship them, and what a test has to know of each."""
