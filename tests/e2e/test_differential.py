# SPDX-License-Identifier: BSD-2-Clause
"""What weir understands of a request is what the origin understands: random requests, many of them odd, go through weir to an origin that
a strict parser of others (h11) reads for. Each line of the access log that names a server is exactly one request there, of the same method,
target and content, and nothing else ever reaches the origin. Where h11 can read what the client sent, it reads the same requests.

WEIR_SEEDS="3 4 5" adds seeds."""

import json
import os
import random
import re

import h11
import pytest

from rig import policy, ports
from rig.listener import Listener
from rig.wait import until

SMUGGLED = b"GET /smuggled-%s HTTP/1.1\r\nHost: a\r\n\r\n"
STREAMS = 150
QUIET = 0.2         # seconds without an answer, after which a client leaves that waits for one in vain


class Received:
    """A request as h11 has read it."""

    def __init__(self, event):
        self.method, self.target, self.body = event.method.decode(), event.target.decode(), b""
        self.fields = [(bytes(name), bytes(value)) for name, value in event.headers]

    def values(self, name):
        return [value for field, value in self.fields if field == name]

    def __repr__(self):
        return f"{self.method} {self.target} {len(self.body)}"


def read_all(parser, requests, answer=None):
    """Takes all whole requests out of h11's buffer. answer(request): called at the end of each; without it h11 only reads."""
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return event
        if isinstance(event, h11.Request):
            current = Received(event)
        elif isinstance(event, h11.Data):
            parser.current.body += bytes(event.data)
            continue
        else:
            requests.append(parser.current)
            if answer:
                answer(parser.current)
            else:
                parser.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                parser.send(h11.EndOfMessage())
            if parser.our_state is not h11.DONE or parser.their_state is not h11.DONE:
                return h11.ConnectionClosed()
            parser.start_next_cycle()
            continue
        parser.current = current


class StrictOrigin:
    """Answers every request, and remembers what h11 has read, and what it could not read."""

    def __init__(self):
        self.requests, self.refused = [], []
        self._listener = Listener(self._serve)
        self.address, self.stop = self._listener.address, self._listener.close

    def _serve(self, sock):
        parser, came = h11.Connection(h11.SERVER), b""

        def answer(request):
            sock.sendall(parser.send(h11.Response(status_code=200, headers=[("Content-Length", "2"), ("Cache-Control", "no-store")])))
            sock.sendall(parser.send(h11.Data(b"" if request.method == "HEAD" else b"ok")) + parser.send(h11.EndOfMessage()))

        with sock:
            try:
                while data := sock.recv(65536):
                    came += data
                    parser.receive_data(data)
                    read_all(parser, self.requests, answer)
            except OSError:
                pass
            except h11.RemoteProtocolError as error:
                self.refused.append((str(error), came))


class Dialect:
    """Makes random requests. Most are well-formed, in all the ways that there are; the others are odd in one way or two."""

    ENDS = [b"\r\n"] * 12 + [b"\n", b"\r", b" \r\n", b"\r\n ", b"\x0b\r\n"]
    LENGTHS = [b"%d"] * 12 + [b"+%d", b"0%d", b" %d ", b"\t%d", b"%d, %d", b"%d,", b"0x%d", b"%d.0", b"-%d", b"%d\x0b"]
    CODINGS = [b"chunked"] * 10 + [b"Chunked", b" chunked ", b"chunked, identity", b"identity", b"gzip, chunked", b"chunked, chunked",
                                   b"xchunked", b'"chunked"', b"chunked;q=1", b"\x0bchunked", b"chun ked", b""]
    NAMES = [b"%s: "] * 14 + [b"%s:", b"%s :", b"%s\t: ", b" %s: ", b"%s\0: ", b"%s_: "]
    METHODS = [b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"QUERY", b"get", b"G\xe9T"]
    TARGETS = [b"/%s"] * 8 + [b"/%s?a=b", b"/%s/../%s", b"/%s%%20", b"/%s#f", b"http://other.example/%s", b"/%s\\", b"//%s", b"/%s\x01", b"%s"]
    VERSIONS = [b"HTTP/1.1"] * 10 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1"]
    SIZES = [b"%x"] * 12 + [b"%X", b"000%x", b"%x ", b" %x", b"0x%x", b"+%x", b"%x;a=b", b'%x;a="b;\r\nc"', b"%x;a", b"%x\0", b"%x\n%x"]

    def __init__(self, rng):
        self._rng, self._odd = rng, 0.0

    def _of(self, choices):
        """One of them: mostly the first, else any."""
        return self._rng.choice(choices) if self._rng.random() < self._odd else choices[0]

    def _field(self, name, value):
        return self._of(self.NAMES).replace(b"%s", name) + value + self._of(self.ENDS)

    def _number(self, form, number):
        return form.replace(b"%d", b"%d" % number)

    def _chunked(self, body):
        out, rng = b"", self._rng
        while body:
            size = rng.randrange(1, len(body) + 1)
            line = self._of(self.SIZES).replace(b"%x", b"%x" % size).replace(b"%X", b"%X" % size)
            out += line + self._of(self.ENDS) + body[:size] + self._of(self.ENDS)
            body = body[size:]
        trailers = b"".join(self._field(b"X-Trailer", b"t") for _ in range(rng.choice([0, 0, 0, 1])))
        return out + b"0" + self._of(self.ENDS) + trailers + b"\r\n"

    def _framed(self, body):
        """Returns the fields that frame the content, and the content as it is sent."""
        kind = self._rng.choice(["none", "length", "chunked"]) if self._rng.random() > self._odd / 2 else "both"
        if kind == "none":
            return b"", b""
        length = self._field(b"Content-Length", self._number(self._of(self.LENGTHS), len(body)))
        coding = self._field(b"Transfer-Encoding", self._of(self.CODINGS))
        if kind == "length":
            more = length if self._rng.random() < self._odd / 4 else b""
            return length + more, body
        if kind == "chunked":
            return coding, self._chunked(body)
        return (length + coding if self._rng.random() < 0.5 else coding + length), self._rng.choice([body, self._chunked(body)])

    def request(self, number, odd, last=False):
        self._odd = odd
        rng, name = self._rng, b"r%d" % number
        smuggled = SMUGGLED % name
        body = rng.choice([b"", b"x", smuggled, b"0\r\n\r\n" + smuggled, b"y" * 700])
        framing, content = self._framed(b"" if last else body)
        if last:
            framing, content = b"", b""
        fields = [self._field(b"Host", b"test.example")] + [framing] + ([b"Connection: close\r\n"] if last else [])
        if rng.random() < self._odd:
            fields.insert(rng.randrange(3), self._field(rng.choice([b"X-A", b"Connection", b"Expect", b"TE", b"Content_Length"]),
                                                        rng.choice([b"1", b"close", b"content-length", b"5", b"\xe9\xff", b""])))
        start = b" ".join([self._of(self.METHODS) if odd else rng.choice(self.METHODS[:8]), self._of(self.TARGETS).replace(b"%s", name),
                           self._of(self.VERSIONS)])
        return start + self._of(self.ENDS) + b"".join(fields) + b"\r\n" + content

    def stream(self, number):
        """Some requests, as they are sent on one connection. The last one is well-formed and ends it."""
        rng = self._rng
        odd = rng.choice([0.0, 0.0, 0.05, 0.15, 0.4])
        made = [self.request(number * 10 + k, odd) for k in range(rng.randrange(1, 4))]
        return b"".join(made) + self.request(number * 10 + 9, 0.0, last=True)


