# SPDX-License-Identifier: BSD-2-Clause
"""A client that sends exactly what it is told, and reads strictly, with interim responses and trailers."""

import json
import socket

from . import ports
from .pattern import Pattern
from .wire import Closed, Fields, Reader, WireError


class Response:
    """One final response, and the interim ones before it. `body` is the first 64 KB at most; `length` is the size of all of it."""

    def __init__(self, version, status, reason, fields):
        self.version, self.status, self.reason, self.fields = version, status, reason, fields
        self.interim, self.trailers, self.framing = [], Fields(), "none"
        self.body, self.length, self.digest = b"", 0, None

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.fields!r} {self.length} bytes {self.body[:120]!r}>"


class Connection:
    """A connection to ("host", port) or to the path of a Unix socket."""

    def __init__(self, address, timeout=20, host="test.example"):
        self.address, self.host = address, host
        self.sock = ports.connect(address, timeout)
        self.reader = Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Ends the connection with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)
        return self

    def send_head(self, method, target, fields=(), version="HTTP/1.1", host=True):
        """Sends a request's head. host=True adds the connection's Host, unless fields has one."""
        fields = Fields(fields)
        if host and "Host" not in fields:
            fields.pairs.insert(0, ("Host", self.host if host is True else host))
        return self.send(f"{method} {target} {version}\r\n".encode("latin-1") + fields.encode() + b"\r\n")

    def send_chunk(self, data, extension=b""):
        return self.send(b"%x%s\r\n%s\r\n" % (len(data), extension, data))

    def send_last_chunk(self, trailers=()):
        return self.send(b"0\r\n" + Fields(trailers).encode() + b"\r\n")

    def send_body(self, body, chunked=False):
        for block in body.blocks() if isinstance(body, Pattern) else [body]:
            if chunked:
                self.send_chunk(block)
            else:
                self.send(block)
        if chunked:
            self.send_last_chunk()

    def ask(self, target, method="GET", fields=(), body=None, chunked=False, sink=None, **head):
        """Sends one request and reads its response."""
        fields = Fields(fields)
        if body is not None:
            fields.pairs.append(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", len(body)))
        self.send_head(method, target, fields, **head)
        if body is not None:
            self.send_body(body, chunked)
        return self.read(method, sink)

    def read_head(self):
        line = self.reader.line().decode("latin-1")
        version, _, rest = line.partition(" ")
        status, _, reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or len(status) != 3 or not status.isdigit():
            raise WireError(f"malformed status line {line!r}")
        return Response(version, int(status), reason, self.reader.fields())

    def read(self, method="GET", sink=None):
        """Reads the next final response, whole. Raises Closed when the connection ends before that."""
        interim = []
        response = self.read_head()
        while response.status < 200 and response.status != 101:
            interim.append(response)
            response = self.read_head()
        response.interim = interim
        return self.read_rest(response, method, sink)

    def read_rest(self, response, method="GET", sink=None):
        """Reads the body of a response whose head was read by read_head()."""
        if method == "HEAD" or response.status in (101, 204, 304):
            return response
        try:
            tally, response.trailers, response.framing = self.reader.body(response.fields, sink, closes=True)
        except WireError as error:
            error.response = response
            raise
        response.body, response.length = tally.start, tally.length
        response.digest = tally.digest
        return response

    def ended(self):
        """Returns True if the peer closed without sending another byte, False if it sent something. Times out otherwise."""
        if self.reader.buffer:
            return False
        try:
            self.reader.more()
        except Closed:
            return True
        return False

    def quiet(self, span=0.1):
        """Returns True if nothing arrives within `span` seconds, not even a close."""
        before = self.sock.gettimeout()
        self.sock.settimeout(span)
        try:
            self.reader.more()
        except TimeoutError:
            return True
        except Closed:
            return False
        finally:
            self.sock.settimeout(before)
        return False


def ask(address, target, method="GET", **options):
    """Sends one request on a connection of its own."""
    timeout, host = options.pop("timeout", 20), options.pop("host", "test.example")
    with Connection(address, timeout, host) as connection:
        return connection.ask(target, method, **options)


def exchange(address, data, method="GET", timeout=20):
    """Sends raw bytes on a connection of its own. Returns the response and whether the peer then closed."""
    with Connection(address, timeout) as connection:
        connection.send(data)
        response = connection.read(method)
        return response, connection.ended()
