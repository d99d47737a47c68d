# SPDX-License-Identifier: BSD-2-Clause
"""Steadiness: no answer turns the cache off, and no crowd reaches the origin because of one."""

import threading
import time
from email.utils import formatdate

import pytest

from rig import cache_status, crowd, policy
from rig.answer import Answer
from rig.load import Load
from rig.rfc import settings
from rig.wait import until


class Gauge:
    """What is under way at an origin: `most` at once, `calls` in all. `make(n)` gives the nth answer, `seconds` after its request."""

    def __init__(self, origin, path, make, seconds=0.0):
        self.calls = self.now = self.most = 0
        self._lock, self._make, self._seconds = threading.Lock(), make, seconds
        origin.on(path, self._answer)

    def _answer(self, request):
        with self._lock:
            self.calls, self.now = self.calls + 1, self.now + 1
            self.most = max(self.most, self.now)
            number = self.calls
        time.sleep(self._seconds)       # the page takes so long to make
        with self._lock:
            self.now -= 1
        return self._make(number)


# what takes longer to make than it is fresh

LATE = [pytest.param({"Cache-Control": "max-age=1"}, {}, id="by the origin"),
        pytest.param({}, {"ttl": "1s"}, id="by ttl"),
        pytest.param({"Cache-Control": "no-store"}, {"ttl": "1s", "override": True}, id="by override")]


@pytest.mark.parametrize("fields, cache", LATE)
def test_a_page_slower_than_it_is_fresh_is_fetched_once_at_a_time(weirs, origin, fields, cache):
    node = weirs(settings(origin, cache))
    page = Gauge(origin, "/", lambda n: Answer(200, fields, b"page"), 1.5)
    with Load([node.address], 40, "/") as load:
        origin.wait_calls("/", 3)
    assert load.failures == []
    assert page.most == 1
    assert node.admin.metric("weir_collapsed_total") >= 40


def test_nodes_share_what_comes_too_late_to_be_fresh(fleet, origin):
    nodes = fleet(2, policy.route(cache={"jitter": "0%"}))
    page = Gauge(origin, "/", lambda n: Answer(200, {"Cache-Control": "max-age=1"}, b"page"), 1.5)
    visits = crowd.crowd([node.address for node in nodes], 40, "/")
    assert {v.status for v in visits} == {200}
    assert page.calls == 1


def test_lateness_leaves_no_marker(weirs, origin):
    node = weirs(settings(origin))
    Gauge(origin, "/", lambda n: Answer(200, {"Cache-Control": "max-age=1"}, b"page"), 1.2)
    node.ask("/")
    assert cache_status.of(node.ask("/")).get("detail") is None


def test_what_has_no_lifetime_is_not_shared_with_those_who_waited(weirs, origin):
    node = weirs(settings(origin))
    Gauge(origin, "/", lambda n: Answer(200, {"Cache-Control": "max-age=0"}, b"page %d" % n), 0.3)
    visits = crowd.crowd(node.address, 10, "/")
    assert len({v.body for v in visits}) == 10


@pytest.mark.parametrize("cache", [{"ttl": "60s"}, {"ttl": "60s", "override": True}])
def test_the_operators_lifetime_begins_when_the_response_comes(weirs, origin, cache):
    node = weirs(settings(origin, cache))
    origin.on("/", Answer(200, {"Age": "300"}, b"page"))
    node.ask("/")
    answer = node.ask("/")
    assert cache_status.hit(answer) and int(cache_status.of(answer)["ttl"]) in (59, 60)
    assert int(answer.fields["Age"]) >= 300


# an origin's clock

def dated(seconds, **more):
    return {"Date": formatdate(time.time() + seconds, usegmt=True), "Cache-Control": "max-age=60", **more}


@pytest.mark.parametrize("error, word", [(-3600, "behind"), (3600, "ahead")])
def test_a_wrong_clock_does_not_end_caching_and_is_told_once(weirs, origin, error, word):
    node = weirs(settings(origin))
    origin.on("/", lambda request: Answer(200, dated(error), b"page"))
    for number in range(3):
        node.ask(f"/?{number}")
        assert cache_status.hit(node.ask(f"/?{number}"))
    node.says_once(f"seconds {word}: its Date")


