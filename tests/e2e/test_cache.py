# SPDX-License-Identifier: BSD-2-Clause
"""Cache-aside on one node: what is stored, for how long, under which key, and how it is served."""

import threading
import time
from email.utils import formatdate

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.pattern import BLOCK, Pattern
from rig.wait import until
from rig.wire import Closed


def counting(origin, path, fields=(), **more):
    """Each answer of the path carries the number of the call in its body."""
    origin.on(path, lambda request: Answer(200, fields, b"call %d" % origin.calls(path), **more))


@pytest.fixture
def by_origin(weirs, origin):
    """A node whose policy names no ttl: only what the origin says counts."""
    return weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache={"jitter": "0%"})]})


@pytest.fixture(params=["memory", "redis"])
def stored(request, weirs, origin):
    """A caching node; everything here holds for the memory store and for Redis alone."""
    settings = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]}
    if request.param == "redis":
        settings |= {"redis": {"url": request.getfixturevalue("redis").socket_url, "timeout": policy.PATIENT},
                     "memory": "off"}
    return weirs(settings)


def test_miss_then_hit(stored, origin):
    counting(origin, "/", {"Content-Type": "text/x", "ETag": '"a"'})
    miss, hit = stored.ask("/"), stored.ask("/")
    assert (miss.body, hit.body) == (b"call 1", b"call 1")
    assert cache_status.of(miss)["fwd"] == "uri-miss" and not cache_status.hit(miss)
    assert cache_status.hit(hit)
    assert hit.fields["Age"] in ("0", "1") and "Age" not in miss.fields
    assert (hit.fields["Content-Type"], hit.fields["ETag"]) == ("text/x", '"a"')
    assert hit.fields["Content-Length"] == "6"
    assert origin.calls() == 1


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [0, 1, BLOCK + 1, 40 * BLOCK + 7])
def test_a_hit_is_the_body_byte_by_byte(stored, origin, framing, size):
    body = Pattern(size)
    origin.on("/", body=body, framing=framing)
    for _ in range(3):
        answer = stored.ask("/")
        assert (answer.length, answer.digest()) == (size, body.digest())
    assert origin.calls() == 1


def test_a_hit_is_served_on_keep_alive_and_to_http_1_0(stored, origin):
    counting(origin, "/", framing="chunked")
    with stored.connect() as connection:
        assert [connection.ask("/").body for _ in range(5)] == [b"call 1"] * 5
        old = connection.ask("/", version="HTTP/1.0")
        assert old.body == b"call 1" and "Transfer-Encoding" not in old.fields


def test_head_is_answered_from_a_stored_get_and_stores_no_body(stored, origin):
    origin.on("/", body=b"12345")
    assert stored.ask("/", "HEAD").fields["Content-Length"] == "5"
    assert stored.ask("/").body == b"12345"
    head = until(lambda: next((a for a in [stored.ask("/", "HEAD")] if cache_status.hit(a)), None), "a stored GET")
    assert head.fields["Content-Length"] == "5"


def test_age_grows_and_upstream_age_counts(stored, origin):
    counting(origin, "/aged", {"Age": "30", "Cache-Control": "max-age=100"})
    stored.ask("/aged")
    first = until(lambda: (a := stored.ask("/aged")) and int(a.fields["Age"]) >= 31 and a, "Age growing")
    assert cache_status.hit(first) and int(first.fields["Age"]) <= 45


@pytest.mark.parametrize("request_fields, response_fields", [
    ({}, {"Cache-Control": "no-store"}),
    ({}, {"Cache-Control": "private"}),
    ({}, {"Cache-Control": "max-age=60, NO-STORE"}),
    ({}, [("Cache-Control", "max-age=60"), ("Cache-Control", "private")]),
    ({}, {"Cache-Control": "max-age=0"}),
    ({}, {"Cache-Control": "s-maxage=0, max-age=60"}),
    ({}, {"Set-Cookie": "session=1"}),
    ({}, {"Vary": "*"}),
    ({}, {"Vary": "Accept, *"}),
    ({"Authorization": "Basic YTpi"}, {}),
    ({"Authorization": "Basic YTpi"}, {"Cache-Control": "max-age=60"}),
])
def test_never_shared(stored, origin, request_fields, response_fields):
    counting(origin, "/", response_fields)
    answers = [stored.ask("/", fields=request_fields) for _ in range(3)]
    assert [a.body for a in answers] == [b"call 1", b"call 2", b"call 3"]
    assert not any(cache_status.hit(a) for a in answers)


