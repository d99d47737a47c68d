# SPDX-License-Identifier: BSD-2-Clause
"""Single flight: one origin fetch per object per fleet, and nobody wedged by whoever leads it."""

import threading
import time

import pytest

from rig import cache_status, crowd, policy
from rig.answer import Answer
from rig.pattern import BLOCK, Pattern
from rig.wait import until


def bodies(visits):
    assert [v for v in visits if v.error] == []
    return {v.body for v in visits}


def test_200_clients_one_process_one_fetch(cache, origin):
    origin.on("/cold", body=Pattern(3 * BLOCK), framing="chunked", delay=0.5)
    visits = crowd.crowd(cache.address, 200, "/cold")
    assert bodies(visits) == {Pattern(3 * BLOCK).bytes()}
    assert origin.calls() == 1


def test_followers_stream_while_the_body_arrives(cache, origin):
    gate = threading.Event()
    origin.on("/", body=[b"first", b"second"], framing="chunked", body_gate=gate)
    clients = [cache.connect() for _ in range(10)]
    for client in clients:
        client.send_head("GET", "/")
    for client in clients:
        assert client.read_head().status == 200
        until(lambda: b"first" in client.reader.buffer or client.reader.more(), "the first part")
    gate.set()
    for client in clients:
        until(lambda: b"second" in client.reader.buffer or client.reader.more(), "the second part")
        client.close()
    assert origin.calls() == 1


def test_a_late_follower_gets_the_body_from_its_beginning(cache, origin):
    gate, body = threading.Event(), Pattern(20 * BLOCK)
    origin.on("/", body=body, framing="chunked", body_gate=gate)
    with cache.connect() as first, cache.connect() as late:
        first.send_head("GET", "/")
        head = first.read_head()
        until(lambda: len(first.reader.buffer) >= BLOCK or first.reader.more(), "the first part")
        late.send_head("GET", "/")
        late_head = late.read_head()
        gate.set()
        for connection, response in ((first, head), (late, late_head)):
            assert connection.read_rest(response).digest() == body.digest()
    assert origin.calls() == 1


def test_a_follower_that_does_not_read_holds_nobody_up(cache, origin):
    body = Pattern(100 * BLOCK)
    origin.on("/", body=body, framing="chunked", delay=0.3)
    with cache.connect() as lazy:
        lazy.send_head("GET", "/")
        origin.wait_calls("/", 1)
        visits = crowd.crowd(cache.address, 10, "/")
        assert {len(v.body) for v in visits} == {len(body)}
    assert origin.calls() == 1


def test_the_fetch_goes_on_when_the_leader_leaves(cache, origin):
    gate = threading.Event()
    origin.on("/", body=[b"first", b"second"], framing="chunked", body_gate=gate)
    leader, follower = cache.connect(), cache.connect()
    leader.send_head("GET", "/")
    leader.read_head()
    follower.send_head("GET", "/")
    head = follower.read_head()
    leader.reset()
    gate.set()
    assert follower.read_rest(head).body == b"firstsecond"
    follower.close()
    assert cache.ask("/").body == b"firstsecond" and origin.calls() == 1


def test_several_nodes_one_fetch(fleet, origin):
    nodes = fleet(4)
    origin.on("/cold", body=b"x" * 2000, delay=0.5)
    visits = crowd.crowd([node.address for node in nodes], 400, "/cold")
    assert bodies(visits) == {b"x" * 2000}
    assert origin.calls() == 1


@pytest.mark.slow
def test_1000_clients_over_4_nodes_one_fetch(fleet, origin):
    nodes = fleet(4)
    origin.on("/cold", body=b"x" * 2000, delay=0.5)
    visits = crowd.crowd([node.address for node in nodes], 1000, "/cold", timeout=60)
    assert bodies(visits) == {b"x" * 2000}
    assert origin.calls() == 1


def test_the_lock_is_named_has_a_ttl_and_is_let_go(fleet, origin, redis, elsewhere):
    [node] = fleet(1)
    gate = threading.Event()
    origin.on("/", body=b"x", gate=gate)
    answer = elsewhere(node.ask, "/")
    [lock] = until(lambda: redis.keys("weir:v1:lock:*"), "the lock")
    assert redis.call("TYPE", lock) == "string" and redis.call("PTTL", lock) > 0
    gate.set()
    assert answer.result().body == b"x"
    until(lambda: redis.keys("weir:v1:lock:*") == [], "the lock let go")