def send(address, data, rng, patience=QUIET):
    """Sends all of it, in one piece or in several, and reads until the connection ends, or until nothing comes for so many seconds."""
    with ports.connect(address, 10) as sock:
        cuts = sorted(rng.randrange(len(data)) for _ in range(rng.choice([0, 0, 1, 3])))
        came = b""
        try:
            for start, end in zip([0, *cuts], [*cuts, len(data)]):
                sock.sendall(data[start:end])
            sock.settimeout(patience)
            while more := sock.recv(65536):
                came += more
        except OSError:
            pass
        return came


def read_by_h11(data):
    """The requests that h11 reads, or None if it can't read all of it."""
    parser, requests = h11.Connection(h11.SERVER), []
    try:
        parser.receive_data(data)
        end = read_all(parser, requests)
    except h11.RemoteProtocolError:
        return None
    return requests if end is not h11.NEED_DATA or not parser.trailing_data[0] else None


@pytest.fixture
def strict():
    origin = StrictOrigin()
    yield origin
    origin.stop()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2] + [int(seed) for seed in os.environ.get("WEIR_SEEDS", "").split()])
def test_the_origin_reads_what_weir_has_read(weirs, strict, place, seed):
    log, rng = place / "access.log", random.Random(seed)
    node = weirs({"log": {"access": {"format": "json", "to": str(log)}}, "origins": {"app": {"servers": ["%s:%d" % strict.address]}},
                  "routes": [policy.route()]})
    dialect = Dialect(rng)
    passed = 0
    for number in range(STREAMS):
        data = dialect.stream(number)
        seen = len(strict.requests)
        meant = read_by_h11(data)
        came = send(node.address, data, rng, QUIET if meant is None else 30)     # what is well-formed ends with a close
        named = re.compile(rf"r{number or ''}\d\b")         # what an earlier client left behind may come late
        arrived = [request for request in strict.requests[seen:] if named.search(request.target)]
        passed += len(arrived)
        about = f"seed {seed}, stream {number}\nsent: {data!r}\nanswers: {came[:600]!r}\nat the origin: {arrived}"
        assert not strict.refused, f"{about}\nh11: {strict.refused}"
        if meant is not None and b"HTTP/1.1 4" not in came and b"HTTP/1.1 5" not in came:
            assert [(r.method, r.body) for r in arrived] == [(r.method, r.body) for r in meant], f"{about}\nh11 reads: {meant}"
    node.terminate()
    told = {line["request_id"]: line for line in map(json.loads, log.read_text().splitlines()) if line["server"] is not None}
    got = {request.values(b"x-request-id")[0].decode(): request for request in strict.requests}
    assert len(got) == len(strict.requests) and passed > STREAMS // 2, "too little arrived to show anything"
    assert set(got) <= set(told)
    for key, request in got.items():
        line = told[key]
        target = line["target"].removeprefix("http://other.example")      # the log has it as it came, the origin gets the path
        assert (request.method, request.target) == (line["method"], target), (seed, line, request)
        assert len(request.body) == line["received"], (seed, line, request)


@pytest.mark.rig
@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                                  b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
                                  b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_the_strict_origin_finds_what_is_wrong(strict, data):
    send(strict.address, data, random.Random(1))
    until(lambda: strict.refused, "h11's refusal")
    assert read_by_h11(data) is None
