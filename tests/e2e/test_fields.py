# SPDX-License-Identifier: BSD-2-Clause
"""What weir adds to, and takes from, the fields of a forwarded message."""

import time
from email.utils import parsedate_to_datetime

import pytest

from rig import policy
from rig.answer import Answer
from rig.client import ask
from rig.wait import until

HOP_BY_HOP = {"Keep-Alive": "timeout=5", "Proxy-Connection": "keep-alive", "Upgrade": "h2c", "X-Named": "1"}


def test_via_names_the_protocol_and_this_server(proxy, origin):
    origin.on("/")
    proxy.ask("/", fields={"Via": "1.0 before"})
    assert origin.last("/").fields["Via"] == "1.0 before, 1.1 edge-1"
    proxy.ask("/", version="HTTP/1.0")
    assert origin.last("/").fields["Via"] == "1.0 edge-1"


def test_forwarded_fields_tell_the_client_the_scheme_and_the_host(proxy, origin):
    origin.on("/")
    proxy.ask("/", host="shop.example:8080")
    seen = origin.last("/").fields
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert seen["X-Forwarded-Proto"] == "http"
    assert seen["X-Forwarded-Host"] == "shop.example:8080"


def test_forwarded_fields_of_a_stranger_are_not_believed(proxy, origin):
    origin.on("/")
    proxy.ask("/", fields={"X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil"})
    seen = origin.last("/").fields
    assert seen["X-Forwarded-For"].split(",")[-1].strip() == "127.0.0.1"
    assert (seen["X-Forwarded-Proto"], seen["X-Forwarded-Host"]) == ("http", "test.example")


def test_what_a_stranger_says_of_the_way_here_does_not_reach_the_origin(proxy, origin):
    """Caches are poisoned with fields that an origin believes and a cache does not look at."""
    origin.on("/")
    proxy.ask("/", fields={"Forwarded": "for=1.2.3.4;host=evil", "X-Forwarded-Port": "1", "x-forwarded-prefix": "/evil",
                           "X-Forwarded-Server": "evil", "X-Forwarded-Anything": "evil", "X-Forwarded": "kept"})
    seen = origin.last("/").fields
    assert "evil" not in str(seen) and "Forwarded" not in seen and "X-Forwarded-Port" not in seen
    assert seen["X-Forwarded"] == "kept"


@pytest.fixture
def behind(weirs, origin):
    """behind(fields, **options): what the origin sees of a request that a trusted proxy passed on with these fields."""
    node = weirs({"trusted_proxies": ["127.0.0.0/8"], "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route()]})
    origin.on("/")

    def seen(fields, **options):
        assert node.ask("/", fields=fields, **options).status == 200
        return origin.last("/").fields

    return seen


@pytest.mark.parametrize("came, went", [
    ("192.0.2.1", "192.0.2.1, 127.0.0.1"),
    ("198.51.100.9, 192.0.2.1, 127.0.0.5", "198.51.100.9, 192.0.2.1, 127.0.0.5, 127.0.0.1"),
    ("unknown", "unknown, 127.0.0.1"),
    ("", "127.0.0.1"),
])
def test_the_peer_is_named_behind_what_a_trusted_proxy_said(behind, came, went):
    assert behind({"X-Forwarded-For": came})["X-Forwarded-For"] == went


def test_what_a_trusted_proxy_says_of_the_way_goes_on(behind):
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example", "X-Forwarded-Port": "443",
            "Forwarded": "for=192.0.2.1"}
    seen = behind(said)
    assert {name: seen[name] for name in said} == said


def test_forwarded_alone_is_told_in_the_other_fields_too(behind):
    seen = behind({"Forwarded": 'for=198.51.100.9, for="[2001:db8::1]:47"; Proto=https;host="public.example"'})
    assert seen["X-Forwarded-For"] == "2001:db8::1, 127.0.0.1"
    assert (seen["X-Forwarded-Proto"], seen["X-Forwarded-Host"]) == ("https", "public.example")


def test_who_comes_over_a_unix_socket_has_no_address(weirs, origin, place):
    origin.on("/")
    path = place / "http.sock"
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    node.terminate()
    node.write({"listen": [{"address": "%s:%d" % node.address}, {"address": f"unix:{path}"}],
                "origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    node.start()
    ask(path, "/")
    assert "X-Forwarded-For" not in origin.last("/").fields
    ask(path, "/", fields={"X-Forwarded-For": "192.0.2.1"})
    assert origin.last("/").fields["X-Forwarded-For"] == "192.0.2.1"
    lines = until(lambda: len(node.access_lines()) == 2 and node.access_lines(), "two access lines")
    assert sorted(line.split()[0] for line in lines) == ["192.0.2.1", "unix:"]


def test_http_1_0_without_host_has_no_forwarded_host(proxy, origin):
    origin.on("/")
    with proxy.connect() as connection:
        connection.ask("/", version="HTTP/1.0", host=False)
    assert "X-Forwarded-Host" not in origin.last("/").fields


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_response_without_date_gets_the_time_it_came(proxy, cache, origin, method):
    origin.on("/", body=b"x")
    for node in (proxy, cache):
        date = parsedate_to_datetime(node.ask("/", method).fields["Date"])
        assert abs(date.timestamp() - time.time()) < 60


@pytest.mark.parametrize("trusted", [True, False])
def test_what_strangers_say_of_themselves_does_not_reach_the_origin(weirs, origin, trusted):
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()],
                  "trusted_proxies": ["127.0.0.1"] if trusted else []})
    said = {"Forwarded": "for=10.9.8.7;host=evil", "X-Real-IP": "10.9.8.7", "X-Client-IP": "10.9.8.7", "X-Forwarded-Port": "1",
            "X-Forwarded-Prefix": "/evil", "X-Forwarded-Server": "evil", "True-Client-IP": "10.9.8.7",
            "CF-Connecting-IP": "10.9.8.7"}
    origin.on("/")
    node.ask("/", fields=said)
    assert {name: value for name, value in origin.last("/").fields if name in said} == (said if trusted else {})


