# SPDX-License-Identifier: BSD-2-Clause
"""Edits of requests and of answers."""

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.wait import until

FRESH = {"Cache-Control": "max-age=60"}


def node_for(weirs, origin, cache=True, more=(), **edits):
    return weirs({"trusted_proxies": ["127.0.0.1"], "origins": {"app": policy.origin(origin)},
                  "routes": [{**policy.route(cache=cache), **edits}], **dict(more)})


def test_request_fields_are_set_added_and_removed(weirs, origin):
    node = node_for(weirs, origin, "off", request={
        "set": {"X-Client": "{client}", "X-Where": "{scheme}://{host}{target}", "X-Lang": "{cookie:lang}-{query:l}",
                "X-Copy": ["{header:X-In}", "{method} {path} {query}"], "X-None": "{cookie:none}", "X-Brace": "{{a}}"},
        "add": {"X-Both": "weir's"}, "remove": ["X-Debug", "X-Tool-*"]})
    origin.on("/p")
    node.ask("/p?l=d%20e", host="Shop.example:81", fields={
        "Cookie": 'a=1; lang="de"', "X-Client": "forged", "x-both": "mine", "X-Debug": "1", "X-Tool-A": "1", "X-In": "in",
        "X-None": "forged", "X-Forwarded-For": "192.0.2.7"})
    seen = origin.last("/p?l=d%20e")
    values = seen.fields.all
    assert values("X-Client") == ["192.0.2.7"]
    assert values("X-Where") == ["http://shop.example/p?l=d%20e"]
    assert values("X-Lang") == ["de-d e"]
    assert values("X-Copy") == ["in", "GET /p l=d%20e"]
    assert sorted(values("X-Both")) == ["mine", "weir's"]
    assert values("X-Brace") == ["{a}"]
    assert not any(values(name) for name in ("X-Debug", "X-Tool-A", "X-None"))


def test_other_spellings_and_connection_and_trailers_get_round_no_edit(weirs, origin):
    """An application takes X_User for X-User, and may take a trailer for a field."""
    node = node_for(weirs, origin, "off", request={"set": {"X-User": "weir"}, "remove": ["X-Secret"]})
    origin.on("/")
    with node.connect() as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: h\r\nConnection: X-User\r\nX_User: forged\r\nX-User: forged\r\n"
                        b"X_Secret: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Secret: 1\r\nX-User: forged\r\nX-Kept: 1\r\n\r\n")
        assert connection.read().status == 200
    seen = origin.last("/")
    assert seen.fields["X-User"] == "weir"
    sent = seen.fields.pairs + seen.trailers.pairs
    assert not any("Secret" in name or value == "forged" for name, value in sent)
    assert seen.trailers.pairs == [("X-Kept", "1")]


@pytest.mark.parametrize("edits, came, went", [
    ({"strip": "/api"}, "/api/users?a=1", "/users?a=1"),
    ({"strip": "/api/"}, "/api", "/"),
    ({"strip": "/api"}, "/apis/users", "/apis/users"),
    ({"strip": "/api"}, "/%61pi/a%20b", "/a%20b"),
    ({"strip": "/api"}, "//api/./x", "/x"),
    ({"strip": "/api", "prefix": "/v1"}, "/api/users", "/v1/users"),
    ({"prefix": "/v1"}, "/", "/v1/"),
    ({"strip": "/api", "prefix": "/v1"}, "/api", "/v1"),
    ({"replace": "/one/{query:id}"}, "/x?id=a/../b%20c", "/one/a%2F..%2Fb%20c?id=a/../b%20c"),
    ({"replace": "/old{path}"}, "/x%20y", "/old/x%20y"),
    ({"strip": "/api", "replace": "{path}.html", "prefix": "/v1"}, "/api/x", "/v1/x.html"),
    ({"query": {"remove": ["utm_*"]}}, "/?utm_a=1&b=2&%75tm_c=3", "/?b=2"),
    ({"query": {"remove": ["*"]}}, "/?a=1", "/"),
    ({"query": {"set": {"lang": "de fr", "id": "{query:x}"}}}, "/?lang=en&a=1&x=%26b", "/?a=1&x=%26b&lang=de%20fr&id=%26b"),
    ({"query": {"set": {"id": "{cookie:none}"}}}, "/?id=1&b", "/?b"),
])
def test_the_target_is_edited(weirs, origin, edits, came, went):
    node = node_for(weirs, origin, request=edits)
    origin.on(went, fields=FRESH)
    assert node.ask(came).status == 200
    assert origin.calls(went) == 1