def test_authorization_with_public_or_s_maxage_is_shared(stored, origin):
    for path, directive in (("/p", "public, max-age=60"), ("/s", "s-maxage=60"), ("/m", "max-age=60, must-revalidate")):
        counting(origin, path, {"Cache-Control": directive})
        assert [stored.ask(path, fields={"Authorization": "Basic x"}).body for _ in range(2)] == [b"call 1"] * 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_pass_through(stored, origin, method):
    counting(origin, "/")
    assert [stored.ask("/", method).body for _ in range(2)] == [b"call 1", b"call 2"]


def http_date(offset):
    return formatdate(time.time() + offset, usegmt=True)


@pytest.mark.parametrize("fields, ttl", [
    ({"Cache-Control": "max-age=100"}, 100),
    ({"Cache-Control": "max-age=100, s-maxage=200"}, 200),
    ({"Cache-Control": 'Max-Age="100"'}, None),
    ({"CDN-Cache-Control": "max-age=300", "Cache-Control": "no-store"}, 300),
    ({"CDN-Cache-Control": "no-store", "Cache-Control": "max-age=100"}, 0),
    ({"Expires": "in 400 s"}, 400),
    ({"Expires": "in 400 s", "Cache-Control": "max-age=100"}, 100),
    ({"Expires": "0"}, 0),
    ({"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
])
def test_freshness_comes_from_the_origin(by_origin, origin, fields, ttl):
    fields = {k: v.replace("in 400 s", http_date(400)) for k, v in fields.items()}
    counting(origin, "/", {"Date": http_date(0), **fields})
    by_origin.ask("/")
    second = by_origin.ask("/")
    if ttl is None:
        return
    assert cache_status.hit(second) == (ttl > 0)
    if ttl > 0:
        assert ttl - 5 <= int(cache_status.of(second)["ttl"]) <= ttl


def test_without_a_word_from_anyone_nothing_is_stored_for_long(by_origin, origin):
    counting(origin, "/")
    by_origin.ask("/")
    assert by_origin.ask("/").body == b"call 2"


def test_the_policys_ttl_counts_when_the_origin_says_nothing(stored, origin):
    counting(origin, "/silent")
    counting(origin, "/spoken", {"Cache-Control": "max-age=500"})
    for path, ttl in (("/silent", 60), ("/spoken", 500)):
        stored.ask(path)
        assert ttl - 5 <= int(cache_status.of(stored.ask(path))["ttl"]) <= ttl


def test_override_puts_the_policy_over_the_origin(weirs, origin):
    node = weirs({"origins": {"app": policy.origin(origin)},
                  "routes": [policy.route(cache={"ttl": "1h", "override": True, "jitter": "0%"})]})
    counting(origin, "/", {"Cache-Control": "max-age=1"})
    node.ask("/")
    assert int(cache_status.of(node.ask("/"))["ttl"]) > 3000


def test_an_object_expires(stored, origin):
    counting(origin, "/", {"Cache-Control": "max-age=1"})
    assert stored.ask("/").body == b"call 1"
    again = until(lambda: (a := stored.ask("/")).body != b"call 1" and a, "the object's end")
    assert again.body == b"call 2" and cache_status.of(again)["fwd"] in ("stale", "uri-miss", "miss")


def test_key_holds_host_path_and_query(stored, origin):
    for target in ("/a", "/b", "/a?x=1", "/a?x=2", "/a?"):
        origin.on(target, lambda request: Answer(body=f"{request.fields['Host']} {request.target}".encode()))
    asked = [(h, t) for h in ("one.example", "two.example") for t in ("/a", "/b", "/a?x=1", "/a?x=2")]
    for _ in range(2):
        assert [stored.ask(t, host=h).text for h, t in asked] == [f"{h} {t}" for h, t in asked]
    assert origin.calls() == len(asked)
    assert cache_status.hit(stored.ask("/a", host="ONE.example"))


def test_key_policy_drops_and_sorts_query_and_adds_headers(weirs, origin):
    key = {"query": {"drop": ["utm_*"]}, "headers": ["X-Lang"]}
    node = weirs({"origins": {"app": policy.origin(origin)},
                  "routes": [policy.route(cache={"ttl": "60s", "key": key})]})
    counting(origin, "/")
    assert node.ask("/?a=1&utm_source=x").body == b"call 1"
    assert node.ask("/?a=1&utm_campaign=y").body == b"call 1"
    assert node.ask("/?a=2").body == b"call 2"
    assert node.ask("/?a=1", fields={"X-Lang": "de"}).body == b"call 3"


def test_vary_keeps_variants_apart(stored, origin):
    origin.on("/", lambda r: Answer(200, {"Vary": "Accept-Language, X-Kind"},
                                    f"{r.fields.get('Accept-Language')} {r.fields.get('X-Kind')}".encode()))
    variants = [{"Accept-Language": "de"}, {"Accept-Language": "fr"}, {"X-Kind": "a"}, {}]
    for _ in range(2):
        for fields in variants:
            want = f"{fields.get('Accept-Language')} {fields.get('X-Kind')}"
            assert stored.ask("/", fields=fields).text == want
    assert origin.calls() == len(variants)


def test_vary_sees_through_case_and_white_space_of_names(stored, origin):
    counting(origin, "/", {"Vary": "  x-kind ,ACCEPT"})
    stored.ask("/", fields={"X-KIND": "a", "accept": "b"})
    assert cache_status.hit(stored.ask("/", fields={"x-Kind": "a", "Accept": "b"}))


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_cut_short_is_never_stored(stored, origin, framing):
    origin.on("/", Answer(body=b"0123456789", framing=framing, abort_after=4), Answer(body=b"0123456789"))
    with stored.connect() as connection:
        try:
            assert connection.ask("/").status == 502
        except Closed:
            pass
    assert stored.ask("/").body == b"0123456789"
    assert origin.calls() == 2


def test_statuses_that_may_not_be_kept_are_not(stored, origin):
    for status in (500, 503, 206):
        origin.on(f"/{status}", Answer(status, body=b"bad"), Answer(200, body=b"good"))
        stored.ask(f"/{status}")
        assert stored.ask(f"/{status}").body == b"good"


def test_what_was_stored_does_not_carry_the_other_clients_fields(stored, origin):
    origin.on("/", body=b"x", fields={"Connection": "X-Hop", "X-Hop": "1", "X-Request-ID": "origin-1"})
    first, second = stored.ask("/"), stored.ask("/", fields={"X-Request-ID": "mine"})
    assert "X-Hop" not in first.fields and "X-Hop" not in second.fields
    assert second.fields.all("Date") == first.fields.all("Date") and len(second.fields.all("Age")) == 1


def test_grace_serves_stale_at_once_and_refreshes_behind(stored, origin):
    gate = threading.Event()
    fields = {"Cache-Control": "max-age=1, stale-while-revalidate=60"}
    origin.on("/", Answer(200, fields, b"old"), Answer(200, {"Cache-Control": "max-age=60"}, b"new", gate=gate))
    assert stored.ask("/").body == b"old"
    until(lambda: stored.ask("/").body == b"old" and origin.calls() == 2, "a background refresh")
    stale = stored.ask("/")
    assert stale.body == b"old" and cache_status.hit(stale) and int(cache_status.of(stale)["ttl"]) <= 0
    assert origin.calls() == 2
    gate.set()
    until(lambda: stored.ask("/").body == b"new", "the refreshed object")
    assert origin.calls() == 2


def test_grace_of_the_policy_and_a_refresh_that_fails(weirs, origin):
    node = weirs({"origins": {"app": policy.origin(origin)},
                  "routes": [policy.route(cache={"ttl": "1s", "grace": "1m", "jitter": "0%"})]})
    origin.on("/", Answer(body=b"old"), Answer(raw=b"rubbish\r\n\r\n", keep=False), Answer(body=b"new"))
    node.ask("/")
    seen = set()
    until(lambda: seen.add(node.ask("/").body) or b"new" in seen, "the object after a failed refresh")
    assert seen == {b"old", b"new"}


def test_cache_off_stores_nothing(proxy, origin):
    counting(origin, "/", {"Cache-Control": "max-age=100"})
    assert [proxy.ask("/").body for _ in range(2)] == [b"call 1", b"call 2"]
