# SPDX-License-Identifier: BSD-2-Clause
"""Memory as a coherent cache of what Redis holds: what changes in Redis, by whatever hand, changes on every node; and within the bound that
the manual states while the one subscribed connection is cut, stalled or slow."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.cache_status import from_memory
from rig.monitor import Monitor
from rig.pattern import Pattern
from rig.relay import BACK, FORTH
from rig.wait import until

SUBSCRIBER = b":subscriber"
LATE = 0.25     # seconds; a node reads its clock once a turn, and a busy machine may hold the turn up
SOON = 5        # seconds; a machine with other things to do takes its time, the manual speaks of an idle one


def counting(origin, path, **fields):
    origin.on(path, lambda r: Answer(body=b"call %d" % origin.calls(path), fields=fields))


def key_of(redis, path="/page"):
    return until(lambda: [k for k in redis.keys("weir:v1:cache:test.example:*") if k.endswith("}") and
                          redis.call("TYPE", k) == "hash" and redis.hash(k)["key"].endswith(path.encode())], "the object")[0]


@pytest.fixture
def site(fleet, origin, redis, relays, request):
    """Two nodes behind a relay whose faults concern the subscribed connections only, /page in the memory of both. A test may name
    max_staleness."""
    relay = relays(redis.address)
    relay.only(SUBSCRIBER)
    site = type("Site", (), {})()
    site.relay, site.redis, site.origin = relay, redis, origin
    site.nodes = fleet(2, redis={"url": relay.url, "max_staleness": getattr(request, "param", "400ms"), "timeout": "2s"})
    origin.on("/first", body=b"x")
    counting(origin, "/page")
    for path in ("/first", "/page"):        # a node that doesn't know Redis's clock yet may fetch by itself, so /page is the second
        for node in site.nodes:
            until(lambda: from_memory(node, path), f"{path} in {node.name}'s memory")
    assert origin.calls("/page") == 1
    site.key = key_of(redis)
    return site


@pytest.mark.parametrize("deed", [
    lambda redis, key: redis.call("DEL", key),
    lambda redis, key: redis.call("UNLINK", key),
    lambda redis, key: redis.call("PEXPIRE", key, 1),
    lambda redis, key: redis.call("EVAL", "redis.call('DEL', KEYS[1])", 1, key),
    lambda redis, key: redis.call("RENAME", key, "elsewhere"),
    lambda redis, key: redis.call("SET", key, "garbage"),
    lambda redis, key: redis.call("FLUSHALL"),
    lambda redis, key: redis.call("FLUSHDB", "ASYNC"),
], ids=["del", "unlink", "expiry", "script", "rename", "overwritten", "flushall", "flushdb"])
def test_whatever_changes_in_redis_is_dropped_everywhere(site, deed):
    deed(site.redis, site.key)
    start = time.monotonic()
    for node in site.nodes:  # FLUSHALL takes the generations too: each node may have to find that out by a fetch of its own
        until(lambda: node.ask("/page").body != b"call 1", "what Redis lost dropped", SOON)
    print(f"dropped after {time.monotonic() - start:.3f} s")


def test_eviction_drops_copies(site, origin, redis):
    redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    redis.call("CONFIG", "SET", "maxmemory", "1000000")
    until(lambda: redis.call("EXISTS", site.key) == 0 or redis.call("SET", f"fill:{time.monotonic()}", "x" * 20000) and False,
          "an eviction")
    redis.call("CONFIG", "SET", "maxmemory", "0")
    for node in site.nodes:
        until(lambda: node.ask("/page").body != b"call 1", "the evicted object dropped", SOON)


@pytest.mark.parametrize("fault", [
    lambda relay: relay.refuse(), lambda relay: relay.stall(), lambda relay: relay.stall(BACK), lambda relay: relay.stall(FORTH),
    lambda relay: relay.drop(BACK), lambda relay: relay.drop(FORTH),
], ids=["cut", "stall", "stall answers", "stall questions", "lose answers", "lose questions"])
def test_memory_is_trusted_for_max_staleness_and_no_longer(site, fault):
    """400 ms after the purge nobody is served the older one from memory, although nobody heard of the purge."""
    fault(site.relay)
    site.redis.call("DEL", site.key)
    deadline = time.monotonic() + 0.4
    while time.monotonic() < deadline + 2 * LATE:
        for node in site.nodes:
            asked = time.monotonic()
            assert node.ask("/page").body != b"call 1" or asked <= deadline + LATE, f"stale {asked - deadline:.3f} s too late"
        time.sleep(0.01)
    site.relay.heal()


def test_on_reconnect_nothing_stale_survives(site):
    site.relay.refuse()
    site.redis.call("DEL", site.key)
    for node in site.nodes:
        until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == 0, "the connection lost")
    site.relay.heal()
    for node in site.nodes:
        until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == 1, "the connection back")
        assert node.ask("/page").body != b"call 1"


@pytest.mark.parametrize("site", ["10s"], indirect=True)
@pytest.mark.parametrize("size", [100_000, 1_500_000], ids=["one value", "in pieces"])
def test_after_a_reconnect_redis_confirms_what_is_in_memory(site, redis, size):
    """Of what is still the same the content isn't read again."""
    node, pages = site.nodes[1], [f"/big/{n}" for n in range(10)]
    for page in pages:
        site.origin.on(page, lambda r: Answer(body=Pattern(size)))
        until(lambda: from_memory(node, page), f"{page} in memory")
    site.relay.refuse()
    until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == 0, "the connection lost")
    redis.call("DEL", key_of(redis, pages[0]))
    site.relay.heal()
    until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == 1, "the connection back")
    until(lambda: from_memory(node, pages[0]), "what has gone fetched anew")
    until(lambda: redis.keys("weir:v1:lock:*") == [], "it stored in Redis")
    with Monitor(redis) as monitor:
        for page in pages[1:]:
            assert node.ask(page).digest() == Pattern(size).digest()
        commands = [c for c in monitor.take() if len(c.words) > 1 and ":cache:" in c.words[1]]
        contents = [c for c in commands if c.words[0] == "GET" or "body" in c.words and c.words[0] == "HMGET"]
        assert not contents, commands
        assert len([c for c in commands if c.words[0] == "HGET" and c.words[2] == "meta"]) >= len(pages) - 1
        for page in pages[1:]:
            until(lambda: from_memory(node, page), "it in memory, confirmed")
    assert [site.origin.calls(page) for page in pages] == [2] + [1] * 9


