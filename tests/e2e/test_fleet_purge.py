# SPDX-License-Identifier: BSD-2-Clause
"""Purging a fleet: by URL, tag, group, prefix, host and all; hard and soft; what has returned is never followed by older."""

import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.cache_status import from_memory
from rig.wait import until

TAGS = {"Cache-Tag": "shoes, sale", "Surrogate-Key": "page-1", "Cache-Groups": '"spring"'}


def counting(origin, path, fields=None, **more):
    """Each answer of `path` says how many there were before it."""
    origin.on(path, lambda r: Answer(body=b"call %d" % origin.calls(path), fields=fields or {}, **more))


def warm(nodes, path, host="test.example"):
    """Every node has the present object in memory."""
    for node in nodes:
        until(lambda: from_memory(node, path, host=host), f"{path} in {node.name}'s memory")


def bodies(nodes, path, **options):
    return [node.ask(path, **options).body for node in nodes]


@pytest.fixture(params=["redis", "memory"])
def site(request, weirs, origin, fleet):
    """Three nodes that share a Redis, or one that has none; purge_from this machine."""
    extra = {"purge_from": ["127.0.0.0/8"]}
    if request.param == "redis":
        return fleet(3, **extra)
    return [weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)], **extra})]


@pytest.mark.parametrize("words", [
    ["http://test.example/page"], ["--tag", "shoes"], ["--tag", "sale"], ["--tag", "page-1"], ["--tag", "spring"],
    ["--prefix", "test.example/pa"], ["--prefix", "http://TEST.example/page"], ["--host", "test.example"], ["--all"],
], ids=" ".join)
def test_a_purge_that_has_returned_is_seen_by_every_node(site, origin, words):
    counting(origin, "/page", TAGS)
    counting(origin, "/other")
    warm(site, "/page")
    warm(site, "/other")
    said = site[0].admin.ctl("purge", *words)
    assert said == f"purged: {len(site)} of {len(site)} nodes\n"
    assert bodies(reversed(site), "/page") == [b"call 2"] * len(site)
    warm(site, "/page")
    expect = b"call 2" if words[0] in ("--host", "--all") else b"call 1"
    assert bodies(site, "/other") == [expect] * len(site)


@pytest.mark.parametrize("words", [["--tag", "none"], ["--prefix", "test.example/other"], ["--host", "other.example"],
                                   ["--prefix", "other.example/page"]], ids=" ".join)
def test_a_purge_of_something_else_leaves_it(site, origin, words):
    counting(origin, "/page", TAGS)
    warm(site, "/page")
    site[0].admin.ctl("purge", *words)
    assert bodies(site, "/page") == [b"call 1"] * len(site)


@pytest.mark.parametrize("words", [["http://test.example/page"], ["--tag", "shoes"], ["--prefix", "test.example/"],
                                   ["--all"]], ids=" ".join)
def test_a_soft_purge_serves_stale_and_refreshes_behind(site, origin, words):
    counting(origin, "/page", TAGS)
    warm(site, "/page")
    site[0].admin.ctl("purge", *words, "--soft")
    answer = site[-1].ask("/page")
    assert answer.body in (b"call 1", b"call 2")
    assert site[-1].ask("/page").body in (b"call 1", b"call 2")
    for node in site:
        until(lambda: node.ask("/page").body == b"call 2", "the refreshed page")
    assert bodies(site, "/page") == [b"call 2"] * len(site) and origin.calls("/page") == 2


def test_soft_stale_is_said_to_be_stale(site, origin):
    gate = threading.Event()
    counting(origin, "/page", {**TAGS})
    warm(site, "/page")
    origin.on("/page", lambda r: Answer(body=b"new", gate=gate))
    site[0].admin.ctl("purge", "--tag", "shoes", "--soft")
    answer = site[0].ask("/page")
    gate.set()
    assert answer.body == b"call 1" and cache_status.hit(answer)
    assert cache_status.of(answer) == {"hit": True, "detail": "SOFT_PURGED"}      # no ttl, which would say that it is fresh


