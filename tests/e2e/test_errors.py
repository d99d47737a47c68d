# SPDX-License-Identifier: BSD-2-Clause
"""weir's own answers: small, with a reason a person can use, as text or as problem+json."""

import pytest

from rig import policy
from rig.answer import Answer
from rig.client import exchange
from rig.daemon import Weir

OWN = {404: "/nowhere", 502: "/broken", 504: "/never"}


@pytest.fixture
def node(weirs, origin):
    origin.on("/broken", raw=b"SMTP 220\r\n\r\n").on("/never", delay=60)
    return weirs({"origins": {"app": policy.origin(origin, response_timeout="300ms", retries=0)},
                  "routes": [policy.route("/broken"), policy.route("/never"), policy.route("/ok")]})


@pytest.mark.parametrize("status", OWN)
def test_an_error_is_text_for_people(node, status):
    answer = node.ask(OWN[status])
    assert answer.status == status
    assert answer.fields["Content-Type"].startswith("text/plain")
    assert str(status) in answer.text and len(answer.text) > 15


@pytest.mark.parametrize("status", OWN)
@pytest.mark.parametrize("accept", ["application/problem+json", "application/json",
                                    "text/html;q=0.1, application/json"])
def test_an_error_is_problem_json_when_accepted(node, status, accept):
    answer = node.ask(OWN[status], fields={"Accept": accept})
    assert answer.status == status
    assert answer.fields["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"]


def test_a_request_id_is_escaped_in_json(weirs, origin):
    node = weirs({"trusted_proxies": ["127.0.0.1"], "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route("/ok")]})
    answer = node.ask("/nowhere", fields={"Accept": "application/json", "X-Request-ID": 'a"b\\c'})
    assert answer.json()["request_id"] == 'a"b\\c'


@pytest.mark.parametrize("own_name, others, status", [("edge-1", "", 508), ("EDGE-1", "", 508), ("edge-1", "-2", 200)])
def test_a_request_that_comes_back_again_and_again_is_refused(weirs, origin, own_name, others, status):
    """Via counts how often it has been here (RFC 9110 7.6.3). Another proxy's name counts for nothing."""
    origin.on("/ok", body=b"ok")
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route("/ok")]})
    passed = f"1.1 {own_name}{others}"
    assert node.ask("/ok", fields={"Via": ", ".join([passed] * 4)}).status == 200
    assert node.ask("/ok", fields={"Via": ", ".join([passed] * 4 + ["1.0 other", f"{passed} (x)"])}).status == status
    assert node.ask("/ok", fields=[("Via", passed)] * 5).status == status


def test_a_route_to_weir_itself_ends(weirs, place):
    node = Weir(place / "node", name="edge-1")
    node.write({"origins": {"self": policy.origin("%s:%d" % node.address)},
                "routes": [policy.route(to="self")]})
    node.start()
    try:
        assert node.ask("/").status == 508
        assert node.admin.metric("weir_requests_total") == 6
        node.said(r'" 508 .* error=LOOP ')
    finally:
        node.terminate()


REFUSED = {
    400: b"GET / HTTP/1.1\r\n%bX : 1\r\nHost: a\r\n\r\n",
    408: b"GET / HTTP/1.1\r\nHost: a\r\n%b",
    413: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n%b\r\n",
    414: b"GET /" + b"g" * 9000 + b" HTTP/1.1\r\nHost: a\r\n%b\r\n",
    417: b"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n%b\r\n",
    431: b"GET / HTTP/1.1\r\nHost: a\r\n%bX: " + b"x" * 20000 + b"\r\n\r\n",
    501: b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n%b\r\n",
    505: b"GET / HTTP/2.0\r\nHost: a\r\n%b\r\n",
}


@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize("accept, type", [(b"", "text/plain; charset=utf-8"),
                                          (b"Accept: application/json\r\n", "application/problem+json")])
def test_who_sends_what_cannot_be_read_is_told_in_the_form_it_accepts(weirs, origin, status, accept, type):
    node = weirs({"client": {"max_body": "1KB", "header_timeout": "300ms" if status == 408 else "10s"},
                  "origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    answer, closed = exchange(node.address, REFUSED[status] % accept)
    assert (answer.status, answer.fields["Content-Type"], closed) == (status, type, True)
    assert not accept or answer.json()["status"] == status


def test_a_browser_gets_html(node):
    answer = node.ask("/nowhere", fields={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.fields["Content-Type"].startswith("text/html")


def test_an_error_to_head_has_no_body_and_keeps_the_connection_in_step(node, origin):
    origin.on("/ok", body=b"ok")
    with node.connect() as connection:
        assert connection.ask("/nowhere", "HEAD").status == 404
        assert connection.ask("/ok").body == b"ok"


def test_an_error_before_the_body_was_read_does_not_confuse_the_next_request(node, origin):
    origin.on("/ok", body=b"ok")
    with node.connect() as connection:
        assert connection.ask("/nowhere", "POST", body=b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").status == 404
        try:
            connection.send_head("GET", "/ok")
            assert connection.read().body == b"ok"
        except OSError:
            pass
        except Exception as error:
            assert "closed" in str(error)
    assert origin.calls("/ok") <= 1


def test_a_refused_connection_is_502_or_503(weirs, origin):
    origin.stop()
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    assert node.ask("/").status in (502, 503)


def test_a_target_too_long_is_414(proxy, origin):
    with proxy.connect() as connection:
        connection.send(b"GET /" + b"a" * 200_000)
        assert connection.read().status == 414
        assert connection.ended()
    assert origin.calls() == 0


@pytest.mark.parametrize("fields", [b"X-A: " + b"a" * 300_000 + b"\r\n", b"X-A: a\r\n" * 40_000],
                         ids=["too long", "too many"])
def test_too_many_or_too_long_fields_are_431(proxy, origin, fields):
    with proxy.connect() as connection:
        try:
            connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
        except OSError:
            pass
        assert connection.read().status == 431
    assert origin.calls() == 0


def test_a_response_head_too_large_is_502(proxy, origin):
    origin.on("/", fields=[("X-A", "a" * 1000)] * 300)
    assert proxy.ask("/").status == 502


def test_an_unknown_host_is_404(weirs, origin):
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(host="shop.example")]})
    origin.on("/", body=b"shop")
    assert node.ask("/", host="shop.example").body == b"shop"
    assert node.ask("/", host="SHOP.example:8080").body == b"shop"
    assert node.ask("/", host="other.example").status == 404


def test_routes_match_by_path_and_method_the_first_one_wins(weirs, origins):
    api, rest = origins(), origins()
    for server, name in ((api, b"api"), (rest, b"rest")):
        for path in ("/api/x", "/api", "/other"):
            server.on(path, body=name)
    node = weirs({"origins": {"api": policy.origin(api), "rest": policy.origin(rest)},
                  "routes": [policy.route("/api/*", "api", method=["GET", "POST"]), policy.route(to="rest")]})
    assert node.ask("/api/x").body == b"api"
    assert node.ask("/api/x", "DELETE").body == b"rest"
    assert node.ask("/other").body == b"rest"


def test_the_origins_own_errors_are_passed_as_they_are(proxy, origin):
    origin.on("/", Answer(503, {"Retry-After": "7", "Content-Type": "text/x"}, b"closed today"))
    answer = proxy.ask("/")
    assert (answer.status, answer.body, answer.fields["Retry-After"]) == (503, b"closed today", "7")
