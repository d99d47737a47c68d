# SPDX-License-Identifier: BSD-2-Clause
"""Redis and origins that die, hang, lie or go slow under load: clients get whole answers all the same."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import cache_status, crowd, policy
from rig.answer import Answer
from rig.load import Load
from rig.relay import BACK, FORTH
from rig.wait import until


@pytest.fixture
def site(fleet, origin, relays, redis):
    """Two nodes behind a relay before Redis, pages /0../19 cached and /live/* not, a generous limit on all of it."""
    relay = relays(redis.address)
    for number in range(20):
        origin.on(f"/{number}", body=b"page %d" % number)
        origin.on(f"/live/{number}", body=b"live %d" % number, fields={"Cache-Control": "no-store"})
    site = type("Site", (), {})()
    site.relay, site.redis, site.origin = relay, redis, origin
    site.nodes = fleet(2, policy.route(cache=True, limits=["wide"]), redis={"url": relay.url, "timeout": "100ms"},
                       limits={"wide": {"key": "client", "algorithm": "token_bucket", "rate": "1000000/s"}})
    site.addresses = [node.address for node in site.nodes]
    return site


def page(turn):
    return f"/live/{turn % 20}" if turn % 5 == 0 else f"/{turn % 20}"


def goes_on(load, answers=300):
    """Wait until so many more answers came."""
    target = load.answers + answers
    until(lambda: load.answers >= target or load.failures, "the load going on", 60)


def test_redis_killed_and_restarted_under_load(site):
    with Load(site.addresses, 8, page) as load:
        goes_on(load)
        site.redis.kill()
        goes_on(load)
        site.redis.start()
        goes_on(load)
        site.redis.restart()
        goes_on(load)
    assert load.failures == [] and load.slowest < 10
    until(lambda: all(node.ask("/later").status == 404 for node in site.nodes) and
          (site.nodes[0].ask("/0").status == 200) and site.redis.keys("weir:v1:limit:*"), "Redis in use again")


def test_redis_stopped_under_load(site):
    with Load(site.addresses, 8, page) as load:
        goes_on(load)
        site.redis.pause()
        goes_on(load)
        site.redis.resume()
        goes_on(load)
    assert load.failures == [] and load.slowest < 10


@pytest.mark.parametrize("fault", [
    lambda relay: relay.stall(), lambda relay: relay.stall(BACK), lambda relay: relay.drop(FORTH),
    lambda relay: relay.drop(BACK), lambda relay: relay.refuse(), lambda relay: relay.slow(20_000),
], ids=["stall", "stall answers", "lose questions", "lose answers", "refuse", "slow"])
def test_a_bad_network_to_redis_under_load(site, fault):
    with Load(site.addresses, 8, page) as load:
        goes_on(load, 200)
        fault(site.relay)
        goes_on(load, 200)
        site.relay.heal()
        goes_on(load, 200)
    assert load.failures == [] and load.slowest < 10


def test_connections_to_redis_cut_again_and_again(site):
    with Load(site.addresses, 8, page) as load:
        for _ in range(8):
            goes_on(load, 60)
            site.relay.cut()
    assert load.failures == []


def test_redis_out_of_memory_and_read_only(site):
    with Load(site.addresses, 4, page) as load:
        goes_on(load, 100)
        site.redis.call("CONFIG", "SET", "maxmemory", "1")
        goes_on(load, 100)
        site.redis.call("CONFIG", "SET", "maxmemory", "0")
        site.redis.call("CONFIG", "SET", "min-replicas-to-write", "1")
        goes_on(load, 100)
        site.redis.call("CONFIG", "SET", "min-replicas-to-write", "0")
        goes_on(load, 100)
    assert load.failures == []


def test_flushall_under_load(site):
    with Load(site.addresses, 8, page) as load:
        for _ in range(8):
            goes_on(load, 60)
            site.redis.call("FLUSHALL")
            site.redis.call("SCRIPT", "FLUSH")
            site.redis.call("CLIENT", "KILL", "TYPE", "normal")
            site.redis.call("CLIENT", "KILL", "TYPE", "pubsub")
    assert load.failures == []


def test_a_cold_crowd_while_redis_hangs_is_one_fetch_per_node(site):
    site.relay.stall()
    site.origin.on("/cold", body=b"cold", delay=0.5)
    visits = crowd.crowd(site.addresses, 100, "/cold")
    assert {v.body for v in visits} == {b"cold"}
    assert site.origin.calls("/cold") <= 2


def test_a_cold_crowd_whose_redis_dies_in_the_middle(site):
    gate = threading.Event()
    site.origin.on("/cold", body=b"cold", gate=gate)
    with ThreadPoolExecutor(1) as elsewhere:
        visits = elsewhere.submit(crowd.crowd, site.addresses, 100, "/cold")
        site.origin.wait_calls("/cold", 1)
        site.redis.kill()
        gate.set()
    site.redis.start()
    assert {v.body for v in visits.result()} == {b"cold"}
    assert site.origin.calls("/cold") <= 2


def test_hits_are_served_while_the_origin_is_dead(cache, origin):
    origin.on("/", body=b"x")
    cache.ask("/")
    origin.stop()
    assert {cache.ask("/").body for _ in range(10)} == {b"x"}
    assert cache.ask("/other").status in (502, 503)
    origin.restart()
    until(lambda: cache.ask("/other").status == 404, "the origin in use again")


def test_an_origin_killed_and_restarted_under_load(weirs, origin):
    for number in range(20):
        origin.on(f"/{number}", body=b"x", fields={"Cache-Control": "no-store"})
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    with Load([node.address], 8, lambda turn: f"/{turn % 20}", fine=(200, 502, 503)) as load:
        goes_on(load, 200)
        origin.stop()
        goes_on(load, 200)
        origin.restart()
        until(lambda: node.ask("/1").status == 200, "the origin in use again")
        goes_on(load, 200)
    assert load.failures == []


def test_one_of_two_origins_killed_under_load_fails_nobody(weirs, origins):
    one, two = origins(), origins()
    for server in (one, two):
        server.on("/", body=b"x")
    node = weirs({"origins": {"app": policy.origin(one, two)}, "routes": [policy.route()]})
    with Load([node.address], 6, "/") as load:
        goes_on(load, 200)
        one.stop()
        goes_on(load, 200)
        one.restart()
        goes_on(load, 200)
    assert load.failures == []


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\n", b"\0" * 4096,
                                 b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"],
                         ids=["nothing", "half a head", "zeros", "half a body"])
def test_an_origin_that_breaks_off_under_load_hurts_only_itself(weirs, origins, raw):
    bad, good = origins().on("/bad", raw=raw, keep=False), origins().on("/good", body=b"x")
    node = weirs({"origins": {"bad": policy.origin(bad, retries=0), "good": policy.origin(good)},
                  "routes": [policy.route("/bad", "bad", cache=True), policy.route("/good", "good")]})
    with Load([node.address], 4, "/good") as load:
        visits = crowd.crowd(node.address, 40, "/bad")
        goes_on(load, 50)
    assert load.failures == []
    assert all(v.error or v.status == 502 for v in visits)


def test_a_node_killed_under_load_leaves_the_others_whole(site):
    one, two = site.nodes
    with Load([two.address], 6, page) as load:
        goes_on(load, 100)
        one.kill()
        goes_on(load, 300)
    assert load.failures == []


def test_memory_does_not_outlive_an_invalidation_it_could_not_hear(site, origin):
    """With Redis away, a copy in memory is trusted for max_staleness; once Redis is back, what changed there counts."""
    one, _ = site.nodes
    origin.on("/x", lambda r: Answer(body=b"call %d" % origin.calls("/x")))
    one.ask("/x")
    [key] = until(lambda: [k for k in site.redis.keys("weir:v1:cache:*")
                           if b"/x" in site.redis.hash(k).get("key", b"")], "the object in Redis")
    site.relay.stall()
    site.redis.call("DEL", key)
    assert one.ask("/x").status == 200
    site.relay.heal()
    site.relay.cut()
    until(lambda: one.ask("/x").body == b"call 2" or not cache_status.hit(one.ask("/x")), "the deleted object dropped")


def test_slow_clients_do_not_hold_up_others(cache, origin):
    origin.on("/", body=b"x")
    slow = [cache.connect() for _ in range(100)]
    for connection in slow:
        connection.send(b"GET / HTTP/1.1\r\nHost")
    start = time.monotonic()
    assert {v.body for v in crowd.crowd(cache.address, 100, "/")} == {b"x"}
    assert time.monotonic() - start < 10
    for connection in slow:
        connection.send(b": test.example\r\n\r\n")
    assert {connection.read().body for connection in slow} == {b"x"}
    for connection in slow:
        connection.close()
