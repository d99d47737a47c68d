"""What weir adds to, and takes from, the fields of a forwarded message."""

import pytest

from rig import policy
from rig.answer import Answer

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
