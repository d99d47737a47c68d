# SPDX-License-Identifier: BSD-2-Clause
"""A scripted origin: a real HTTP/1.1 server with a thread per connection. A test sets its answers path by path.

It records every request in full, so that a test can say what was forwarded, how often, and on how many connections.
"""

import socket
import threading
import time

from . import ports
from .answer import Answer
from .wait import until
from .wire import Closed, Fields, Reader, WireError


class Received:
    """One request as the origin saw it."""

    def __init__(self, connection, method, target, version, fields):
        self.connection, self.method, self.target, self.version = connection, method, target, version
        self.fields, self.body, self.length, self.digest = fields, b"", 0, None
        self.trailers, self.framing, self.at = None, "none", time.monotonic()

    @property
    def path(self):
        return self.target.partition("?")[0]

    def __repr__(self):
        return f"<{self.method} {self.target} {self.fields!r} +{self.length} bytes>"


class _Gone(Exception):
    """The script has cut the connection, or the origin stops."""


class Origin:
    """Listens at once, on the given port or one of its own. `address` is what a policy's `servers` takes. Other hosts are
    those of loopback: origins on one port of several hosts are the addresses of one name."""

    def __init__(self, port=None, host="127.0.0.1"):
        self.port, self.host = port or ports.free_port(), host
        self.address = f"{host}:{self.port}"
        self.requests, self.connections, self.broken = [], 0, []
        self.bytes_in = 0
        self._scripts, self._lock = {}, threading.Lock()
        self._stopping, self._socks, self._threads = threading.Event(), set(), []
        self._listen()

    # what tests say

    def on(self, path, *answers, **answer):
        """Sets the answers of a path, in turn; the last one repeats. on("/a", body=b"x") is short for one Answer. A callable
        gets the Received request and returns an Answer. A target with its query takes precedence over the bare path."""
        with self._lock:
            self._scripts[path] = list(answers) or [Answer(**answer)]
        return self

    # what tests ask

    def calls(self, path=None):
        with self._lock:
            return sum(1 for r in self.requests if path is None or path in (r.path, r.target))

    def last(self, path=None):
        with self._lock:
            return [r for r in self.requests if path is None or path in (r.path, r.target)][-1]

    def wait_calls(self, path, count):
        until(lambda: self.calls(path) >= count, f"{count} calls of {path}, had {self.calls(path)}")

    # life

    def _listen(self):
        self._listener = socket.create_server((self.host, self.port), backlog=1024)
        self._start(self._accept, self._listener)

    def stop(self):
        """Closes the listener and every connection, and ends scripts that wait."""
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)
        self._threads.clear()

    def restart(self):
        self._stopping.clear()
        self._listen()

    def cut(self):
        """Cuts every open connection, idle ones too."""
        with self._lock:
            socks = list(self._socks)
        for sock in socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @property
    def stopped(self):
        return self._stopping.is_set()

    def open_connections(self):
        with self._lock:
            return len(self._socks)

    def _start(self, run, *args):
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener):
        while not self._stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._socks.add(sock)
                number = self.connections
            self._start(self._serve, sock, number)

    def _serve(self, sock, number):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(sock)
        try:
            while self._exchange(sock, reader, number):
                pass
        except (Closed, OSError, _Gone):
            pass
        except WireError as error:
            self.broken.append(error)
        finally:
            with self._lock:
                self._socks.discard(sock)
                self.bytes_in += reader.received
            sock.close()

    # one exchange

    def _exchange(self, sock, reader, number):
        line = reader.line().decode("latin-1").split(" ")
        if len(line) != 3:
            raise WireError(f"malformed request line {line}")
        request = Received(number, *line, reader.fields())
        with self._lock:
            self.requests.append(request)
            answer = self._choose(request)
        answer = answer(request) if callable(answer) else answer
        if answer.read_body:
            self._read_body(sock, reader, request)
        self._wait(answer.gate, answer.delay)
        if answer.raw is not None:
            sock.sendall(answer.raw)
            return answer.keep
        self._send(sock, answer, request)
        return answer.keep and answer.framing != "close" and request.fields.get("Connection", "") != "close"

    def _choose(self, request):
        script = self._scripts.get(request.target) or self._scripts.get(request.path)
        if not script:
            return Answer(404, body=b"the origin has no script for this path")
        return script.pop(0) if len(script) > 1 else script[0]

    def _read_body(self, sock, reader, request):
        if request.fields.get("Expect", "").lower() == "100-continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        tally, request.trailers, request.framing = reader.body(request.fields)
        request.body, request.digest = tally.start, tally.digest()
        request.length = tally.length

    def _wait(self, gate, delay):
        if delay and self._stopping.wait(delay):
            raise _Gone
        while gate is not None and not gate.wait(0.02):
            if self._stopping.is_set():
                raise _Gone

    def _send(self, sock, answer, request):
        for status, fields in answer.interim:
            sock.sendall(Answer(status, fields, framing="none", reason="Interim").head())
        if request.method == "HEAD" or answer.status in (204, 304):
            sock.sendall(answer.head())
            return
        sent, head = 0, answer.head()       # the head is sent with the first part, so a small answer comes whole or not at all
        for number, part in enumerate(answer.parts()):
            if number > 0:
                self._wait(answer.body_gate if number == 1 else None, answer.pause)
            if answer.abort_after is not None and sent + len(part) > answer.abort_after:
                sock.sendall(head + self._coded(answer, part[:answer.abort_after - sent]))
                raise _Gone
            sock.sendall(head + self._coded(answer, part))
            sent, head = sent + len(part), b""
        sock.sendall(head)
        if answer.abort_after is not None and sent <= answer.abort_after:
            raise _Gone
        if answer.framing == "chunked":
            sock.sendall(b"0\r\n" + Fields(answer.trailers).encode() + b"\r\n")

    @staticmethod
    def _coded(answer, part):
        return b"%x\r\n%s\r\n" % (len(part), part) if answer.framing == "chunked" and part else part
