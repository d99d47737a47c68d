# SPDX-License-Identifier: BSD-2-Clause
"""The journal of purges under what may happen to it: fetches under way, eviction, failover, restarts, nodes of one name."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import policy
from rig.answer import Answer
from rig.cache_status import from_memory
from rig.redis_server import RedisServer
from rig.wait import until


def counting(origin, path, fields=None):
    origin.on(path, lambda r: Answer(body=b"call %d" % origin.calls(path), fields=fields or {}))


def info(server, field):
    text = server.call("INFO").decode()
    return next((line.split(":", 1)[1] for line in text.split("\r\n") if line.startswith(field + ":")), "")


def warm(nodes, path):
    for node in nodes:
        until(lambda: from_memory(node, path), f"{path} in {node.name}'s memory")


def purged_by(node, what):
    answer = node.admin.post("/purge", what, fields={"Accept": "application/json"})
    return answer.status == 200 and json.loads(answer.body)


@pytest.fixture(params=["redis", "memory"])
def site(request, weirs, origin, fleet):
    if request.param == "redis":
        return fleet(2)
    return [weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]})]


# --- what is under way ---

@pytest.mark.parametrize("write", ["POST", "purge"])
def test_what_is_under_way_is_reached_by_a_later_purge_too(site, origin, write):
    """A tag of which nothing is known yet is purged first, then the page itself: the fetch that began before both isn't stored."""
    gate = threading.Event()
    origin.on("/page", Answer(200, {"Cache-Tag": "shoes"}, b"old", gate=gate), Answer(200, {}, b"new"))
    with ThreadPoolExecutor(1) as elsewhere:
        early = elsewhere.submit(site[0].ask, "/page")
        origin.wait_calls("/page", 1)
        site[0].admin.ctl("purge", "--tag", "unrelated")
        if write == "POST":
            site[0].ask("/page", "POST", body=b"x")
            origin.on("/page", Answer(200, {}, b"new"))
        else:
            site[0].admin.ctl("purge", "http://test.example/page")
        gate.set()
        assert early.result().body == b"old"
    for node in site:
        assert node.ask("/page").body == b"new"


def test_purges_of_unrelated_tags_cost_a_slow_fetch_nothing(site, origin):
    gate = threading.Event()
    origin.on("/slow", Answer(200, {"Cache-Tag": "own"}, b"page", gate=gate))
    with ThreadPoolExecutor(20) as elsewhere:
        askers = [elsewhere.submit(site[0].ask, "/slow")]
        origin.wait_calls("/slow", 1)
        for number in range(15):
            assert site[0].admin.post("/purge", b"tag=other-%d" % number).status == 200      # quick: nobody waits for ever
            askers.append(elsewhere.submit(site[0].ask, "/slow"))
        until(lambda: site[0].admin.metric("weir_collapsed_total") == 15, "all of them aboard")
        gate.set()
        assert {a.result().body for a in askers} == {b"page"}
    assert origin.calls("/slow") == 1


def test_who_comes_after_the_purge_of_a_tag_does_not_get_what_began_before(site, origin):
    """When he came nobody knew that the page has this tag."""
    gate = threading.Event()
    origin.on("/slow", Answer(200, {"Cache-Tag": "own"}, b"old", gate=gate), Answer(200, {"Cache-Tag": "own"}, b"new"))
    with ThreadPoolExecutor(2) as elsewhere:
        before = elsewhere.submit(site[0].ask, "/slow")
        origin.wait_calls("/slow", 1)
        site[0].admin.ctl("purge", "--tag", "own")
        after = elsewhere.submit(site[0].ask, "/slow")
        until(lambda: site[0].admin.metric("weir_collapsed_total") == 1, "aboard")
        gate.set()
        assert before.result().body == b"old" and after.result().body == b"new"
    assert site[-1].ask("/slow").body == b"new" and origin.calls("/slow") == 2


