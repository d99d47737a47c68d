# SPDX-License-Identifier: BSD-2-Clause
"""What a purge says of how many nodes know it: for nodes that are cut off from Redis, wholly or on some of their connections."""

import pytest

from rig import cache_status, policy
from rig.answer import Answer
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
        shared = {"workers": 1, "redis": {"url": redis.url, "timeout": "500ms", "max_staleness": "1s", **more},
                  "origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]}
        site.near = weirs(shared)
        site.far = weirs(policy.merge(shared, {"redis": {"url": site.relay.url}}))
        origin.on("/page", lambda r: Answer(body=b"call %d" % origin.calls("/page"), fields={"Cache-Tag": "shoes"}))
        for node in (site.near, site.far):
            until(lambda: cache_status.hit(node.ask("/page"), node.name), f"/page in {node.name}'s memory")
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
