# SPDX-License-Identifier: BSD-2-Clause
"""As much of Redis's protocol as a test needs to look into the keyspace."""

import socket

from . import ports


class RedisError(Exception):
    pass


class Resp:
    def __init__(self, address, timeout=10):
        self._sock = ports.connect(address, timeout)
        self._file = self._sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def shut(self):
        """Ends a read() in which another thread waits."""
        self._sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._file.close()
        self._sock.close()

    def call(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self._sock.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.read()

    def read(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        raise RedisError(f"unknown reply {line!r}")
