# SPDX-License-Identifier: BSD-2-Clause
"""Nobody gets what was made for another: cookies, Set-Cookie, and what is stored for validation only.

Alice comes first, Bob after her; each is known to the origin by a cookie, or not at all. Everything holds with and without Redis.
"""

import threading

import pytest

from rig import cache_status, rfc
from rig.answer import Answer
from rig.wait import until

STORES = ["memory", "redis without memory", "two nodes"]


@pytest.fixture(params=STORES)
def pair(request, weirs, origin):
    """Makes two nodes of a policy, the one that Alice asks and the one that Bob asks: the same, unless there are two."""
    def make(cache=None):
        more = {"workers": 1}
        if request.param != "memory":
            more["redis"] = {"url": request.getfixturevalue("redis").url, "timeout": "2s"}
        if request.param == "redis without memory":
            more["memory"] = "off"
        first = weirs(rfc.settings(origin, cache, **more))
        return (first, weirs(rfc.settings(origin, cache, **more)) if request.param == "two nodes" else first)
    return make


def cookies(answer):
    return answer.fields.all("Set-Cookie")


def hit(answer):
    return any("hit" in parameters for _, parameters in cache_status.parse(answer.fields.get("Cache-Status")))


def hit_of(ask):
    """What `ask` gets once it is a hit."""
    return until(lambda: next((answer for answer in [ask()] if hit(answer)), None), "a hit")


def settle(request, alice):
    """What she has fetched is where the others find it."""
    if request.node.callspec.params["pair"] != "memory":
        until(lambda: request.getfixturevalue("redis").keys("weir:v1:cache:*"), "stored")
    else:
        until(lambda: alice.admin.metric("weir_stored_total") >= 1, "stored")


NO_LIFE = [{}, {"Cache-Control": "no-cache"}, {"Cache-Control": "public"}, {"Cache-Control": "max-age=0"},
           {"Cache-Control": "s-maxage=0, max-age=60"}, {"Expires": "0"}]


@pytest.mark.parametrize("fields", NO_LIFE)
@pytest.mark.parametrize("cache", [None, {"ttl": "60s"}, {"grace": "60s", "stale_if_error": "60s"}, {"set_cookie": "store"},
                                   {"heuristic": "10%"}])
def test_a_cookie_is_not_handed_on_by_a_validation(pair, origin, fields, cache):
    def answer(request):
        if request.fields.get("If-None-Match") == '"1"':
            return Answer(304, {"ETag": '"1"'})
        return Answer(200, {**fields, "ETag": '"1"', "Set-Cookie": f"sid={request.fields['X-Who']}"}, b"page")
    origin.on("/", answer)
    alice, bob = pair(cache)
    assert cookies(alice.ask("/", fields={"X-Who": "alice"})) == ["sid=alice"]
    for method, more in (("GET", {}), ("GET", {"Range": "bytes=0-1"}), ("HEAD", {}), ("GET", {"Cache-Control": "max-stale"}),
                         ("GET", {"Cache-Control": "max-stale, only-if-cached"}), ("GET", {"Cache-Control": "no-cache"})):
        assert "sid=alice" not in cookies(bob.ask("/", method, fields={"X-Who": "bob", **more}))


def test_a_cookie_of_a_304_or_a_head_is_for_whom_it_answers(pair, origin, request):
    def answer(asked):
        who = {"Set-Cookie": f"sid={asked.fields['X-Who']}"}
        if asked.fields.get("If-None-Match") == '"1"':
            return Answer(304, {"ETag": '"1"', "Cache-Control": "max-age=60", **who})
        if asked.method == "HEAD":
            return Answer(200, {"ETag": '"1"', "Cache-Control": "max-age=60", "Content-Length": "4", **who})
        return Answer(200, {"ETag": '"1"', **rfc.STALE}, b"page")
    origin.on("/", answer)
    alice, bob = pair()
    alice.ask("/", fields={"X-Who": "first"})
    settle(request, alice)
    assert cookies(alice.ask("/", "HEAD", fields={"X-Who": "head"})) == ["sid=head"]
    got = alice.ask("/", fields={"X-Who": "alice"})
    assert got.body == b"page" and cookies(got) == ["sid=alice"]

    def fresh():
        got = bob.ask("/", fields={"X-Who": "bob"})
        assert cookies(got) in ([], ["sid=bob"])        # a hit has none; his own validation may bring his own
        return hit(got) and not cookies(got)
    until(fresh, "a hit without a cookie")


