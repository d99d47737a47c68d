# SPDX-License-Identifier: BSD-2-Clause
"""Clients that keep asking, each on its own keep-alive connection, while the test breaks things."""

import threading
import time

from .client import Connection
from .wire import WireError


class Load:
    """`with Load(addresses, clients, target) as load:` asks for target(n), or for one text, until the block ends. After that
    `failures` holds everything that was not a whole 200, and `slowest` is the longest answer in seconds."""

    def __init__(self, addresses, clients, target, fine=(200,)):
        self.addresses, self.fine = addresses, fine
        self.target = target if callable(target) else lambda _: target
        self.answers, self.failures, self.slowest = 0, [], 0.0
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, number):
        connection, turn = None, number
        while not self._stop.is_set():
            turn += len(self._threads)
            target, start = self.target(turn), time.monotonic()
            try:
                connection = connection or Connection(self.addresses[number % len(self.addresses)])
                answer = connection.ask(target)
                problem = None if answer.status in self.fine else repr(answer)
            except (OSError, WireError) as error:
                problem, connection = repr(error), None
            self._tally(target, problem, time.monotonic() - start)
        if connection:
            connection.close()

    def _tally(self, target, problem, seconds):
        with self._lock:
            self.answers += 1
            self.slowest = max(self.slowest, seconds)
            if problem:
                self.failures.append((target, problem))
