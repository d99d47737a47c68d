# SPDX-License-Identifier: BSD-2-Clause
"""Random origins, visitors and mishaps, for some seconds, always with the same seeds. tests/random has the programs that draw new
seeds, for as long as one likes."""

import functools
import random
import sys

import pytest

from rig.daemon import TREE
from rig.wire import Fields

sys.path.insert(0, str(TREE / "tests" / "random"))

import fleet  # noqa: E402
import may_ask  # noqa: E402
import may_return  # noqa: E402
import may_see  # noqa: E402
import mishaps  # noqa: E402
import pages  # noqa: E402
import steadiness  # noqa: E402
import visitors  # noqa: E402
import world  # noqa: E402
from history import Got, History, Made, mark  # noqa: E402
from may_ask import ERROR, OWN, SHARED, Fetch  # noqa: E402

@pytest.mark.slow
def test_nobody_gets_what_was_made_for_another():
    played, faults = world.play(visitors.Visitors, [1, 2, 985974], 6)
    assert not faults, "\n".join(faults)
    assert all(w.asked > 50 and w.shared > 0 for w in played), "too little was asked to show anything"


@pytest.mark.slow
def test_the_origin_is_never_asked_more_than_it_must_be():
    played, faults = world.play(steadiness.Steadiness, [3, 4, 995074], 7)
    assert not faults, "\n".join(faults)
    assert all(w.asked > 50 and w.origin.fetches for w in played), "too little was asked to show anything"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5, 11))
def test_a_fleet_under_mishaps_answers_what_it_may(seed):       # odd ones have Redis
    played, faults = world.play(fleet.Fleet, [seed], 14)
    assert not faults, "\n".join(faults)
    assert played[0].asked > 50 and played[0].history.mishaps, "too little happened to show anything"


@pytest.mark.slow
@pytest.mark.parametrize("sabotage, found", [
    ("deaf", {"older than a purge", "more admitted than the limit"}), ("mixed", {"a mixed body"}), ("stale", {"older than its freshness"}),
    ("dead", {"a node died", "an answer is missing"}), ("harsh", {"an innocent refused"})])
def test_a_sabotaged_fleet_is_found_out(sabotage, found):
    played, _ = world.play(functools.partial(fleet.Fleet, sabotage=sabotage), [7], 5)
    assert found <= {kind for kind, _, _ in played[0].violations}


# The oracles themselves: what they must call a fault, and what they must not.

ALICE, BOB = {"cookie": "sid=alice"}, {"cookie": "sid=bob"}


def told(cache, fields, made_for, asked_by, status=200, method="GET", after=1.0, proof=None, how=(), got=()):
    """What may_see says when an answer with `fields`, made for the request `made_for`, is given to `asked_by` so much later. proof:
    (fields, request) of a 304 meanwhile; how: fields of the asking client; got: fields of its answer."""
    history = History()
    history.add(Made(1000001, "first", method, "/p/x", made_for, status, Fields(fields), 0.0, 0.1, 0.1))
    if proof:
        history.add(Made(1000002, proof[1], "GET", "/p/x", asked_by, 304, Fields(proof[0]), after, after, after, [1000001]))
    judge = may_see.Judge(history, {"p": may_see.Policy(cache)})
    asked = [(name.title(), value) for name, value in asked_by.items()] + list(dict(how).items())
    return judge.faults(Got("second", "GET", "/p/x", Fields(asked), after, "edge", 200, Fields(got), mark(1000001)))


HOUR, TTL = [("Cache-Control", "max-age=3600")], {"ttl": "60s"}
TAGGED = [("ETag", '"1000001"')]