def test_host_is_edited_and_the_origins_own_name_put_right(weirs, origin):
    node = node_for(weirs, origin, request={"set": {"Host": "app.internal"}})
    origin.on("/", Answer(302, {"Location": "http://app.internal/there", **FRESH}))
    for _ in range(2):
        answer = node.ask("/", host="shop.example")
        assert answer.fields["Location"] == "http://shop.example/there"
    seen = origin.last("/").fields
    assert (seen["Host"], seen["X-Forwarded-Host"]) == ("app.internal", "shop.example")
    assert cache_status.hit(answer)


def test_a_purge_finds_the_url_that_clients_know(weirs, origin):
    node = node_for(weirs, origin, request={"strip": "/api", "set": {"X-User": "{cookie:user}"}}, more={"purge_from": ["127.0.0.1"]})
    origin.on("/x", fields=FRESH)
    for _ in range(2):
        answer = node.ask("/api/x", fields={"Cookie": "user=a"})
    assert cache_status.hit(answer)
    assert node.ask("/api/x", "PURGE").status == 200
    assert not cache_status.hit(node.ask("/api/x", fields={"Cookie": "user=a"}))


ECHO = {"X-Client": "{client}", "X-User": "{cookie:user}", "X-Copied": "{header:X-In}", "Cookie": "user={cookie:user}",
        "Authorization": "{header:X-In}"}


@pytest.mark.parametrize("request_", [
    *({"set": {name: value}, "remove": [other for other in ("Cookie", "Authorization") if other != name]} for name, value in ECHO.items()),
    {"replace": "/{cookie:user}", "remove": ["Cookie"]}, {"query": {"set": {"u": "{client}"}}, "remove": ["Cookie"]},
    {"set": {"Host": "{cookie:user}.example"}, "remove": ["Cookie"]}])
@pytest.mark.parametrize("declared", [True, False])
def test_nobody_gets_what_an_edit_made_for_another(weirs, origin, request_, declared):
    """The origin's page depends on what the edit sends, its Vary says nothing of that, and the client's own fields are gone."""
    node = node_for(weirs, origin, cache={"ttl": "60s", "key": {"host": True}}, request=request_)

    def page(r):
        fields = {name: value for name, value in r.fields if name in ECHO or name == "Host"}
        return Answer(200, FRESH if declared else {}, body=f"{r.target} {sorted(fields.items())}".encode())
    for path in ("/", "/1", "/2", "/3"):
        origin.on(path, page)
    visits = [{"Cookie": f"user={n}", "X-In": str(n), "X-Forwarded-For": f"192.0.2.{n}"} for n in (1, 2, 3)]
    pages = [node.ask("/", fields=visit).body for visit in visits]
    assert len(set(pages)) == 3
    again = [node.ask("/", fields=visit) for visit in visits]
    assert [answer.body for answer in again] == pages
    assert all(cache_status.hit(answer) for answer in again)


@pytest.mark.parametrize("value", ["constant", "{request_id}", "{host}"])
def test_what_is_the_same_for_all_is_shared(weirs, origin, value):
    node = node_for(weirs, origin, request={"set": {"X-A": value, "Authorization": "Basic YTpi", "X-Real-IP": "{client}"}, "remove": ["Cookie"]})
    origin.on("/")
    first, second = (node.ask("/", fields={"Cookie": f"user={n}", "X-Forwarded-For": f"192.0.2.{n}"}) for n in (1, 2))
    assert not cache_status.hit(first) and cache_status.hit(second)
    seen = origin.last("/").fields
    assert (seen["X-Real-IP"], seen["Authorization"]) == ("192.0.2.1", "Basic YTpi")


