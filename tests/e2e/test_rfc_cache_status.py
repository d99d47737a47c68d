# SPDX-License-Identifier: BSD-2-Clause
"""RFC 9211: what Cache-Status says, alone and among other caches; RFC 9213: the targeted fields."""

import pytest

from rig import cache_status, policy, rfc
from rig.answer import Answer
from rig.wait import until


@pytest.fixture
def node(weirs, origin):
    return weirs(rfc.settings(origin))


def test_each_way_of_an_answer_has_its_word(node, origin):
    rfc.validating(origin, "/", {"Cache-Control": "max-age=100"})
    rfc.validating(origin, "/stale", rfc.STALE)
    origin.on("/private", Answer(200, {"Cache-Control": "private"}, b"x"))
    origin.on("/gone", Answer(200, {**rfc.STALE, "Cache-Control": "max-age=100, stale-if-error=1000"}, b"x"), Answer(503))
    said = lambda *a, **k: cache_status.of(node.ask(*a, **k))      # noqa: E731
    miss = said("/")
    assert (miss["fwd"], miss["fwd-status"], "stored" in miss, "hit" in miss) == ("uri-miss", "200", True, False)
    assert 98 <= int(miss["ttl"]) <= 100
    assert set(said("/")) == {"hit", "ttl"}
    assert said("/", fields={"Cache-Control": "no-cache"})["fwd"] == "request"
    said("/stale")
    stale = said("/stale")
    assert (stale["fwd"], stale["fwd-status"]) == ("stale", "304")
    assert said("/", "POST", body=b"x")["fwd"] == "method"
    private = said("/private")
    assert private["fwd"] == "uri-miss" and "stored" not in private and "ttl" not in private
    assert "detail" in said("/private")
    said("/gone")
    failed = said("/gone")
    assert (failed["fwd"], failed["fwd-status"], "hit" in failed) == ("stale", "503", False) and int(failed["ttl"]) < 0
    missing = node.ask("/nowhere", fields={"Cache-Control": "only-if-cached"})
    assert missing.status == 504 and "hit" not in str(missing.fields.get("Cache-Status"))


def test_the_key_is_told_where_the_policy_says_so(weirs, origin):
    """RFC 9211 2.7"""
    node = weirs(rfc.settings(origin, {"show_key": True, "key": {"headers": ["X-A"], "query": {"drop": ["utm_*"]}}}))
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100"})
    for way in ("fwd", "hit"):
        said = cache_status.of(node.ask("/?utm_x=1&b=2", fields={"X-A": 'say "hi"'}))
        assert way in said
    raw = node.ask("/?b=2", fields={"X-A": 'say "hi"'}).fields["Cache-Status"]
    assert raw.endswith('; key="test.example/?b=2 header:x-a=say \\"hi\\""')
    assert "key" not in cache_status.of(node.ask("/", "DELETE"))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_where_nothing_is_cached_it_says_so(proxy, origin, method):
    origin.on("/", body=b"x")
    assert cache_status.of(proxy.ask("/", method)) == {"fwd": "bypass", "fwd-status": "200"}
    origin.stop()
    assert cache_status.of(proxy.ask("/", method))["fwd"] == "bypass"


def test_behind_another_cache_its_word_comes_first_and_stays(node, origin):
    fields = [("Cache-Control", "max-age=100"), ("Age", "10"), ("Cache-Status", "inner; hit; ttl=90"),
              ("Cache-Status", '"Far, far"; fwd=miss')]
    rfc.counting(origin, "/", fields)
    for how in ("fwd", "hit"):
        answer = node.ask("/")
        members = cache_status.parse(answer.fields["Cache-Status"])
        assert [name for name, _ in members] == ["inner", "Far, far", "edge-1"] and how in members[-1][1]
        assert members[0][1] == {"hit": True, "ttl": "90"}
        assert len(answer.fields.all("Age")) == 1 and int(answer.fields["Age"]) >= 10


def test_in_front_of_another_weir(weirs, origin):
    inner = weirs(rfc.settings(origin))
    outer = weirs({"origins": {"app": policy.origin(f"{inner.address[0]}:{inner.address[1]}")},
                   "routes": [policy.route(cache={"jitter": "0%"})]})
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100", "Age": "10"})
    inner.ask("/")
    first, second = outer.ask("/"), outer.ask("/")
    names = [name for name, _ in cache_status.parse(first.fields["Cache-Status"])]
    assert names == [inner.name, outer.name]
    assert cache_status.hit(first, inner.name) and not cache_status.hit(first, outer.name)
    assert cache_status.hit(second, outer.name) and origin.calls() == 1
    assert second.fields["Via"] == f"1.1 {inner.name}, 1.1 {outer.name}"


@pytest.mark.parametrize("fields, stored", [
    ({"CDN-Cache-Control": "max-age=100", "Cache-Control": "no-store"}, True),
    ({"CDN-Cache-Control": "no-store", "Cache-Control": "max-age=100"}, False),
    ({"CDN-Cache-Control": "max-age=100;foo=bar, unknown", "Cache-Control": "no-store"}, True),
    ({"CDN-Cache-Control": "max-age=100, &&&", "Cache-Control": "no-store"}, False),
    ({"CDN-Cache-Control": 'max-age="100"', "Cache-Control": "no-store"}, False),
    ({"CDN-Cache-Control": "Max-Age=100", "Cache-Control": "no-store"}, False),
    ({"CDN-Cache-Control": "", "Cache-Control": "max-age=100"}, True),
    ({"CDN-Cache-Control": "no-store", "Weir-Cache-Control": "max-age=100"}, True),
    ({"Weir-Cache-Control": "private", "CDN-Cache-Control": "max-age=100"}, False),
    ({"Weir-Cache-Control": "&&&", "CDN-Cache-Control": "max-age=100", "Cache-Control": "no-store"}, True),
])
def test_targeted_fields(weirs, origin, fields, stored):
    node = weirs(rfc.settings(origin, {"target": "Weir-Cache-Control"}))
    rfc.counting(origin, "/", fields)
    node.ask("/")
    again = node.ask("/")
    assert (again.body == b"call 1") == stored
    for name, value in fields.items():
        assert again.fields[name] == value


@pytest.mark.parametrize("fields, asked, fwd", [
    (rfc.STALE, {}, "stale"),
    ({"Cache-Control": "max-age=100"}, {"Cache-Control": "no-cache"}, "request"),
])
def test_what_another_node_has_stored_counts_as_stored(weirs, redis, origin, fields, asked, fwd):
    """RFC 9211 2.2: not a miss, whichever node has fetched it."""
    rfc.validating(origin, "/", fields)
    one, other = (weirs(rfc.settings(origin, redis={"url": redis.url, "timeout": "2s"})) for _ in range(2))
    one.ask("/")
    until(lambda: redis.keys("weir:v1:cache:*"), "stored in Redis")
    said = cache_status.of(other.ask("/", fields=asked), other.name)
    assert (said["fwd"], said["fwd-status"]) == (fwd, "304")