def test_what_is_heard_while_the_journal_is_read_costs_nothing(fleet, origin, redis, relays, elsewhere):
    """A response read from Redis was read before the journal was: a purge that is heard of later can't concern it. The node neither
    takes the lock nor reads the response twice."""
    relay = relays(redis.address)
    relay.all_but(SUBSCRIBER)
    [fetcher], [reader] = fleet(1), fleet(1, redis={"url": relay.url, "timeout": "5s"})
    for path in ("/first", "/page"):
        origin.on(path, body=b"x")
        until(lambda: from_memory(fetcher, path), path)
    until(lambda: from_memory(reader, "/first"), "/first in the other node's memory")
    key = key_of(redis)
    with Monitor(redis) as monitor:
        relay.delay(0.1)
        answer = elsewhere(reader.ask, "/page")
        while not answer.done():
            redis.call("PEXPIRE", "weir:v1:purges", 1000000)
            time.sleep(0.01)
        commands = [c.words for c in monitor.take()]
    assert cache_status.hit(answer.result(), reader.name)
    assert len([words for words in commands if words[0] == "HMGET" and words[1] == key]) == 1
    assert not [words for words in commands if ":lock:" in " ".join(words)]


def test_a_late_connection_keeps_memory_useful_and_bounded(site):
    """All that the subscribed connection says comes 150 ms late: within max_staleness, so memory is trusted, and right."""
    site.relay.delay(0.15)
    for node in site.nodes:
        until(lambda: from_memory(node), "hits from memory all the same")
    site.redis.call("DEL", site.key)
    deadline = time.monotonic() + 0.4
    for node in site.nodes:
        until(lambda: node.ask("/page").body == b"call 2", "the late news", SOON)
    while time.monotonic() < deadline + 0.3:
        assert all(node.ask("/page").body == b"call 2" for node in site.nodes)