@pytest.mark.rig
@pytest.mark.parametrize("case", [
    dict(cache={}, fields=HOUR, made_for=ALICE, asked_by=BOB),
    dict(cache=TTL, fields=[], made_for={}, asked_by={}),
    dict(cache={**TTL, "cookies": ["sid"]}, fields=[], made_for={}, asked_by={"cookie": "_ga=1"}),
    dict(cache={}, fields=TAGGED, made_for={}, asked_by={}, proof=([], "second")),
    dict(cache={}, fields=[("Cache-Control", "max-age=1")], made_for={}, asked_by={}, after=90.0, how={"Cache-Control": "max-stale"}),
    dict(cache={"grace": "100s"}, fields=[("Cache-Control", "max-age=1")], made_for={}, asked_by={}, after=90.0),
    dict(cache={"set_cookie": "store"}, fields=[*HOUR, ("Set-Cookie", "sid=1000001")], made_for={}, asked_by={},
         got=[("Set-Cookie", "sid=1000001")]),
    dict(cache={"heuristic": "10%"}, fields=[("Cache-Control", "public"), ("Last-Modified", "Tue, 06 Oct 2020 16:00:00 GMT")],
         made_for={}, asked_by={}, status=500),
], ids=lambda case: str(case.get("fields")))
def test_what_may_be_shared_is_no_fault(case):
    assert told(**case) == []


@pytest.mark.rig
@pytest.mark.parametrize("case", [
    dict(cache={}, fields=[("Cache-Control", "private, max-age=60")], made_for=ALICE, asked_by=BOB),
    dict(cache={}, fields=[("Cache-Control", "no-store")], made_for={}, asked_by={}),
    dict(cache=TTL, fields=[], made_for=ALICE, asked_by={}),
    dict(cache=TTL, fields=[], made_for={}, asked_by=BOB),
    dict(cache=TTL, fields=[("Set-Cookie", "sid=1000001")], made_for={}, asked_by={}),
    dict(cache={}, fields=HOUR, made_for={"authorization": "x"}, asked_by={}),
    dict(cache={}, fields=HOUR, made_for={}, asked_by={}, status=429),
    dict(cache={"heuristic": "10%"}, fields=[("Last-Modified", "Tue, 06 Oct 2020 16:00:00 GMT")], made_for={}, asked_by={}, status=500),
    dict(cache={}, fields=TAGGED, made_for={}, asked_by={}, how={"Cache-Control": "max-stale, only-if-cached"}),
    dict(cache={"grace": "100s"}, fields=[("Cache-Control", "max-age=0")], made_for={}, asked_by={}, after=9.0),
    dict(cache={}, fields=[("Cache-Control", "max-age=1")], made_for={}, asked_by={}, after=90.0),
    dict(cache={}, fields=[*HOUR, ("Vary", "X-Lang")], made_for={"x-lang": "de"}, asked_by={}),
    dict(cache={}, fields=[*HOUR, ("Vary", "X-Lang")], made_for={}, asked_by={"x-lang": "de"}),
    dict(cache={}, fields=[*HOUR, ("Vary", "X-Lang")], made_for={"x-lang": "de"}, asked_by={"x-lang": "de"}, how={"Connection": "X-Lang"}),
    dict(cache={}, fields=HOUR, made_for={}, asked_by={}, got=[("Set-Cookie", "sid=1000001")]),
    dict(cache={}, fields=TAGGED, made_for={}, asked_by={}, proof=([("Set-Cookie", "sid=1000002")], "third")),
    dict(cache={}, fields=[("Cache-Control", 'private="X-Secret", max-age=60')], made_for={}, asked_by={}, got=[("X-Secret", "1000001")]),
    dict(cache={"key": {"headers": ["X-Lang"]}}, fields=HOUR, made_for={"x-lang": "de"}, asked_by={}),
    dict(cache={"bypass": ["cookie:s*"]}, fields=HOUR, made_for={}, asked_by=BOB),
    dict(cache={}, fields=HOUR, made_for={}, asked_by={}, after=9.0, how={"Cache-Control": "no-cache"}),
], ids=lambda case: str(case.get("fields")))
def test_what_must_not_be_shared_is_a_fault(case):
    assert told(**case) != []


def fetch(asked, began, done, kind=SHARED, lifetime=60.0, **more):
    return Fetch(("/", ), asked, more.pop("reload", False), began, kind, lifetime, answered=done, done=done, **more)


