# SPDX-License-Identifier: BSD-2-Clause
"""RFC 9111 3: what is stored, for whom, and in whose place."""

import email.utils
import threading
import time

import pytest

from rig import cache_status, policy, rfc
from rig.answer import Answer
from rig.wait import until


@pytest.fixture(params=["memory", "redis"])
def node(request, weirs, origin):
    """Everything here holds for the memory store and for Redis alone."""
    more = {}
    if request.param == "redis":
        more = {"redis": {"url": request.getfixturevalue("redis").socket_url, "timeout": "2s"}, "memory": "off"}
    return weirs(rfc.settings(origin, **more))


@pytest.mark.parametrize("trusted", [True, False])
def test_hosts_share_nothing_where_the_origin_is_told_which(weirs, origin, trusted):
    """What a proxy in front passes on of clients' X-Forwarded-Host can't poison the pages of the host that it asks for."""
    def answer(request):
        fields = {"Cache-Control": "max-age=100"} if request.method == "GET" else {"Location": "http://one.example/"}
        return Answer(200, fields, request.fields["X-Forwarded-Host"].encode())
    origin.on("/", answer)
    origin.on("/do", answer)
    node = weirs(rfc.settings(origin, **({"trusted_proxies": ["127.0.0.1"]} if trusted else {})))
    for said, host in (("one.example", "one.example"), ("two.example, x", "two.example"), ("ONE.example:80", "one.example"),
                       ("b@d", "test.example"), ("", "test.example"), (None, "test.example")):
        body = node.ask("/", fields={} if said is None else {"X-Forwarded-Host": said}).text
        assert body == (host if trusted else "test.example")
    assert origin.calls("/") == (3 if trusted else 1)
    node.ask("/do", "POST", fields={"X-Forwarded-Host": "one.example"}, body=b"x")      # its Location is on its own host
    assert cache_status.hit(node.ask("/", fields={"X-Forwarded-Host": "one.example"})) != trusted


@pytest.mark.parametrize("fields", [{"ETag": 'W/"1"'}, {"Cache-Control": "no-cache", "ETag": '"1"'},
                                    {"Cache-Control": "max-age=0, must-revalidate", "ETag": '"1"'}])
@pytest.mark.parametrize("store", ["memory", "redis", "redis without memory"])
def test_what_is_never_fresh_answers_nobody_else(weirs, origin, request, store, fields):
    """RFC 9111 4, 5.2.2.4: each has the origin asked with his own request, whoever else waits for it, on whichever node."""
    more = {"workers": 1}
    if store != "memory":
        more["redis"] = {"url": request.getfixturevalue("redis").url, "timeout": "2s"}
    if store == "redis without memory":
        more["memory"] = "off"
    nodes = [weirs(rfc.settings(origin, **more)) for _ in range(2 if store == "redis" else 1)]
    gate = threading.Event()
    origin.on("/", lambda r: Answer(200, fields, r.fields["X-Who"].encode(), gate=gate))
    with nodes[0].connect() as alice, nodes[-1].connect() as bob:
        alice.send_head("GET", "/", {"X-Who": "alice"})
        origin.wait_calls("/", 1)
        bob.send_head("GET", "/", {"X-Who": "bob"})
        waits = "weir_lock_waits_total" if store == "redis" else "weir_collapsed_total"
        until(lambda: nodes[-1].admin.metric(waits) == 1, "bob waiting")
        gate.set()
        assert (alice.read().body, bob.read().body) == (b"alice", b"bob")
        if store != "memory":
            until(lambda: request.getfixturevalue("redis").keys("weir:v1:cache:*"), "stored")
        gate.clear()        # what is known to be so is waited for no more
        calls = origin.calls("/")
        alice.send_head("GET", "/", {"X-Who": "alice"})
        bob.send_head("GET", "/", {"X-Who": "bob"})
        origin.wait_calls("/", calls + 2)
        assert {r.fields.get("If-None-Match") for r in origin.requests[calls:]} == {fields["ETag"]}
        gate.set()
        assert (alice.read().body, bob.read().body) == (b"alice", b"bob")