def test_the_lock_is_renewed_while_a_long_fetch_runs(fleet, origin, redis, elsewhere):
    one, two = fleet(2, redis={"lock_ttl": "500ms"})
    origin.on("/", body=b"x", delay=1.8)
    answers = [elsewhere(one.ask, "/")]
    origin.wait_calls("/", 1)
    answers.append(elsewhere(two.ask, "/"))
    assert {a.result().body for a in answers} == {b"x"}
    assert origin.calls() == 1


def test_only_the_owner_lets_the_lock_go(fleet, origin, redis, elsewhere):
    [node] = fleet(1)
    gate = threading.Event()
    origin.on("/", body=b"x", gate=gate)
    answer = elsewhere(node.ask, "/")
    [lock] = until(lambda: redis.keys("weir:v1:lock:*"), "the lock")
    redis.call("SET", lock, "somebody else", "PX", 60_000)
    gate.set()
    assert answer.result().status == 200
    until(lambda: redis.keys("weir:v1:cache:*") or cache_status.hit(node.ask("/")), "the fetch landed")
    assert redis.call("GET", lock) == b"somebody else"


def test_a_lock_whose_owner_vanished_delays_and_never_wedges(fleet, origin, redis):
    [node] = fleet(1, policy.route(cache={"ttl": "60s", "lock_timeout": "1s"}), redis={"lock_ttl": "1s"})
    gate = threading.Event()
    origin.on("/", Answer(body=b"x", gate=gate), Answer(body=b"x"))
    connection = node.connect()
    connection.send_head("GET", "/")
    [lock] = until(lambda: redis.keys("weir:v1:lock:*"), "the lock")
    gate.set()
    connection.read()
    connection.close()
    until(lambda: redis.keys("weir:v1:cache:*") and not redis.keys(lock), "the object in Redis, the lock released")
    for key in redis.keys():
        redis.call("DEL", key)
    redis.call("SET", lock, "a node that is gone", "PX", 60_000)
    until(lambda: not cache_status.hit(node.ask("/")), "the dropped object asked for again")
    assert node.ask("/").body == b"x" and origin.calls() <= 3


def test_a_leader_that_dies_is_succeeded(fleet, origin, elsewhere):
    one, two = fleet(2, redis={"lock_ttl": "1s"})
    gate = threading.Event()
    origin.on("/", Answer(body=b"never", gate=gate), Answer(body=b"second"))
    doomed = elsewhere(one.ask, "/")
    origin.wait_calls("/", 1)
    waiting = [elsewhere(two.ask, "/") for _ in range(10)]
    one.kill()
    assert {w.result(20).body for w in waiting} == {b"second"}
    assert origin.calls() == 2
    assert doomed.exception(20)
    gate.set()


def test_an_origin_that_hangs_is_an_error_for_all_and_for_no_longer_than_its_timeout(weirs, origin, redis):
    settings = {"redis": {"url": redis.url, "timeout": policy.PATIENT},
                "origins": {"app": policy.origin(origin, response_timeout="500ms", retries=0)},
                "routes": [policy.route(cache=True)]}
    nodes = [weirs(settings) for _ in range(2)]
    gate = threading.Event()
    origin.on("/", lambda r: Answer(body=b"x", gate=gate))
    start = time.monotonic()
    visits = crowd.crowd([n.address for n in nodes], 60, "/")
    assert {v.status for v in visits} == {504}
    assert time.monotonic() - start < 60 * 0.5 / 3      # not one after another
    gate.set()
    assert {n.ask("/").body for n in nodes} == {b"x"}


@pytest.mark.parametrize("fields", [{"Cache-Control": "no-store"}, {"Cache-Control": "private"}, {"Set-Cookie": "a=b"}],
                         ids=["no-store", "private", "cookie"])