@pytest.mark.parametrize("validated", [True, False], ids=["304", "200"])
def test_who_boards_again_after_the_purge_of_a_tag_gets_no_hit_from_before(weirs, origin, elsewhere, validated):
    """Visitors who came after the purge are sent to look up again when the head names the tag. They may not find what it belongs to."""
    node = weirs({"workers": 4, "origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]})
    for turn in range(30):
        path, gate = f"/page-{turn}", threading.Event()
        old = {"ETag": f'"{turn}"', "Cache-Tag": f"own-{turn}", "Cache-Control": "max-age=60"}
        late = Answer(304, old, gate=gate) if validated else Answer(200, old, b"old", gate=gate)
        if validated:
            origin.on(path, Answer(200, old, b"old"))
            node.ask(path)
            node.admin.ctl("purge", "--soft", f"http://test.example{path}")
        origin.on(path, late, Answer(200, {}, b"new"))
        asked = origin.calls(path)
        before = elsewhere(node.ask, path)
        origin.wait_calls(path, asked + 1)
        node.admin.ctl("purge", "--tag", f"own-{turn}")
        aboard = node.admin.metric("weir_collapsed_total")
        after = [node.connect() for _ in range(16)]
        for visitor in after:
            visitor.send_head("GET", path)
        until(lambda: node.admin.metric("weir_collapsed_total") == aboard + 16, "all aboard")
        gate.set()
        assert before.result().body == b"old"
        assert {visitor.read().body for visitor in after} == {b"new"}, turn
        for visitor in after:
            visitor.close()


def test_who_comes_after_a_soft_purge_of_a_tag_gets_what_was_fetched_since(weirs, origin, redis):
    """Nobody knew of the fetch's tag when it was purged, and another node has fetched the page anew before the answer comes."""
    gate = threading.Event()
    settings = {"redis": {"url": redis.url, "timeout": policy.PATIENT}, "origins": {"app": policy.origin(origin)}}
    node = weirs({**settings, "routes": [policy.route(cache={"ttl": "60s"})]})
    other = weirs({**settings, "routes": [policy.route(cache={"ttl": "60s", "lock_timeout": "100ms"})]})
    origin.on("/slow", Answer(200, {"Cache-Tag": "own"}, b"old", gate=gate), Answer(200, {"Cache-Tag": "own"}, b"new"))
    with ThreadPoolExecutor(2) as elsewhere:
        before = elsewhere.submit(node.ask, "/slow")
        origin.wait_calls("/slow", 1)
        node.admin.ctl("purge", "--tag", "own", "--soft")
        assert other.ask("/slow").body == b"new"
        after = elsewhere.submit(node.ask, "/slow")
        until(lambda: node.admin.metric("weir_collapsed_total") == 1, "aboard")
        gate.set()
        assert before.result().body == b"old" and after.result().body == b"new"
    assert [n.ask("/slow").body for n in (node, other)] == [b"new"] * 2 and origin.calls("/slow") == 2


# --- Redis forgets ---

@pytest.mark.parametrize("maxmemory_policy", ["allkeys-lru", "volatile-lru", "allkeys-random"])
def test_an_eviction_costs_no_more_than_what_was_evicted(fleet, origin, redis, maxmemory_policy):
    """Five pages that everybody wants, and many that nobody asks for twice."""
    nodes = fleet(2)
    hot = [f"/hot/{n}" for n in range(5)]
    for path in hot:
        counting(origin, path, {"Cache-Tag": "a, b, c"})
        warm(nodes, path)
    origin.on("/cold", lambda r: Answer(body=b"x" * 20000, fields={"Cache-Tag": "cold"}))
    used = int(info(redis, "used_memory"))
    redis.call("CONFIG", "SET", "maxmemory-samples", "10")
    redis.call("CONFIG", "SET", "maxmemory-policy", maxmemory_policy)
    redis.call("CONFIG", "SET", "maxmemory", str(used + 3_000_000))
    for number in range(600):
        nodes[number % 2].ask(f"/cold?{number}")
        if number % 5 == 0:
            for path in hot:
                assert nodes[number % 2].ask(path).status == 200
    evicted = int(info(redis, "evicted_keys"))
    assert evicted > 100
    fetched_again = sum(origin.calls(path) for path in hot) - len(hot)
    assert fetched_again <= evicted // 5, (fetched_again, evicted)
    until(lambda: nodes[0].admin.metric("weir_redis_evicted_total") > 0, "the eviction seen")
    nodes[0].says_once("evicts keys")
    nodes[0].admin.ctl("purge", "--tag", "a")
    for path in hot:
        calls = origin.calls(path)
        assert nodes[1].ask(path).status == 200 and origin.calls(path) == calls + 1


def test_a_failover_to_a_replica_that_lagged_brings_nothing_back(weirs, origin, redis, place, relays):
    relay = relays(redis.address)
    settings = {"redis": {"url": relay.url, "timeout": policy.PATIENT}, "origins": {"app": policy.origin(origin)},
                "routes": [policy.route(cache=True)]}
    nodes = [weirs(settings) for _ in range(2)]
    for path in ("/page", "/other"):
        counting(origin, path, {"Cache-Tag": path[1:]})
        warm(nodes, path)
    replica = RedisServer(place / "replica")
    try:
        host, port = redis.address
        replica.call("REPLICAOF", host, str(port))
        until(lambda: info(replica, "master_link_status") == "up" and replica.call("EXISTS", "weir:v1:purges"), "the replica")
        replica.call("REPLICAOF", "NO", "ONE")              # from here on it lags
        assert "2 of 2" in nodes[0].admin.ctl("purge", "--tag", "page")
        relay.refuse()
        relay.target = replica.address
        redis.kill()
        relay.heal()
        for node in nodes:
            until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == 1, "the new master", 30)
        until(lambda: replica.call("XLEN", "weir:v1:purges") == 1, "the purge said again")
        third = weirs(settings)
        until(lambda: len([k for k in replica.keys("weir:v1:node:*") if replica.hash(k).get("purges")]) == 3, "the third node's word")
        assert b"call 1" not in [n.ask("/page").body for n in (*nodes, third)]
        assert [n.ask("/other").body for n in (*nodes, third)] == [b"call 1"] * 3
    finally:
        replica.stop()


def test_a_failover_to_a_replica_that_lagged_takes_nobody_back(weirs, origin, redis, place, relays):
    """The new master holds an older version than the nodes do: they go on with theirs, and write it there again."""
    relay = relays(redis.address)
    settings = {"redis": {"url": relay.url, "timeout": policy.PATIENT}, "origins": {"app": policy.origin(origin)},
                "routes": [policy.route(cache=True)]}
    nodes = [weirs(settings) for _ in range(2)]
    counting(origin, "/page")
    warm(nodes, "/page")
    version = origin.calls("/page") + 1
    newer = b"call %d" % version
    replica = RedisServer(place / "replica")
    try:
        host, port = redis.address
        replica.call("REPLICAOF", host, str(port))
        until(lambda: info(replica, "master_link_status") == "up" and replica.keys("weir:v1:cache:*"), "the replica")
        replica.call("REPLICAOF", "NO", "ONE")              # from here on it lags
        assert nodes[0].ask("/page", fields={"Cache-Control": "no-cache"}).body == newer
        until(lambda: nodes[1].ask("/page").body == newer, "news of it")
        warm(nodes, "/page")
        relay.refuse()
        relay.target = replica.address
        redis.kill()
        for node in nodes:
            until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == 0, "the old master gone")
        relay.heal()
        for node in nodes:      # who writes it again takes it out of the others' memory: a worker that isn't linked would fetch it
            until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == 1 and replica.linked(node, 2), "the new master", 30)
        for node in nodes:
            assert node.ask("/page").body == newer
        key, = replica.keys("weir:v1:cache:*")
        until(lambda: nodes[0].ask("/page").body == newer and replica.hash(key)["body"] == newer, "it in Redis")
        for node in nodes:
            until(lambda: from_memory(node), "it in memory")
            assert node.ask("/page").body == newer
        assert origin.calls("/page") == version
    finally:
        replica.stop()


