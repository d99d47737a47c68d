# SPDX-License-Identifier: BSD-2-Clause
"""Waiting for something to become true. Tests order events by barriers and counters, never by sleeping a guess."""

import time

PATIENCE = 20.0     # seconds; only a failing test ever waits this long


def until(predicate, what, timeout=PATIENCE):
    """Poll predicate until it gives something true, and return that. AssertionError with `what` when it never does."""
    deadline = time.monotonic() + timeout
    pause = 0.002
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