def test_all_variants_of_a_url(site, origin):
    origin.on("/v", lambda r: Answer(200, {"Vary": "X-A"}, b"%s %d" % (r.fields.get("X-A").encode(), origin.calls("/v"))))
    for node in site:
        for value in "ab":
            until(lambda: cache_status.hit(node.ask("/v", fields={"X-A": value}), node.name), "a variant")
    calls = origin.calls("/v")
    site[0].admin.ctl("purge", "http://test.example/v")
    for value in "ab":
        assert int(site[-1].ask("/v", fields={"X-A": value}).body.split()[1]) > calls


@pytest.mark.parametrize("how", ["admin", "PURGE", "POST", "soft"])
@pytest.mark.parametrize("store", ["redis", "memory"])
def test_a_url_is_gone_whatever_else_its_keys_hold(weirs, origin, request, store, how):
    redis = {"redis": {"url": request.getfixturevalue("redis").url, "timeout": "2s"}} if store == "redis" else {}
    settings = {"origins": {"app": policy.origin(origin)}, "purge_from": ["127.0.0.0/8"], "trusted_proxies": ["127.0.0.0/8"],
                "routes": [policy.route("/keyed", cache={**policy.CACHE, "key": {"headers": ["X-A"], "cookies": ["tier"]}}),
                           policy.route(cache={**policy.CACHE, "cookies": "ignore"})], **redis}
    nodes = [weirs(settings) for _ in range(2 if store == "redis" else 1)]
    askers = [{"X-A": "1", "X-Forwarded-Proto": "https"}, {"X-A": "2", "Cookie": "tier=gold"}, {}]
    for path in ("/keyed", "/plain"):
        counting(origin, path)
        for node in nodes:
            for fields in askers:
                until(lambda: cache_status.hit(node.ask(path, fields=fields), node.name), "stored")
        calls = origin.calls(path)
        if how == "POST":
            nodes[0].ask(path, "POST", body=b"x")
            calls += 1
        elif how == "PURGE":
            assert nodes[0].ask(path, "PURGE").status == 200
        else:
            nodes[0].admin.ctl("purge", *(["--soft"] if how == "soft" else []), "http://test.example" + path)
        for fields in askers:
            renewed = lambda: int(nodes[-1].ask(path, fields=fields).body.split()[1]) > calls     # noqa: E731
            if how in ("PURGE", "admin"):
                assert renewed()
            until(renewed, "refreshed in the background, or heard of")


@pytest.mark.parametrize("words", [["http://test.example/page"], ["--tag", "shoes"], ["--prefix", "test.example/p"], ["--all"]],
                         ids=" ".join)
def test_a_fetch_that_began_before_is_not_stored_as_fresh(site, origin, words):
    gate = threading.Event()
    origin.on("/page", Answer(200, TAGS, b"old", gate=gate), Answer(200, TAGS, b"new"))
    with ThreadPoolExecutor(1) as elsewhere:
        early = elsewhere.submit(site[-1].ask, "/page")
        origin.wait_calls("/page", 1)
        site[0].admin.ctl("purge", *words)
        late = elsewhere.submit(site[0].ask, "/page") if len(site) == 1 else None
        gate.set()
        assert early.result().body == b"old"
        if late:
            assert late.result().body == b"new"
    assert bodies(site, "/page") == [b"new"] * len(site)
    assert bodies(site, "/page") == [b"new"] * len(site) and origin.calls("/page") == 2


@pytest.mark.parametrize("fields, target", [
    ({}, "/page"), ({}, "/pa*"), ({"Surrogate-Key": "none page-1"}, "/"), ({"Cache-Tag": "shoes"}, "/"),
    ({"Cache-Groups": '"spring"'}, "/"),
], ids=["url", "prefix", "surrogate key", "cache tag", "group"])
@pytest.mark.parametrize("soft", [None, "Soft-Purge", "Fastly-Soft-Purge"])
def test_purge_method(fleet, origin, fields, target, soft):
    site = fleet(2, purge_from=["127.0.0.0/8"])
    counting(origin, "/page", TAGS)
    warm(site, "/page")
    answer = site[0].ask(target, "PURGE", fields={**fields, **({soft: "1"} if soft else {})})
    assert answer.status == 200 and "2 of 2 nodes" in answer.text
    if soft:  # a refresh that begins within a moment of the purge can't be told from one before: then there is one more
        one, other = until(lambda: (b := bodies(site, "/page"))[0] == b[1] != b"call 1" and b, "the refreshed page")
        assert bodies(site, "/page") == [one, other] and origin.calls("/page") <= 4
    else:
        assert bodies(site, "/page") == [b"call 2"] * 2 and origin.calls("/page") == 2


