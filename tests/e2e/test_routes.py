# SPDX-License-Identifier: BSD-2-Clause
"""Which route a request takes, by more than its URL, and that such routes never share what is stored."""

import pytest

from rig import cache_status, daemon, policy
from rig.wait import until

FRESH = {"Cache-Control": "max-age=60"}


@pytest.fixture
def node(weirs, origins):
    """node(*matches): a node whose routes have these conditions, in turn, each before an origin of its own that says its number."""
    def start(*matches, **settings):
        there = [origins() for _ in matches]
        for n, origin in enumerate(there):
            for path in ("/", "/p", "/p/1"):
                origin.on(path, fields=FRESH, body=b"%d" % n)
        weir = weirs({"trusted_proxies": ["127.0.0.1"], "purge_from": ["127.0.0.1"],
                      "origins": {f"o{n}": policy.origin(origin) for n, origin in enumerate(there)},
                      "routes": [{"match": match, "origin": f"o{n}", "name": f"route-{n}"} for n, match in enumerate(matches)], **settings})
        weir.origins_there = there
        return weir
    return start


@pytest.mark.parametrize("match, request_, taken", [
    ({"host": ["a.example", "*.b.example"]}, {"host": "x.b.example"}, True),
    ({"host": ["a.example", "*.b.example"]}, {"host": "b.example"}, False),
    ({"path": ["/q", "/p/*"]}, {"target": "/p/1"}, True),
    ({"path": "/*/1"}, {"target": "/p/1"}, True),
    ({"path": "/*/2"}, {"target": "/p/1"}, False),
    ({"path_regex": "^/p/[0-9]+$"}, {"target": "/p/1"}, True),
    ({"path_regex": "^/p/[a-z]+$"}, {"target": "/p/1"}, False),
    ({"scheme": "https"}, {"fields": {"X-Forwarded-Proto": "https"}}, True),
    ({"scheme": "https"}, {}, False),
    ({"header": {"X-A": "b*"}}, {"fields": {"X-A": "bc"}}, True),
    ({"header": {"X-A": "b*"}}, {"fields": {"X-A": "cb"}}, False),
    ({"header": {"X-A": True}}, {"fields": {"X-A": "cb"}}, True),
    ({"header": {"X-A": False}}, {"fields": {"X-A": "cb"}}, False),
    ({"header": {"X-A": False}}, {}, True),
    ({"header": {"X-A": "1"}}, {"fields": {"X-A": "1", "Connection": "X-A"}}, False),
    ({"query": {"v": ["a b", "c"]}}, {"target": "/?v=a+b"}, True),
    ({"query": {"v": True}}, {"target": "/?w=1"}, False),
    ({"cookie": {"s": True}}, {"fields": {"Cookie": "t=1; s=2"}}, True),
    ({"cookie": {"s": True}}, {"fields": {"Cookie": "t=1"}}, False),
    ({"client": ["192.0.2.0/24"]}, {"fields": {"X-Forwarded-For": "192.0.2.9"}}, True),
    ({"client": ["192.0.2.0/24"]}, {}, False),
    ({"not": {"path": "/p/*"}}, {"target": "/p/1"}, False),
    ({"not": {"cookie": {"s": True}}}, {}, True),
])
def test_a_request_takes_the_first_route_whose_conditions_hold(node, match, request_, taken):
    weir = node(match, {})
    request_ = {"target": "/", **request_}
    assert weir.ask(request_.pop("target"), **request_).body == (b"0" if taken else b"1")
    line = until(lambda: weir.access_lines(), "the access line")[0]
    assert f'route="route-{0 if taken else 1}"' in line


def test_routes_that_share_a_url_share_nothing_stored(node):
    weir = node({"cookie": {"s": True}, "path": "/p"}, {"header": {"X-Beta": "1"}}, {"client": ["192.0.2.0/24"]}, {})
    visits = [{"Cookie": "s=1"}, {"X-Beta": "1"}, {"X-Forwarded-For": "192.0.2.1"}, {}]
    for round_ in range(2):
        answers = [weir.ask("/p", fields=fields) for fields in visits]
        assert [answer.body for answer in answers] == [b"0", b"1", b"2", b"3"]
        assert [cache_status.hit(answer) for answer in answers] == [round_ == 1] * 4


@pytest.mark.parametrize("purge", [lambda weir: weir.ask("/p", "PURGE"), lambda weir: weir.admin.ctl("purge", "http://test.example/p")])
def test_a_purge_of_a_url_reaches_all_routes_that_may_have_served_it(node, purge):
    weir = node({"cookie": {"s": True}}, {"header": {"X-Beta": "1"}}, {})
    visits = [{"Cookie": "s=1"}, {"X-Beta": "1"}, {}]
    for _ in range(2):
        answers = [weir.ask("/p", fields=fields) for fields in visits]
    assert all(cache_status.hit(answer) for answer in answers)
    purge(weir)
    assert not any(cache_status.hit(weir.ask("/p", fields=fields)) for fields in visits)


def test_a_write_reaches_all_routes_of_its_url(node):
    weir = node({"cookie": {"s": True}}, {})
    visits = [{"Cookie": "s=1"}, {}]
    for _ in range(2):
        assert all(weir.ask("/p", fields=fields).status == 200 for fields in visits)
    assert weir.ask("/p", "POST", body=b"x").status == 200
    assert not any(cache_status.hit(weir.ask("/p", fields=fields)) for fields in visits)


def test_groups_of_the_expression_are_sent(weirs, origin):
    weir = weirs({"origins": {"app": policy.origin(origin)}, "routes": [
        {"match": {"path_regex": "^/u/([^/]+)/(.*)$"}, "origin": "app", "request": {"replace": "/users/{2}", "set": {"X-User": "{1}"}}},
        {"match": {"path_regex": "^/old/(.*)$"}, "redirect": {"to": "https://{host}/new/{1}"}}]})
    origin.on("/users/a%20b/c")
    assert weir.ask("/u/x%20y/a%20b/c").status == 200
    assert origin.last().fields["X-User"] == "x y"
    answer = weir.ask("/old/%0d%0aEvil:%201")
    assert answer.fields["Location"] == "https://test.example/new/%0D%0AEvil%3A%201" and "Evil" not in answer.fields
    weir.ask("/u/x%0d%0aEvil:1/a%20b/c")
    assert "X-User" not in origin.last().fields and "Evil" not in origin.last().fields


def test_an_expression_that_would_take_too_long_gets_past_no_route(node):
    weir = node({"path_regex": "^/(a+)+$"}, {})
    assert weir.ask("/" + "a" * 60 + "b").status == 400
    assert weir.ask("/p").body == b"1"


def test_explain_says_why_earlier_routes_did_not_match(place):
    file = place / "weir.yaml"
    file.write_text("""\
listen: 127.0.0.1:8080
origins: {shop: {servers: [127.0.0.1:9000]}}
routes:
  - {name: api, match: {path: /api/*}, origin: shop}
  - {match: {cookie: {s: on}}, origin: shop}
  - {match: {not: {path: /x}}, origin: shop}
  - {name: rest, match: {host: "*"}, origin: shop}
""")
    done = daemon.run("explain", "-c", file, "GET", "http://h/x")
    assert done.returncode == 0, done
    for piece in ("number 4 of 4, rest", "not api, line 4: path", "not 5, line 5: cookie", "not 6, line 6: not"):
        assert piece in done.stdout, (piece, done.stdout)