def test_an_old_date_behind_another_cache_is_an_age(weirs, origin):
    node = weirs(settings(origin))
    origin.on("/", lambda request: Answer(200, dated(-3600, Via="1.1 other"), b"page"))
    node.ask("/")
    assert not cache_status.hit(node.ask("/"))
    assert "its Date" not in node.stderr


# a body that is slower than it is fresh

@pytest.mark.parametrize("directive", ["max-age=1", "s-maxage=1"])
def test_a_body_that_outlasts_its_freshness_is_followed(weirs, origin, directive):
    node, gate = weirs(settings(origin)), threading.Event()
    origin.on("/", Answer(200, {"Cache-Control": directive}, [b"first", b"second"], "chunked", body_gate=gate, delay=1.2))
    first, late = node.connect(), node.connect()
    first.send_head("GET", "/")
    heads = [first.read_head()]
    late.send_head("GET", "/")
    heads.append(late.read_head())
    assert origin.calls() == 1
    gate.set()
    assert [c.read_rest(h).body for c, h in zip((first, late), heads)] == [b"firstsecond"] * 2
    for connection in first, late:
        connection.close()


def test_who_wants_something_newer_does_not_follow_it(weirs, origin, elsewhere):
    node, gate = weirs(settings(origin)), threading.Event()
    origin.on("/", Answer(200, {"Cache-Control": "max-age=60"}, [b"first", b"second"], "chunked", body_gate=gate),
              Answer(200, {"Cache-Control": "max-age=60"}, b"newer"))
    with node.connect() as first:
        first.send_head("GET", "/")
        head = first.read_head()
        assert node.ask("/", fields={"Cache-Control": "no-cache"}).body == b"newer"
        gate.set()
        assert first.read_rest(head).body == b"firstsecond"


# a server that takes requests and says nothing

HUNG = Answer(body=b"too late", delay=600)


def two_servers(origins):
    """The first one hangs; the only worker asks it first."""
    hung, well = origins(), origins()
    hung.on("/", HUNG)
    well.on("/", body=b"well")
    return hung, well


def node_before(weirs, servers, cache, **origin):
    return weirs({"workers": 1, "origins": {"app": policy.origin(*servers, **origin)}, "routes": [policy.route(cache=cache)]})


def test_who_waits_for_a_hung_server_is_answered_by_another(weirs, origins):
    hung, well = two_servers(origins)
    node = node_before(weirs, (hung, well), {"ttl": "60s", "lock_timeout": "300ms"})
    visits = crowd.crowd(node.address, 20, "/")
    assert {v.body for v in visits} == {b"well"}
    assert (hung.calls(), well.calls()) == (1, 1)
    assert node.admin.metric("weir_hedges_total") == node.admin.metric("weir_hedges_won_total") == 1


def test_nodes_wait_for_a_hung_server_no_longer_than_lock_timeout(fleet, origins):
    hung, well = two_servers(origins)
    nodes = fleet(2, policy.route(cache={"ttl": "60s", "lock_timeout": "500ms"}), workers=1,
                  origins={"app": policy.origin(hung, well)})
    visits = crowd.crowd([node.address for node in nodes], 20, "/")
    assert {v.body for v in visits} == {b"well"}
    assert hung.calls() <= 2 and well.calls() <= 2


def test_a_hung_server_is_left_alone(weirs, origins):
    hung, well = two_servers(origins)
    node = node_before(weirs, (hung, well), {"ttl": "60s", "lock_timeout": "300ms"})
    for number in range(20):
        assert node.ask(f"/?{number}").body == b"well"
    assert hung.calls() < 5


def test_a_timeout_passes_to_another_server(weirs, origins):
    hung, well = two_servers(origins)
    node = node_before(weirs, (hung, well), "off", response_timeout="300ms")
    assert {node.ask("/").body for _ in range(3)} == {b"well"}


