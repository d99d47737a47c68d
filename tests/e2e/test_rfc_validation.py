# SPDX-License-Identifier: BSD-2-Clause
"""RFC 9111 4.3, RFC 9110 13: validation at the origin, and conditions of clients answered from the store."""

import time
from email.utils import formatdate

import pytest

from rig import cache_status, rfc
from rig.answer import Answer
from rig.wait import until


@pytest.fixture
def node(weirs, origin):
    return weirs(rfc.settings(origin))


def date(offset):
    return formatdate(time.time() + offset, usegmt=True)


def test_a_304_updates_fields_but_not_what_describes_the_content(node, origin):
    origin.on("/", Answer(200, {**rfc.STALE, "ETag": '"v1"', "X-Old": "kept", "X-New": "before", "Content-Encoding": "br",
                                "Content-Type": "text/x"}, b"body"),
              Answer(304, {"Cache-Control": "max-age=1000", "ETag": '"v1"', "X-New": "after", "Content-Encoding": "gzip",
                           "Content-Length": "3", "X-More": "1"}))
    node.ask("/")
    for hit in (False, True):
        answer = node.ask("/")
        assert (answer.status, answer.body) == (200, b"body") and cache_status.hit(answer) == hit
        assert [answer.fields.all(n) for n in ("X-Old", "X-New", "X-More", "Content-Encoding", "Content-Type", "ETag")] == [
            ["kept"], ["after"], ["1"], ["br"], ["text/x"], ['"v1"']]
        assert answer.fields["Cache-Control"] == "max-age=1000" and answer.fields["Content-Length"] == "4"
    assert origin.calls() == 2


def test_both_validators_go_to_the_origin_as_they_were_stored(node, origin):
    modified = "Sun, 06 Nov 1994 08:49:37 GMT"
    origin.on("/", Answer(200, {**rfc.STALE, "ETag": 'W/"odd,tag"', "Last-Modified": modified}, b"x"))
    node.ask("/")
    node.ask("/", fields={"If-None-Match": '"mine"', "If-Modified-Since": date(0), "X-Mine": "1"})
    sent = origin.last("/").fields
    assert (sent.all("If-None-Match"), sent.all("If-Modified-Since")) == (['W/"odd,tag"'], [modified])
    assert sent["X-Mine"] == "1"


def test_a_304_that_varies_otherwise_is_not_stored_under_the_old_key(node, origin):
    origin.on("/", Answer(200, {**rfc.STALE, "ETag": '"v1"'}, b"one"),
              Answer(304, {"ETag": '"v1"', "Vary": "X-Kind", "Cache-Control": "max-age=100"}),
              Answer(200, {"Cache-Control": "max-age=100", "Vary": "X-Kind"}, b"two"))
    node.ask("/", fields={"X-Kind": "a"})
    assert node.ask("/", fields={"X-Kind": "a"}).body == b"one"
    assert node.ask("/", fields={"X-Kind": "b"}).body == b"two"


MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("fields, status", [
    ({"If-None-Match": '"v1"'}, 304),
    ({"If-None-Match": 'W/"v1"'}, 304),
    ({"If-None-Match": '"a", "v1" , "b"'}, 304),
    ([("If-None-Match", '"a"'), ("If-None-Match", '"v1"')], 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"v2"'}, 200),
    ({"If-None-Match": "v1"}, 200),
    ({"If-None-Match": '"v2"', "If-Modified-Since": MODIFIED}, 200),
    ({"If-None-Match": '"v1"', "If-Modified-Since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 304),
    ({"If-Modified-Since": MODIFIED}, 304),
    ({"If-Modified-Since": "Sunday, 06-Nov-94 08:49:37 GMT"}, 304),
    ({"If-Modified-Since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 200),
    ({"If-Modified-Since": "yesterday"}, 200),
])
@pytest.mark.parametrize("how", ["hit", "miss", "validated", "private"])
def test_conditions_of_clients(node, origin, fields, status, how):
    said = {"hit": {"Cache-Control": "max-age=100"}, "miss": {"Cache-Control": "max-age=100"},
            "validated": rfc.STALE, "private": {"Cache-Control": "private"}}[how]
    rfc.validating(origin, "/", {**said, "Last-Modified": MODIFIED, "X-Other": "1"})
    if how in ("hit", "validated"):
        node.ask("/")
    answer = node.ask("/", fields=fields)
    assert answer.status == status
    if how == "miss":       # what goes to the store must be whole, whatever this client holds
        assert "If-None-Match" not in origin.last("/").fields and "If-Modified-Since" not in origin.last("/").fields
    if status == 304:
        assert answer.fields["ETag"] == '"v1"' and "X-Other" not in answer.fields and "Content-Length" not in answer.fields
    if how == "miss":
        assert cache_status.hit(node.ask("/"))


def test_if_modified_since_is_held_against_date_where_there_is_no_last_modified(node, origin):
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100", "Date": MODIFIED, "Expires": date(3600)})
    rfc.counting(origin, "/new", {"Cache-Control": "max-age=100", "Date": date(0)})
    node.ask("/new")
    assert node.ask("/new", fields={"If-Modified-Since": date(5)}).status == 304
    assert node.ask("/new", fields={"If-Modified-Since": date(-3000)}).status == 200


def test_head_alters_nothing_of_the_stored_response_it_agrees_with(node, origin):
    """RFC 9111 4.3.5 lets a cache update it; but those fields were made for whoever sent the HEAD."""
    origin.on("/", Answer(200, {"Cache-Control": "max-age=100", "ETag": '"v1"', "X-New": "before"}, b"12345"),
              Answer(200, {"Cache-Control": "max-age=1000", "ETag": '"v1"', "X-New": "after", "Set-Cookie": "a=1", "Content-Length": "5"}))
    node.ask("/")
    head = node.ask("/", "HEAD", fields={"Cache-Control": "no-cache"})
    assert (head.fields["X-New"], head.fields["Set-Cookie"]) == ("after", "a=1") and origin.last("/").method == "HEAD"
    hit = node.ask("/")
    assert cache_status.hit(hit) and (hit.body, hit.fields["X-New"]) == (b"12345", "before") and "Set-Cookie" not in hit.fields
    assert origin.calls() == 2


@pytest.mark.parametrize("changed", [{"ETag": '"v2"'}, {"Content-Length": "7"},
                                     {"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}])
@pytest.mark.parametrize("store", ["memory", "redis"])
def test_head_that_tells_of_another_response_makes_the_stored_one_stale(weirs, origin, request, store, changed):
    """... and no more: it is validated, and serves when the origin fails."""
    more = {}
    if store == "redis":
        more = {"redis": {"url": request.getfixturevalue("redis").socket_url, "timeout": "2s"}, "memory": "off"}
    node = weirs(rfc.settings(origin, {"stale_if_error": "60s"}, **more))
    origin.on("/", Answer(200, {"Cache-Control": "max-age=1000", "ETag": '"v1"'}, b"12345"),
              Answer(200, {"Cache-Control": "max-age=1000", "ETag": '"v1"', "Content-Length": "5", **changed}),
              Answer(503, {}, b"down"), Answer(304, {"ETag": '"v1"'}))
    node.ask("/")
    if store == "redis":
        until(lambda: request.getfixturevalue("redis").keys("weir:v1:cache:*"), "stored")
    until(lambda: cache_status.hit(node.ask("/")), "a hit")
    node.ask("/", "HEAD", fields={"Cache-Control": "no-cache"})
    until(lambda: not cache_status.hit(node.ask("/")) or origin.calls() > 2, "stale")
    assert node.ask("/").body == b"12345" and origin.last("/").fields["If-None-Match"] == '"v1"'
    assert origin.calls() == 4


def test_a_failed_head_changes_nothing(node, origin):
    origin.on("/", Answer(200, {**rfc.STALE, "ETag": '"v1"'}, b"12345"), Answer(503, {"ETag": '"v2"'}), Answer(304))
    node.ask("/")
    assert node.ask("/", "HEAD").status == 503
    assert node.ask("/").body == b"12345" and origin.last("/").fields["If-None-Match"] == '"v1"'


@pytest.mark.parametrize("directive", ["must-revalidate", "proxy-revalidate", "s-maxage=100", "no-cache"])
def test_what_must_be_validated_is_not_served_when_it_can_not_be(node, origin, directive):
    origin.on("/", Answer(200, {"Cache-Control": f"max-age=100, {directive}", "Age": "150", "ETag": '"v1"'}, b"old"),
              Answer(200, {"Cache-Control": "max-age=100", "Age": "150", "ETag": '"v1"'}, b"old"))
    node.ask("/")
    origin.stop()
    assert node.ask("/").status == 502


def test_disconnected_from_the_origin_stale_is_better_than_nothing(node, origin):
    origin.on("/", Answer(200, {"Cache-Control": "max-age=100", "Age": "150", "ETag": '"v1"'}, b"old"))
    node.ask("/")
    origin.stop()
    answer = node.ask("/")
    assert (answer.status, answer.body) == (200, b"old") and int(answer.fields["Age"]) >= 150
    assert cache_status.of(answer)["fwd"] == "stale" and "hit" not in cache_status.of(answer)


def test_unsafe_methods_invalidate_what_they_name_on_their_own_host(node, origin):
    for path in ("/", "/a", "/b", "/c"):
        rfc.counting(origin, path, {"Cache-Control": "max-age=100"})
    origin.on("/do", Answer(500, {"Location": "/a"}),
              Answer(201, {"Location": "http://test.example/a", "Content-Location": "/b?x=1#top"}),
              Answer(204, {"Location": "http://else.example/c"}))
    rfc.counting(origin, "/b?x=1", {"Cache-Control": "max-age=100"})
    paths = ("/a", "/b", "/b?x=1", "/c")
    hits = lambda: [cache_status.hit(node.ask(path)) for path in paths]     # noqa: E731
    hits()
    assert hits() == [True] * 4
    assert node.ask("/do", "PUT", body=b"x").status == 500
    assert hits() == [True] * 4
    node.ask("/do", "PUT", body=b"x")
    assert hits() == [False, True, False, True]
    node.ask("/do", "DELETE")
    assert hits() == [True] * 4


@pytest.mark.parametrize("stored, other", [
    ({"ETag": '"v1"'}, {"ETag": '"v2"'}),
    ({"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, {"Last-Modified": "Sun, 06 Nov 1994 08:49:38 GMT"}),
])
def test_a_304_about_something_else_freshens_nothing(node, origin, stored, other):
    """RFC 9111 4.3.4: what is stored must not be updated by it. The origin is asked again, without conditions."""
    def answer(request):
        if "If-None-Match" in request.fields or "If-Modified-Since" in request.fields:
            return Answer(304, {**other, "Cache-Control": "max-age=100"})
        if origin.calls("/") == 1:
            return Answer(200, {**rfc.STALE, **stored}, b"old")
        return Answer(200, {**other, "Cache-Control": "max-age=100"}, b"new")
    origin.on("/", answer)
    assert node.ask("/").body == b"old"
    renewed = node.ask("/")
    assert renewed.body == b"new" and cache_status.of(renewed)["fwd-status"] == "200"
    assert cache_status.hit(node.ask("/")) and origin.calls() == 3


def test_what_is_validated_each_time_is_written_only_when_it_has_changed(weirs, redis, origin):
    """RFC 9111 4.3.4: a changed field is; but not the same content into Redis for every client."""
    news = {"X-A": "1"}
    node = weirs(rfc.settings(origin, redis={"url": redis.socket_url, "timeout": "2s"}))
    rfc.validating(origin, "/", {"Cache-Control": "no-cache", **news}, update=news)

    def written():
        [key] = redis.keys("weir:v1:cache:*")
        return redis.hash(key)["meta"]

    node.ask("/")
    until(lambda: redis.keys("weir:v1:cache:*"), "stored")
    assert cache_status.of(node.ask("/"))["fwd-status"] == "304"      # the fields stand in another order now
    before = until(lambda: cache_status.of(node.ask("/")).get("stored") is None and written(), "not written anew")
    for _ in range(3):
        assert "stored" not in cache_status.of(node.ask("/"))
    assert written() == before
    rfc.validating(origin, "/", {"Cache-Control": "no-cache"}, update={"X-A": "2"})
    changed = node.ask("/")
    assert changed.fields["X-A"] == "2" and "stored" in cache_status.of(changed)
    until(lambda: written() != before, "written")


def test_a_304_to_a_request_without_conditions_is_no_answer(node, origin):
    origin.on("/", Answer(304, {"ETag": '"v1"', "Cache-Control": "max-age=100"}))
    for fields in ({}, {"If-None-Match": '"other"'}):
        assert node.ask("/", fields=fields).status == 502
    origin.on("/", Answer(200, {"ETag": '"v1"', "Cache-Control": "max-age=100"}, b"whole"))
    assert node.ask("/").body == b"whole"


@pytest.mark.parametrize("reference, target", [
    ("../a", "/d/a"), ("./../a", "/d/a"), ("b", "/d/e/b"), ("?x=2", "/d/e/do?x=2"), ("#top", "/d/e/do?x=1"),
    ("/d/e/../a", "/d/a"), ("../../../a", "/a"), ("..", "/d/"), (".", "/d/e/"), ("http://test.example", "/"),
    ("http://test.example:80/a", "/a"), ("https://TEST.example:443/a", "/a"), ("//test.example?x", "/?x"),
    ("http://test.example:8080/a", None), ("http://test.example:443/a", None), ("mailto:a", None), ("http://u@test.example/a", None),
])
def test_references_of_an_unsafe_methods_answer_are_resolved(node, origin, reference, target):
    """RFC 9111 4.4 by way of RFC 3986 5.2."""
    targets = {"/a", "/", "/d/a", "/d/e/b", "/d/e/do?x=1", "/d/e/do?x=2", "/d/", "/d/e/", "/?x"}
    for path in targets:
        rfc.counting(origin, path, {"Cache-Control": "max-age=100"})
        node.ask(path)
    origin.on("/d/e/do?x=1", Answer(201, {"Location": reference}))
    assert node.ask("/d/e/do?x=1", "POST", body=b"x").status == 201
    gone = {path for path in targets if node.ask(path, fields={"Cache-Control": "only-if-cached"}).status == 504}
    assert gone == {target, "/d/e/do?x=1"} - {None}


def test_a_refresh_behind_brings_the_clients_fields_and_the_next_answer(node, origin):
    origin.on("/", Answer(200, {"Cache-Control": "max-age=100, stale-while-revalidate=100", "Age": "150"}, b"old"),
              Answer(200, {"Cache-Control": "max-age=100"}, b"new"))
    node.ask("/")
    stale = node.ask("/", fields={"X-Mine": "1"})
    assert stale.body == b"old" and int(cache_status.of(stale)["ttl"]) < 0
    until(lambda: node.ask("/").body == b"new", "the refreshed response")
    assert origin.last("/").fields["X-Mine"] == "1"


@pytest.mark.parametrize("fields", [{"Cache-Control": "private"}, {"Cache-Control": "no-store"}, {"Set-Cookie": "sid=1"}], ids=str)
def test_a_head_that_is_nobody_elses_alters_and_drops_nothing(weirs, origin, fields):
    def answer(request):
        if request.method == "HEAD":
            return Answer(200, {**fields, "X-Whose": "alice", "Content-Length": "6"})
        return Answer(200, {"ETag": '"v1"', "X-Whose": "all"}, b"call %d" % origin.calls("/"))
    origin.on("/", answer)
    node = weirs(rfc.settings(origin, {"ttl": "60s"}))
    assert node.ask("/").body == b"call 1"
    assert node.ask("/", "HEAD", fields={"Cache-Control": "no-cache", "Cookie": "sid=alice"}).fields["X-Whose"] == "alice"
    origin.wait_calls("/", 2)
    again = node.ask("/")
    assert (again.body, again.fields["X-Whose"]) == (b"call 1", "all") and origin.calls("/") == 2


@pytest.mark.parametrize("said", [None, "no-cache, must-revalidate, max-age=0", "max-age=0"])
@pytest.mark.parametrize("cache", [{}, {"ttl": "60s"}], ids=str)
def test_a_tag_that_is_the_same_for_all_validates_no_visitors_page(weirs, origin, cache, said):
    """As WordPress's feeds do: the tag comes from the newest post's date, the content from who asks."""
    more = {"Cache-Control": said} if said else {}
    def answer(request):
        who = request.fields.get("Cookie", "all").encode()
        if request.fields.get("If-None-Match") == '"date"':
            return Answer(304, {"ETag": '"date"', **more})
        return Answer(200, {**more, "ETag": '"date"', "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, b"for " + who)
    origin.on("/", answer)
    node = weirs(rfc.settings(origin, cache))
    alice, bob = {"Cookie": "sid=alice"}, {"Cookie": "sid=bob"}
    for asked in (alice, bob, {}, alice, {"Cache-Control": "no-cache"}, {"Cache-Control": "max-stale"}, bob):
        assert node.ask("/", fields=asked).text == "for " + asked.get("Cookie", "all")