def test_purge_method_is_forbidden_to_others(fleet, origin):
    [node] = fleet(1, purge_from=["192.0.2.0/24"])
    counting(origin, "/page")
    warm([node], "/page")
    assert node.ask("/page", "PURGE").status == 403 and node.ask("/page").body == b"call 1"


def test_a_client_that_leaves_its_purge_hurts_nobody(fleet, redis):
    [node] = fleet(1, purge_from=["127.0.0.0/8"])
    for _ in range(20):
        connection = node.connect()
        connection.send_head("PURGE", "/page")
        connection.close()
    assert node.ask("/page", "PURGE").status == 200


def test_cache_group_invalidation_by_an_unsafe_method(site, origin):
    counting(origin, "/page", {"Cache-Groups": '"spring"'})
    origin.on("/save", fields={"Cache-Group-Invalidation": '"winter", "spring"'})
    origin.on("/look", fields={"Cache-Group-Invalidation": '"spring"'})
    warm(site, "/page")
    warm(site, "/page", host="other.example")
    calls = origin.calls("/page")
    site[0].ask("/look")                                 # a safe method invalidates nothing
    assert bodies(site, "/page")[0] in (b"call 1", b"call 2") and origin.calls("/page") == calls
    before = site[-1].ask("/page", host="other.example").body
    site[0].ask("/save", "POST", body=b"x")
    for node in site:
        until(lambda: node.ask("/page").body == b"call %d" % (calls + 1), "the group dropped")
    assert site[-1].ask("/page", host="other.example").body == before     # the same group of another origin


def test_admin_api_and_what_it_refuses(fleet, origin):
    [node] = fleet(1)
    counting(origin, "/page", TAGS)
    warm([node], "/page")
    answer = node.admin.post("/purge", b'{"tag": "shoes", "soft": false}',
                             fields={"Content-Type": "application/json", "Accept": "application/json"})
    assert answer.status == 200 and answer.json() == {"purged": True, "nodes_told": 1, "nodes": 1}
    assert node.ask("/page").body == b"call 2"
    for body in (b"", b"tag=", b"tag=a&tag=b", b"tag=a&host=b", b"nonsense=1", b"soft=1", b"prefix=/path", b"host=a/b",
                 b"url=/path", b"all=0", b"tag=a%0Ab"):
        refused = node.admin.post("/purge", body, fields={"Content-Type": "application/x-www-form-urlencoded"})
        assert refused.status == 400, (body, refused)
    for words in (["purge"], ["purge", "http://a/", "--all"], ["purge", "--tag", "a", "--host", "b"], ["status", "--soft"]):
        node.admin.ctl(*words, status=2)


def test_the_journal_tells_who_what_and_when(fleet, origin, redis):
    one, two = fleet(2)
    who = f"admin: uid {os.getuid()}"
    one.admin.ctl("purge", "--tag", "shoes")
    two.admin.ctl("purge", "http://test.example/a", "--soft")
    one.admin.ctl("purge", "--prefix", "test.example/static/")
    for node in (one, two):
        listed = node.admin.ctl_json("purges")
        assert [(e["what"], e["name"], e["soft"], e["who"]) for e in listed] == [
            ("prefix", "test.example/static/", False, who), ("url", "http://test.example/a", True, who),
            ("tag", "shoes", False, who)]
        assert [e["node"].rsplit("-", 1)[0] for e in listed] == ["edge-1", "edge-2", "edge-1"]
        assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["at"]) for e in listed)
        assert "shoes" in node.admin.ctl("purges")
    assert redis.call("TYPE", "weir:v1:purges") == "stream" and redis.call("PTTL", "weir:v1:purges") > 0
    assert redis.call("XLEN", "weir:v1:purges") == 3