def test_what_came_since_it_was_asked_for_is_shared_however_old(weirs, origin):
    """... as good as validated. Who comes later has it validated."""
    node = weirs(rfc.settings(origin, workers=1))
    gates = threading.Event(), threading.Event()
    origin.on("/", lambda r: Answer(200, {**rfc.STALE, "ETag": '"1"'}, [b"call ", b"%d" % origin.calls()], gate=gates[0],
                                    body_gate=gates[1]))
    with node.connect() as leader, node.connect() as follower, node.connect() as late:
        leader.send_head("GET", "/")
        origin.wait_calls("/", 1)
        follower.send_head("GET", "/")
        until(lambda: node.admin.metric("weir_collapsed_total") == 1, "a follower")
        gates[0].set()
        heads = leader.read_head(), follower.read_head()
        late.send_head("GET", "/")
        origin.wait_calls("/", 2)
        gates[1].set()
        assert [c.read_rest(head).body for c, head in zip((leader, follower), heads)] == [b"call 1"] * 2
        assert late.read().body == b"call 2"


@pytest.mark.parametrize("method, fields", [("POST", {}), ("GET", {"Cache-Control": "private"}), ("OPTIONS", {})])
def test_what_passes_by_keeps_its_age_and_gets_a_date(node, origin, method, fields):
    """RFC 9111 5.1: the age another cache has told; RFC 9110 6.6.1: when it arrived, where the origin doesn't say."""
    origin.on("/", *(Answer(200, {**fields, **age}, b"x") for age in ({"Age": "77"}, {"Age": "78"}, {})))
    ages = []
    for _ in range(3):
        answer = node.ask("/", method)
        ages.append(answer.fields.get("Age"))
        sent = email.utils.parsedate_to_datetime(answer.fields["Date"])
        assert abs(sent.timestamp() - time.time()) < 60
    assert [int(age) for age in ages[:2]] == [77, 78] and ages[2] is None


def test_a_redirect_that_only_says_no_cache_is_not_stored(node, origin):
    """RFC 9111 3: no-cache isn't among what makes a status storable that isn't by itself."""
    origin.on("/", Answer(302, {"Cache-Control": "no-cache", "ETag": '"v1"', "Location": "/x"}))
    for _ in range(2):
        node.ask("/")
    assert "If-None-Match" not in origin.last("/").fields


@pytest.mark.parametrize("trusted", [True, False])
def test_http_and_https_share_nothing_where_the_origin_is_told_which(weirs, origin, trusted):
    """RFC 9111 2: the key holds the target URI. An origin that redirects http to https would make a loop otherwise."""
    origin.on("/", lambda r: Answer(200, {"Cache-Control": "max-age=100"}, r.fields["X-Forwarded-Proto"].encode()))
    node = weirs(rfc.settings(origin, **({"trusted_proxies": ["127.0.0.1"]} if trusted else {})))
    for proto in ("http", "https", "HTTPS", "https, http", None):
        answer = node.ask("/", fields={"X-Forwarded-Proto": proto} if proto else {})
        assert answer.body == (b"https" if trusted and proto and proto.lower().startswith("https") else b"http")
    assert origin.calls() == (2 if trusted else 1)


