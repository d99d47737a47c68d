# SPDX-License-Identifier: BSD-2-Clause
"""What chooses a stored response is the request as it goes to the origin: what the origin never saw chooses nothing."""

import itertools
import re

import pytest

from rig import cache_status, policy
from rig.answer import Answer

SHOWN = ["X-Lang", "Accept-Language", "X-Real-IP", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-For",
         "CF-Connecting-IP", "Forwarded"]
SPELLINGS = [
    {}, {"X-Lang": "de"}, {"X-Lang": "de", "Connection": "X-Lang"}, {"X-Lang": "de", "Connection": "close, x_lang"}, {"X_Lang": "de"},
    {"X.Lang": "de"}, {"X-Lang": "en", "X_Lang": "de"}, {"X-Lang": "en", "X_Lang": "de", "Connection": "X-Lang"},
    {"Accept-Language": "de"}, {"Accept_Language": "de"}, {"Accept-Language": "en", "Accept_Language": "de"},
    {"X-Real-IP": "10.9.8.7"}, {"X_Real_IP": "10.9.8.7"}, {"X-Forwarded-Port": "8443"}, {"X_Forwarded_Port": "8443"},
    {"X-Forwarded-Proto": "https"}, {"X_Forwarded_Proto": "https"}, {"X-Forwarded-Host": "other.example"},
    {"X_Forwarded_Host": "other.example"}, {"X-Forwarded-For": "10.9.8.7"}, {"X_Forwarded_For": "10.9.8.7"},
    {"CF-Connecting-IP": "10.9.8.7"}, {"CF_Connecting_IP": "10.9.8.7"}, {"Forwarded": "for=10.9.8.7;proto=https"},
]


def variables(fields):
    """The fields as a CGI program sees them: names that differ only in what no variable's name can hold are one."""
    seen = {}
    for name, value in fields:
        seen.setdefault(re.sub("[^A-Z0-9]", "_", name.upper()), []).append(value)
    return {name: ", ".join(values) for name, values in seen.items()}


def page(request, names):
    seen = variables(request.fields)
    return "|".join(seen.get(re.sub("[^A-Z0-9]", "_", name.upper()), "-") for name in names).encode()


@pytest.fixture
def node_of(weirs, origin):
    """A factory of nodes: /off/ isn't cached, so that it shows what the origin makes of a request."""
    def start(cache=None, **settings):
        return weirs({"origins": {"app": policy.origin(origin)},
                      "routes": [policy.route("/off/*"), policy.route(cache={"ttl": "60s", **(cache or {})})], **settings})
    return start


def agree(node, path, name):
    """Whoever fetched it, each gets what the origin makes of its own request, however both spell the field."""
    wrong, concerned = [], [fields for fields in SPELLINGS if not fields or {name, "Forwarded"} & {re.sub("[_.]", "-", n) for n in fields}]
    for number, (first, second) in enumerate(itertools.permutations(concerned, 2)):
        target = f"{path}?{number}"
        node.ask(target, fields=first)
        expected, got = node.ask(f"/off{path}", fields=second).body, node.ask(target, fields=second).body
        if got != expected:
            wrong.append((first, second, expected, got))
    assert wrong == []


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("trusted", [True, False])
def test_vary_chooses_by_what_the_origin_saw(node_of, origin, trusted, name):
    node = node_of(trusted_proxies=["127.0.0.1"] if trusted else [])
    for path in ("/p", "/off/p"):
        origin.on(path, lambda r: Answer(200, {"Vary": name}, page(r, [name])))
    agree(node, "/p", name)


@pytest.mark.parametrize("name", ["X-Lang", "Accept-Language"])
def test_names_that_are_kept_choose_together_with_their_likes(node_of, origin, name):
    node = node_of(client={"odd_names": "keep"})
    for path in ("/p", "/off/p"):
        origin.on(path, lambda r: Answer(200, {"Vary": name}, page(r, [name])))
    agree(node, "/p", name)
    node.ask("/off/p", fields={"X_Lang": "de"})
    assert origin.last("/off/p").fields["X_Lang"] == "de"


