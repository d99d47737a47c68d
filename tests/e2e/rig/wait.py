# SPDX-License-Identifier: BSD-2-Clause
"""Waits for something to become true. Tests order events by barriers and counters, never by a sleep of guessed length."""

import time

PATIENCE = 20.0     # seconds; only a failing test waits so long


def until(predicate, what, timeout=PATIENCE):
    """Calls predicate until it returns something true, and returns that. AssertionError with `what` if it never does."""
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
