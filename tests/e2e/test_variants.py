# SPDX-License-Identifier: BSD-2-Clause
"""Variants (RFC 9111 4.1): who shares a fetch, answers that name different fields, and values that mean nothing."""

import random
import threading

import pytest

from rig import cache_status, policy, rfc
from rig.answer import Answer, holds
from rig.wait import until

FRESH = {"Cache-Control": "max-age=100"}


@pytest.fixture(params=["memory", "redis"])
def nodes(weirs, origin, request):
    more = {"redis": {"url": request.getfixturevalue("redis").url, "timeout": policy.PATIENT}} if request.param == "redis" else {}
    return [weirs(rfc.settings(origin, **more)) for _ in range(2 if more else 1)]


def varying(origin, names):
    """names(request): what this answer's Vary says; the body tells them and their values."""
    def answer(request):
        named = names(request)
        vary = {"Vary": ", ".join(named)} if named else {}
        return Answer(200, {**FRESH, **vary}, "|".join(f"{n}={request.fields.get(n)}" for n in named).encode())
    origin.on("/", answer)


@pytest.mark.parametrize("memory", ["64MB", "off"])
def test_who_comes_while_a_variant_arrives_shares_it(weirs, origin, redis, memory):
    gate = threading.Event()
    settings = rfc.settings(origin, memory={"size": memory} if memory != "off" else "off",
                            redis={"url": redis.url, "timeout": policy.PATIENT})
    node = weirs(settings)
    origin.on("/", lambda r: Answer(200, {**FRESH, "Vary": "Accept-Encoding"}, [r.fields["Accept-Encoding"].encode(), b"."],
                                    framing="chunked", body_gate=gate))
    first, same, other, another = (node.connect() for _ in range(4))
    heads = []
    for client, codings in ((first, "gzip, br"), (same, "br;q=0.9, GZIP"), (other, "zstd"), (another, "zstd, nonsense")):
        client.send_head("GET", "/", {"Accept-Encoding": codings})
        heads.append(client.read_head())
    gate.set()
    bodies = [client.read_rest(head).body for client, head in zip((first, same, other, another), heads)]
    assert bodies == [b"gzip, br."] * 2 + [b"zstd."] * 2
    assert origin.calls() == 2
    for client in (first, same, other, another):
        client.close()


def test_answers_that_name_different_fields_leave_each_other(nodes, origin):
    varying(origin, lambda r: ["Accept-Language"] + (["Cookie"] if r.fields["Accept-Language"] == "en" else []))
    for n in range(20):
        language = ("de", "en")[n % 2]
        body = nodes[n % len(nodes)].ask("/", fields={"Accept-Language": language}).body.decode()
        assert body.startswith(f"Accept-Language={language}")
        if n < 4:       # both nodes know by then
            for node in nodes:
                until(lambda: cache_status.hit(node.ask("/", fields={"Accept-Language": language}), node.name), "stored")
    assert origin.calls() == 2


def test_an_answer_without_vary_leaves_the_variants(nodes, origin):
    """Many origins send Vary only with what they have compressed."""
    varying(origin, lambda r: ["Accept-Encoding"] if "Accept-Encoding" in r.fields else [])
    for _ in range(10):
        for fields in ({"Accept-Encoding": "gzip"}, {}):
            for node in nodes:
                until(lambda: cache_status.hit(node.ask("/", fields=fields), node.name), "stored")
    assert origin.calls() == 2


@pytest.mark.parametrize("name, real, nonsense", [
    ("Accept-Encoding", "gzip", "gzip, x{}"), ("Accept-Encoding", "gzip", "gzip, deflate, y;q=0.{:03}"),
    ("Accept-Language", "de", "de, {}"), ("Accept-Language", "de", "de, en{0}nonsense{0}"), ("Accept-Language", "de", "de, en;q={}"),
])
def test_values_that_mean_nothing_make_no_variants(nodes, origin, name, real, nonsense):
    varying(origin, lambda r: [name])
    nodes[0].ask("/", fields={name: real})
    for n in range(10, 60):
        assert cache_status.hit(nodes[0].ask("/", fields={name: nonsense.format(n)}), nodes[0].name), n
    assert origin.calls() == 1


def test_a_coding_that_only_one_of_them_takes_is_not_for_the_others(nodes, origin):
    """The canonical form leaves deflate out beside gzip; an origin may send it all the same."""
    def answer(request):
        coding = "deflate" if "deflate" in request.fields["Accept-Encoding"] else "gzip"
        return Answer(200, {**FRESH, "Vary": "Accept-Encoding", "Content-Encoding": coding}, coding.encode())
    origin.on("/", answer)
    for _ in range(3):
        assert nodes[0].ask("/", fields={"Accept-Encoding": "deflate, gzip"}).body in (b"deflate", b"gzip")
        assert nodes[-1].ask("/", fields={"Accept-Encoding": "gzip"}).body == b"gzip"
    assert origin.calls() <= 3


NARROW, WIDE = "X-Lang", "X-Lang, X-More"


