# SPDX-License-Identifier: BSD-2-Clause
"""A large response is read by other nodes while the first still fetches and stores it."""

import threading

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.monitor import Monitor
from rig.pattern import Pattern, Tally, digest_of
from rig.wait import until
from rig.wire import Closed

BODY = Pattern(4 << 20).bytes()
SHOWN = 1 << 20         # what the origin sends before its gate: two pieces


class Gated:
    """Two nodes and an origin that keeps the rest of /large back."""

    def __init__(self, nodes, origin, elsewhere, fields=()):
        self.nodes, self.origin, self.gate, self.elsewhere = nodes, origin, threading.Event(), elsewhere
        again = Answer(body=BODY, fields=fields)
        origin.on("/large", Answer(body=[BODY[:SHOWN], BODY[SHOWN:]], body_gate=self.gate, fields=fields), again)

    def ask(self, number, seen=SHOWN, **options):
        """The answer to come, of which so much has been seen already."""
        tally = Tally()
        answer = self.elsewhere(self.nodes[number].ask, "/large", sink=tally, **options)
        until(lambda: tally.length >= seen or answer.done(), f"node {number}'s first bytes")
        assert not answer.done() and tally.length == seen and not self.gate.is_set()
        return answer

    def whole(self, number):
        assert self.nodes[number].ask("/large").digest() == digest_of(BODY)


@pytest.fixture(params=["kept in memory", "too large for it"])
def memory(request):
    return {"size": "64MB", "max_object": {"kept in memory": "32MB", "too large for it": "1MB"}[request.param]}


@pytest.fixture
def gated(fleet, origin, elsewhere, memory):
    return Gated(fleet(2, memory=memory), origin, elsewhere)


def keys_of_large(redis):
    return redis.keys("weir:v1:cache:*")


def hash_of_large(redis):
    return next((key for key in keys_of_large(redis) if redis.call("TYPE", key) == "hash"), None)


def sums_of_large(redis):
    return next((key for key in keys_of_large(redis) if key.endswith(":sums")), None)


def is_cut(answer):
    with pytest.raises(Closed):
        answer.result()


def test_another_node_serves_what_is_still_arriving(gated, origin, redis):
    answers = [gated.ask(0)]
    for fields in ({}, {"Range": "bytes=100-"}):
        answers.append(gated.ask(1, SHOWN - (100 if fields else 0), fields=fields))
    part = gated.nodes[1].ask("/large", fields={"Range": "bytes=600000-600099"})
    assert part.status == 206 and part.body == BODY[600000:600100]
    life = [redis.call("PTTL", key) for key in keys_of_large(redis)]
    assert len(life) == 4 and min(life) > 0     # two pieces, their sums, the hash
    gated.gate.set()
    assert [answer.result().digest() for answer in answers] == [digest_of(BODY), digest_of(BODY), digest_of(BODY[100:])]
    until(lambda: "arriving" not in redis.hash(hash_of_large(redis)), "the whole in Redis")
    for number in (0, 1):
        gated.whole(number)
    assert cache_status.hit(gated.nodes[1].ask("/large"), "edge-2") and origin.calls("/large") == 1


def test_who_waits_for_the_lock_is_served_once_it_arrives(fleet, origin, elsewhere, memory):
    nodes, gate, body_gate = fleet(2, memory=memory), threading.Event(), threading.Event()
    origin.on("/large", body=[BODY[:SHOWN], BODY[SHOWN:]], gate=gate, body_gate=body_gate)
    tallies = [Tally() for _ in range(9)]
    answers = [elsewhere(nodes[0].ask, "/large", sink=tallies[0])]
    origin.wait_calls("/large", 1)
    answers += [elsewhere(nodes[1].ask, "/large", sink=tally) for tally in tallies[1:]]
    until(lambda: nodes[1].admin.metric("weir_lock_waits_total") >= 1, "the second node waiting")
    gate.set()
    until(lambda: all(tally.length == SHOWN for tally in tallies), "everybody's first bytes")
    body_gate.set()
    assert {answer.result().digest() for answer in answers} == {digest_of(BODY)}
    assert origin.calls("/large") == 1