@pytest.mark.rig
@pytest.mark.parametrize("fetches, fault", [
    ([fetch(0, 0, 1), fetch(5, 5, 6)], "fresh answer"),
    ([fetch(0, 0, 1), fetch(5, 5, 6, reload=True)], None),
    ([fetch(0, 0, 1), fetch(5, 5, 5.1, OWN, reload=True), fetch(7, 7, 8)], "fresh answer"),
    ([fetch(0, 0, 4, lifetime=1), fetch(2, 2, 6, lifetime=1)], None),                              # the one before is silent: hedged
    ([fetch(0, 0, 4, lifetime=1), fetch(0.1, 0.1, 4)], "others were under way"),
    ([fetch(0, 0, 4, lifetime=1), fetch(2, 2, 6, lifetime=1), fetch(2.1, 2.1, 6)], "others were under way"),
    ([fetch(0, 0, 2, OWN), fetch(5, 5, 6), fetch(5.1, 5.1, 6)], None),                             # nobody else's: everybody asks
    ([fetch(0, 0, 2, OWN), fetch(2.1, 2.1, 3, lifetime=2), fetch(9, 9, 10), fetch(9.1, 9.1, 10)], "others were under way"),
    ([fetch(0, 0, 2, ERROR), fetch(1, 2.1, 3), fetch(1, 2.1, 3)], None),                           # they have waited in vain
    ([fetch(0, 0, 2, ERROR), fetch(5, 5, 6), fetch(5.1, 5.1, 6)], "others were under way"),
    ([fetch(0, 0, 1, lifetime=2, grace=30.0), fetch(5, 5, 5.1, OWN), fetch(8, 8, 9), fetch(8.1, 8.1, 9)], "others were under way"),
    ([fetch(0, 0, 1, lifetime=2), fetch(5, 5, 5.1, OWN, reload=True), fetch(8, 8, 9), fetch(8.1, 8.1, 9)], None),
    ([fetch(0, 0, 1), fetch(5, 5, 5.1, OWN, reload=True), fetch(8, 8, 9), fetch(8.1, 8.1, 9)], "fresh answer"),
])
def test_what_may_be_asked(fetches, fault):
    found = may_ask.excess(fetches, silent_after=0.5)
    assert (fault in found[0][1]) if fault else not found, found


@pytest.mark.rig
@pytest.mark.parametrize("fetches, count", [
    ([fetch(0, 0, 1), fetch(5, 5, 6)], 0), ([fetch(0, 0, 1), fetch(5, 5, 6), fetch(9, 9, 10)], 1), ([fetch(0, 0, 1), fetch(2.5, 2.5, 3)], 1)])
def test_a_further_field_may_cost_one_fetch_of_what_was_stored(fetches, count):
    assert len(may_ask.excess(fetches, 0.5, elsewhere=[fetch(4, 4, 4.5, wide=True)])) == count


def judged(gets=(), fetches=(), mishaps=(), changes=(), **page):
    """The kinds of what may_return finds. page: what it is like; the others: what the history's things are like, without the page."""
    rules = {"grace": 0, "stale_if_error": 0, "lock_timeout": 0.6}
    it = pages.Page(random.Random(1), "one.example", "/a/1", rules)
    plain = {"lifetime": 60, "making": 1.0, "large": False, "pieces": 1, "tags": ["t"], "vary": False, "etag": False, "moody": False}
    vars(it).update({**plain, **page})
    history = pages.History([it])
    history.gets = [pages.Get(**{"node": "edge-0", "page": it, "lang": "", "method": "GET", **get}) for get in gets]
    history.fetches = [pages.Fetch(**{"page": it, "lang": "", "method": "GET", "version": 1, "via": "edge-0", **fetch})
                       for fetch in fetches]
    history.mishaps = [pages.Mishap(kind, frozenset(["edge-0"]), *how) for kind, *how in mishaps]
    history.changes = [pages.Change(**change) for change in changes]
    judge = may_return.Judge(history, staleness=1.0, lock_ttl=1.0, lag=0.2, limit=10)
    return {kind for kind, _, _ in judge.violations()}


CUT = {"sent": 50.0, "done": 50.2, "status": 200, "version": 1, "fault": "cut"}
LATER = {"sent": 54.0, "done": 54.1, "status": 200, "version": 1}
EVICTS = [("Redis evicts", pages.Effect.FORGETS, 49.0, 55.0)]
DE, FR = {"lang": "de", "began": 50.0, "done": 51.0}, {"lang": "fr", "began": 50.7, "done": 51.7}
SOON = {"sent": 40.0, "done": 40.1, "status": 200, "version": 1}
ANEW = {"began": 50.5, "done": 51.0, "version": 2}
HIT = {"sent": 51.1, "done": 51.2, "status": 200, "version": 2, "node": "edge-1", "told": "edge-1; hit; ttl=9"}
FAR = [("Redis 80 ms away", pages.Effect.FAR, 49.5, 51.0)]
CUT_OFF = [(mishaps.CUT_OFF, pages.Effect.AWAY, 49.0, 54.0, 52.0)]
PURGED = {"kind": "tag", "name": "t", "soft": True, "node": "edge-1", "began": 50.0, "done": 50.1, "status": 200, "told": 2, "live": 2}