def test_an_answer_that_may_not_be_shared_is_nobody_elses(cache, origin, fields):
    numbers = iter(range(1000))
    origin.on("/", lambda r: Answer(200, fields, b"%d" % next(numbers), delay=0.2))
    visits = crowd.crowd(cache.address, 40, "/")
    assert len(bodies(visits)) == 40 and origin.calls() == 40


def test_uncacheable_answers_are_not_queued_one_behind_another(fleet, origin):
    nodes = fleet(2)
    numbers = iter(range(1000))
    origin.on("/", lambda r: Answer(200, {"Cache-Control": "no-store"}, b"%d" % next(numbers), delay=0.5))
    for _ in range(2):
        start = time.monotonic()
        visits = crowd.crowd([n.address for n in nodes], 40, "/")
        assert len(bodies(visits)) == 40
        assert time.monotonic() - start < 40 * 0.5 / 3
    assert origin.calls() == 80


def test_a_fetch_that_fails_fails_whoever_waited_and_the_next_one_is_tried(fleet, origin):
    nodes = fleet(2)
    origin.on("/", Answer(raw=b"rubbish\r\n\r\n", keep=False, delay=0.3), Answer(body=b"fine"))
    visits = crowd.crowd([n.address for n in nodes], 20, "/")
    assert {v.status for v in visits} <= {502, 200} and not any(v.error for v in visits)
    assert {n.ask("/").body for n in nodes} == {b"fine"}
    assert origin.calls() <= 4


def test_a_body_that_breaks_off_fails_every_follower(cache, origin):
    origin.on("/", Answer(body=Pattern(3 * BLOCK), abort_after=BLOCK, delay=0.3), Answer(body=b"fine"))
    visits = crowd.crowd(cache.address, 20, "/")
    assert all(v.error or v.status == 502 or v.body == b"fine" for v in visits)
    assert any(v.error or v.status == 502 for v in visits)
    assert cache.ask("/").body == b"fine"


def test_many_cold_objects_at_once(fleet, origin):
    nodes = fleet(3)
    for number in range(40):
        origin.on(f"/{number}", body=b"%d" % number, delay=0.2)
    visits = crowd.visit([(nodes[n % 3].address, crowd.get(f"/{n % 40}")) for n in range(360)])
    assert [v.body for v in visits] == [b"%d" % (n % 40) for n in range(360)]
    assert {origin.calls(f"/{number}") for number in range(40)} == {1}


def test_variants_do_not_answer_for_each_other(cache, origin):
    origin.on("/", lambda r: Answer(200, {"Vary": "X-Kind"}, r.fields["X-Kind"].encode(), delay=0.2))
    visits = crowd.visit([(cache.address, crowd.get("/", {"X-Kind": str(n % 4)})) for n in range(80)])
    assert [v.body for v in visits] == [b"%d" % (n % 4) for n in range(80)]


def test_clients_that_leave_while_they_wait(cache, origin):
    gate = threading.Event()
    origin.on("/", body=b"x", gate=gate)
    waiting = [cache.connect() for _ in range(30)]
    for number, connection in enumerate(waiting):
        connection.send_head("GET", "/")
        if number == 0:
            origin.wait_calls("/", 1)
    for number, connection in enumerate(waiting):
        if number % 3 != 2:
            connection.reset() if number % 3 else connection.close()
    gate.set()
    assert {c.read().body for c in waiting[2::3]} == {b"x"}
    for connection in waiting[2::3]:
        connection.close()
    assert origin.calls() == 1


def test_who_joins_what_has_outgrown_the_stores_is_answered_anew(weirs, origin, elsewhere):
    """Its front has gone by: such a request gets a response of its own, and nothing of the other's framing."""
    node = weirs({"memory": {"size": "8MB", "max_object": "1MB"}, "workers": 1, "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route(cache=policy.CACHE)]})
    large, rest = (4 << 20) * b"a", threading.Event()
    origin.on("/", Answer(body=[large, b"b"], framing="chunked", body_gate=rest), Answer(body=b"second"))
    first = elsewhere(node.ask, "/")
    until(lambda: node.admin.metric("weir_sent_bytes_total") > len(large), "most of it has gone by")
    late = node.ask("/")
    assert (late.framing, late.body) == ("length", b"second")
    rest.set()
    assert first.result().length == len(large) + 1
