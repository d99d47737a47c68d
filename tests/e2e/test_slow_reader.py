# SPDX-License-Identifier: BSD-2-Clause
"""A fetch that outgrew the store is shared by those who keep up with each other: nobody waits for one who is slower for long."""

import re
import threading

import pytest

from rig import rfc
from rig.answer import Answer
from rig.pattern import Pattern
from rig.wait import until
from rig.wire import Closed, WireError

MB = 1024 * 1024
WHOLE = Pattern(32 * MB)


def scripted(origin, gate, fields, parts, then=()):
    """The whole comes chunked, so that nobody knows that it is too large; `parts`: who asks for a part gets it; `then`: the fields
    of later answers."""
    data, first_fields = WHOLE.bytes(), fields

    def answer(request):
        fields = {**first_fields, **(dict(then) if "Range" in request.fields else {})}
        asked = re.fullmatch(r"bytes=(\d+)-", request.fields.get("Range", ""))
        if not (asked and parts):
            return Answer(200, fields, WHOLE, framing="chunked", gate=gate)
        first = int(asked[1])
        return Answer(206, {**fields, "Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}, data[first:])
    origin.on("/", answer)


@pytest.fixture
def node(weirs, origin):
    return weirs(rfc.settings(origin, memory={"size": "64MB", "max_object": "1MB"}))


@pytest.fixture
def left_behind(node, origin):
    """left_behind(fields, parts): the client that reads nothing while another reads all of it, and its head. (Several would wait for each
    other, too, on a busy machine.)"""
    opened = []

    def start(fields=(), parts=True, then=()):
        gate = threading.Event()
        scripted(origin, gate, {"Cache-Control": "max-age=100", **dict(fields)}, parts, then)
        slow, fast = opened[:] = [node.connect() for _ in range(2)]
        for client in opened:
            client.send_head("GET", "/")
        until(lambda: node.admin.metric("weir_collapsed_total") == 1, "both aboard")
        gate.set()
        head = slow.read_head()
        assert fast.read().digest() == WHOLE.digest()
        return slow, head

    yield start
    for client in opened:
        client.close()


@pytest.mark.parametrize("parts", [True, False], ids=["part", "whole"])
def test_who_is_slower_goes_on_alone_with_the_same_content(left_behind, origin, parts):
    slow, head = left_behind({"ETag": '"v1"'}, parts)
    until(lambda: origin.calls() == 2, "a fetch of the rest")
    asked = origin.last("/").fields
    assert asked["If-Range"] == '"v1"' and re.fullmatch(r"bytes=\d+-", asked["Range"])
    assert slow.read_rest(head).digest() == WHOLE.digest()


@pytest.mark.parametrize("fields", [{}, {"ETag": 'W/"v1"'}], ids=["none", "weak"])
def test_who_is_slower_is_cut_where_nothing_tells_that_the_content_is_the_same(left_behind, origin, fields):
    slow, head = left_behind(fields)
    with pytest.raises((Closed, WireError, ConnectionError)):
        slow.read_rest(head)
    assert origin.calls() == 1


@pytest.mark.parametrize("parts", [True, False], ids=["part", "whole"])
def test_another_content_is_never_appended(left_behind, origin, parts):
    slow, head = left_behind({"ETag": '"v1"'}, parts, then={"ETag": '"v2"'})
    with pytest.raises((Closed, WireError, ConnectionError)):
        slow.read_rest(head)
    assert origin.calls() == 2


def test_who_reads_alone_is_waited_for(node, origin):
    gate = threading.Event()
    gate.set()
    scripted(origin, gate, {"Cache-Control": "max-age=100", "ETag": '"v1"'}, True)
    with node.connect() as slow:
        slow.send_head("GET", "/")
        head = slow.read_head()
        slow.quiet(1.5)
        assert slow.read_rest(head).digest() == WHOLE.digest()
    assert origin.calls() == 1


def test_who_is_slower_reads_the_rest_out_of_redis(weirs, origin, redis, relays):
    """Without an ETag: it is the same storing."""
    relay = relays(redis.address)
    both = [weirs(rfc.settings(origin, memory={"size": "64MB", "max_object": "1MB"},
                               redis={"url": f"redis://{host}:{port}", "timeout": "5s", "max_object": "64MB"}))
            for host, port in (redis.address, relay.address)]
    origin.on("/", body=WHOLE, fields={"Cache-Control": "max-age=100"})
    assert both[0].ask("/").digest() == WHOLE.digest()
    until(lambda: any(redis.call("TYPE", key) == "hash" and "arriving" not in redis.hash(key)
                      for key in redis.keys("weir:v1:cache:*")), "the whole in Redis")
    slow, fast = [both[1].connect(timeout=40) for _ in range(2)]
    relay.stall()
    for client in (slow, fast):
        client.send_head("GET", "/")
    until(lambda: both[1].admin.metric("weir_collapsed_total") == 1, "both aboard")
    relay.heal()
    head = slow.read_head()
    assert fast.read().digest() == WHOLE.digest()
    assert slow.read_rest(head).digest() == WHOLE.digest()
    assert origin.calls() == 1
    for client in (slow, fast):
        client.close()
