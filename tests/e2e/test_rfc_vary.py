# SPDX-License-Identifier: BSD-2-Clause
"""RFC 9111 4.1: variants, how request fields are compared, and how many variants a response may have."""

import pytest

from rig import cache_status, policy, rfc
from rig.answer import Answer
from rig.wait import until

MOST = 32


@pytest.fixture
def node(weirs, origin):
    return weirs(rfc.settings(origin))


def varying(origin, path, *names):
    origin.on(path, lambda r: Answer(200, {"Cache-Control": "max-age=100", "Vary": ", ".join(names)},
                                     "|".join(r.fields.get(n, "-") for n in names).encode()))


@pytest.mark.parametrize("name, first, second, same", [
    ("Foo", {"Foo": "1, 2"}, {"Foo": "1,2"}, True),
    ("Foo", {"Foo": "1, 2"}, [("Foo", "1"), ("Foo", "2")], True),
    ("Foo", {"Foo": "1, 2"}, {"Foo": "2, 1"}, False),
    ("Foo", {"Foo": "a"}, {"Foo": "A"}, False),
    ("Foo", {"Foo": '"a, b"'}, {"Foo": '"a,b"'}, False),
    ("Foo", {}, {"Foo": ""}, False),
    ("Accept-Encoding", {"Accept-Encoding": "gzip, br"}, {"Accept-Encoding": "br,GZIP"}, True),
    ("Accept-Encoding", {"Accept-Encoding": "gzip, br"}, {"Accept-Encoding": "br;q=0.5, gzip"}, True),
    ("Accept-Encoding", {"Accept-Encoding": "gzip, br"}, {"Accept-Encoding": "br;q=0, gzip"}, False),
    ("Accept-Encoding", {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "x-gzip"}, True),
    ("Accept-Encoding", {"Accept-Encoding": "gzip"}, {}, False),
    ("Accept-Language", {"Accept-Language": "en, de"}, {"Accept-Language": "dE ,en"}, True),
    ("Accept-Language", {"Accept-Language": "en, de"}, {"Accept-Language": "en, de;q=0.5"}, False),
    ("Accept-Language", {"Accept-Language": "en;q=0.50"}, {"Accept-Language": "en;q=0.5"}, True),
])
def test_values_are_compared_by_what_they_mean(node, origin, name, first, second, same):
    varying(origin, "/", name)
    node.ask("/", fields=first)
    assert cache_status.hit(node.ask("/", fields=second)) == same
    assert cache_status.hit(node.ask("/", fields=first))


@pytest.mark.parametrize("vary", [["*"], ["*, *"], ["Foo, *"], ["*, Foo"], ["", "*"], [", *"], ["Foo", "*"]])
def test_an_asterisk_anywhere_matches_nothing(node, origin, vary):
    rfc.counting(origin, "/", [("Cache-Control", "max-age=100"), *(("Vary", v) for v in vary)])
    assert [node.ask("/").body for _ in range(3)] == [b"call 1", b"call 2", b"call 3"]


def test_a_miss_of_a_variant_says_so(node, origin):
    varying(origin, "/", "Foo")
    assert cache_status.of(node.ask("/", fields={"Foo": "1"}))["fwd"] == "uri-miss"
    assert cache_status.of(node.ask("/", fields={"Foo": "2"}))["fwd"] == "vary-miss"


def test_a_stale_variant_is_validated_with_the_fields_that_chose_it(node, origin):
    rfc.validating(origin, "/", {**rfc.STALE, "Vary": "Foo"})
    node.ask("/", fields={"Foo": "1"})
    assert node.ask("/", fields={"Foo": "1"}).body == b"call 1"
    sent = origin.last("/").fields
    assert (sent["If-None-Match"], sent["Foo"]) == ('"v1"', "1")


def ask_kinds(node, count):
    for n in range(count):
        assert node.ask("/", fields={"Foo": str(n)}).body == str(n).encode()


def test_the_oldest_of_too_many_variants_give_way(weirs, origin):
    node = weirs(rfc.settings(origin, {"max_variants": MOST}))
    rfc.counting(origin, "/other", {"Cache-Control": "max-age=100"})
    node.ask("/other")
    varying(origin, "/", "Foo")
    ask_kinds(node, 10 * MOST)
    origin.requests.clear()
    for n in reversed(range(9 * MOST, 10 * MOST)):
        assert cache_status.hit(node.ask("/", fields={"Foo": str(n)})), n
    assert origin.calls() == 0
    for n in (0, 5 * MOST, 9 * MOST - 1):
        assert not cache_status.hit(node.ask("/", fields={"Foo": str(n)})), n
    assert cache_status.hit(node.ask("/other"))


def test_too_many_variants_do_not_fill_redis_either(fleet, redis, origin):
    nodes = fleet(2, policy.route(cache={**policy.CACHE, "max_variants": MOST}))
    varying(origin, "/", "Foo")
    for n in range(3 * MOST):
        assert nodes[n % 2].ask("/", fields={"Foo": str(n)}).body == str(n).encode()
    stored = lambda: len(redis.keys("weir:v1:cache:*"))     # noqa: E731
    until(lambda: stored() <= MOST + 1, "the oldest variants gone from Redis")
    lists = redis.keys("weir:v1:variants:*")
    assert len(lists) == 1 and int(redis.call("HLEN", lists[0])) == MOST
    assert int(redis.call("PTTL", lists[0])) > 0
    newest = {"Foo": str(3 * MOST - 1)}
    for node in nodes:
        assert cache_status.hit(node.ask("/", fields=newest), node.name)


def test_a_purge_takes_all_variants(node, origin):
    varying(origin, "/", "Foo")
    ask_kinds(node, 5)
    assert node.admin.post("/purge?url=http://test.example/").status == 200
    assert not any(cache_status.hit(node.ask("/", fields={"Foo": str(n)})) for n in range(5))