@pytest.mark.parametrize("field", ["Set-Cookie", "Set-Cookie2", "Clear-Site-Data", "Set-Login", "Authentication-Info"])
def test_the_origins_own_lifetime_stores_the_page_without_the_cookie(pair, origin, field):
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100", field: "x=1", "X-All": "1"})
    alice, bob = pair()
    assert alice.ask("/").fields[field] == "x=1"
    shared = hit_of(lambda: bob.ask("/"))
    assert field not in shared.fields and shared.fields["X-All"] == "1"


def test_followers_get_the_page_without_the_cookie(weirs, origin):
    node = weirs(rfc.settings(origin, workers=1))
    gate = threading.Event()
    origin.on("/", Answer(200, {"Cache-Control": "max-age=100", "Set-Cookie": "sid=alice"}, b"page", gate=gate))
    with node.connect() as alice, node.connect() as bob:
        alice.send_head("GET", "/")
        origin.wait_calls("/", 1)
        bob.send_head("GET", "/")
        until(lambda: node.admin.metric("weir_collapsed_total") == 1, "bob waiting")
        gate.set()
        assert (cookies(alice.read()), cookies(bob.read())) == (["sid=alice"], [])
    assert origin.calls() == 1


def test_set_cookie_is_stored_where_policy_and_origin_say_so(pair, origin):
    rfc.counting(origin, "/told", {"Cache-Control": "max-age=100", "Set-Cookie": "x=1"})
    alice, bob = pair({"set_cookie": "store"})
    alice.ask("/told")
    shared = hit_of(lambda: bob.ask("/told"))
    assert cookies(shared) == ["x=1"]


@pytest.mark.parametrize("fields", [{}, *NO_LIFE[1:4], {"Cache-Control": "no-cache"}])
@pytest.mark.parametrize("asks", ["max-stale", "max-stale, only-if-cached", "max-stale=100"])
def test_what_has_no_lifetime_is_for_nobody_without_validation(pair, origin, fields, asks):
    rfc.counting(origin, "/", {**fields, "ETag": '"1"'})
    alice, bob = pair({"grace": "60s", "stale_if_error": "60s", "early_refresh": 10})
    assert alice.ask("/").body == b"call 1"
    stranger = bob.ask("/", fields={"Cache-Control": asks})
    assert stranger.status == 504 if "only" in asks else stranger.body == b"call 2"
    origin.on("/", Answer(503, {}, b"down"))
    assert bob.ask("/").status == 503
    origin.stop()
    assert bob.ask("/").status in (502, 504)


def whose(origin, fields=()):
    origin.on("/", lambda r: Answer(200, dict(fields), f"for {r.fields.get('Cookie', 'nobody')}".encode()))