def test_a_post_that_times_out_is_not_sent_twice(weirs, origins):
    hung, well = two_servers(origins)
    node = node_before(weirs, (hung, well), "off", response_timeout="300ms")
    assert node.ask("/", "POST", body=b"x").status == 504
    assert (hung.calls(), well.calls()) == (1, 0)


def test_one_of_those_who_wait_asks_once_more_where_there_is_one_server(weirs, origin):
    node = node_before(weirs, [origin], {"ttl": "60s", "lock_timeout": "300ms"})
    origin.on("/", HUNG, Answer(body=b"well"))
    visits = crowd.crowd(node.address, 20, "/")
    assert {v.body for v in visits} == {b"well"} and origin.calls() == 2


def test_who_waits_for_nobody_is_not_asked_for_twice(weirs, origin):
    node = node_before(weirs, [origin], {"ttl": "60s", "lock_timeout": "100ms"})
    origin.on("/", body=b"slow", delay=0.6)
    assert node.ask("/").body == b"slow" and origin.calls() == 1


def test_the_first_head_counts(weirs, origins):
    slow, slower = origins(), origins()
    gate = threading.Event()
    slow.on("/", body=b"slow", gate=gate)
    slower.on("/", HUNG)
    node = node_before(weirs, (slow, slower), {"ttl": "60s", "lock_timeout": "100ms"})
    with node.connect() as client:
        client.send_head("GET", "/")
        slower.wait_calls("/", 1)
        gate.set()
        assert client.read().body == b"slow"
    assert node.admin.metric("weir_hedges_won_total") == 0


STALE = {"Cache-Control": "max-age=10", "Age": "20"}


def test_stale_is_served_at_once_while_an_origin_hangs(weirs, origin):
    node = node_before(weirs, [origin], {"stale_if_error": "1h"}, response_timeout="800ms")
    gate = threading.Event()
    origin.on("/", Answer(200, STALE, b"old"), Answer(200, {"Cache-Control": "max-age=60"}, b"new", gate=gate))
    assert node.ask("/").body == b"old"
    assert node.ask("/").body == b"old"                 # waited for response_timeout
    calls = origin.calls()
    visits = crowd.crowd(node.address, 20, "/")
    assert {v.body for v in visits} == {b"old"}
    assert origin.calls() <= calls + 1                  # nobody asks; or one does, if a second has passed
    gate.set()
    assert {v.body for v in crowd.crowd(node.address, 20, "/")} <= {b"old", b"new"}
    until(lambda: node.ask("/").body == b"new", "the origin probed")


def test_an_origin_that_hangs_is_probed_by_one(weirs, origin):
    node = node_before(weirs, [origin], {"stale_if_error": "1h", "lock_timeout": "200ms"})
    gate = threading.Event()
    for path in "/a", "/b", "/c":
        origin.on(path, Answer(200, STALE, b"old"), Answer(200, {"Cache-Control": "max-age=60"}, b"new", gate=gate))
        assert node.ask(path).body == b"old"
    calls = origin.calls()
    assert {v.body for v in crowd.crowd(node.address, 10, "/a")} == {b"old"}     # after lock_timeout
    until(lambda: node.ask("/b").body == b"old" and origin.calls() == calls + 2, "the probe")
    for path in "/a", "/b", "/c":
        assert {v.body for v in crowd.crowd(node.address, 10, path)} == {b"old"}
    assert origin.calls() == calls + 2
    gate.set()
    until(lambda: node.ask("/b").body == b"new", "the probe's answer")
    assert node.ask("/c").body == b"new"


# pass markers

PRIVATE = {"Cache-Control": "private"}
FRESH = {"Cache-Control": "max-age=60"}
ODD = [pytest.param(Answer(400, body=b"odd"), id="400"), pytest.param(Answer(403, body=b"odd"), id="403"),
       pytest.param(Answer(429, {"Cache-Control": "no-store"}, b"odd"), id="429"),
       pytest.param(Answer(503, {"Cache-Control": "no-store"}, b"odd"), id="503"),
       pytest.param(Answer(200, PRIVATE, b"odd"), id="private")]
