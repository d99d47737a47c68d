# SPDX-License-Identifier: BSD-2-Clause
"""The memory of requests in flight has a budget: what clients leave behind, don't read or send slowly never takes more."""

import contextlib
import random
import threading

import pytest

from rig import policy, rfc
from rig.answer import Answer
from rig.client import Connection
from rig.pattern import Pattern
from rig.wait import until
from rig.wire import Closed, WireError

MB = 1024 * 1024
FRESH = {"Cache-Control": "max-age=600"}


def in_flight(node):
    return node.admin.metric("weir_memory_in_flight_bytes")


def at_rest(node):
    until(lambda: in_flight(node) == 0, "nothing in flight")


def asked(node, target):
    """A connection that has asked and reads nothing."""
    connection = Connection(node.address)
    connection.send_head("GET", target)
    return connection


@contextlib.contextmanager
def all_used(node):
    """A response that the origin doesn't finish holds twice as much as the policy allows from now on."""
    gate = threading.Event()
    target = f"/held?{node.origin.calls()}"
    node.origin.on(target, fields=FRESH, body=Pattern(2 * MB), body_gate=gate)
    with Connection(node.address) as client:
        client.send_head("GET", target)
        until(lambda: in_flight(node) >= 2 * MB, "the whole response counted")
        node.reload(node.settings("1MB"))
        until(lambda: " of 1048576" in node.admin.ctl("--json", "status"), "the smaller budget")
        try:
            yield
        finally:
            gate.set()
            assert client.read().length == 2 * MB


@pytest.fixture
def small(weirs, origin):
    """A node whose budget all_used() lowers."""
    def settings(in_flight):
        return rfc.settings(origin, memory={"size": "16MB", "in_flight": in_flight})
    node = weirs(settings("64MB"))
    node.settings, node.origin = settings, origin
    origin.on("/small", fields=FRESH, body=b"small")
    return node


def test_what_clients_leave_behind_stays_within_the_budget(weirs, origin):
    node = weirs(rfc.settings(origin, memory={"size": "16MB", "in_flight": "8MB"}))
    gate = threading.Event()
    origin.on("/", lambda request: Answer(200, FRESH, Pattern(MB), body_gate=gate))
    leavers = [asked(node, f"/?{i}") for i in range(16)]
    origin.wait_calls("/", 16)
    for leaver in leavers:
        leaver.reset()
    until(lambda: node.admin.metric("weir_memory_streamed_total") > 0 and node.admin.metric("weir_connections") == 0,
          "more than half of it wanted, and nobody there any more")
    until(lambda: in_flight(node) < 5 * MB, "the end of what no store takes")     # half of it, and what is in buffers
    gate.set()
    at_rest(node)
    assert node.admin.metric("weir_stored_total") >= 2


def test_redis_takes_what_memory_has_no_room_for(fleet, origin):
    node, = fleet(1, memory={"size": "4MB", "max_object": "1MB", "in_flight": "4MB"})
    whole = Pattern(3 * MB)
    origin.on("/", fields=FRESH, body=whole)

    def hit():
        """Not if Redis was too slow for the client: then the response isn't stored."""
        calls = origin.calls()
        assert node.ask("/").digest() == whole.digest()
        at_rest(node)
        return origin.calls() == calls
    until(hit, "a hit in Redis")
    assert node.admin.metric("weir_redis_hits_total") >= 1


def test_without_memory_hits_are_served_and_others_wait_and_get_503(small, origin):
    assert small.ask("/small").status == 200
    with all_used(small):
        refused = small.ask("/other")
        assert refused.status == 503 and refused.fields["Retry-After"] == "1" and "memory" in refused.text
        assert small.ask("/small").body == b"small"
        assert small.admin.metric("weir_memory_waits_total") == small.admin.metric("weir_memory_refused_total") == 1
        assert origin.calls("/other") == 0
    at_rest(small)
    assert small.ask("/other").status == 404            # the origin's word


def test_who_has_waited_for_memory_goes_on(small, elsewhere):
    def goes_on():
        small.reload(small.settings("64MB"))
        until(lambda: " of 67108864" in small.admin.ctl("--json", "status"), "the larger budget")
        before = small.admin.metric("weir_memory_waits_total")
        with all_used(small):
            answer = elsewhere(small.ask, "/small")
            until(lambda: small.admin.metric("weir_memory_waits_total") > before, "a request that waits")
        return answer.result().status == 200
    until(goes_on, "an answer in time")         # on a busy machine a second may pass before the memory is free
    at_rest(small)