@pytest.mark.parametrize("words", [["http://test.example/page"], ["--tag", "shoes"], ["--prefix", "test.example/"], ["--all"]],
                         ids=" ".join)
@pytest.mark.parametrize("fault", [lambda relay: relay.stall(), lambda relay: relay.stall(BACK), lambda relay: relay.refuse()],
                         ids=["stall", "stall answers", "cut"])
def test_a_purge_that_nobody_heard_of_holds_when_it_has_returned(site, fault, words):
    """It waits for max_staleness, and by then no node trusts what it has."""
    site.origin.on("/page", lambda r: Answer(body=b"call %d" % site.origin.calls("/page"), fields={"Cache-Tag": "shoes"}))
    site.nodes[0].admin.ctl("purge", "--all")
    for node in site.nodes:
        until(lambda: from_memory(node), "/page in memory")
    calls = site.origin.calls("/page")
    fault(site.relay)
    said = site.nodes[0].admin.ctl("purge", *words)
    first, *silent = said.splitlines()      # it may have been heard of since, all the same
    assert first == "purged: 1 of 2 nodes" and all(line.startswith("edge-2") for line in silent)
    for _ in range(3):
        for node in reversed(site.nodes):
            assert int(node.ask("/page").body.split()[1]) > calls
    site.relay.heal()
    site.relay.cut()
    for node in site.nodes:
        until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == 1, "the connection back")
        assert int(node.ask("/page").body.split()[1]) > calls


def test_a_node_that_was_cut_off_follows_the_journal(site):
    """A fetch under way on it when it was cut off is not stored, for the journal says that its URL was purged."""
    gate = threading.Event()
    site.origin.on("/slow", Answer(body=b"old", gate=gate), Answer(body=b"new"))
    with ThreadPoolExecutor(1) as elsewhere:
        early = elsewhere.submit(site.nodes[1].ask, "/slow")
        site.origin.wait_calls("/slow", 1)
        site.relay.refuse()
        site.nodes[0].admin.ctl("purge", "http://test.example/slow")
        site.relay.heal()
        until(lambda: site.nodes[1].admin.metric("weir_purges_heard_total") >= 1, "the journal read")
        gate.set()
        assert early.result().body == b"old"
    assert [node.ask("/slow").body for node in site.nodes] == [b"new"] * 2


def test_where_tracking_is_refused_memory_is_trusted_for_max_staleness(fleet, origin, redis):
    redis.call("ACL", "SETUSER", "default", "-client|tracking")
    nodes = fleet(2, redis={"max_staleness": "300ms", "timeout": "2s"})
    counting(origin, "/page")
    for node in nodes:
        until(lambda: cache_status.hit(node.ask("/page"), node.name), "a hit")
    nodes[0].said("does not report changes|copies in memory are trusted")
    redis.call("DEL", key_of(redis))
    time.sleep(0.3)     # the bound itself
    assert {node.ask("/page").body for node in nodes} == {b"call 2"}


def test_no_value_in_redis_is_over_a_megabyte(fleet, origin, redis):
    [node] = fleet(1, redis={"max_object": "64MB", "timeout": "2s"})
    origin.on("/big", body=Pattern(20 << 20)).on("/mid", body=Pattern(1 << 20)).on("/just", body=Pattern((512 << 10) + 1))
    for path in ("/big", "/mid", "/just"):
        node.ask(path)
        until(lambda: cache_status.hit(node.ask(path)), path)
        key_of(redis, path)
    sizes = {}
    for key in redis.keys():
        kind = redis.call("TYPE", key)
        if kind == "string":
            sizes[key] = redis.call("STRLEN", key)
        elif kind == "hash":
            sizes[key] = max(redis.call("HSTRLEN", key, field) for field in redis.call("HKEYS", key))
    assert len(sizes) > 40 and max(sizes.values()) <= 1 << 20