RELOAD = {"Cache-Control": "no-cache"}


def by_query(origin, answer, then):
    """`answer` to a reload, `then` to all others."""
    origin.on("/", lambda request: answer if request.fields.get("Cache-Control") == "no-cache" else then)


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_to_a_reload_takes_nothing_away(weirs, origin, odd):
    node = weirs(settings(origin))
    by_query(origin, odd, Answer(200, FRESH, b"page"))
    node.ask("/")
    assert node.ask("/", fields=RELOAD).body == b"odd"
    visits = crowd.crowd(node.address, 40, "/")
    assert {v.body for v in visits} == {b"page"}
    assert origin.calls() == 2


@pytest.mark.parametrize("odd", ODD)
def test_nor_on_other_nodes(fleet, origin, odd):
    one, two = fleet(2, policy.route(cache={"jitter": "0%"}))
    by_query(origin, odd, Answer(200, FRESH, b"page"))
    for node in one, two:
        node.ask("/")
    assert one.ask("/", fields=RELOAD).body == b"odd"
    visits = crowd.crowd([one.address, two.address], 40, "/")
    assert {v.body for v in visits} == {b"page"}
    assert origin.calls() == 2


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_to_a_refresh_leaves_the_stale_copy(weirs, origin, odd):
    node = weirs(settings(origin, {"stale_if_error": "1h"}))
    origin.on("/", Answer(200, {**STALE, "ETag": '"1"'}, b"page"), odd)
    node.ask("/")
    odd_status = node.ask("/").status
    assert odd_status == (200 if odd.status == 503 else odd.status)
    assert origin.last().fields["If-None-Match"] == '"1"'
    origin.stop()
    assert node.ask("/").body == b"page"


@pytest.mark.parametrize("odd", ODD[:-1])
def test_an_error_leaves_no_marker(weirs, origin, odd):
    node = weirs(settings(origin))
    origin.on("/", odd, Answer(200, FRESH, b"page", delay=0.5))
    node.ask("/")
    visits = crowd.crowd(node.address, 20, "/")
    assert {v.body for v in visits} == {b"page"} and origin.calls() == 2


def test_load_shedding_does_not_keep_a_site_down(weirs, origin):
    """An origin that answers four at a time and refuses all others: once it has refused, it gets no more than it can take."""
    node = weirs(settings(origin))
    under_way, most = [], 4

    def answer(request):
        under_way.append(1)
        try:
            if request.fields.get("X-First") or len(under_way) > most:
                return Answer(503, {"Cache-Control": "no-store"}, b"later")
            time.sleep(0.2)
            return Answer(200, {"Cache-Control": "max-age=1"}, b"page")
        finally:
            under_way.pop()

    origin.on("/", answer)
    node.ask("/", fields={"X-First": "1"})
    with Load([node.address], 30, "/", fine=(200, 503)) as load:
        until(lambda: node.ask("/").body == b"page", "a page")
        origin.wait_calls("/", origin.calls() + 3)
    assert load.failures == []
    with Load([node.address], 30, "/") as load:
        origin.wait_calls("/", origin.calls() + 3)
    assert load.failures == []


@pytest.mark.parametrize("fields", [PRIVATE, {"Cache-Control": "no-store"}, {"Cache-Control": "max-age=0"}])
def test_what_may_not_be_shared_waits_for_nobody(weirs, origin, fields):
    node = weirs(settings(origin))
    barrier = threading.Barrier(10)

    def answer(request):
        if origin.calls("/") > 1:
            barrier.wait(10)        # all ten are at the origin at once
        return Answer(200, fields, b"own")

    origin.on("/", answer)
    node.ask("/")
    for _ in range(2):
        visits = crowd.crowd(node.address, 10, "/")
        assert {v.body for v in visits} == {b"own"}