def test_a_node_that_lived_a_moment_ago_is_not_forgotten(fleet, origin, redis):
    """Redis comes back empty: it knows of no node, and the purge waits for both all the same."""
    nodes = fleet(2, redis={"max_staleness": "3s"})
    counting(origin, "/page", {"Cache-Tag": "shoes"})
    warm(nodes, "/page")
    assert "2 of 2" in nodes[0].admin.ctl("purge", "--tag", "another")       # they have seen each other
    redis.restart()
    until(lambda: nodes[0].admin.metric("weir_redis_invalidations_flowing") == 1, "Redis again")
    said = until(lambda: purged_by(nodes[0], b"tag=shoes"), "a purge that Redis takes")
    assert said["nodes"] == 2
    assert [n.ask("/page").body for n in nodes] != [b"call 1"] * 2


def test_what_is_purged_while_redis_is_away_reaches_the_fleet_later(weirs, origin, redis, relays):
    relay = relays(redis.address)
    shared = {"redis": {"url": redis.url, "timeout": policy.PATIENT, "max_staleness": "300ms"}, "origins": {"app": policy.origin(origin)},
              "routes": [policy.route(cache=True)]}
    near, cut = weirs(shared), weirs(policy.merge(shared, {"redis": {"url": relay.url}}))
    for path in ("/page", "/other"):
        counting(origin, path)
        warm([near, cut], path)
    relay.refuse()
    until(lambda: cut.admin.metric("weir_redis_invalidations_flowing") == 0, "cut off")
    cut.ask("/page", "POST", body=b"x")
    calls = origin.calls("/page")
    assert near.ask("/page").body == b"call 1"
    relay.heal()
    until(lambda: near.ask("/page").body == b"call %d" % (calls + 1), "the write heard of", 30)
    assert near.ask("/other").body == b"call 1"


def test_what_is_not_proven_is_asked_for_although_the_server_has_just_failed(weirs, origin, redis):
    """Nothing else can be served. A node that starts after the loss of the journal can't prove what other nodes have stored."""
    settings = {"redis": {"url": redis.url, "timeout": policy.PATIENT}, "origins": {"app": policy.origin(origin)},
                "routes": [policy.route(cache={**policy.CACHE, "stale_if_error": "1h"})]}
    counting(origin, "/page", {"ETag": '"v"'})
    before = weirs(settings)
    before.ask("/page")
    until(lambda: redis.keys("weir:v1:cache:*"), "it in Redis")
    before.terminate()
    redis.call("DEL", "weir:v1:purges")
    node = weirs(settings)
    origin.stop()
    for _ in range(5):
        assert node.ask("/other").status == 502     # from now on the server rests, for longer each time
    origin.restart()
    answer = node.ask("/page")
    assert answer.status == 200 and answer.body == b"call 2"