@pytest.mark.rig
@pytest.mark.parametrize("case, fault", [
    # a content that lay in pieces in Redis
    (dict(gets=[CUT], mishaps=EVICTS, pieces=300), None),
    (dict(gets=[CUT], mishaps=EVICTS, pieces=300, etag=True), "an answer is missing"),
    (dict(gets=[CUT], mishaps=EVICTS, pieces=300, etag=True, replaced={1: 49.5}), None),            # the origin has another by now
    (dict(gets=[CUT], mishaps=EVICTS, pieces=20), "an answer is missing"),                          # it lay in one
    (dict(gets=[CUT], pieces=300), "an answer is missing"),
    (dict(gets=[{**CUT, "version": 0}], mishaps=EVICTS, pieces=300), "an answer is missing"),       # not even a head
    # variants of which nobody knew
    (dict(fetches=[DE, FR, {**FR, "began": 50.9}], vary=True), None),
    (dict(fetches=[{**DE, "began": 48.0, "done": 49.0}, DE, FR, {**FR, "began": 50.9}], vary=True), "two fetches at a time"),
    (dict(fetches=[{**DE, "began": 48.0, "done": 49.0}, DE, FR, {**FR, "began": 50.9}], vary=True, mishaps=EVICTS), None),
    (dict(fetches=[FR, {**FR, "began": 50.71, "via": "edge-1"}], vary=True), "two fetches at a time"),
    (dict(fetches=[FR, {**FR, "began": 50.71, "via": "edge-1"}]), "two fetches at a time"),
    # variants of which one node knew, and another one did not
    (dict(fetches=[{**DE, "began": 50.5, "done": 50.75}, FR, {**FR, "began": 50.76, "via": "edge-1"}], vary=True), None),
    (dict(fetches=[{**DE, "began": 50.5, "done": 50.75}, FR, {**FR, "began": 50.76}, {**FR, "began": 50.77}], vary=True),
     "two fetches at a time"),
    # a Redis that is far away
    (dict(fetches=[{"began": 49.0, "done": 50.0}, {"began": 50.1, "done": 51.5}, {"began": 50.4, "done": 51.5}], mishaps=FAR), None),
    (dict(fetches=[{"began": 49.0, "done": 50.0}, {"began": 50.1, "done": 51.5}, {"began": 50.4, "done": 51.5}]), "two fetches at a time"),
    # nodes that a purge could not reach
    (dict(gets=[SOON], mishaps=CUT_OFF, changes=[PURGED]), "a silent node is not named"),
    (dict(gets=[SOON], mishaps=CUT_OFF, changes=[{**PURGED, "silent": {"edge-0"}}]), None),
    (dict(gets=[SOON], mishaps=[*CUT_OFF, ("Redis killed, restarted empty", pages.Effect.AWAY, 44.0, 47.5)], changes=[PURGED]), None),
    (dict(gets=[SOON], mishaps=CUT_OFF, changes=[{**PURGED, "done": 52.5}]), None),                 # it came back meanwhile
    # a soft purge, and what was fetched since
    (dict(gets=[LATER, HIT], fetches=[ANEW], replaced={1: 49.9}, changes=[PURGED]), "older than a soft purge"),
    (dict(gets=[LATER], fetches=[ANEW], replaced={1: 49.9}, changes=[PURGED]), None),                # nothing shows that it was stored
    (dict(gets=[LATER, {**HIT, "node": "edge-0"}], fetches=[ANEW], replaced={1: 49.9}, changes=[PURGED]), None),
    (dict(gets=[LATER], replaced={1: 49.9}, changes=[PURGED]), None),
])
def test_what_a_fleet_may_return(case, fault):
    assert judged(**case) == ({fault} if fault else set())
