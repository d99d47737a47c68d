# SPDX-License-Identifier: BSD-2-Clause
"""The commands that a Redis got, as it reports them itself (MONITOR)."""

import re
import threading

from .resp import Resp
from .wait import until

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Command:
    """One command: its `words`, and whether a script called it."""

    def __init__(self, line):
        self.words = _WORD.findall(line)
        self.by_script = " lua] " in line

    def __repr__(self):
        return " ".join(word[:60] for word in self.words)


class Monitor:
    """Listens from when it is made; a context manager. Lines are split into words only when they are taken: with megabytes in them that
    takes long, and would keep other threads of the test (a relay, an origin) from running."""

    def __init__(self, redis):
        self._redis, self._resp, self._seen, self._marks = redis, Resp(redis.socket), [], 0
        self._resp.call("MONITOR")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._resp.shut()
        self._thread.join(10)
        self._resp.close()

    def _listen(self):
        try:
            while True:
                self._seen.append(self._resp.read())
        except (OSError, EOFError):
            pass

    def take(self):
        """Returns all commands until now, oldest first, and forgets them."""
        self._marks += 1
        mark = f"mark {id(self)} {self._marks}"
        self._redis.call("ECHO", mark)
        until(lambda: any(mark in line for line in self._seen), "MONITOR's echo")
        end = next(i for i, line in enumerate(self._seen) if mark in line)
        taken, self._seen[:end + 1] = self._seen[:end], []
        return [Command(line) for line in taken]