@pytest.mark.parametrize("cache, fields", [({"ttl": "60s"}, {}), ({"heuristic": "10%"}, {"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}),
                                           ({"ttl": "60s", "override": True}, {"Cache-Control": "private"}),
                                           ({"statuses": {200: "60s"}}, {})])
def test_with_a_cookie_nothing_is_shared_by_a_guess(pair, origin, cache, fields):
    whose(origin, fields)
    alice, bob = pair(cache)
    for _ in range(2):
        assert alice.ask("/", fields={"Cookie": "sid=alice"}).text == "for sid=alice"
        assert bob.ask("/", fields={"Cookie": "sid=bob"}).text == "for sid=bob"
    assert bob.ask("/").text == "for nobody"
    until(lambda: hit(alice.ask("/")), "a hit without a cookie")
    calls = origin.calls()
    for more in ({}, {"Cache-Control": "max-stale"}, {"Range": "bytes=0-2"}):       # it doesn't get what is stored for others
        assert alice.ask("/", fields={"Cookie": "sid=alice", **more}).text.startswith("for sid=alice"[:3])
    assert alice.ask("/", fields={"Cookie": "sid=alice", "Cache-Control": "only-if-cached"}).status == 504
    assert origin.calls() == calls + 3
    shared = alice.ask("/")                                                         # which is still there
    assert hit(shared) and shared.text == "for nobody" and origin.calls() == calls + 3


def test_with_a_cookie_the_origins_word_holds(pair, origin):
    whose(origin, {"Cache-Control": "max-age=60"})
    alice, bob = pair({"ttl": "60s"})
    alice.ask("/", fields={"Cookie": "sid=alice"})
    until(lambda: hit(bob.ask("/", fields={"Cookie": "sid=bob"})), "a hit")
    assert bob.ask("/").text == "for sid=alice" and origin.calls() <= 2


@pytest.mark.parametrize("cookie, shares", [("_ga=1; _gid=2", True), ("sid=1", False), ("wp_logged_in_5f=1", False)])
def test_named_cookies_alone_pass(pair, origin, cookie, shares):
    whose(origin)
    alice, _ = pair({"ttl": "60s", "cookies": ["sid", "wp_*"]})
    alice.ask("/")
    until(lambda: hit(alice.ask("/")), "a hit")
    assert hit(alice.ask("/", fields={"Cookie": cookie})) == shares


def test_vary_cookie_is_answered_by_the_named_ones(pair, origin):
    whose(origin, {"Cache-Control": "max-age=60", "Vary": "Cookie"})
    alice, bob = pair({"cookies": ["sid"]})
    assert alice.ask("/", fields={"Cookie": "_ga=1; sid=a"}).text == "for _ga=1; sid=a"
    until(lambda: hit(bob.ask("/", fields={"Cookie": "sid=a; _ga=2"})), "a hit")
    assert bob.ask("/", fields={"Cookie": "sid=b"}).text == "for sid=b"
    assert bob.ask("/").text == "for nobody"
    assert bob.ask("/", fields={"Cookie": "_ga=7"}).text == "for nobody"


def test_visitors_with_cookies_do_not_keep_others_from_sharing(weirs, origin):
    """Who waits behind one with a cookie looks again: what that got says nothing of what he will get."""
    node = weirs(rfc.settings(origin, {"ttl": "60s"}, workers=1))
    gate = threading.Event()
    origin.on("/", lambda r: Answer(200, {}, f"for {r.fields.get('Cookie', 'nobody')}".encode(), gate=gate))
    with node.connect() as alice, node.connect() as bob, node.connect() as carol:
        alice.send_head("GET", "/", {"Cookie": "sid=alice"})
        origin.wait_calls("/", 1)
        bob.send_head("GET", "/")
        carol.send_head("GET", "/")
        until(lambda: node.admin.metric("weir_collapsed_total") >= 2, "both waiting")
        gate.set()
        assert [c.read().body for c in (alice, bob, carol)] == [b"for sid=alice", b"for nobody", b"for nobody"]
    assert origin.calls() == 2
    assert hit(node.ask("/"))


@pytest.mark.parametrize("status", [428, 429, 431, 511])
def test_what_speaks_of_one_client_is_never_stored(pair, origin, status):
    origin.on(
        "/", lambda r: Answer(status, {"Cache-Control": "public, s-maxage=100"}, b"call %d" % origin.calls()))
    alice, bob = pair({"ttl": "60s", "override": True, "statuses": {"4xx": "60s", "5xx": "60s"}})
    assert alice.ask("/").body == b"call 1" and bob.ask("/").body == b"call 2"


def test_a_304_adds_nothing_that_describes_the_content(pair, origin, request):
    origin.on("/", Answer(200, {**rfc.STALE, "ETag": '"1"', "Content-Type": "text/plain"}, b"page"),
              Answer(304, {"ETag": '"1"', "Cache-Control": "max-age=60", "Content-Encoding": "gzip", "Content-Range": "bytes 0-1/4",
                           "Content-Type": "text/html", "X-New": "1"}))
    alice, _ = pair()
    alice.ask("/")
    settle(request, alice)
    got = alice.ask("/")
    assert got.fields["Content-Type"] == "text/plain" and "Content-Encoding" not in got.fields and "Content-Range" not in got.fields
    assert got.fields["X-New"] == "1"


@pytest.mark.parametrize("cookie, passes", [("wordpress_logged_in_5f=x", True), ("wordpress_test=x", False)])
def test_bypass_takes_patterns(weirs, origin, cookie, passes):
    rfc.counting(origin, "/", {"Cache-Control": "max-age=60"})
    node = weirs(rfc.settings(origin, {"bypass": ["cookie:wordpress_logged_in_*"]}))
    node.ask("/")
    assert hit(node.ask("/", fields={"Cookie": cookie})) != passes


def test_guesses_are_off_unless_told(weirs, origin):
    origin.on("/", Answer(200, {"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, b"page"))
    node = weirs(rfc.settings(origin))
    node.ask("/")
    assert not hit(node.ask("/")) and origin.last("/").fields["If-Modified-Since"]
