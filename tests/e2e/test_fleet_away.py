# SPDX-License-Identifier: BSD-2-Clause
"""Redis away: with redis.away: serve, which is the default, the origins notice nothing, and what was purged elsewhere meanwhile holds
when Redis is back; with validate a copy in memory is used for max_staleness and then validated."""

import time

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.cache_status import from_memory
from rig.wait import until

STALENESS = 0.3
PAGES = [f"/page/{n}" for n in range(12)]
REDIS = {"max_staleness": "300ms", "timeout": "100ms"}


def counting(origin, path, **fields):
    origin.on(path, lambda r: Answer(304, fields={"ETag": '"1"'}) if "If-None-Match" in r.fields else
              Answer(body=b"call %d" % origin.calls(path), fields={"ETag": '"1"', **fields}))


def flowing(node, value=1):
    until(lambda: node.admin.metric("weir_redis_invalidations_flowing") == value, f"invalidations flowing: {value}")


def use(nodes, paths, span):
    """Every path of every node over and over for so long: the least and the most times one was asked for."""
    end, rounds = time.monotonic() + span, 0
    while time.monotonic() < end:
        for node in nodes:
            for path in paths:
                assert node.ask(path).status == 200
        rounds += 1
    return rounds


def settled(nodes):
    """Redis's invalidations of what has been stored come a little later, and are looked into: a round of hits without any."""
    before = [node.admin.metric("weir_redis_invalidations_total") for node in nodes]
    use(nodes, PAGES, 0.2)
    return before == [node.admin.metric("weir_redis_invalidations_total") for node in nodes]


@pytest.fixture
def site(fleet, origin, redis, relays):
    """Two nodes, each behind a relay of its own, with PAGES in the memory of both."""

    def start(**more):
        site = type("Site", (), {})()
        site.origin, site.redis = origin, redis
        site.relays = [relays(redis.address) for _ in range(2)]
        site.nodes = [fleet(1, redis={"url": relay.url, **REDIS, **more})[0] for relay in site.relays]
        for path in PAGES:
            counting(origin, path, **{"Cache-Tag": f"tag{path[6:]}, all-pages"})
        for node in site.nodes:
            flowing(node)
            for path in PAGES:
                until(lambda: from_memory(node, path), f"{path} in {node.name}'s memory")
        until(lambda: settled(site.nodes), "all invalidations heard")
        assert origin.calls() == len(PAGES)
        return site
    return start


FAULTS = {
    "killed": lambda site: site.redis.kill(),
    "SIGSTOP": lambda site: site.redis.pause(),
    "silent network": lambda site: [relay.stall() for relay in site.relays],
    "cut": lambda site: [relay.refuse() for relay in site.relays],
    "answers errors": lambda site: (site.redis.call("CONFIG", "SET", "replica-serve-stale-data", "no"),
                                    site.redis.call("REPLICAOF", "127.0.0.1", "1"),
                                    [relay.cut() for relay in site.relays]),
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_the_origin_notices_nothing(site, fault):
    site = site()
    before = site.origin.calls()
    FAULTS[fault](site)
    rounds = use(site.nodes, PAGES, 6 * STALENESS)
    assert rounds > 2 and site.origin.calls() == before
    site.redis.resume()


def test_validate_asks_the_origin_once_a_max_staleness(site):
    site = site(away="validate")
    before = site.origin.calls()
    site.redis.kill()
    use(site.nodes, PAGES, 4 * STALENESS)
    assert site.origin.calls() >= before + 2 * len(PAGES)
    assert "If-None-Match" in site.origin.last().fields


def test_what_is_new_is_kept_as_well(site):
    site = site()
    site.redis.kill()
    for node in site.nodes:
        flowing(node, 0)
    new = [f"/new/{n}" for n in range(5)]
    for path in new:
        counting(site.origin, path, **{"Cache-Tag": "never-seen"})
    use(site.nodes, new, 4 * STALENESS)
    assert [site.origin.calls(path) for path in new] == [2] * len(new)        # once by each node


def test_lifetimes_end_as_ever(site):
    site = site()
    site.redis.kill()
    site.origin.on("/short", body=b"x", fields={"Cache-Control": "max-age=1"})
    [node, _] = site.nodes
    node.ask("/short")
    until(lambda: not cache_status.hit(node.ask("/short"), node.name), "stale")
    assert site.origin.calls("/short") == 2


PURGES = {
    "URL": ["http://test.example/page/3"], "tag": ["--tag", "tag3"], "prefix": ["--prefix", "test.example/page/3"],
    "host": ["--host", "test.example"], "all": ["--all"], "softly": ["--soft", "http://test.example/page/3"],
}


@pytest.mark.parametrize("purge", PURGES, ids=str)
def test_a_purge_elsewhere_holds_when_redis_is_back(site, purge):
    """It is made while the second node is cut off: that one serves what it has, and on its return nothing that was purged."""
    site = site()
    here, there = site.nodes
    site.relays[1].refuse()
    flowing(there, 0)
    assert "purged" in here.admin.ctl("purge", *PURGES[purge])
    time.sleep(2 * STALENESS)       # what is trusted for a while anyway is over
    assert there.ask("/page/3").body == b"call 1"
    before = site.origin.calls("/page/3")
    site.relays[1].heal()
    until(lambda: there.admin.metric("weir_purges_heard_total") == 1, "the journal read")
    if purge == "softly":
        until(lambda: there.ask("/page/3") and site.origin.calls("/page/3") > before, "a background refresh")
        return
    until(lambda: there.ask("/page/3").body != b"call 1", "the new one", 5)
    assert {there.ask("/page/3").body for _ in range(50)} == {b"call 2"}


@pytest.mark.parametrize("purge", PURGES, ids=str)
def test_a_purge_here_holds_at_once_and_here_alone(site, purge):
    site = site()
    here, there = site.nodes
    site.redis.kill()
    for node in site.nodes:
        flowing(node, 0)
    time.sleep(2 * STALENESS)
    before = site.origin.calls()
    here.admin.ctl("purge", *PURGES[purge], status=1)
    if purge == "softly":
        until(lambda: here.ask("/page/3") and site.origin.calls("/page/3") > 1, "a background refresh")
        return
    until(lambda: here.ask("/page/3").body != b"call 1", "purged here", 5)
    assert there.ask("/page/3").body == b"call 1"
    if purge in ("URL", "tag"):     # nothing else is concerned
        use([here], PAGES, 2 * STALENESS)
        assert site.origin.calls() == before + 1


def test_a_server_that_loads_its_data_is_away(fleet, origin, redis):
    """It is back with all its data, and takes its time to read them: no page is fetched for that."""
    [node] = fleet(1, redis=REDIS)
    for path in PAGES:
        counting(origin, path)
        until(lambda: from_memory(node, path), f"{path} in memory")
    until(lambda: settled([node]), "all invalidations heard")
    before = origin.calls()
    redis.call("EVAL", "for i = 1, 2000 do redis.call('SET', 'fill:' .. i, 'x') end", 0)
    redis.call("SAVE")
    redis.kill()
    redis.start("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024", wait=False)   # microseconds a key
    loading = 0
    while redis.loading():
        loading += 1
        use([node], PAGES, 0.1)
    flowing(node)
    assert loading > 5
    use([node], PAGES, 2 * STALENESS)
    assert origin.calls() == before
