# SPDX-License-Identifier: BSD-2-Clause
"""RFC 9110 14 and RFC 9111 3.3, 3.4: ranges from what is stored, from what is being fetched, and past the cache."""

import pytest

from rig import cache_status, rfc
from rig.answer import Answer
from rig.pattern import Pattern

BODY = b"0123456789"
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
FRESH = {"Cache-Control": "max-age=100", "ETag": '"v1"', "Last-Modified": MODIFIED, "Content-Type": "text/x", "X-Own": "1"}


@pytest.fixture
def node(weirs, origin):
    return weirs(rfc.settings(origin))


def ranged(origin, path, body, fields):
    """An origin that serves single ranges itself."""
    def answer(request):
        if "Range" not in request.fields:
            return Answer(200, fields, body)
        first, _, last = request.fields["Range"].partition("=")[2].partition("-")
        first, last = int(first), min(int(last), len(body) - 1)
        part = body[first:last + 1] if isinstance(body, bytes) else b"?" * (last + 1 - first)
        return Answer(206, {**fields, "Content-Range": f"bytes {first}-{last}/{len(body)}"}, part)
    origin.on(path, answer)


@pytest.mark.parametrize("asked, status, content_range, body", [
    ("bytes=0-1", 206, "bytes 0-1/10", b"01"),
    ("bytes=4-", 206, "bytes 4-9/10", b"456789"),
    ("bytes=-3", 206, "bytes 7-9/10", b"789"),
    ("bytes=-30", 206, "bytes 0-9/10", BODY),
    ("bytes=8-100", 206, "bytes 8-9/10", b"89"),
    ("Bytes=0-0", 206, "bytes 0-0/10", b"0"),
    ("bytes=2-3,4-5", 206, "bytes 2-5/10", b"2345"),
    ("bytes=10-", 416, "bytes */10", b""),
    ("bytes=-0", 416, "bytes */10", b""),
    ("bytes=3-2", 200, None, BODY),
    ("bytes=a-b", 200, None, BODY),
    ("bytes=", 200, None, BODY),
    ("lines=0-1", 200, None, BODY),
])
@pytest.mark.parametrize("how", ["hit", "miss", "private"])
def test_one_range(node, origin, asked, status, content_range, body, how):
    origin.on("/", Answer(200, FRESH if how != "private" else {**FRESH, "Cache-Control": "private"}, BODY))
    if how == "hit":
        node.ask("/")
    answer = node.ask("/", fields={"Range": asked})
    assert (answer.status, answer.fields.get("Content-Range"), answer.body) == (status, content_range, body)
    if status == 206:
        assert (answer.fields["ETag"], answer.fields["X-Own"], answer.fields["Content-Type"]) == ('"v1"', "1", "text/x")
    assert origin.calls() == 1 and "Range" not in origin.last("/").fields
    if how != "private":
        assert node.ask("/").body == BODY and origin.calls() == 1


def test_416_has_no_freshness_of_what_is_stored(node, origin):
    """A cache behind would give it to those who ask for the whole."""
    origin.on("/", Answer(200, {**FRESH, "Expires": "Sun, 06 Nov 2044 08:49:37 GMT", "CDN-Cache-Control": "max-age=100"}, BODY))
    for _ in range(2):
        answer = node.ask("/", fields={"Range": "bytes=10-"})
        assert answer.status == 416
        assert not [name for name in ("Cache-Control", "CDN-Cache-Control", "Expires", "Last-Modified") if name in answer.fields]


def test_no_content_can_hold_the_boundary_on_purpose(node, origin):
    boundaries = set()
    for path in ("/a", "/b"):
        origin.on(path, Answer(200, FRESH, BODY))
        for _ in range(2):
            kind = node.ask(path, fields={"Range": "bytes=0-1,4-4"}).fields["Content-Type"]
            boundaries.add(kind.partition("boundary=")[2])
    assert len(boundaries) == 2


def test_several_ranges(node, origin):
    origin.on("/", Answer(200, FRESH, BODY))
    for _ in range(2):
        answer = node.ask("/", fields={"Range": "bytes=0-1,4-4,-2"})
        kind, _, boundary = answer.fields["Content-Type"].partition("; boundary=")
        assert (answer.status, kind) == (206, "multipart/byteranges") and "Content-Range" not in answer.fields
        parts = answer.body.split(f"--{boundary}".encode())
        assert parts[-1].strip() == b"--" and len(parts) == 5
        heads = [part.partition(b"\r\n\r\n") for part in parts[1:-1]]
        assert [h[2].removesuffix(b"\r\n") for h in heads] == [b"01", b"4", b"89"]
        assert [b"bytes 0-1/10" in h[0] and b"text/x" in h[0] for h in heads] == [True, False, False]