def test_a_stale_response_is_served_where_there_is_no_memory_to_validate_it(small, origin):
    origin.on("/stale", fields={"Cache-Control": "max-age=0, stale-if-error=600", "ETag": '"v1"'}, body=b"old")
    assert small.ask("/stale").body == b"old"
    with all_used(small):
        assert small.ask("/stale").body == b"old"
        assert origin.calls("/stale") == 1
    at_rest(small)


def stray(node, chance, seed):
    """One client that does one thing or another, and leaves at some time."""
    target = f"/{chance.choice(['whole', 'chunked', 'broken', 'private', 'slow'])}?{chance.randrange(20)}"
    with contextlib.suppress(OSError, Closed, WireError):
        with Connection(node.address) as client:
            what = chance.randrange(5)
            if what == 0:
                client.ask(target)
            elif what == 1:
                client.ask(target, "POST", body=Pattern(chance.randrange(400_000), seed), chunked=chance.random() < 0.5)
            elif what == 2:
                client.send_head("POST", target, {"Content-Length": 300_000}).send(b"x" * chance.randrange(300_000))
                client.reset()
            elif what == 3:
                client.send(b"GET / HTTP/1.1\r\nX: " + b"y" * chance.randrange(20_000))
            else:
                client.send_head("GET", target)
                if chance.random() < 0.7:
                    client.reader.more()
                client.reset()


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "redis"])
def test_nothing_is_in_flight_at_rest(weirs, origin, redis, elsewhere, shared):
    with_redis = {"redis": {"url": redis.url, "timeout": policy.PATIENT, "max_object": "4MB"}} if shared else {}
    node = weirs(rfc.settings(origin, memory={"size": "4MB", "max_object": "1MB", "in_flight": "4MB"}, **with_redis))
    chance = random.Random(7)
    sizes = [0, 10, 5_000, 20_000, 70_000, 300_000, 2 * MB]
    for path, more in {"whole": {}, "chunked": {"framing": "chunked"}, "broken": {"abort_after": 60_000},
                       "private": {"fields": {"Cache-Control": "private"}}, "slow": {"pause": 0.002}}.items():
        origin.on(f"/{path}", lambda request, more=more: Answer(
            200, more.get("fields", FRESH), Pattern(sizes[len(request.target) * 7 % len(sizes)], 1),
            **{k: v for k, v in more.items() if k != "fields"}))
    for round_ in range(12):
        doing = [elsewhere(stray, node, random.Random(chance.random()), round_) for _ in range(16)]
        assert node.admin.post(f"/purge?prefix=http://test.example/{chance.choice(['whole', 'chunked', 'slow'])}").status == 200
        for client in doing:
            client.result()
    at_rest(node)


@pytest.mark.memory
def test_a_normal_client_is_served_beside_all_kinds_of_bad_ones(weirs, origin):
    node = weirs(rfc.settings(origin, memory={"size": "8MB", "in_flight": "16MB"}))
    origin.on("/large", lambda request: Answer(200, FRESH, Pattern(2 * MB)))
    origin.on("/page", fields={"Cache-Control": "no-store"}, body=b"page")
    base, open_ = node.peak(), []
    try:
        open_ += [Connection(node.address) for _ in range(200)]                                             # idle
        open_ += [Connection(node.address).send(b"GET / HTTP/1.1\r\nX: " + b"y" * 2000) for _ in range(80)]   # slow heads
        open_ += [Connection(node.address).send_head("POST", "/page", {"Content-Length": 100_000}).send(b"x" * 1000)
                  for _ in range(40)]                                                                       # slow bodies
        open_ += [asked(node, f"/large?reader{i}") for i in range(20)]                                      # slow readers
        for i in range(20):
            asked(node, f"/large?leaver{i}").reset()
            if i % 10 == 0:
                assert node.ask("/page").body == b"page"
        assert node.peak() - base < 40 * MB
    finally:
        for connection in open_:
            connection.close()
    at_rest(node)