def test_every_request_has_an_id_of_its_own(proxy, origin):
    origin.on("/")
    with proxy.connect() as connection:
        for _ in range(50):
            connection.ask("/")
    ids = [request.fields["X-Request-ID"] for request in origin.requests]
    assert len(set(ids)) == 50 and all(ids)


def test_hop_by_hop_fields_of_a_request_stay_here(proxy, origin):
    origin.on("/")
    proxy.ask("/", fields={**HOP_BY_HOP, "Connection": "keep-alive, x-named", "TE": "gzip", "X-Kept": "1"})
    seen = origin.last("/").fields
    assert [name for name in [*HOP_BY_HOP, "TE"] if name in seen] == []
    assert "x-named" not in seen.get("Connection", "") and seen["X-Kept"] == "1"


def test_hop_by_hop_fields_of_a_response_stay_here(proxy, origin):
    origin.on("/", fields={**HOP_BY_HOP, "Connection": "X-Named", "X-Kept": "1"}, body=b"x")
    answer = proxy.ask("/")
    assert [name for name in HOP_BY_HOP if name in answer.fields and name != "Keep-Alive"] == []
    assert "X-Named" not in answer.fields.get("Connection", "") and answer.fields["X-Kept"] == "1"


def test_connection_may_not_name_away_what_routing_and_framing_need(proxy, origin):
    origin.on("/", body=b"x")
    answer = proxy.ask("/", "POST", body=b"abc",
                       fields={"Connection": "Host, Content-Length, X-Forwarded-For, Via, Cache-Control"})
    if answer.status == 200:
        seen = origin.last("/")
        assert seen.fields["Host"] and seen.body == b"abc"
        assert "X-Forwarded-For" in seen.fields and "Via" in seen.fields
    else:
        assert answer.status == 400 and origin.calls() == 0


def test_field_values_arrive_as_they_were_sent(proxy, origin):
    value = 'a  b\t"c, d"; e=\xe9'
    origin.on("/", fields={"X-Back": value}, body=b"x")
    answer = proxy.ask("/", fields={"X-Odd": value, "X-Empty": ""})
    seen = origin.last("/").fields
    assert (seen["X-Odd"], seen["X-Empty"], answer.fields["X-Back"]) == (value, "", value)


def test_host_and_target_pass_unchanged(proxy, origin):
    target = "/a%2Fb/./c;v=1?x=%20&y=1&x=2"
    origin.on(target)
    proxy.ask(target, host="Shop.Example")
    seen = origin.last()
    assert seen.target == target and seen.fields["Host"].lower() in ("shop.example", origin.address)


def test_absolute_target_decides_the_host(proxy, origin):
    origin.on("/abs", body=b"x")
    answer = proxy.ask("http://real.example/abs", host="other.example")
    if answer.status == 200:
        seen = origin.last("/abs")
        assert seen.target == "/abs" and seen.fields["X-Forwarded-Host"] == "real.example"
    else:
        assert answer.status == 400


def test_date_is_added_when_the_origin_has_none(proxy, origin):
    origin.on("/none", body=b"x").on("/own", fields={"Date": "Tue, 15 Nov 1994 08:12:31 GMT"})
    assert proxy.ask("/none").fields["Date"].endswith(" GMT")
    assert proxy.ask("/own").fields.all("Date") == ["Tue, 15 Nov 1994 08:12:31 GMT"]


@pytest.mark.parametrize("status", [200, 404, 500])
def test_cache_status_says_that_it_was_forwarded(cache, origin, status):
    origin.on("/", Answer(status, {"Cache-Control": "no-store", "Cache-Status": "Inner; hit"}))
    value = cache.ask("/").fields["Cache-Status"]
    assert value.startswith("Inner; hit, edge-1;") and "fwd=" in value


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_max_forwards_counts_down_and_ends_here(proxy, origin, method):
    origin.on("/")
    assert proxy.ask("/", method, fields={"Max-Forwards": "5"}).status == 200
    assert origin.last("/").fields["Max-Forwards"] == "4"
    assert proxy.ask("/", method, fields={"Max-Forwards": "0"}).status == (200 if method == "OPTIONS" else 501)
    assert origin.calls() == 1
    proxy.ask("/", "GET", fields={"Max-Forwards": "0"})
    assert origin.last("/").fields["Max-Forwards"] == "0"      # means nothing here