def test_the_journal_is_the_only_key_of_purging(fleet, origin, redis):
    """Whatever is purged, written or asked for, however many names there are."""
    [node] = fleet(1)
    counting(origin, "/page", TAGS)
    warm([node], "/page")
    for number in range(20):
        node.ask(f"/write/{number}", "POST", body=b"x")
        node.ask("/uncached", fields={"Cache-Control": "no-store"}, host=f"host-{number}.example")
    for words in (["--tag", "shoes"], ["--prefix", "test.example/x"], ["--host", "test.example"], ["--all"],
                  ["http://test.example/page"]):
        node.admin.ctl("purge", *words)
    kinds = {k.split(":")[2] for k in redis.keys()}
    assert kinds <= {"purges", "cache", "node", "nodes"}, redis.keys()
    assert [k for k in redis.keys() if redis.call("PTTL", k) < 0] == []
    assert len(node.admin.ctl_json("purges")) == 5         # what writes imply isn't shown as what somebody has asked for


@pytest.mark.parametrize("deed", [("DEL", "weir:v1:purges"), ("SET", "weir:v1:purges", "garbage")], ids=" ".join)
def test_a_journal_that_is_lost_is_written_again(fleet, weirs, origin, redis, deed):
    """As by an eviction: nothing that was purged comes back, and nothing else is fetched anew."""
    nodes = fleet(2)
    for path in ("/page", "/other"):
        counting(origin, path, TAGS if path == "/page" else {})
        warm(nodes, path)
    old = {k: redis.call("DUMP", k) for k in redis.keys() if k.startswith("weir:v1:cache:")}
    nodes[0].admin.ctl("purge", "--tag", "shoes")
    redis.call(*deed)
    until(lambda: redis.call("TYPE", "weir:v1:purges") == "stream" and redis.call("XLEN", "weir:v1:purges") == 1, "the journal again")
    assert bodies(nodes, "/page") == [b"call 2"] * 2 and bodies(nodes, "/other") == [b"call 1"] * 2
    for key, value in old.items():                         # what was purged turns up in Redis, and a node that has just started
        redis.call("DEL", key)
        redis.call("RESTORE", key, 60000, value)
    third = fleet(1)[0]
    assert third.ask("/page").body != b"call 1" and third.ask("/other").body == b"call 1"


def test_a_purge_without_redis_at_hand_says_so(fleet, origin, redis):
    [node] = fleet(1, purge_from=["127.0.0.0/8"])
    counting(origin, "/page", TAGS)
    warm([node], "/page")
    redis.kill()
    until(lambda: "away" in node.admin.ctl("status"), "Redis away")
    assert "this node" in node.admin.post("/purge", b"tag=shoes").text
    answer = node.ask("/", "PURGE", fields={"Surrogate-Key": "shoes"})
    assert answer.status == 503 and "this node" in answer.text
    assert node.ask("/page").body != b"call 1"           # here it is purged all the same


def test_a_dead_node_is_waited_for_no_longer_than_max_staleness(fleet, origin):
    one, two = fleet(2, redis={"max_staleness": "300ms"})
    counting(origin, "/page", TAGS)
    warm([one, two], "/page")
    two.kill()
    first, *silent = one.admin.ctl("purge", "--tag", "shoes").splitlines()
    assert first == "purged: 1 of 2 nodes" and all(line.startswith("edge-2") for line in silent)
    assert one.ask("/page").body == b"call 2"


def test_thousands_of_prefixes(weirs, origin):
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]})
    counting(origin, "/page")
    warm([node], "/page")
    for number in range(3000):
        node.admin.post("/purge", b"prefix=test.example/none/%d" % number)
    assert node.ask("/page").body == b"call 1"
    node.admin.post("/purge", b"prefix=test.example/pa")
    assert node.ask("/page").body == b"call 2"