@pytest.mark.parametrize("directive", ['private="X-User, set-cookie"', 'no-cache="x-user,Set-Cookie"'])
def test_fields_named_by_a_directive_reach_the_first_client_only(node, origin, directive):
    rfc.counting(origin, "/", [("Cache-Control", f"max-age=100, {directive}"), ("X-User", "alice"), ("X-All", "1"),
                               ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    first, second = node.ask("/"), node.ask("/")
    assert (first.fields["X-User"], first.fields.all("Set-Cookie")) == ("alice", ["a=1", "b=2"])
    assert second.body == b"call 1" and second.fields["X-All"] == "1"
    assert "X-User" not in second.fields and "Set-Cookie" not in second.fields


def test_fields_named_by_a_directive_reach_who_asked_with_another_method(node, origin):
    rfc.counting(origin, "/", {"Cache-Control": 'private="Set-Cookie"', "Set-Cookie": "a=1"})
    assert node.ask("/", "POST", body=b"x").fields["Set-Cookie"] == "a=1"


def test_an_override_shares_the_page_but_no_session(weirs, origin):
    node = weirs(rfc.settings(origin, {"ttl": "1h", "override": True}))
    rfc.counting(origin, "/", {"Set-Cookie": "session=1", "Cache-Control": "no-store"})
    first, second = node.ask("/"), node.ask("/")
    assert first.fields["Set-Cookie"] == "session=1"
    assert cache_status.hit(second) and "Set-Cookie" not in second.fields


def test_followers_of_a_flight_do_not_see_the_first_clients_fields(weirs, origin):
    node = weirs(rfc.settings(origin, workers=1))
    fields = {"Cache-Control": 'max-age=100, private="X-User"', "X-User": "alice"}
    origin.on("/", Answer(200, fields, [b"one", b"two"], pause=0.3))
    with node.connect() as leader, node.connect() as follower:
        leader.send_head("GET", "/")
        origin.wait_calls("/", 1)
        follower.send_head("GET", "/")
        assert leader.read().fields["X-User"] == "alice"
        second = follower.read()
        assert second.body == b"onetwo" and "X-User" not in second.fields
    assert origin.calls() == 1


@pytest.mark.parametrize("location", ["/form", "http://test.example/form", "//test.example/form#here"])
def test_a_post_that_says_so_answers_later_gets(node, origin, location):
    rfc.counting(origin, "/form", {"Cache-Control": "max-age=100", "Content-Location": location})
    assert node.ask("/form").body == b"call 1"
    posted = node.ask("/form", "POST", body=b"a=1")
    assert posted.body == b"call 2"
    assert cache_status.of(posted)["fwd"] == "method" and "stored" in cache_status.of(posted)
    got = until(lambda: (a := node.ask("/form")) and cache_status.hit(a) and a, "the POST's response stored")
    assert got.body == b"call 2" and origin.calls() == 2
    assert node.ask("/form", "POST", body=b"a=2").body == b"call 3"     # a POST is never answered from it


def test_a_get_asked_before_a_stored_post_does_not_replace_it(node, origin):
    gate = threading.Event()
    fields = {"Cache-Control": "max-age=100", "Content-Location": "/form"}
    origin.on("/form", lambda r: Answer(200, fields, b"old", gate=gate) if origin.calls("/form") == 1 else
              Answer(200, fields, b"new"))
    with node.connect() as earlier:
        earlier.send_head("GET", "/form")
        origin.wait_calls("/form", 1)
        assert node.ask("/form", "POST", body=b"a=1").body == b"new"
        assert node.ask("/form").body == b"new"
        gate.set()
        assert earlier.read().body == b"old"
    for _ in range(20):
        assert node.ask("/form").body == b"new"


@pytest.mark.parametrize("key, asked", [({}, {"X-Forwarded-Proto": "https"}), ({"headers": ["X-A"]}, {"X-A": "1"})])
def test_a_post_leaves_nothing_old_under_other_keys_of_its_url(weirs, origin, key, asked):
    node = weirs(rfc.settings(origin, {"key": key}, trusted_proxies=["127.0.0.1"]))
    rfc.counting(origin, "/form", {"Cache-Control": "max-age=100", "Content-Location": "/form"})
    assert (node.ask("/form").body, node.ask("/form", fields=asked).body) == (b"call 1", b"call 2")
    assert node.ask("/form", "POST", body=b"a=1").body == b"call 3"
    assert node.ask("/form", fields=asked).body == b"call 4"
    assert node.ask("/form").body == (b"call 5" if key else b"call 3")


@pytest.mark.parametrize("status, fields", [
    (200, {"Cache-Control": "max-age=100"}),
    (200, {"Cache-Control": "max-age=100", "Content-Location": "/other"}),
    (200, {"Cache-Control": "max-age=100", "Content-Location": "/form?x=1"}),
    (200, {"Cache-Control": "max-age=100", "Content-Location": "http://else.example/form"}),
    (200, {"Content-Location": "/form", "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT"}),
    (200, {"Cache-Control": "max-age=100, no-store", "Content-Location": "/form"}),
    (201, {"Cache-Control": "max-age=100", "Content-Location": "/form"}),
])
def test_any_other_post_only_invalidates(node, origin, status, fields):
    origin.on("/form", lambda r: Answer(status if r.method == "POST" else 200, fields if r.method == "POST" else
                                        {"Cache-Control": "max-age=100"}, b"call %d" % origin.calls()))
    assert node.ask("/form").body == b"call 1"
    assert node.ask("/form", "POST", body=b"x").body == b"call 2"
    assert node.ask("/form").body == b"call 3"


def test_a_request_with_authorization_leaves_what_is_shared_alone(node, origin):
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100"})
    assert node.ask("/").body == b"call 1"
    private = node.ask("/", fields={"Authorization": "Basic eDp5"})
    assert private.body == b"call 2" and cache_status.of(private)["fwd"] in ("request", "uri-miss")
    hit = node.ask("/")
    assert hit.body == b"call 1" and cache_status.hit(hit)


def test_an_answer_to_authorization_does_not_keep_others_from_sharing(node, origin):
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100"})
    assert node.ask("/", fields={"Authorization": "Basic eDp5"}).body == b"call 1"
    assert node.ask("/").body == b"call 2"
    assert node.ask("/").body == b"call 2" and origin.calls() == 2


def test_a_follower_with_authorization_gets_an_answer_of_its_own(weirs, origin):
    node = weirs(rfc.settings(origin, workers=1))
    origin.on("/", lambda r: Answer(200, {"Cache-Control": "max-age=100"}, r.fields.get("Authorization", "-").encode(),
                                    delay=0.3))
    with node.connect() as leader, node.connect() as follower:
        leader.send_head("GET", "/")
        origin.wait_calls("/", 1)
        follower.send_head("GET", "/", {"Authorization": "Basic eDp5"})
        assert (leader.read().body, follower.read().body) == (b"-", b"Basic eDp5")


@pytest.mark.parametrize("status, directives, stored", [
    (200, "max-age=100, no-store, must-understand", True),
    (299, "max-age=100, no-store, must-understand", False),
    (299, "max-age=100, must-understand", False),
    (299, "max-age=100", True),
    (302, "max-age=100", True),
    (302, "public", False),
    (503, "max-age=100", True),
])
def test_statuses_and_must_understand(node, origin, status, directives, stored):
    origin.on("/", lambda r: Answer(status, {"Cache-Control": directives}, b"call %d" % origin.calls()))
    node.ask("/")
    assert node.ask("/").body == (b"call 1" if stored else b"call 2")


@pytest.mark.parametrize("fields", [{"Cache-Group-Invalidation": '"g"'}, {"Location": "/"}])
@pytest.mark.parametrize("key", [{}, {"headers": ["X-A"]}])
def test_an_unsafe_request_is_answered_when_redis_knows_what_it_has_changed(weirs, origin, redis, fields, key):
    """RFC 9111 4.4, RFC 9875 3"""
    node = weirs({"origins": {"app": policy.origin(origin)}, "redis": {"url": redis.socket_url, "timeout": "10s"},
                  "routes": [policy.route("/do"), policy.route(cache={"jitter": "0%", "key": key})]})
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100", "Cache-Groups": '"g"'})
    origin.on("/do", Answer(200, fields))
    until(lambda: cache_status.hit(node.ask("/")), "stored")
    calls = origin.calls("/")
    redis.pause()
    with node.connect() as client:
        client.send_head("POST", "/do", {"Content-Length": "0"})
        origin.wait_calls("/do", 1)
        quiet = client.quiet()
        redis.resume()
        assert quiet and client.read().status == 200
    assert node.ask("/").body == b"call %d" % (calls + 1)


def test_an_unsafe_request_is_answered_although_redis_hangs(weirs, origin, redis):
    node = weirs(rfc.settings(origin, workers=1, redis={"url": redis.socket_url, "timeout": "300ms"}))
    origin.on("/", Answer(200, {"Cache-Control": "max-age=100"}, b"old"))
    origin.on("/do", Answer(201, {"Location": "/", "Content-Location": "/other"}, b"done"))
    node.ask("/")
    redis.pause()
    with node.connect() as leaver:      # one that doesn't wait for the end
        leaver.send_head("POST", "/do", {"Content-Length": "0"})
        origin.wait_calls("/do", 1)
        leaver.reset()
    assert node.ask("/do", "POST", body=b"x").body == b"done"
    redis.resume()
    assert node.ask("/do", "POST", body=b"x").body == b"done"