@pytest.mark.parametrize("told", [
    [(None, "a"), (NARROW, "a")], [(NARROW, "a"), (WIDE, "a")], [(WIDE, "a"), (NARROW, "a")], [(NARROW, "a"), (WIDE, "b"), (NARROW, "a")],
    [(NARROW, "a"), (None, "a"), (WIDE, "b")], [(WIDE, "a"), (NARROW, "b"), (NARROW, "a"), (WIDE, "a")],
], ids=lambda told: " ".join(f"{names}:{value}" for names, value in told))
def test_a_304_that_names_other_fields_is_stored_where_they_lead(nodes, origin, told):
    """The response as the 304 updates it answers the next request of the same values, and no other."""
    now = {}

    def answer(request):
        vary = {"Vary": now["names"]} if now["names"] else {}
        fields = {"Cache-Control": "max-age=1000", "ETag": '"same"', "X-Turn": str(now["turn"]), **vary}
        return Answer(304 if holds(request, '"same"') else 200, fields, b"" if holds(request, '"same"') else b"x")

    origin.on("/", answer)
    for turn, (names, value) in enumerate(told):
        now.update(names=names, turn=turn)
        fields = {"X-Lang": "de", "X-More": value}
        nodes[0].ask("/", fields={**fields, **({"Cache-Control": "no-cache"} if turn else {})})
        calls = origin.calls()
        for node in nodes:
            until(lambda: node.ask("/", fields=fields).fields["X-Turn"] == str(turn), "the update")
            assert cache_status.hit(node.ask("/", fields=fields), node.name)
        assert origin.calls() == calls
    if WIDE in dict(told):
        assert not cache_status.hit(nodes[0].ask("/", fields={"X-Lang": "de", "X-More": "other"}), nodes[0].name)


@pytest.mark.parametrize("seed", range(3))
def test_nobody_gets_what_its_own_vary_would_not_choose(nodes, origin, seed):
    draw = random.Random(seed)
    sets = [[], ["Accept-Language"], ["X-A"], ["Accept-Language", "X-A"], ["X-A", "X-B"], ["Accept-Language", "X-A", "X-B"]]
    varying(origin, lambda r: draw.choice(sets))
    for n in range(400):
        fields = {name: draw.choice(values) for name, values in
                  (("Accept-Language", ["de", "en"]), ("X-A", ["1", "2"]), ("X-B", ["1", "2"])) if draw.random() < 0.7}
        body = draw.choice(nodes).ask("/", fields=fields).body.decode()
        for pair in filter(None, body.split("|")):
            name, value = pair.split("=")
            assert str(fields.get(name)) == value, (n, fields, body)
    assert origin.calls() < 150


@pytest.mark.parametrize("bound", [{"max_variants": 8}, {"max_variants_size": "100KB"}], ids=["count", "bytes"])
def test_a_flood_of_values_pushes_out_what_nobody_uses(fleet, weirs, origin, redis, bound):
    """In memory and in Redis: what is asked for stays, whatever others send."""
    size = 10 * 1024
    route = policy.route(cache={"ttl": "10m", "jitter": "0%", **bound})
    nodes = fleet(2, route)
    origin.on("/", lambda r: Answer(200, {"Vary": "X-A"}, r.fields["X-A"].encode().ljust(size, b".")))
    ask = lambda node, value: node.ask("/", fields={"X-A": value})      # noqa: E731
    for node in nodes:
        until(lambda: cache_status.hit(ask(node, "real"), node.name), "stored")
    for n in range(100):
        ask(nodes[0], f"made-up-{n}")
        assert cache_status.hit(ask(nodes[0], "real"), nodes[0].name), n
    third = fleet(1, route)[0]
    calls = origin.calls()
    assert ask(third, "real").body.startswith(b"real") and origin.calls() == calls
    until(lambda: len([k for k in redis.keys("weir:v1:cache:*") if redis.hash(k)["body"]]) <= 10, "the rest gone")


def test_nodes_that_waited_choose_again_when_more_fields_choose(weirs, origin, redis, elsewhere):
    """The answer that the others wait for varies by one more field: of those for whom it isn't, one asks for all."""
    first, second = threading.Event(), threading.Event()
    nodes = [weirs(rfc.settings(origin, redis={"url": redis.url, "timeout": policy.PATIENT})) for _ in range(2)]

    def answer(request):
        chosen = request.fields["X-Lang"], request.fields["X-More"]
        vary = "X-Lang" if chosen[0] == "fr" else "X-Lang, X-More"
        return Answer(200, {**FRESH, "Vary": vary}, "/".join(chosen).encode(),
                      gate={("de", "b"): first, ("de", "a"): second}.get(chosen))
    origin.on("/", answer)

    def ask(node, more):
        return elsewhere(node.ask, "/", fields={"X-Lang": "de", "X-More": more})

    def waits():
        return sum(node.admin.metric("weir_lock_waits_total") for node in nodes)
    for node in nodes:
        assert node.ask("/", fields={"X-Lang": "fr", "X-More": "a"}).body == b"fr/a"
    asked = [ask(nodes[0], "b")]
    until(lambda: origin.calls() == 2, "the fetch")
    asked += [ask(nodes[0], "a"), ask(nodes[1], "a")]
    until(lambda: nodes[0].admin.metric("weir_collapsed_total") == 1 and waits() == 1, "the others wait")
    first.set()
    until(lambda: waits() == 2, "one asks, and one waits again")
    second.set()
    assert [one.result().body for one in asked] == [b"de/b", b"de/a", b"de/a"]
    assert origin.calls() == 3