@pytest.mark.parametrize("name", ["X-Lang", "X-Real-IP", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Host"])
@pytest.mark.parametrize("trusted", [True, False])
def test_the_policys_key_holds_what_the_origin_saw(node_of, origin, trusted, name):
    node = node_of({"key": {"headers": [name]}}, trusted_proxies=["127.0.0.1"] if trusted else [])
    for path in ("/p", "/off/p"):
        origin.on(path, lambda r: Answer(200, (), page(r, [name])))
    agree(node, "/p", name)


def test_a_variant_that_the_origin_never_saw_is_no_variant_on_any_node(fleet, origin):
    first, second = fleet(2)
    origin.on("/p", lambda r: Answer(200, {"Vary": "X-Lang", "Cache-Control": "max-age=60"}, page(r, ["X-Lang"])))
    assert first.ask("/p", fields={"X-Lang": "de", "Connection": "X-Lang"}).body == b"-"
    assert second.ask("/p", fields={"X-Lang": "de"}).body == b"de"
    assert cache_status.hit(second.ask("/p"), second.name)      # the one without the field: it was for everybody without


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Request-ID", "Via"])
def test_what_each_request_has_for_itself_is_shared_by_nobody(node_of, origin, name):
    node = node_of(trusted_proxies=["127.0.0.1"])
    origin.on("/p", lambda r: Answer(200, {"Vary": name}, r.fields[name].encode()))
    got = [node.ask("/p", fields={"X-Forwarded-For": who, "Via": f"1.1 {who}", "X-Request-ID": who}).text
           for who in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]
    assert [text.split(",")[0].split()[-1] for text in got] == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
    assert origin.calls("/p") == 3


@pytest.mark.parametrize("name, value", [("Range", "bytes=0-0"), ("If-None-Match", '"x"'), ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
                                         ("TE", "trailers")])
def test_what_the_cache_answers_itself_chooses_nothing(node_of, origin, name, value):
    node = node_of()
    origin.on("/p", lambda r: Answer(200, {"Vary": name}, page(r, [name])))
    node.ask("/p", fields={name: value})
    assert "-" == node.ask("/p").text
    assert cache_status.hit(node.ask("/p", fields={name: value})) and origin.calls("/p") == 1


@pytest.mark.parametrize("fields", [{"X-Skip": "1", "Connection": "X-Skip"}, {"X-Real-IP": "1"}])
def test_bypass_looks_at_what_the_origin_gets(node_of, origin, fields):
    node = node_of({"bypass": ["header:X-Skip", "header:X-Real-IP"]})
    origin.on("/p", body=b"x")
    node.ask("/p")
    assert cache_status.hit(node.ask("/p", fields=fields))
    assert not cache_status.hit(node.ask("/p", fields={"X-Skip": "1"}))


def test_a_limit_counts_by_what_the_origin_gets(node_of, origin, weirs):
    """Who has a new key for each request, which the origin never sees, is counted by the address."""
    origin.on("/", body=b"x")
    node = weirs({"origins": {"app": policy.origin(origin)}, "limits": {"key": {"key": "header:X-Key", "rate": "3/h"}},
                  "routes": [policy.route(limits=["key"])]})
    hidden = [node.ask("/", fields={"X-Key": str(n), "Connection": "X-Key"}).status for n in range(5)]
    told = [node.ask("/", fields={"X-Key": str(n)}).status for n in range(5)]
    assert (hidden, told) == ([200, 200, 200, 429, 429], [200] * 5)


# names that gateways can't tell apart

FORGED = ["X_Forwarded_For", "X-Forwarded_For", "X.Forwarded.For", "X_Forwarded_Anything", "X_Real_IP", "X_Request_ID", "CF_Connecting_IP",
          "Content_Length", "Transfer_Encoding", "If_None_Match", "If_Modified_Since", "Proxy_Authorization", "Keep_Alive", "Proxy"]


@pytest.mark.parametrize("trusted, keep", [(True, False), (False, False), (True, True), (False, True)])
def test_nobody_sends_on_what_passes_for_a_field_that_weir_vouches_for(node_of, origin, trusted, keep):
    node = node_of(trusted_proxies=["127.0.0.1"] if trusted else [], **({"client": {"odd_names": "keep"}} if keep else {}))
    origin.on("/", body=b"x").on("/off/", body=b"x")
    for path, method in (("/", "GET"), ("/off/", "GET"), ("/off/", "POST")):
        node.ask(path, method, fields={name: "10" for name in FORGED}, body=b"some bytes" if method == "POST" else None)
        seen = origin.last(path)
        assert [name for name, _ in seen.fields if name in FORGED] == []
        assert seen.body == (b"some bytes" if method == "POST" else b"")
        assert "10" not in seen.fields["X-Forwarded-For"].split(", ")


@pytest.mark.parametrize("trusted", [True, False])
def test_odd_names_go_on_from_trusted_peers_only(node_of, origin, trusted):
    node = node_of(trusted_proxies=["127.0.0.1"] if trusted else [])
    origin.on("/off/", body=b"x")
    odd = {"api_key": "1", "X_Custom": "2", "x.y": "3", "x!y": "4"}
    node.ask("/off/", fields={**odd, "X-Plain": "5"})
    seen = origin.last("/off/").fields
    assert {name: value for name, value in seen if name in odd} == (odd if trusted else {}) and seen["X-Plain"] == "5"


@pytest.mark.parametrize("trusted", [True, False])
def test_trailers_are_held_to_the_same(node_of, origin, trusted):
    node = node_of(trusted_proxies=["127.0.0.1"] if trusted else [])
    origin.on("/off/", body=b"x")
    with node.connect() as connection:
        connection.send_head("POST", "/off/", {"Transfer-Encoding": "chunked"})
        connection.send_chunk(b"data").send_last_chunk({**{name: "10" for name in FORGED}, "X-Forwarded-Ssl": "on", "X-Sum": "1", "X_Sum": "2"})
        assert connection.read("POST").status == 200
    assert list(origin.last("/off/").trailers) == [("X-Sum", "1"), *([("X_Sum", "2")] if trusted else [])]


# the query

def test_parameters_that_do_not_count_need_not_reach_the_origin(node_of, origin):
    node = node_of({"key": {"query": {"drop": ["utm_*", "fbclid"], "strip": True}}, "bypass": ["query:raw"]})
    origin.on("/p", lambda r: Answer(200, (), r.target.encode()))
    for asked, got in [("/p?b=2&utm_source=x&a=1&%75tm_x=%31&c=%7e", "/p?b=2&a=1&c=%7e"), ("/p?utm_source=x", "/p"), ("/p?", "/p"),
                       ("/p?&&a=&fbclid", "/p?a="), ("/p?raw&fbclid=1", "/p?raw&fbclid=1")]:
        assert node.ask(asked).text == got
    assert cache_status.hit(node.ask("/p?fbclid=2&a="))
    node.ask("/p?new&fbclid=3", "HEAD")
    assert origin.last("/p").target == "/p?new"
    assert node.ask("/p?new&fbclid=3", "POST", body=b"x").text == "/p?new&fbclid=3"


def test_an_answer_to_a_post_is_no_gets_if_the_origin_was_asked_with_more(node_of, origin):
    node = node_of({"key": {"query": {"drop": ["utm_*"], "strip": True}}})
    origin.on("/p", lambda r: Answer(200, {"Cache-Control": "max-age=60", "Content-Location": r.target}, f"{r.method} {r.target}".encode()))
    for target, found in (("/p?a=1&utm_x=evil", "GET /p?a=1"), ("/p?a=2", "POST /p?a=2")):
        node.ask(target, "POST", body=b"x")
        assert node.ask(target).text == found


def test_of_the_query_only_what_is_named_may_reach_the_origin(node_of, origin):
    node = node_of({"key": {"query": {"keep": ["page", "q*"], "sort": True, "strip": True}}})
    origin.on("/p", lambda r: Answer(200, (), r.target.encode()))
    assert node.ask("/p?x=1&query=2&page=3&page=1").text == "/p?query=2&page=3&page=1"
    assert cache_status.hit(node.ask("/p?page=3&y&page=1&query=2"))


def test_a_query_that_is_not_stripped_arrives_whole(node_of, origin):
    node = node_of({"key": {"query": {"drop": ["utm_*"]}}})
    origin.on("/p", lambda r: Answer(200, (), r.target.encode()))
    assert node.ask("/p?a=1&utm_source=x").text == "/p?a=1&utm_source=x"
