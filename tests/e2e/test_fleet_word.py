# SPDX-License-Identifier: BSD-2-Clause
"""What a purge says of how many nodes know it: for nodes that are cut off from Redis, wholly or on some of their connections."""

import time

import pytest

from rig import policy
from rig.answer import Answer
from rig.cache_status import from_memory
from rig.wait import until

LINKS = {"all of them": b"", "main": b":main", "herald": b":subscriber", "worker": b":0\r\n"}
HOW = {"stalled": lambda relay: relay.stall(), "refused": lambda relay: relay.refuse()}


def purge(node, what=b"tag=shoes"):
    return node.admin.post("/purge", what, fields={"Accept": "application/json"}).json()


@pytest.fixture
def site(weirs, origin, redis, relays):
    """Two nodes of one worker each, /page in the memory of both; the second reaches Redis through a relay."""

    def start(links=b"", **more):
        site = type("Site", (), {})()
        site.relay = relays(redis.address)
        site.relay.only(links)
        shared = {"workers": 1, "purge_from": ["127.0.0.0/8"], "redis": {"url": redis.url, "timeout": "500ms", "max_staleness": "1s", **more},
                  "origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]}
        site.near = weirs(shared)
        site.far_settings = policy.merge(shared, {"redis": {"url": site.relay.url}})
        site.far = weirs(site.far_settings)
        origin.on("/page", lambda r: Answer(body=b"call %d" % origin.calls("/page"), fields={"Cache-Tag": "shoes"}))
        for node in (site.near, site.far):
            until(lambda: from_memory(node), f"/page in {node.name}'s memory")
            until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == 1, "it hears")
        until(lambda: purge(site.near, b"tag=another") == {"purged": True, "nodes_told": 2, "nodes": 2}, "both know")
        site.old = {site.near.ask("/page").body, site.far.ask("/page").body}
        return site
    return start


@pytest.mark.parametrize("away", ["serve", "validate"])
@pytest.mark.parametrize("links", LINKS)
@pytest.mark.parametrize("how", HOW)
def test_a_node_that_is_cut_off_is_not_said_to_know(site, how, links, away):
    """Once the purge has returned, it serves nothing older; unless Redis is away for it, and redis.away lets it serve."""
    site = site(LINKS[links], away=away)
    HOW[how](site.relay)
    said = purge(site.near)
    served = site.far.ask("/page").body
    assert said["nodes"] == 2
    if links in ("all of them", "main"):
        assert said["nodes_told"] == 1
    if links == "worker":
        assert said["nodes_told"] == 2
    if links != "all of them" or away == "validate":
        assert served not in site.old
    site.relay.heal()
    until(lambda: site.far.ask("/page").body not in site.old, "the purge heard of", 30)


def test_nodes_that_redis_has_evicted_are_waited_for(site, redis):
    """Whoever has entered itself anew since isn't all that live."""
    site = site()
    for who in (site.near, site.far):
        redis.call("DEL", "weir:v1:nodes")
        assert purge(who) == {"purged": True, "nodes_told": 2, "nodes": 2}
        until(lambda: len(redis.call("ZRANGE", "weir:v1:nodes", "0", "-1")) == 2, "both are back")
        assert purge(who) == {"purged": True, "nodes_told": 2, "nodes": 2}


def members(redis, name="nodes"):
    return redis.call("ZRANGE", f"weir:v1:{name}", "0", "-1")


def told(node):
    """What a purge says, without how many seconds who has been silent; and for how many, each."""
    said = purge(node)
    silent = said.pop("silent", [])
    return said, {of["node"]: of["seconds"] for of in silent}


ONE, BOTH = ({"purged": True, "nodes_told": n, "nodes": n} for n in (1, 2))


def away_for_long(site, redis):
    """The second node is cut off until it isn't counted any more. Its name in the fleet."""
    far, = (name.decode() for name in members(redis) if name.decode().startswith(site.far.name))
    cut = time.monotonic()
    site.relay.refuse()
    until(lambda: [name.decode() for name in members(redis)] != [far] and len(members(redis)) == 1, "it isn't counted", 30)
    return far, lambda: time.monotonic() - cut


def test_a_silent_node_that_may_serve_something_older_is_named(site, redis):
    """Longer than it is counted: by a node that has just started, in text, and after Redis has lost who was there."""
    site = site(away="serve")
    far, since = away_for_long(site, redis)
    said, silent = told(site.near)
    assert said == ONE and list(silent) == [far] and 4 <= silent[far] <= since() + 1
    assert site.far.ask("/page").body in site.old, "it is named for a reason"
    text = site.near.admin.ctl("purge", "--tag", "shoes").splitlines()
    assert text[0] == "purged: 1 of 1 nodes" and len(text) == 2
    assert text[1].startswith(f"{far} has not been heard for ") and text[1].endswith(" s and may serve older copies until it is back")
    redis.call("FLUSHALL")
    until(lambda: told(site.near)[1], "entered again by the node that knew it")
    assert silent[far] <= told(site.near)[1][far] <= since() + 1
    site.relay.heal()
    until(lambda: told(site.near) == (BOTH, {}), "it is back, and counted", 30)
    assert site.far.ask("/page").body not in site.old


def test_a_silent_node_that_serves_nothing_older_is_not_named(site, redis):
    site = site(away="validate")
    away_for_long(site, redis)
    assert told(site.near) == (ONE, {})
    assert site.far.ask("/page").body not in site.old
    assert site.near.admin.ctl("purge", "--tag", "shoes") == "purged: 1 of 1 nodes\n"
    site.relay.heal()
    until(lambda: told(site.near) == (BOTH, {}), "it is back, and counted", 30)


def test_a_node_that_is_counted_and_silent_is_named(site):
    site = site(away="serve")
    site.relay.stall()
    said, silent = told(site.near)
    assert said == {"purged": True, "nodes_told": 1, "nodes": 2} and [name.startswith(site.far.name) for name in silent] == [True]


def test_a_node_that_leaves_is_not_named(site, redis):
    site = site(away="serve")
    until(lambda: len(members(redis, "nodes:away")) == 2, "both may serve while Redis is away")
    site.far.terminate()
    until(lambda: len(members(redis)) == len(members(redis, "nodes:away")) == 1, "it has left", 3)
    assert told(site.near)[1] == {}
    until(lambda: told(site.near) == (ONE, {}), "no node counts any more that lived when the connection was new")


def test_a_reload_says_whether_a_node_serves_while_redis_is_away(site, redis):
    site = site(away="serve")
    until(lambda: len(members(redis, "nodes:away")) == 2, "both may serve while Redis is away")
    site.far.reload(policy.merge(site.far_settings, {"redis": {"away": "validate"}}))
    until(lambda: len(members(redis, "nodes:away")) == 1, "it says that it doesn't any more")


def test_who_purges_by_PURGE_is_told_who_is_silent(site, redis):
    site = site(away="serve")
    far, _ = away_for_long(site, redis)
    answer = site.near.ask("/page", "PURGE", fields={"Cache-Tag": "shoes, other"})
    assert f"1 of 1 nodes know; {far} has not been heard for ".encode() in answer.body
