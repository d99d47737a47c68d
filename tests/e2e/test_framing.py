# SPDX-License-Identifier: BSD-2-Clause
"""Strict framing: what could be understood in two ways is refused whole, towards the client and towards the origin."""

import pytest

from rig.client import exchange
from rig.pattern import BLOCK
from rig.wire import Closed, WireError

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def head(*lines, start=b"POST / HTTP/1.1", host=b"Host: a"):
    return b"\r\n".join([start, *([host] if host else []), *lines]) + b"\r\n\r\n"


def chunked(body, *lines):
    return head(b"Transfer-Encoding: chunked", *lines) + body


# Each is answered 400 and the connection closed.
REQUESTS = {
    # two framings, or one that is doubtful
    "length and chunked": head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunked and length": head(b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n",
    "length and identity": head(b"Content-Length: 3", b"Transfer-Encoding: identity") + b"abc",
    "two different lengths": head(b"Content-Length: 3", b"Content-Length: 4") + b"abcd",
    "the same length twice": head(b"Content-Length: 3", b"Content-Length: 3") + b"abc",
    "list of lengths": head(b"Content-Length: 3, 3") + b"abc",
    "list of one length": head(b"Content-Length: 3,") + b"abc",
    "plus": head(b"Content-Length: +3") + b"abc",
    "minus": head(b"Content-Length: -3") + b"abc",
    "hexadecimal": head(b"Content-Length: 0x3") + b"abc",
    "empty length": head(b"Content-Length: ") + b"abc",
    "length with a space": head(b"Content-Length: 1 1") + b"abcdefghijk",
    "length of words": head(b"Content-Length: three") + b"abc",
    "length of 2^63": head(b"Content-Length: 9223372036854775808") + b"abc",
    "length of 2^64": head(b"Content-Length: 18446744073709551616") + b"abc",
    "length of 2^64 + 3": head(b"Content-Length: 18446744073709551619") + b"abc",
    "length of 30 digits": head(b"Content-Length: " + b"9" * 30) + b"abc",
    "chunked twice": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunked, chunked": head(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "identity, chunked": head(b"Transfer-Encoding: identity, chunked") + b"0\r\n\r\n",
    "identity": head(b"Transfer-Encoding: identity") + b"abc",
    "chunked, identity": head(b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "xchunked": head(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunked in quotes": head(b'Transfer-Encoding: "chunked"') + b"0\r\n\r\n",
    "chunked with a parameter": head(b"Transfer-Encoding: chunked;q=1") + b"0\r\n\r\n",
    "no coding": head(b"Transfer-Encoding: ") + b"0\r\n\r\n",
    "chunked by 1.0": head(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0") + b"0\r\n\r\n",
    # lines
    "bare LF after the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare LF after a field": b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "bare LF hides a coding": b"POST / HTTP/1.1\r\nHost: a\r\nX: x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LF ends the head": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare CR in a value": head(b"X: a\rb"),
    "lone CR as a value": b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\r\n\r\n",
    "CR and any byte as the end": b"GET / HTTP/1.1\r\nHost: a\r\n\rX" + SMUGGLED,
    "obs-fold": head(b"X: a", b" b"),
    "obs-fold in a length": head(b"Content-Length:", b" 3") + b"abc",
    "obs-fold in a coding": head(b"Transfer-Encoding:", b"\tchunked") + b"0\r\n\r\n",
    "space before the colon": head(b"X : a"),
    "tab before the colon": head(b"X\t: a"),
    "space before a length's colon": head(b"Content-Length : 3") + b"abc",
    "space before a coding's colon": head(b"Transfer-Encoding : chunked") + b"0\r\n\r\n",
    "space in a name": head(b"X Y: a"),
    "space before the first field": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "tab before the first field": b"GET / HTTP/1.1\r\n\tX: b\r\nHost: a\r\n\r\n",
    "no colon": head(b"X"),
    "empty name": head(b": a"),
    "brackets in a name": head(b"X(Y): a"),
    "NUL in a value": head(b"X: a\0b"),
    "NUL first in a value": head(b"X:\0b"),
    "NUL in a name": head(b"X\0Y: b"),
    "a control first in a value": head(b"X:\x01b"),
    "DEL in a value": head(b"X: a\x7fb"),
    # Host
    "no Host": head(host=None),
    "Host twice": head(b"Host: b"),
    "Host twice the same": head(b"Host: a"),
    "Host of two": head(host=b"Host: a, b"),
    "Host with a path": head(host=b"Host: a/b"),
    "Host with userinfo": head(host=b"Host: u@a"),
    "Host with a bad port": head(host=b"Host: a:b"),
    "Host with a huge port": head(host=b"Host: a:99999"),
    "Host with a space": head(host=b"Host: a b"),
    "Host with an open bracket": head(host=b"Host: [::1"),
    # request line
    "no version": b"GET /\r\n\r\n",
    "tab for a space": b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "trailing space": b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "control in the target": b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "star for GET": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "userinfo in the target": b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host in the target": b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
    "another protocol": b"SOURCE / ICE/1.0\r\nHost: a\r\n\r\n",
    "lower case version": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "bracket in the method": b"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "leading space": b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "TRACE with a length": head(b"Content-Length: 3", start=b"TRACE / HTTP/1.1") + b"abc",
    "TRACE with chunks": head(b"Transfer-Encoding: chunked", start=b"TRACE / HTTP/1.1") + b"3\r\nabc\r\n0\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n",
}

# A version we don't speak: 400 or 505, and closed.
VERSIONS = [b"HTTP/0.9", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/9.9", b"HTTP/11.1", b"HTTP/1.10", b"HTTP/1"]

# The head is right, the body is not: 400 and closed, and the origin never sees the request as whole.
BODIES = {
    "no size": chunked(b"\r\nabc\r\n0\r\n\r\n"),
    "signed size": chunked(b"+3\r\nabc\r\n0\r\n\r\n"),
    "0x size": chunked(b"0x3\r\nabc\r\n0\r\n\r\n"),
    "size with a space": chunked(b"3 3\r\nabc\r\n0\r\n\r\n"),
    "size and words": chunked(b"3 abc\r\nabc\r\n0\r\n\r\n"),
    "size of 17 digits": chunked(b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
    "size of 2^64 - 1": chunked(b"ffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    "many leading zeros": chunked(b"0" * 1000 + b"3\r\nabc\r\n0\r\n\r\n"),
    "bare LF after the size": chunked(b"3\nabc\r\n0\r\n\r\n"),
    "bare LF after the data": chunked(b"3\r\nabc\n0\r\n\r\n"),
    "CR and any byte after the size": chunked(b"3\rXabc\r\n0\r\n\r\n"),
    "data longer than its size": chunked(b"3\r\nabcX\r\n0\r\n\r\n"),
    "any two bytes after the data": chunked(b"3\r\nabcXX0\r\n\r\n"),
    "bare LF in an extension": chunked(b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
    "bare CR in an extension": chunked(b"3;a\rb\r\nabc\r\n0\r\n\r\n"),
    "a quote in an extension that does not end": chunked(b"3;a=\"b\r\nabc\r\n0\r\n\r\n"),
    "a quote that hides a line's end": chunked(b"3;a=\"\r\nabc\r\n0\r\n\r\n\"\r\n"),
    "an escaped quote in an extension": chunked(b"3;a=\"b\\\"\r\nabc\r\n0\r\n\r\n"),
    "padding behind the size": chunked(b"3 \r\nabc\r\n0\r\n\r\n"),
    "NUL in an extension": chunked(b"3;a\0b\r\nabc\r\n0\r\n\r\n"),
    "extensions without end": chunked(b"".join(b"1;" + b"x" * 60_000 + b"\r\na\r\n" for _ in range(20)) + b"0\r\n\r\n"),
    "bare LF ends the body": chunked(b"3\r\nabc\r\n0\r\n\n"),
    "CR and any byte end the body": chunked(b"3\r\nabc\r\n0\r\n\rX" + SMUGGLED),
    "space before a trailer's colon": chunked(b"0\r\nX : a\r\n\r\n"),
    "folded trailer": chunked(b"0\r\nX: a\r\n b\r\n\r\n"),
    "bare LF after a trailer": chunked(b"0\r\nX: a\n\r\n"),
    "NUL in a trailer": chunked(b"0\r\nX: a\0\r\n\r\n"),
}


def ok(*lines, body=b"abc", start=b"HTTP/1.1 200 OK"):
    return b"\r\n".join([start, *lines]) + b"\r\n\r\n" + body


# An origin's answers that are 502 for the client.
RESPONSES = {
    "length and chunked": ok(b"Content-Length: 3", b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
    "two different lengths": ok(b"Content-Length: 3", b"Content-Length: 4"),
    "the same length twice": ok(b"Content-Length: 3", b"Content-Length: 3"),
    "list of lengths": ok(b"Content-Length: 3, 3"),
    "plus": ok(b"Content-Length: +3"),
    "minus": ok(b"Content-Length: -3"),
    "hexadecimal": ok(b"Content-Length: 0x3"),
    "length of 2^63": ok(b"Content-Length: 9223372036854775808"),
    "length of 2^64 + 3": ok(b"Content-Length: 18446744073709551619"),
    "chunked twice": ok(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "identity, chunked": ok(b"Transfer-Encoding: identity, chunked", body=b"0\r\n\r\n"),
    "gzip, chunked": ok(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked, identity": ok(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "gzip until close": ok(b"Transfer-Encoding: gzip"),
    "chunked by 1.0": ok(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", start=b"HTTP/1.0 200 OK"),
    "CR ends the status line": b"HTTP/1.1 200 OK\rX: a\r\nContent-Length: 3\r\n\r\nabc",
    "obs-fold": ok(b"X: a", b" b", b"Content-Length: 3"),
    "obs-fold after a bare LF": b"HTTP/1.1 200 OK\nX: a\n b\nContent-Length: 3\n\nabc",
    "length and chunked after bare LF": b"HTTP/1.1 200 OK\nContent-Length: 3\nTransfer-Encoding: chunked\n\n0\r\n\r\n",
    "bare CR among bare LF": b"HTTP/1.1 200 OK\nX: a\rY: b\nContent-Length: 3\n\nabc",
    "five leading empty lines": b"\r\n" * 5 + ok(b"Content-Length: 3"),
    "space before the colon": ok(b"Content-Length : 3"),
    "space before the first field": ok(b" Content-Length: 3"),
    "space in a name": ok(b"X Y: a", b"Content-Length: 3"),
    "no colon": ok(b"X", b"Content-Length: 3"),
    "NUL in a value": ok(b"X: a\0b", b"Content-Length: 3"),
    "control in the reason": ok(b"Content-Length: 3", start=b"HTTP/1.1 200 O\x01K"),
    "two-digit status": ok(b"Content-Length: 3", start=b"HTTP/1.1 20 OK"),
    "status 000": ok(b"Content-Length: 3", start=b"HTTP/1.1 000 OK"),
    "status 099": ok(b"Content-Length: 3", start=b"HTTP/1.1 099 OK"),
    "status 1000": ok(b"Content-Length: 3", start=b"HTTP/1.1 1000 OK"),
    "version 0.9": ok(b"Content-Length: 3", start=b"HTTP/0.9 200 OK"),
    "version 2.0": ok(b"Content-Length: 3", start=b"HTTP/2.0 200 OK"),
    "version 9.9": ok(b"Content-Length: 3", start=b"HTTP/9.9 200 OK"),
    "another protocol": b"220 mail.example ESMTP\r\n",
    "nothing at all": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
}


# What an origin may do that no reader can misunderstand; the client gets it in one form.
ODD_ORIGINS = {
    "LF after the status line": b"HTTP/1.1 200 OK\nContent-Length: 3\r\n\r\nabc",
    "LF after a field": b"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 3\r\n\r\nabc",
    "LF everywhere": b"HTTP/1.0 200 OK\nX: a\nContent-Length: 3\n\nabc",
    "LF until close": b"HTTP/1.0 200 OK\nX: a\n\nabc",
    "LF before chunked": b"HTTP/1.1 200 OK\r\nX: x\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "LF in the trailers": ok(b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\nX: a\n\n"),
    "a leading empty line": b"\r\n" + ok(b"Content-Length: 3"),
    "padding behind a chunk size": ok(b"Transfer-Encoding: chunked", body=b"3  \t\r\nabc\r\n0 \r\n\r\n"),
    "tabs around the length": ok(b"Content-Length:\t3\t"),
    "tabs around the coding": ok(b"Transfer-Encoding:\tchunked\t", body=b"3\r\nabc\r\n0\r\n\r\n"),
    "HTTP/1.2": ok(b"Content-Length: 3", start=b"HTTP/1.2 200 OK"),
}


@pytest.mark.parametrize("name", ODD_ORIGINS)
def test_odd_answers_arrive_in_one_form(proxy, origin, name):
    origin.on("/", raw=ODD_ORIGINS[name], keep=False).on("/next", body=b"next")
    with proxy.connect() as connection:
        answer = connection.ask("/")
        assert (answer.status, answer.body) == (200, b"abc")
        assert connection.ask("/next").body == b"next"


@pytest.mark.parametrize("status", [600, 999])
def test_a_status_http_does_not_know_is_a_fault_of_the_server(cache, origin, status):
    origin.on("/", raw=ok(b"Content-Length: 3", b"Cache-Control: max-age=60", start=b"HTTP/1.1 %d Odd" % status))
    assert [cache.ask("/").status for _ in range(2)] == [status] * 2
    assert origin.calls("/") == 2 and cache.admin.metric('weir_responses_total{class="5xx"}') == 2


RAW = [bytes([byte]) for byte in b"|{}^\\\"<>`[]"] + ["\u00e4\u20ac".encode(), b"\xff", b"\x80"]


@pytest.mark.parametrize("raw", RAW, ids=repr)
def test_what_browsers_send_raw_goes_on_as_it_came(cache, origin, raw):
    target = (b"/a" + raw + b"b?q=" + raw).decode("latin-1")
    origin.on(target, body=b"x")
    for _ in range(2):
        answer, _ = exchange(cache.address, b"GET " + target.encode("latin-1") + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer.status == 200
    assert origin.calls() == 1 and origin.last().target == target
    encoded = "".join(f"%{byte:02X}" for byte in raw)
    cache.ask(f"/a{encoded}b?q={encoded}")     # an origin may tell them apart: another key
    assert origin.calls() == 2
    purged = cache.admin.ctl("purge", b"http://a" + target.encode("latin-1"))
    assert purged == "purged: 1 of 1 nodes\n"
    exchange(cache.address, b"GET " + target.encode("latin-1") + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert origin.calls() == 3


def test_later_versions_of_http_1_are_served_as_1_1(proxy, origin):
    origin.on("/", body=b"x")
    answer, _ = exchange(proxy.address, b"GET / HTTP/1.9\r\nHost: a\r\nTE: gzip, chunked\r\nConnection: close\r\n\r\n")
    assert (answer.status, answer.version, origin.last().version) == (200, "HTTP/1.1", "HTTP/1.1")


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"br;q=1,\tchunked"])
def test_a_coding_that_is_not_known_is_501(proxy, origin, coding):
    answer, closed = exchange(proxy.address, head(b"Transfer-Encoding: " + coding) + b"0\r\n\r\n" + SMUGGLED)
    assert answer.status == 501 and closed
    assert origin.calls() == 0


@pytest.mark.parametrize("lines", [[b"Content-Length:\t3\t"], [b"Content-Length: 3 \t "]])
def test_tabs_are_white_space(proxy, origin, lines):
    origin.on("/", body=b"x")
    answer, _ = exchange(proxy.address, head(*lines, b"X:\ta\tb\t", b"Connection: close") + b"abc")
    assert (answer.status, origin.last().body, origin.last().fields["X"]) == (200, b"abc", "a\tb")


@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=0-1"}, {"If-Range": '"1"', "Range": "bytes=0-1"}, {"Cookie": "a=b"}])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_304_goes_to_nobody_who_did_not_ask(weirs, origin, method, fields):
    from rig import policy
    for cached in (True, "off"):
        node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=cached)]})
        origin.on("/", raw=b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
        assert node.ask("/", method, fields=fields).status == 502
        if method == "GET":
            assert node.ask("/", fields={"If-None-Match": '"1"', "Cache-Control": "no-store"} if cached is True else
                            {"If-None-Match": '"1"'}).status in (304, 502)


def test_an_etag_without_quotes_validates_as_it_was_written(cache, origin):
    from rig.answer import Answer
    origin.on("/", lambda r: Answer(304, fields={"ETag": "abc-1"}) if r.fields.get("If-None-Match") == "abc-1" else
              Answer(body=b"x", fields={"ETag": "abc-1", "Cache-Control": "max-age=60"}))
    assert cache.ask("/").body == b"x"
    assert cache.ask("/", fields={"If-None-Match": "abc-1"}).status == 304
    assert cache.ask("/", fields={"If-None-Match": '"abc-1"'}).status == 200
    assert cache.ask("/", fields={"If-None-Match": '"y", abc-1'}).status == 304
    assert cache.ask("/", fields={"Cache-Control": "no-cache"}).body == b"x"
    assert origin.calls() == 2 and origin.last().fields["If-None-Match"] == "abc-1"


@pytest.mark.parametrize("name", REQUESTS)
def test_doubtful_request_is_refused_and_never_forwarded(proxy, origin, name):
    origin.on("/", body=b"forwarded")
    answer, closed = exchange(proxy.address, REQUESTS[name] + SMUGGLED)
    assert answer.status == 400 and closed
    assert answer.fields["Connection"].lower() == "close" and len(answer.text) > 20
    assert origin.calls() == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_version_is_refused(proxy, origin, version):
    answer, closed = exchange(proxy.address, b"GET / " + version + b"\r\nHost: a\r\n\r\n" + SMUGGLED)
    assert answer.status in (400, 505) and closed
    assert origin.calls() == 0


@pytest.mark.parametrize("name", BODIES)
def test_doubtful_body_is_refused_and_what_follows_never_forwarded(proxy, origin, name):
    origin.on("/", body=b"answered")
    answer, closed = exchange(proxy.address, BODIES[name] + SMUGGLED)
    assert answer.status == 400 and closed
    assert origin.calls("/smuggled") == 0
    assert [r for r in origin.requests if r.digest is not None] == []


@pytest.mark.parametrize("name", RESPONSES)
def test_doubtful_response_is_502(proxy, origin, name):
    origin.on("/", raw=RESPONSES[name], keep=False).on("/next", body=b"next")
    with proxy.connect() as connection:
        assert connection.ask("/").status == 502
    assert proxy.ask("/next").body == b"next"


@pytest.mark.parametrize("name", ["length and chunked", "CR ends the status line", "half a head"])
def test_doubtful_response_is_never_stored(cache, origin, name):
    origin.on("/", raw=RESPONSES[name], keep=False)
    assert [cache.ask("/").status for _ in range(2)] == [502, 502]
    assert origin.calls("/") >= 2


def test_an_answer_that_goes_on_after_its_end_poisons_nobody(proxy, origin):
    extra = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    origin.on("/", raw=ok(b"Content-Length: 3") + extra, keep=True).on("/next", body=b"next")
    with proxy.connect() as connection:
        assert connection.ask("/").body == b"abc"
        assert connection.ask("/next").body == b"next"
        assert connection.ask("/next").body == b"next"


def test_a_body_that_none_may_have_poisons_nobody(proxy, origin):
    origin.on("/head", raw=ok(b"Content-Length: 3"), keep=True)
    origin.on("/204", raw=ok(b"Content-Length: 3", start=b"HTTP/1.1 204 None"), keep=True)
    origin.on("/next", body=b"next")
    with proxy.connect() as connection:
        connection.ask("/head", "HEAD")
        assert connection.ask("/next").body == b"next"
        assert connection.ask("/204").status in (204, 502)
        assert connection.ask("/next").body == b"next"


def test_what_is_forwarded_has_one_unambiguous_form(proxy, origin):
    origin.on("/", body=b"ok")
    exchange(proxy.address, b"\r\nPOST / HTTP/1.1\r\nhOsT:  a \t\r\nTRANSFER-encoding: \tChunked \r\nX:y\r\n"
                            b"Connection: close\r\n\r\n003;a=b\r\nabc\r\n0\r\n\r\n")
    seen = origin.last("/")
    assert (seen.body, seen.fields["X"], seen.fields["Host"]) == (b"abc", "y", "a")
    assert seen.fields.all("Transfer-Encoding") == ["chunked"] or seen.fields.all("Content-Length") == ["3"]


def test_after_close_the_next_request_is_not_answered(proxy, origin):
    origin.on("/", body=b"x")
    for request in (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"):
        answer, closed = exchange(proxy.address, request + SMUGGLED)
        assert answer.body == b"x" and closed
    assert origin.calls("/smuggled") == 0


def test_chunk_sizes_in_every_case_and_with_extensions_pass(proxy, origin):
    origin.on("/", body=b"ok")
    body = b"A;x=1\r\n0123456789\r\na ; y\r\n0123456789\r\n0A\r\n0123456789\r\n0;last\r\n\r\n"
    answer, _ = exchange(proxy.address, chunked(body, b"Connection: close"))
    assert answer.status == 200
    assert origin.last("/").length == 30


def test_large_chunks_split_anywhere_arrive_whole(proxy, origin):
    origin.on("/", body=b"ok")
    with proxy.connect() as connection:
        connection.send_head("POST", "/", {"Transfer-Encoding": "chunked"})
        message = b"%x\r\n%s\r\n0\r\n\r\n" % (BLOCK, b"x" * BLOCK)
        for start in range(0, len(message), 7001):
            connection.send(message[start:start + 7001])
        assert connection.read("POST").status == 200
    assert origin.last("/").length == BLOCK


MANY_TRAILERS = b"3\r\nabc\r\n0\r\n" + 30 * (b"X: " + 3000 * b"x" + b"\r\n") + b"\r\n"

# The manual's table: what, from a client, from an origin; None: the manual says nothing (-).
MANUAL = {
    "A target with a space, a control character or #": (REQUESTS["fragment"], None),
    "A target with other raw bytes, also above 127": (b"GET /?|\xff HTTP/1.1\r\nHost: a\r\n\r\n", None),
    "HTTP/1.2 to 1.9, read as 1.1": (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", ODD_ORIGINS["HTTP/1.2"]),
    "Another version of HTTP": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", RESPONSES["version 2.0"]),
    "LF without CR in the head or the trailers": (REQUESTS["bare LF after a field"], ODD_ORIGINS["LF everywhere"]),
    "CR without LF, a control character": (REQUESTS["bare CR in a value"], RESPONSES["CR ends the status line"]),
    "A folded line, a space before a colon": (REQUESTS["obs-fold"], RESPONSES["obs-fold"]),
    "HTAB or space around a value, a length or a coding": (head(b"Content-Length:\t3\t") + b"abc", ODD_ORIGINS["tabs around the length"]),
    "An empty line before the first one": (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ODD_ORIGINS["a leading empty line"]),
    "Content-Length with Transfer-Encoding, or twice": (REQUESTS["length and chunked"], RESPONSES["length and chunked"]),
    "A transfer coding beside chunked": (head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", RESPONSES["gzip, chunked"]),
    "White space after a chunk size": (BODIES["padding behind the size"], ODD_ORIGINS["padding behind a chunk size"]),
    "A chunk extension with an unclosed quoted string": (BODIES["a quote in an extension that does not end"],
                                                         ok(b"Transfer-Encoding: chunked", body=b'3;a="b\r\nabc\r\n0\r\n\r\n')),
    "LF without CR elsewhere in the chunked coding": (BODIES["bare LF after the size"],
                                                      ok(b"Transfer-Encoding: chunked", body=b"3\nabc\r\n0\r\n\r\n")),
    "More than 64 KB of trailers after the last chunk": (chunked(MANY_TRAILERS),
                                                         ok(b"Transfer-Encoding: chunked", body=MANY_TRAILERS)),
    "TRACE with content": (REQUESTS["TRACE with a length"], None),
    "A status from 600 to 999, read as a server error": (None, ok(b"Content-Length: 3", start=b"HTTP/1.1 600 Odd")),
    "304 to a request without a condition": (None, b"HTTP/1.1 304 Not Modified\r\n\r\n"),
}


def manual_rows():
    from rig.daemon import TREE
    text = (TREE / "man" / "weir.8").read_text()
    table = text[text.index(".SH WHICH MESSAGES WEIR REFUSES"):].split(".TS\n", 1)[1].split(".TE\n", 1)[0]
    clean = table.replace("\\-", "-").replace("\\(aq", "'")
    return [line.split("\t") for line in clean.splitlines()[2:]]


@pytest.mark.parametrize("what, client, from_origin", manual_rows(), ids=lambda text: text[:40])
def test_the_manual_says_what_is_refused(proxy, origin, what, client, from_origin):
    request, response = MANUAL[what]
    assert (request is None, response is None) == (client == "-", from_origin == "-")
    if request:
        origin.on("/", body=b"x")
        answer, _ = exchange(proxy.address, request.replace(b"Host: a\r\n", b"Host: a\r\nConnection: close\r\n"))
        assert answer.status == (200 if client == "taken" else int(client))
    if response:
        origin.on("/", raw=response, keep=False)
        with proxy.connect() as connection:
            if from_origin == "taken":
                assert connection.ask("/").status in (200, 600)
            elif "chunk" in what and "beside" not in what:      # the head has gone by then: cut short
                with pytest.raises((OSError, Closed, WireError)):
                    connection.ask("/")
            else:
                assert connection.ask("/").status == int(from_origin)


def test_the_manual_has_every_row():
    assert {row[0] for row in manual_rows()} == set(MANUAL)