@pytest.mark.parametrize("condition, status", [
    ('"v1"', 206), ('W/"v1"', 200), ('"v2"', 200), (MODIFIED, 206), ("Sun, 06 Nov 1994 08:49:38 GMT", 200), ("rubbish", 200),
])
def test_if_range(node, origin, condition, status):
    origin.on("/", Answer(200, FRESH, BODY))
    node.ask("/")
    assert node.ask("/", fields={"Range": "bytes=0-1", "If-Range": condition}).status == status


def test_conditions_come_before_ranges_and_head_has_none(node, origin):
    origin.on("/", Answer(200, FRESH, BODY))
    node.ask("/")
    assert node.ask("/", fields={"Range": "bytes=0-1", "If-None-Match": '"v1"'}).status == 304
    assert node.ask("/", fields={"Range": "bytes=0-1", "If-None-Match": '"v2"'}).status == 206
    head = node.ask("/", "HEAD", fields={"Range": "bytes=0-1"})
    assert (head.status, head.fields["Content-Length"]) == (200, "10")


def test_a_range_of_a_cold_object_fetches_the_whole_once(node, origin):
    body = Pattern(2_000_000)
    origin.on("/", Answer(200, FRESH, body))
    part = node.ask("/", fields={"Range": "bytes=1500000-1500099"})
    assert (part.status, part.length) == (206, 100)
    whole = node.ask("/")
    assert whole.digest() == body.digest() and origin.calls() == 1


@pytest.mark.parametrize("fields", [{"Cache-Control": "private"}, {"Cache-Control": "max-age=100"}])
def test_a_range_of_what_no_store_takes_is_asked_for_as_such(weirs, origin, fields):
    """Private, or larger than any store takes: nothing gains by fetching all of it."""
    node = weirs(rfc.settings(origin, memory={"size": "16MB", "max_object": "1MB"}))
    ranged(origin, "/", Pattern(300_000_000), {**fields, "ETag": '"v1"'})
    for n in range(2):
        part = node.ask("/", fields={"Range": "bytes=200000000-200000099", "If-Range": '"v1"'})
        assert (part.status, part.body, part.fields["Content-Range"]) == (206, b"?" * 100, "bytes 200000000-200000099/300000000")
        assert origin.last("/").fields["If-Range"] == '"v1"'
    assert origin.calls() == 3      # the first learns that it is too large, the pass marker remembers it


def test_a_client_that_forbids_storing_gets_its_range_from_the_origin(node, origin):
    ranged(origin, "/", BODY, FRESH)
    part = node.ask("/", fields={"Range": "bytes=2-3", "Cache-Control": "no-store"})
    assert (part.status, part.body) == (206, b"23") and origin.last("/").fields["Range"] == "bytes=2-3"
    assert node.ask("/").body == BODY


def test_a_partial_response_is_never_taken_for_the_whole(node, origin):
    """An origin that answers a request without Range by a part: passed on, not stored, not combined with anything."""
    origin.on("/", Answer(206, {**FRESH, "Content-Range": "bytes 0-4/10"}, BODY[:5]), Answer(200, FRESH, BODY))
    first = node.ask("/")
    assert (first.status, first.body) == (206, b"01234") and "stored" not in cache_status.of(first)
    second = node.ask("/")
    assert (second.status, second.body) == (200, BODY)


def test_a_range_of_content_whose_length_is_unknown_gets_all_while_it_arrives(node, origin):
    origin.on("/", Answer(200, FRESH, BODY, framing="chunked"))
    assert node.ask("/", fields={"Range": "bytes=0-1"}).body in (BODY, b"01")
    assert node.ask("/", fields={"Range": "bytes=0-1"}).body == b"01"


def test_ranges_of_what_lies_in_pieces_in_redis(weirs, origin, redis):
    body = Pattern(3_000_000)
    origin.on("/", Answer(200, FRESH, body))
    node = weirs(rfc.settings(origin, memory="off", redis={"url": redis.socket_url, "timeout": "2s", "max_object": "8MB"}))
    assert node.ask("/").digest() == body.digest()
    part = node.ask("/", fields={"Range": "bytes=2500000-2500009"})
    assert (part.status, part.length) == (206, 10)
    several = node.ask("/", fields={"Range": "bytes=2500000-2500009,5-6"})
    assert several.status in (200, 206)
    if several.status == 200:   # pieces that pass through can't be read in any order
        assert several.length == 3_000_000
