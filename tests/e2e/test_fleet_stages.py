# SPDX-License-Identifier: BSD-2-Clause
"""A fetch leaves a stage while questions of that stage are open: their answers come late, and nothing happens."""

import signal
import threading
import time

import pytest

from rig import policy
from rig.answer import Answer
from rig.cache_status import from_memory
from rig.wait import until

ROUNDS = 12     # a node that goes on with a stage it has left dies within one or two


@pytest.fixture
def far(fleet, origin, redis, relays):
    """Three nodes; Redis is 80 ms away, and nobody waits for a lock much longer than it takes to ask for it."""
    relay = relays(redis.address)
    nodes = fleet(3, policy.route(cache={**policy.CACHE, "lock_timeout": "600ms", "pass_ttl": "0s"}),
                  redis={"url": relay.url, "timeout": "500ms"})
    until(lambda: all(node.admin.metric("weir_redis_invalidations_flowing") == 1 for node in nodes), "all hear Redis")
    relay.delay(0.08)
    return nodes


def ask_all(nodes, elsewhere, path, apart):
    """Every node asks, one a little later than the other."""
    asked = []
    for node in nodes:
        asked.append(elsewhere(node.ask, path))
        time.sleep(apart)
    return asked


def all_live(nodes):
    dead = [node for node in nodes if node.process.poll() is not None]
    assert not dead, "\n".join(node.stderr[-800:] for node in dead)


def test_an_origin_that_fails_at_once_and_then_is_slow(far, elsewhere, origin):
    """The word that a fetch has failed comes while those who wait for it are looking, or asking for the lock, once more."""
    asked = []
    for number in range(ROUNDS):
        origin.on(f"/{number}", Answer(503, body=b"no"), Answer(body=b"late", delay=1))
        asked += ask_all(far, elsewhere, f"/{number}", number * 0.01)
    for one in asked:
        assert one.result().status in (200, 503)
    all_live(far)


def test_purges_and_a_slow_origin(far, elsewhere, origin):
    """A purge cuts short what others wait for, at any moment of their waiting."""
    asked = []
    for number in range(ROUNDS):
        origin.on(f"/{number}", body=b"slow", delay=0.7)
        asked += ask_all(far, elsewhere, f"/{number}", 0.02)
        time.sleep(0.03 * number)
        asked.append(elsewhere(far[0].admin.post, "/purge", b"url=http://test.example/%d" % number))
    for one in asked:
        assert one.result().status == 200
    all_live(far)


# How a fetch ends, and what those do who wait for it.

@pytest.fixture
def waiting(fleet, origin, elsewhere):
    """Factory: five nodes want a path, one of them fetches it, the others wait for that."""
    def start(path, **cache):
        nodes = fleet(5, policy.route(cache={**policy.CACHE, "lock_timeout": "30s", **cache}))
        asked = [elsewhere(nodes[0].ask, path)]
        origin.wait_calls(path, 1)
        asked += [elsewhere(node.ask, path) for node in nodes[1:]]
        until(lambda: all(node.admin.metric("weir_lock_waits_total") == 1 for node in nodes[1:]), "four nodes waiting")
        return nodes, asked
    return start


def test_a_purge_during_a_fetch_makes_one_more_fetch(waiting, origin):
    first, second = threading.Event(), threading.Event()
    origin.on("/", Answer(body=b"old", gate=first), Answer(body=b"new", gate=second))
    nodes, asked = waiting("/")
    nodes[1].admin.post("/purge", b"url=http://test.example/")
    origin.wait_calls("/", 2)
    first.set()
    assert asked[0].result().body == b"old"
    until(lambda: sum(node.admin.metric("weir_lock_waits_total") for node in nodes) >= 4, "they wait again")
    second.set()
    assert [one.result().body for one in asked[1:]] == [b"new"] * 4
    assert origin.calls("/") == 2


def test_an_origin_that_fails_is_asked_by_one_node_at_a_time(waiting, origin):
    gates = [threading.Event() for _ in range(5)]
    under_way, most, lock = [0], [0], threading.Lock()

    def answer(_request):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            gate = gates[origin.calls("/") - 1]
        gate.wait(20)
        with lock:
            under_way[0] -= 1
        return Answer(503, body=b"no")

    origin.on("/", answer)
    _, asked = waiting("/")
    for number, gate in enumerate(gates):
        origin.wait_calls("/", number + 1)
        gate.set()
    assert [one.result().status for one in asked] == [503] * 5
    assert most == [1] and origin.calls("/") == 5



def test_who_has_something_stale_serves_it_when_another_nodes_fetch_has_failed(fleet, origin, elsewhere):
    gate = threading.Event()
    origin.on("/", Answer(body=b"old", fields={"Cache-Control": "max-age=1"}), Answer(raw=b"HTTP/1.1 2", gate=gate, keep=False))
    nodes = fleet(3, policy.route(cache={**policy.CACHE, "lock_timeout": "30s"}))
    for node in nodes:
        until(lambda: from_memory(node, "/"), "in every memory")
    calls = origin.calls("/")
    until(lambda: int(nodes[0].ask("/", fields={"Cache-Control": "max-stale=9, only-if-cached"}).fields["Age"]) >= 2, "stale")
    asked = [elsewhere(node.ask, "/") for node in nodes]
    until(lambda: sum(node.admin.metric("weir_lock_waits_total") for node in nodes) == 2, "two nodes waiting")
    gate.set()
    assert [(one.result().status, one.result().body) for one in asked] == [(200, b"old")] * 3
    assert origin.calls("/") == calls + 1


# A lock has an end, its owner may not know.

def test_an_owner_that_was_stopped_does_not_replace_what_was_fetched_later(fleet, origin, elsewhere, redis):
    gate = threading.Event()
    origin.on("/", Answer(body=b"old", gate=gate), Answer(body=b"new"))
    nodes = fleet(2, redis={"url": redis.url, "timeout": policy.PATIENT, "lock_ttl": "500ms"})
    asked = elsewhere(nodes[0].ask, "/")
    origin.wait_calls("/", 1)
    nodes[0].signal(signal.SIGSTOP)
    until(lambda: not redis.keys("weir:v1:lock:*"), "the lock's end")
    assert nodes[1].ask("/").body == b"new"
    until(lambda: redis.keys("weir:v1:cache:*"), "stored")
    gate.set()
    nodes[0].signal(signal.SIGCONT)
    assert asked.result().body == b"old"
    until(lambda: nodes[0].ask("/").body == b"new", "the newer one everywhere")
    for _ in range(20):
        assert {node.ask("/").body for node in nodes} == {b"new"}
    assert origin.calls("/") == 2