def test_a_node_that_dies_leaves_nothing_to_wait_for(fleet, origin, elsewhere, redis, memory):
    gated = Gated(fleet(2, memory=memory, redis={"lock_ttl": "1s"}), origin, elsewhere)
    answers = [gated.ask(0), gated.ask(1)]
    gated.nodes[0].kill()
    is_cut(answers[0])
    is_cut(answers[1])
    gated.whole(1)
    assert origin.calls("/large") == 2


TROUBLES = {
    "the node dies": lambda gated, redis: gated.nodes[0].kill(),
    "it is evicted": lambda gated, redis: redis.call("DEL", *keys_of_large(redis)),
    "its sums are evicted": lambda gated, redis: redis.call("DEL", *[key for key in keys_of_large(redis) if key.endswith(":sums")]),
    "Redis dies": lambda gated, redis: redis.kill(),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_who_reads_what_is_no_longer_there_gets_the_rest_from_the_origin(fleet, origin, elsewhere, redis, memory, trouble):
    """Where a strong entity tag says that the rest belongs to what has been sent."""
    lives = "1s" if trouble == "the node dies" else "30s"     # a busy machine keeps who lives from renewing for a second
    gated = Gated(fleet(2, memory=memory, redis={"lock_ttl": lives, "timeout": "500ms"}), origin, elsewhere, {"ETag": '"1"'})
    gated.ask(0)
    answer = gated.ask(1)
    origin.on("/large", lambda r: Answer(206, {"ETag": '"1"', "Content-Range": f"bytes {SHOWN}-{len(BODY) - 1}/{len(BODY)}"}, BODY[SHOWN:])
              if r.fields.get("Range") == f"bytes={SHOWN}-" and r.fields.get("If-Range") == '"1"' else Answer(500))
    TROUBLES[trouble](gated, redis)
    assert answer.result().digest() == digest_of(BODY)
    gated.gate.set()        # for the first node's client, too


@pytest.mark.parametrize("origin_says", [304, 503])
def test_what_is_no_longer_there_once_the_origin_has_spoken_comes_from_it(fleet, origin, elsewhere, redis, memory, origin_says):
    """What is stored is stale; the origin says that it is still good, or nothing useful, so that it stands in: then its pieces go."""
    nodes = fleet(2, route=policy.route(cache={"stale_if_error": "60s"}), memory=memory)
    stale, gate = {"ETag": '"1"', "Cache-Control": "max-age=10", "Age": "10"}, threading.Event()

    def rest(request):
        first = int(request.fields.get("Range", "bytes=0-")[len("bytes="):-1])
        return Answer(206, {"ETag": '"1"', "Content-Range": f"bytes {first}-{len(BODY) - 1}/{len(BODY)}"}, BODY[first:])

    origin.on("/large", Answer(200, stale, BODY), Answer(origin_says, stale, gate=gate), rest)
    assert nodes[0].ask("/large").digest() == digest_of(BODY)
    until(lambda: hash_of_large(redis), "the whole in Redis")
    answer = elsewhere(nodes[1].ask, "/large")
    origin.wait_calls("/large", 2)
    redis.call("DEL", *keys_of_large(redis))
    gate.set()
    assert answer.result().digest() == digest_of(BODY)


@pytest.mark.parametrize("end", ["cut", "silent"])
def test_a_fetch_that_fails_is_cut_off_everywhere(fleet, origin, elsewhere, redis, memory, end):
    gated = Gated(fleet(2, memory=memory), origin, elsewhere)
    answers = [gated.ask(0), gated.ask(1)]
    if end == "cut":
        origin.cut()
    else:
        assert redis.call("DEL", sums_of_large(redis)) == 1
    is_cut(answers[1])
    if end == "cut":
        is_cut(answers[0])
        until(lambda: keys_of_large(redis) == [], "nothing left in Redis")
        gated.whole(1)
    gated.gate.set()
    if end == "silent":
        assert answers[0].result().digest() == digest_of(BODY)
        until(lambda: hash_of_large(redis), "the whole in Redis")
        gated.whole(1)
    gated.whole(0)
    assert origin.calls("/large") == (2 if end == "cut" else 1)


@pytest.mark.parametrize("what", [("http://test.example/large",), ("--tag", "t"), ("--host", "test.example"),
                                  ("http://test.example/large", "--soft"), ("--tag", "t", "--soft")], ids=" ".join)
def test_nothing_older_starts_once_a_purge_has_returned(fleet, origin, elsewhere, redis, memory, what):
    nodes, gate = fleet(2, memory=memory), threading.Event()
    new = Pattern(len(BODY), seed=1)
    origin.on("/large", Answer(body=[BODY[:SHOWN], BODY[SHOWN:]], body_gate=gate, fields={"Cache-Tag": "t"}),
              Answer(body=new, fields={"Cache-Tag": "t"}))
    tallies = [Tally(), Tally()]
    answers = []
    for node, tally in zip(nodes, tallies):
        answers.append(elsewhere(node.ask, "/large", sink=tally))
        until(lambda: tally.length == SHOWN, "the first bytes")
    assert "2 of 2 nodes" in nodes[0].admin.ctl("purge", *what)
    for node in (nodes[1], nodes[0]):
        assert node.ask("/large").digest() == new.digest()
    gate.set()
    for answer in answers:      # what has begun is finished everywhere
        assert answer.result().digest() == digest_of(BODY)
    for node in nodes:
        assert node.ask("/large").digest() == new.digest()
    assert origin.calls("/large") == 2
    assert "arriving" not in redis.hash(hash_of_large(redis))
    assert all(redis.call("PTTL", key) > 0 for key in keys_of_large(redis))


@pytest.mark.parametrize("trouble", ["killed", "paused", "full"])
def test_redis_in_trouble_costs_the_sharing_only(fleet, origin, elsewhere, redis, memory, trouble):
    gated = Gated(fleet(2, memory=memory, redis={"timeout": "200ms"}), origin, elsewhere)
    answers = [gated.ask(0), gated.ask(1)]
    if trouble == "killed":
        redis.kill()
    elif trouble == "paused":
        redis.pause()
    else:
        redis.call("CONFIG", "SET", "maxmemory", "1")
    gated.gate.set()
    assert answers[0].result().digest() == digest_of(BODY)
    is_cut(answers[1])
    if trouble == "paused":
        redis.resume()
    gated.whole(1)      # at once: whatever has been left in Redis
    assert origin.calls("/large") <= 2


def test_a_variant_is_read_while_it_arrives(fleet, origin, elsewhere, memory):
    nodes, gate = fleet(2, memory=memory), threading.Event()
    vary = {"Vary": "X-A"}
    origin.on("/large", Answer(body=b"small", fields=vary),
              Answer(body=[BODY[:SHOWN], BODY[SHOWN:]], body_gate=gate, fields=vary))
    for node in nodes:
        until(lambda: node.ask("/large", fields={"X-A": "1"}).body == b"small", "the marker everywhere")
    tallies, answers = [Tally(), Tally()], []
    for node, tally in zip(nodes, tallies):
        answers.append(elsewhere(node.ask, "/large", fields={"X-A": "2"}, sink=tally))
        until(lambda: tally.length == SHOWN, "the first bytes")
    assert nodes[1].ask("/large", fields={"X-A": "1"}).body == b"small"
    gate.set()
    assert {answer.result().digest() for answer in answers} == {digest_of(BODY)}
    assert origin.calls("/large") == 2


def test_what_fits_into_one_value_is_stored_as_ever(fleet, origin, redis):
    [node] = fleet(1)
    origin.on("/small", body=Pattern(512 << 10))
    with Monitor(redis) as monitor:
        node.ask("/small")
        until(lambda: redis.keys("weir:v1:cache:*") and not redis.keys("weir:v1:lock:*"), "it in Redis")
        commands = monitor.take()
    about = [command for command in commands if not command.by_script and any(":cache:" in word for word in command.words)]
    assert not any("arriving" in word for command in commands for word in command.words)
    assert len([command for command in about if "body" in command.words]) == 2       # looked, and again behind the lock
    assert [command.words[0] for command in about].count("EVALSHA") == 1
