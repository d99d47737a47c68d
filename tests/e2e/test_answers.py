# SPDX-License-Identifier: BSD-2-Clause
"""Answers that a route gives without its origin, who is let in, and pages in place of errors."""

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.wait import until

FRESH = {"Cache-Control": "max-age=60"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def own(match=None, **answer):
    return {"match": match or {}, **answer}


@pytest.fixture
def node(weirs, origin):
    """node(*routes): a node with these routes before the origin. It believes in X-Forwarded-For."""
    def start(*routes, **settings):
        return weirs({"trusted_proxies": ["127.0.0.1"], "origins": {"app": policy.origin(origin)}, "routes": list(routes), **settings})
    return start


def app(cache="off", **more):
    return {**policy.route(cache=cache), **more}


# redirect

@pytest.mark.parametrize("to, target, location", [
    ("https://{host}{target}", "/a%20b?c=d", "https://shop.example/a%20b?c=d"),
    ("https://{host}/new{path}", "/x?y", "https://shop.example/new/x"),
    ("/new", "/x", "/new"),
    ("{path}/", "//evil.example", "/evil.example/"),
    ("{path}/", "/%5cevil.example", "/%5cevil.example/"),
    ("{path}/", "/\\evil.example", "/%5Cevil.example/"),
    ("/{query:to}", "/?to=/evil.example", "/%2Fevil.example"),
    ("/{query:to}", "/?to=%0d%0aEvil:1", "/%0D%0AEvil%3A1"),
    ("https://www.example/?from={header:X-A}", "/", "https://www.example/?from=%22%3Cb%3E"),
])
def test_a_redirect_leads_where_the_policy_says(node, origin, to, target, location):
    answer = node(own(redirect={"to": to, "status": 308})).ask(target, host="Shop.example:81", fields={"X-A": '"<b>'})
    assert (answer.status, answer.fields["Location"], answer.body) == (308, location, b"")
    assert "Evil" not in answer.fields and "Cache-Status" not in answer.fields
    assert ("Cache-Control" in answer.fields) == ("header:" in to)
    assert origin.calls() == 0


def test_one_request_follows_another_behind_a_redirect(node):
    """With bodies, with HEAD, and by HTTP/1.0."""
    weir = node(own(redirect={"to": "/new"}))
    with weir.connect() as connection:
        for method in ("GET", "HEAD", "POST", "GET"):
            if method == "POST":        # in one write: an answer that comes before the body ends the connection
                connection.send(b"POST / HTTP/1.1\r\nHost: test.example\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000)
                answer = connection.read(method)
            else:
                answer = connection.ask("/", method)
            assert (answer.status, answer.fields["Location"]) == (302, "/new")
    assert weir.ask("/", version="HTTP/1.0").status == 302


# respond

def test_a_fixed_response_is_sent(node, place):
    (place / "page.html").write_text("<p>hello")
    weir = node(own({"path": "/robots.txt"}, respond={"body": "User-agent: *\n", "headers": {"X-A": "{path}"}}),
                own({"path": "/page"}, respond={"status": 404, "file": str(place / "page.html")}),
                own({"path": "/json"}, respond={"body": "{}", "headers": {"Content-Type": "application/json"}}),
                own({"path": "/none"}, respond={"status": 204}),
                own(respond={"status": 410}, response={"set": {"X-Edited": "1"}}))
    answer = weir.ask("/robots.txt")
    assert (answer.status, answer.text, answer.fields["X-A"]) == (200, "User-agent: *\n", "/robots.txt")
    assert answer.fields["Content-Type"].startswith("text/plain")
    head = weir.ask("/robots.txt", "HEAD")
    assert (head.fields["Content-Length"], head.body) == ("14", b"")
    answer = weir.ask("/page")
    assert (answer.status, answer.text) == (404, "<p>hello") and answer.fields["Content-Type"].startswith("text/html")
    assert weir.ask("/json").fields.all("Content-Type") == ["application/json"]
    assert "Content-Length" not in weir.ask("/none").fields
    answer = weir.ask("/else")
    assert (answer.status, answer.body, answer.fields["X-Edited"]) == (410, b"", "1")


def test_limits_count_what_a_route_answers_by_itself(weirs, redis):
    """Redis decides: the answer waits for it."""
    node = weirs({"redis": {"url": redis.url, "timeout": policy.PATIENT}, "origins": {"app": policy.origin("127.0.0.1:1")},
                  "limits": {"few": {"key": "client", "rate": "2/h", "algorithm": "fixed_window"}},
                  "routes": [{**own(redirect={"to": "/new"}), "limits": ["few"]}]})
    assert [node.ask("/").status for _ in range(3)] == [302, 302, 429]


# allow, deny

@pytest.mark.parametrize("access, client, let_in", [
    ({"allow": ["10.0.0.0/8"]}, "10.1.2.3", True), ({"allow": ["10.0.0.0/8"]}, "192.0.2.1", False),
    ({"deny": ["10.0.0.0/8"]}, "10.1.2.3", False), ({"deny": ["10.0.0.0/8"]}, "192.0.2.1", True),
    ({"allow": ["10.0.0.0/8"], "deny": ["10.1.0.0/16"]}, "10.1.2.3", False),
    ({"allow": ["10.0.0.0/8"], "deny": ["10.1.0.0/16"]}, "10.2.2.3", True),
    ({"allow": []}, "10.2.2.3", False), ({"allow": ["2001:db8::/32"]}, "2001:db8::1", True),
])
def test_addresses_are_let_in(node, origin, access, client, let_in):
    weir = node(app(**access))
    origin.on("/")
    answer = weir.ask("/", fields={"X-Forwarded-For": client})
    assert answer.status == (200 if let_in else 403)
    assert origin.calls() == let_in


def test_who_is_not_let_in_gets_nothing_stored_and_uses_up_no_limit(node, origin):
    weir = node(app(cache=True, deny=["192.0.2.0/24"], limits=["few"]), limits={"few": {"key": "header:X-Key", "rate": "1/h", "algorithm": "fixed_window"}})
    origin.on("/", fields=FRESH, body=b"secret")
    for client, status in (("192.0.2.1", 403), ("192.0.2.1", 403), ("198.51.100.1", 200), ("192.0.2.1", 403)):
        answer = weir.ask("/", fields={"X-Forwarded-For": client, "X-Key": "k"})
        assert answer.status == status and (b"secret" in answer.body) == (status == 200)


# maintenance

def test_maintenance_tells_when_to_come_back_and_keeps_what_is_stored(node, origin, place):
    (place / "soon.html").write_text("<p>soon")
    weir = node(app(cache=True))
    origin.on("/", fields=FRESH)
    weir.ask("/")

    def settings(maintenance):
        return {"trusted_proxies": ["127.0.0.1"], "origins": {"app": policy.origin(origin)}, "routes": [app(cache=True, maintenance=maintenance)]}
    weir.reload(settings({"retry_after": "2m", "page": str(place / "soon.html")}))
    answer = until(lambda: (seen := weir.ask("/", fields=BROWSER)).status == 503 and seen, "maintenance")
    assert (answer.text, answer.fields["Retry-After"]) == ("<p>soon", "120")
    weir.reload(settings(True))
    until(lambda: weir.ask("/").fields["Retry-After"] == "300", "the new policy")
    weir.reload(settings(False))
    assert cache_status.hit(until(lambda: (seen := weir.ask("/")).status == 200 and seen, "the end of it"))
    assert origin.calls("/") == 1


def test_maintenance_is_switched_at_run_time(node, origin, place):
    """For a route, for an origin, for all; through a reload; told by weirctl, /status, /metrics and the log."""
    (place / "soon.html").write_text("<p>soon")
    origin.on("/a", fields=FRESH)
    origin.on("/b", fields=FRESH)
    routes = [own({"path": "/old"}, redirect={"to": "/a"}), app(name="a", match={"path": "/a"}, cache=True),
              app(name="b", cache=True, maintenance={"active": False, "page": str(place / "soon.html"), "retry_after": "2m"})]
    weir = node(*routes)

    def statuses():
        return [weir.ask(path).status for path in ("/old", "/a", "/b")]

    def switch(*words, status=0):
        return weir.admin.ctl("maintenance", *words, status=status)

    assert statuses() == [302, 200, 200]
    assert switch("on", "--route", "b") == "maintenance: on for route b: 1 of 3 routes\n"
    assert statuses() == [302, 200, 503]
    answer = weir.ask("/b", fields=BROWSER)
    assert (answer.text, answer.fields["Retry-After"]) == ("<p>soon", "120")
    weir.reload({"origins": {"app": policy.origin(origin)},
                 "routes": [*routes[:2], {**routes[2], "response": {"set": {"X-New": "1"}}}]})
    answer = until(lambda: "X-New" in (seen := weir.ask("/b")).fields and seen, "the new policy")
    assert answer.status == 503
    switch("on", "--route", "c", status=1)
    switch("on")
    assert statuses() == [302, 503, 503] and weir.ask("/a").fields["Retry-After"] == "300"
    switch("off", "--route", "b", status=1)             # all origins are in maintenance
    assert statuses() == [302, 503, 503]
    assert weir.admin.ctl_json("status")["maintenance"] == "on for route b, all origins: 2 of 3 routes"
    assert weir.admin.metric("weir_maintenance_routes") == 2
    weir.said(r"maintenance: on for route b, all origins: 2 of 3 routes \(admin: uid \d+\)")
    assert weir.admin.ctl_json("maintenance", "off") == {"maintenance": "off"}
    assert statuses() == [302, 200, 200] and cache_status.hit(weir.ask("/a"))
    assert weir.admin.ctl_json("status")["maintenance"] == "off" and origin.calls("/a") == origin.calls("/b") == 1
    for wrong in (["perhaps"], ["on", "--route", "a", "--origin", "app"]):
        switch(*wrong, status=1 if wrong == ["perhaps"] else 2)


# error pages

@pytest.fixture
def pages(place):
    for name in ("502", "5xx"):
        (place / f"{name}.html").write_text(f"<p>page {name}")
    return {502: str(place / "502.html"), "5xx": str(place / "5xx.html")}


GONE = Answer(raw=b"", keep=False)


def test_weirs_errors_have_pages_of_the_site(node, origin, pages):
    weir = node(app(error_pages=pages))
    origin.on("/gone", GONE)
    answer = weir.ask("/gone", fields=BROWSER)
    assert (answer.status, answer.text) == (502, "<p>page 502") and answer.fields["Content-Type"].startswith("text/html")
    assert weir.ask("/gone").text == "<p>page 502"
    assert weir.ask("/gone", fields={"Accept": "application/json"}).json()["status"] == 502
    head = weir.ask("/gone", "HEAD")
    assert head.fields["Content-Length"] == "11" and head.body == b""


@pytest.mark.parametrize("asked", [True, False])
def test_the_origins_errors_have_pages_where_asked(node, origin, pages, asked):
    weir = node(app(cache={"statuses": {500: "60s"}}, error_pages={**pages, "origin": asked}))
    origin.on("/500", Answer(500, {"Retry-After": "9", "X-Debug": "stack"}, body=b"trace" * 100000))
    origin.on("/404", Answer(404, {}, body=b"mine"))
    for _ in range(2):
        answer = weir.ask("/500", fields=BROWSER)
        assert answer.status == 500 and answer.fields["Retry-After"] == "9"
        assert (answer.text == "<p>page 5xx") == asked and ("X-Debug" in answer.fields) != asked
    assert weir.ask("/500", fields={"Accept": "application/json"}).fields["X-Debug"] == "stack"
    assert weir.ask("/404").body == b"mine"
    with weir.connect() as connection:      # which is good for more requests
        assert [connection.ask(path).status for path in ("/500", "/404", "/500")] == [500, 404, 500]


@pytest.mark.parametrize("accept, type_", [
    (BROWSER["Accept"], "text/html"), ("*/*", "text/plain"), (None, "text/plain"), ("application/json", "application/problem+json"),
    ("text/html;q=0.5, application/json", "application/problem+json"), ("text/*", "text/plain")])
def test_weirs_messages_come_in_the_form_that_is_accepted(node, origin, accept, type_):
    weir = node(app())
    origin.on("/gone", GONE)
    answer = weir.ask("/gone", fields={"Accept": accept} if accept else {})
    assert answer.status == 502 and answer.fields["Content-Type"].partition(";")[0] == type_
    assert (b"<h1>Bad Gateway</h1>" in answer.body) == (type_ == "text/html")


def test_nothing_of_a_request_becomes_markup(node):
    weir = node(app())
    answer = weir.ask("/", "PURGE", fields={**BROWSER, "X-Request-ID": "<script>"})
    assert answer.status == 403 and b"<h1>" in answer.body and b"<script>" not in answer.body