def test_a_response_varies_by_the_field_that_is_sent(weirs, origin):
    node = node_for(weirs, origin, request={"set": {"X-Tier": "gold"}})
    origin.on("/", fields={**FRESH, "Vary": "X-Tier"})
    node.ask("/", fields={"X-Tier": "1"})
    assert cache_status.hit(node.ask("/", fields={"X-Tier": "2"}))


def test_a_value_that_would_end_its_field_is_dropped_and_counted(weirs, origin):
    node = node_for(weirs, origin, "off", request={"set": {"X-Q": "{query:q}"}}, response={"set": {"X-Q": "a{query:q}"}})
    origin.on("/", fields={"X-Q": "origin's"})
    for bad in ("%0d%0aEvil:%201", "%00", "%0A", "a%0D"):
        origin.on(f"/?q={bad}", fields={"X-Q": "origin's"})
        answer = node.ask(f"/?q={bad}")
        assert answer.status == 200 and "X-Q" not in answer.fields and "Evil" not in answer.fields
        assert "X-Q" not in origin.last(f"/?q={bad}").fields
    assert node.admin.metric("weir_edits_dropped_total") == 8


# the answer

def test_answers_are_edited_when_delivered(weirs, origin):
    edits = {"set": {"X-Frame-Options": "DENY", "X-Who": "{client} {request_id}"}, "add": {"Link": "</a>"},
             "remove": ["Server", "X-Powered-*", "Set-Cookie"]}
    node = node_for(weirs, origin, response=edits)
    origin.on("/", fields={**FRESH, "Server": "s", "X-Powered-By": "p", "X-Frame-Options": "ALLOW", "Link": "</b>", "ETag": '"1"',
                           "Set-Cookie": "a=1", "X-Kept": "k"}, body=b"0123456789")
    for n, (fields, status) in enumerate([({}, 200), ({}, 200), ({"If-None-Match": '"1"'}, 304), ({"Range": "bytes=0-3"}, 206), ({"Range": "bytes=90-"}, 416)]):
        answer = node.ask("/", fields={**fields, "X-Forwarded-For": f"192.0.2.{n}", "X-Request-ID": "r"})
        assert answer.status == status
        assert answer.fields["X-Frame-Options"] == "DENY"
        assert answer.fields["X-Who"] == f"192.0.2.{n} r"
        assert "</a>" in answer.fields["Link"]
        assert not {"Server", "X-Powered-By", "Set-Cookie"} & set(answer.fields)
        assert "Via" in answer.fields and "Cache-Status" in answer.fields
    assert origin.calls("/") == 1
    head = node.ask("/", "HEAD")
    assert head.fields["X-Frame-Options"] == "DENY" and head.fields["Content-Length"] == "10"


def test_a_changed_edit_needs_no_purge(weirs, origin):
    def settings(value):
        return {"origins": {"app": policy.origin(origin)}, "routes": [{**policy.route(cache=True), "response": {"set": {"X-A": value}}}]}
    node = weirs(settings("1"))
    origin.on("/", fields=FRESH)
    assert node.ask("/").fields["X-A"] == "1"
    node.reload(settings("2"))
    answer = until(lambda: (seen := node.ask("/")).fields["X-A"] == "2" and seen, "the new policy")
    assert cache_status.hit(answer) and origin.calls("/") == 1


def test_weirs_own_answers_are_edited(weirs, origin):
    node = node_for(weirs, origin, "off", response={"set": {"X-A": "{path}"}, "remove": ["Cache-Control"]})
    origin.on("/gone", Answer(raw=b"", keep=False))
    answer = node.ask("/gone")
    assert answer.status == 502 and answer.fields["X-A"] == "/gone" and "Cache-Control" not in answer.fields
    assert b"Bad Gateway" in answer.body


def test_trailers_are_edited(weirs, origin):
    node = node_for(weirs, origin, "off", response={"remove": ["X-Secret"]})
    origin.on("/", Answer(200, {}, body=b"x", framing="chunked", trailers={"X-Secret": "1", "X-Kept": "1"}))
    answer = node.ask("/", fields={"TE": "trailers", "Connection": "TE"})
    assert answer.trailers.pairs == [("X-Kept", "1")]