def test_what_was_late_on_its_way_to_redis_is_not_stored_after_a_purge(weirs, origin, redis, relays):
    """The fetch began before the purge and has landed before its node could hear of it; its writing comes after."""
    relay = relays(redis.address)
    shared = {"redis": {"url": redis.url, "timeout": "5s"}, "origins": {"app": policy.origin(origin)},
              "routes": [policy.route(cache=True)]}
    near, far = weirs(shared), weirs(policy.merge(shared, {"redis": {"url": relay.url}}))
    gate = threading.Event()
    origin.on("/page", Answer(200, {}, b"old", gate=gate), Answer(200, {}, b"new"))
    until(lambda: far.admin.metric("weir_redis_invalidations_flowing") == 1, "the far node's links")
    with ThreadPoolExecutor(1) as elsewhere:
        early = elsewhere.submit(far.ask, "/page")
        origin.wait_calls("/page", 1)
        writes = far.admin.metric("weir_redis_commands_total")
        relay.delay(0.3)
        gate.set()
        until(lambda: far.admin.metric("weir_redis_commands_total") > writes, "its writing under way")
        near.admin.ctl("purge", "http://test.example/page")
        assert early.result().body == b"old"
    until(lambda: near.ask("/page").body == b"new", "the new page")
    relay.delay(0)
    until(lambda: far.ask("/page").body == b"new", "the new page on the far node")
    assert near.ask("/page").body == b"new" and origin.calls("/page") == 2


def test_a_purge_that_was_lost_with_its_server_holds_for_fetches_under_way(weirs, origin, redis, relays):
    """Redis comes back empty, and the node whose fetch began before the purge can't read the journal."""
    relay = relays(redis.address)
    relay.only(b":main")
    shared = {"redis": {"url": redis.url, "timeout": "2s"}, "origins": {"app": policy.origin(origin)},
              "routes": [policy.route(cache=True)]}
    near, far = weirs(shared), weirs(policy.merge(shared, {"redis": {"url": relay.url}}))
    gate = threading.Event()
    origin.on("/page", Answer(200, {}, b"old", gate=gate), Answer(200, {}, b"new"))
    with ThreadPoolExecutor(1) as elsewhere:
        early = elsewhere.submit(far.ask, "/page")
        origin.wait_calls("/page", 1)
        relay.stall()
        near.admin.ctl("purge", "http://test.example/page")
        redis.restart()
        until(lambda: redis.call("CLIENT", "LIST").count(b" name=weir:edge-2") >= 3, "the far node's other links")
        gate.set()
        assert early.result().body == b"old"
    until(lambda: cache_status.hit(near.ask("/page"), near.name), "the page")
    assert near.ask("/page").body == b"new"
    relay.heal()


def test_what_a_fetch_has_found_before_a_purge_answers_nobody_afterwards(fleet, origin, redis):
    """A reload has found the page stored, and waits for somebody's lock; whoever joins its fetch after the purge waits for the new one."""
    near, far = fleet(2, policy.route(cache={**policy.CACHE, "lock_timeout": "2s"}))
    gate = threading.Event()
    origin.on("/page", Answer(200, {}, b"old"), Answer(200, {}, b"new", gate=gate))
    warm([near], "/page")
    until(lambda: redis.keys("weir:v1:cache:*") and not redis.keys("weir:v1:lock:*"), "it in Redis")
    [key] = redis.keys("weir:v1:cache:*")
    redis.call("SET", "weir:v1:lock:" + key[key.index("{"):], "another node's", "PX", "60000")
    with ThreadPoolExecutor(2) as elsewhere:
        reload = elsewhere.submit(far.ask, "/page", fields={"Cache-Control": "no-cache"})
        until(lambda: far.admin.metric("weir_lock_waits_total") == 1, "the reload waiting for the lock")
        near.admin.ctl("purge", "http://test.example/page")
        origin.wait_calls("/page", 2)
        late = elsewhere.submit(far.ask, "/page")
        until(lambda: late.done() or far.admin.metric("weir_collapsed_total") == 1, "the late one aboard")
        gate.set()
        assert late.result().body == b"new" and reload.result().body == b"new"
