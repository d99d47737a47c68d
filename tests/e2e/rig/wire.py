# SPDX-License-Identifier: BSD-2-Clause
"""HTTP/1.1 as bytes. One reader, for the client and the scripted origin, reads heads, fields and bodies strictly."""

from .pattern import Tally

MAX_HEAD = 256 * 1024


class WireError(Exception):
    """The peer sent something that isn't one unambiguous HTTP/1.1 message."""

    response = None     # the response in whose body it happened; its head had come whole


class Closed(WireError):
    """The peer closed or reset the connection; `partial` holds what came before."""

    def __init__(self, partial=b""):
        super().__init__(f"connection closed after {partial[:200]!r}")
        self.partial = partial


class Fields:
    """Header fields in their order. Names are looked up without regard to case."""

    def __init__(self, pairs=()):
        self.pairs = list(pairs.items() if isinstance(pairs, dict) else pairs)

    def all(self, name):
        return [value for key, value in self.pairs if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return ", ".join(values) if values else default

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(f"no field {name} in {self.pairs}")
        return value

    def __contains__(self, name):
        return bool(self.all(name))

    def __iter__(self):
        return iter(self.pairs)

    def __repr__(self):
        return f"Fields({self.pairs!r})"

    def encode(self):
        return b"".join(_bytes(name) + b": " + _bytes(value) + b"\r\n" for name, value in self.pairs)


def _bytes(text):
    return text if isinstance(text, bytes) else str(text).encode("latin-1")


class Reader:
    """Buffered reading from a socket. Every call returns what it promises, or raises Closed or socket.timeout."""

    def __init__(self, sock):
        self.sock, self.buffer, self.received = sock, bytearray(), 0

    def more(self):
        try:
            data = self.sock.recv(256 * 1024)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            raise Closed(bytes(self.buffer))
        self.received += len(data)
        self.buffer += data

    def line(self):
        """Reads one line, without its CRLF. A bare LF or CR in it is an error."""
        while True:
            end = self.buffer.find(b"\n")
            if end >= 0:
                break
            if len(self.buffer) > MAX_HEAD:
                raise WireError("line too long")
            self.more()
        line = bytes(self.buffer[:end + 1])
        del self.buffer[:end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise WireError(f"bare CR or LF in {line!r}")
        return line[:-2]

    def fields(self):
        """Reads header or trailer fields, up to and with the empty line."""
        pairs = []
        while True:
            line = self.line()
            if not line:
                return Fields(pairs)
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip() or b" " in name:
                raise WireError(f"malformed field {line!r}")
            pairs.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))

    def exactly(self, size, sink):
        while size > 0:
            if not self.buffer:
                self.more()
            piece = self.buffer[:size]
            del self.buffer[:len(piece)]
            size -= len(piece)
            sink.add(piece)

    def until_close(self, sink):
        try:
            while True:
                sink.add(self.buffer)
                self.buffer.clear()
                self.more()
        except Closed:
            pass

    def chunks(self, sink):
        """Reads a chunked body. Returns its trailer fields."""
        while True:
            size = self.line().partition(b";")[0]
            if not size or size.strip(b"0123456789abcdefABCDEF"):
                raise WireError(f"malformed chunk size {size!r}")
            size = int(size, 16)
            if size == 0:
                return self.fields()
            self.exactly(size, sink)
            if self.line():
                raise WireError("chunk data longer than its size")

    def body(self, fields, sink=None, closes=False):
        """Reads the body that `fields` announce. Returns (tally, trailers, framing). closes: without framing it ends with the
        connection."""
        sink = Tally() if sink is None else sink
        if "Transfer-Encoding" in fields:
            if "Content-Length" in fields or fields["Transfer-Encoding"].lower() != "chunked":
                raise WireError(f"ambiguous framing {fields!r}")
            return sink, self.chunks(sink), "chunked"
        lengths = fields.all("Content-Length")
        if lengths:
            if len(lengths) != 1 or not lengths[0].isdigit():
                raise WireError(f"ambiguous length {fields!r}")
            self.exactly(int(lengths[0]), sink)
            return sink, Fields(), "length"
        if closes:
            self.until_close(sink)
            return sink, Fields(), "close"
        return sink, Fields(), "none"