def test_what_may_be_shared_ends_the_marker(weirs, origin):
    node = weirs(settings(origin))
    origin.on("/", Answer(200, PRIVATE, b"own"), Answer(200, PRIVATE, b"own"), Answer(200, FRESH, b"page"))
    details = [cache_status.of(node.ask("/")) for _ in range(4)]
    assert [d.get("detail") for d in details] == [None, "PASS_MARKER", "PASS_MARKER", None]
    assert "stored" in details[2] and "hit" in details[3]


def test_of_many_that_pass_at_once_one_is_stored(weirs, origin):
    node = weirs(settings(origin))
    barrier = threading.Barrier(10)

    def answer(request):
        if origin.calls("/") == 1:
            return Answer(200, PRIVATE, b"own")
        barrier.wait(10)
        return Answer(200, FRESH, b"page")

    origin.on("/", answer)
    node.ask("/")
    visits = crowd.crowd(node.address, 10, "/")
    assert {v.body for v in visits} == {b"page"}
    assert node.admin.metric("weir_stored_total") == 1
    assert cache_status.hit(node.ask("/"))


def test_a_purge_reaches_what_passes(weirs, origin, elsewhere):
    node = weirs(settings(origin, purge_from=["127.0.0.1"]))
    gate = threading.Event()
    origin.on("/", Answer(200, PRIVATE, b"own"), Answer(200, FRESH, b"old", gate=gate), Answer(200, FRESH, b"new"))
    node.ask("/")
    answer = elsewhere(node.ask, "/")
    origin.wait_calls("/", 2)
    node.ask("/", "PURGE")
    gate.set()
    assert answer.result().body == b"old"
    assert node.ask("/").body == b"new"


def test_a_marker_is_renewed_by_what_passes(weirs, origin):
    node = weirs(settings(origin, {"pass_ttl": "1s"}))
    origin.on("/", Answer(200, PRIVATE, b"own"))
    start = time.monotonic()
    node.ask("/")
    while time.monotonic() - start < 2.5:
        assert cache_status.of(node.ask("/"))["detail"] == "PASS_MARKER"


def test_a_marker_concerns_the_variant_that_left_it(weirs, origin):
    node = weirs(settings(origin))

    def answer(request):
        vary = {"Vary": "X-Lang"}
        if request.fields["X-Lang"] == "de":
            return Answer(200, {**PRIVATE, **vary}, b"own")
        time.sleep(0.3)
        return Answer(200, {**FRESH, **vary}, b"page")

    origin.on("/", answer)
    for _ in range(2):
        node.ask("/", fields={"X-Lang": "de"})
    calls = origin.calls()
    visits = crowd.crowd(node.address, 20, "/", fields={"X-Lang": "en"})
    assert {v.body for v in visits} == {b"page"} and origin.calls() == calls + 1
    assert cache_status.of(node.ask("/", fields={"X-Lang": "de"}))["detail"] == "PASS_MARKER"
    assert cache_status.hit(node.ask("/", fields={"X-Lang": "en"}))


def test_a_marker_concerns_those_who_ask_alike(weirs, origin):
    node = weirs(settings(origin))

    def answer(request):
        time.sleep(0.3)
        return Answer(200, {"Cache-Control": "max-age=60"}, b"page")

    origin.on("/", answer)
    for _ in range(2):
        node.ask("/", fields={"Authorization": "Basic eDp5"})
    calls = origin.calls()
    visits = crowd.crowd(node.address, 20, "/")
    assert {v.body for v in visits} == {b"page"} and origin.calls() == calls + 1


@pytest.mark.parametrize("fields", [{"Range": "bytes=0-1"}, {"If-None-Match": '"own"'}])
def test_parts_and_conditions_pass_as_they_came(weirs, origin, fields):
    node = weirs(settings(origin))
    origin.on("/", Answer(200, {**PRIVATE, "ETag": '"own"'}, b"own"))
    node.ask("/")
    answer = node.ask("/", fields=fields)
    assert cache_status.of(answer)["detail"] == "PASS_MARKER"
    [(name, value)] = fields.items()
    assert origin.last().fields[name] == value
