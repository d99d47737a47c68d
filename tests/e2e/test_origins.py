# SPDX-License-Identifier: BSD-2-Clause
"""Connections to origins: reuse, the one retry, time-outs, round-robin and the dead server skipped."""

import collections
import threading
import time

import pytest

from rig import cache_status, crowd, policy, ports
from rig.answer import Answer
from rig.pattern import Pattern
from rig.wait import until


def test_connections_are_reused(proxy, origin):
    origin.on("/", body=b"x")
    with proxy.connect() as connection:
        for _ in range(20):
            connection.ask("/")
    assert origin.calls() == 20 and origin.connections <= 2


def test_a_reused_connection_that_died_is_retried_once(proxy, origin):
    origin.on("/", body=b"x")
    with proxy.connect() as connection:
        for _ in range(10):
            assert connection.ask("/").status == 200
            origin.cut()
    assert origin.calls() == 10


def test_a_get_is_retried_when_the_reused_connection_dies_before_a_byte(proxy, origin):
    origin.on("/warm", body=b"x")
    origin.on("/", Answer(raw=b"", keep=False), Answer(body=b"second"))
    with proxy.connect() as connection:
        connection.ask("/warm")
        assert connection.ask("/").body == b"second"
    assert origin.calls("/") == 2


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_idempotent_request_is_retried_with_its_body(proxy, origin, method, chunked):
    body = Pattern(200_000)
    origin.on("/warm", body=b"x")
    origin.on("/", Answer(raw=b"", keep=False), Answer(body=b"second"))
    with proxy.connect() as connection:
        connection.ask("/warm")
        assert connection.ask("/", method, body=body, chunked=chunked).body == b"second"
    assert [r.digest for r in origin.requests[1:]] == [body.digest()] * 2


def test_a_large_body_is_not_kept_for_a_retry(proxy, origin):
    origin.on("/warm", body=b"x")
    origin.on("/", Answer(raw=b"", keep=False), Answer(body=b"second"))
    with proxy.connect() as connection:
        connection.ask("/warm")
        assert connection.ask("/", "PUT", body=Pattern(3_000_000)).status == 502
    assert origin.calls("/") == 1


@pytest.mark.parametrize("cached", [False, True])
def test_hash_sends_a_url_to_one_server_and_urls_to_all(weirs, origins, cached):
    servers = origins(), origins(), origins()
    for number, server in enumerate(servers):
        for path in range(30):
            server.on(f"/{path}", body=b"%d" % number, fields={"Cache-Control": "no-store"})
    node = weirs({"origins": {"app": policy.origin(*servers, balance="hash")}, "routes": [policy.route(cache=cached)]})
    with node.connect() as connection:
        chosen = [connection.ask(f"/{path}").body for path in range(30)]
        assert [connection.ask(f"/{path}", "POST", body=b"x").body for path in range(30)] == chosen
    assert set(chosen) == {b"0", b"1", b"2"}


def test_a_post_is_never_sent_twice(proxy, origin):
    origin.on("/warm", body=b"x")
    origin.on("/", Answer(raw=b"", keep=False), Answer(body=b"second"))
    with proxy.connect() as connection:
        connection.ask("/warm")
        assert connection.ask("/", "POST", body=b"pay").status == 502
    assert origin.calls("/") == 1


def test_nothing_is_retried_after_a_byte_came(proxy, origin):
    origin.on("/warm", body=b"x")
    origin.on("/", Answer(raw=b"HTTP/1.1 200", keep=False), Answer(body=b"second"))
    with proxy.connect() as connection:
        connection.ask("/warm")
        assert connection.ask("/").status == 502
    assert origin.calls("/") == 1


def test_one_retry_and_no_more(weirs, origin):
    node = weirs({"origins": {"app": policy.origin(origin, retries=1)}, "routes": [policy.route()]})
    origin.on("/warm", body=b"x").on("/", raw=b"", keep=False)
    with node.connect() as connection:
        connection.ask("/warm")
        assert connection.ask("/").status == 502
    assert 1 <= origin.calls("/") <= 2


@pytest.mark.parametrize("balance", ["round_robin", "least_connections", "hash"])
def test_a_server_that_accepts_and_closes_costs_no_request(weirs, origins, balance):
    """A worker that crashes at each request, or a container's port with no container behind it."""
    sick, well = origins(), origins()
    paths = [f"/{n}" for n in range(30)]
    for path in paths:
        sick.on(path, raw=b"", keep=False)
        well.on(path, body=b"well")
    node = weirs({"workers": 1, "origins": {"app": policy.origin(sick, well, balance=balance)}, "routes": [policy.route()]})
    assert [node.ask(path).status for path in paths] == [200] * len(paths)
    assert 0 < sick.calls() <= 6        # five in a row, and a try after a second's rest
    assert node.admin.metric("weir_origin_retries_total") == sick.calls()
    assert node.said("is not used for a while")


def test_a_route_has_its_own_retries(weirs, origins):
    sick = [origins().on("/once", raw=b"", keep=False).on("/", raw=b"", keep=False) for _ in range(2)]
    once = {**policy.route("/once"), "retries": 0}
    node = weirs({"workers": 1, "origins": {"app": policy.origin(*sick)}, "routes": [once, policy.route()]})
    assert node.ask("/once").status == node.ask("/").status == 502
    assert [sum(server.calls(path) for server in sick) for path in ("/once", "/")] == [1, 2]


def test_chosen_statuses_go_to_another_server(weirs, origins):
    """What isn't idempotent, what no other server could answer and other statuses are passed on as they came."""
    sick, well = origins(), origins()
    sick.on("/", status=503, body=b"sick").on("/other", status=500, body=b"sick").on("/alone", status=503, body=b"sick")
    well.on("/", body=b"well").on("/other", body=b"well")
    node = weirs({"workers": 1, "routes": [policy.route("/alone", to="alone"), policy.route()],
                  "origins": {"app": policy.origin(sick, well, retry_on=[502, 503, 504]),
                              "alone": policy.origin(sick, retry_on="5xx")}})
    assert [node.ask("/", method, body=body).body for method, body in [("GET", None), ("PUT", b"new")] * 5] == [b"well"] * 10
    assert sick.calls("/") == node.admin.metric("weir_origin_retries_total") == 5
    assert {node.ask("/", "POST", body=b"order").status for _ in range(2)} == {200, 503}
    assert {node.ask("/other").status for _ in range(2)} == {200, 500}
    assert node.ask("/alone").body == b"sick" and sick.calls("/alone") == 1


def test_retries_do_not_finish_off_a_sick_fleet(weirs, origins):
    sick = [origins().on("/", status=503, body=b"sick") for _ in range(3)]
    node = weirs({"workers": 1, "routes": [policy.route()], "origins": {"app": policy.origin(*sick, retries=2, retry_on=503)}})
    began, asked = time.monotonic(), 100
    assert {node.ask("/").status for _ in range(asked)} == {503}
    retries = sum(server.calls() for server in sick) - asked
    assert retries <= 10 + asked * 0.2 + (time.monotonic() - began) + 1     # what it always has, the share, one each second
    assert node.admin.metric("weir_origin_retries_total") == retries
    assert node.admin.metric("weir_origin_retries_refused_total") > 0


def test_what_may_have_been_processed_is_sent_once(weirs, origins):
    both = [origins().on("/", raw=b"", keep=False) for _ in range(2)]
    node = weirs({"origins": {"app": policy.origin(*both, retries=5)}, "routes": [policy.route()]})
    assert node.ask("/", "POST", body=b"order").status == 502
    assert sum(server.calls() for server in both) == 1


def test_each_server_is_asked_once_however_many_retries(weirs, origins):
    both = [origins().on("/", raw=b"", keep=False) for _ in range(2)]
    node = weirs({"origins": {"app": policy.origin(*both, retries=5)}, "routes": [policy.route()]})
    assert node.ask("/").status == 502
    assert [server.calls() for server in both] == [1, 1]


def test_a_connection_the_origin_closes_is_not_reused(proxy, origin):
    origin.on("/", body=b"x", framing="close")
    with proxy.connect() as connection:
        for _ in range(5):
            assert connection.ask("/").body == b"x"
    assert origin.connections == 5


def test_a_connection_with_an_unread_body_is_not_reused(proxy, origin):
    origin.on("/refused", Answer(413, body=b"no", read_body=False)).on("/ok", body=b"ok")
    with proxy.connect() as connection:
        connection.send_head("POST", "/refused", {"Content-Length": 100_000}).send(b"x" * 70_000)     # more than client.buffer_body
        assert connection.read("POST").status == 413
    assert proxy.ask("/ok").body == b"ok"
    assert origin.broken == []


def test_an_origin_that_never_answers_is_504(weirs, origin):
    node = weirs({"origins": {"app": policy.origin(origin, response_timeout="200ms")}, "routes": [policy.route()]})
    origin.on("/", delay=60).on("/ok", body=b"ok")
    assert node.ask("/").status == 504
    assert node.ask("/ok").body == b"ok"


def test_events_may_pause_longer_than_a_head_may_take(weirs, origin):
    """A stream of events pauses, a long poll answers late: neither is a server that hangs."""
    patient = {**policy.route("/poll"), "response_timeout": "60s"}
    node = weirs({"origins": {"app": policy.origin(origin, response_timeout="300ms")}, "routes": [patient, policy.route()]})
    events = [b"data: %d\n\n" % number for number in range(3)]
    origin.on("/events", fields={"Content-Type": "text/event-stream"}, body=events, framing="chunked", pause=0.6)
    origin.on("/poll", body=b"news", delay=0.6).on("/hung", delay=60)
    assert node.ask("/events").body == b"".join(events)
    assert node.ask("/poll").body == b"news"
    assert node.ask("/hung").status == 504


def test_an_origin_that_stalls_in_the_body_is_cut(weirs, origin):
    gate = threading.Event()
    node = weirs({"origins": {"app": policy.origin(origin, idle_timeout="300ms")}, "routes": [policy.route()]})
    origin.on("/", body=[b"begin", b"end"], framing="chunked", body_gate=gate)
    with node.connect() as connection:
        with pytest.raises(Exception, match="closed"):
            connection.ask("/")


def test_servers_take_turns(weirs, origins):
    servers = [origins() for _ in range(3)]
    for number, server in enumerate(servers):
        server.on("/", body=b"%d" % number)
    node = weirs({"workers": 1, "origins": {"app": policy.origin(*servers)}, "routes": [policy.route()]})
    with node.connect() as connection:
        got = collections.Counter(connection.ask("/").body for _ in range(30))
    assert got == {b"0": 10, b"1": 10, b"2": 10}


def test_a_dead_server_is_skipped(weirs, origins):
    alive = origins().on("/", body=b"alive")
    dead = f"127.0.0.1:{ports.free_port()}"
    node = weirs({"origins": {"app": policy.origin(dead, alive)}, "routes": [policy.route()]})
    assert {node.ask("/").body for _ in range(20)} == {b"alive"}


def test_a_server_that_comes_back_is_used_again(weirs, origins):
    one, two = origins().on("/", body=b"1"), origins().on("/", body=b"2")
    two.stop()
    node = weirs({"origins": {"app": policy.origin(one, two)}, "routes": [policy.route()]})
    assert {node.ask("/").body for _ in range(6)} == {b"1"}
    two.restart()
    until(lambda: node.ask("/").body == b"2", "the second server used again", 30)


def test_names_are_resolved(weirs, origin):
    origin.on("/", body=b"by name")
    node = weirs({"origins": {"app": policy.origin(f"localhost:{origin.port}")}, "routes": [policy.route()]})
    assert node.ask("/").body == b"by name"


def test_a_name_that_does_not_exist_is_an_answer_not_a_hang(weirs):
    node = weirs({"origins": {"app": policy.origin("nobody.invalid:80", connect_timeout="500ms")},
                  "routes": [policy.route()]})
    assert node.ask("/").status in (502, 503, 504)


def test_a_slow_origin_does_not_hold_up_others(weirs, origins):
    slow, fast = origins(), origins().on("/fast", body=b"fast")
    gate = threading.Event()
    slow.on("/slow", body=b"slow", gate=gate)
    node = weirs({"workers": 1, "origins": {"slow": policy.origin(slow), "fast": policy.origin(fast)},
                  "routes": [policy.route("/slow", "slow"), policy.route("/fast", "fast")]})
    held = [node.connect() for _ in range(20)]
    for connection in held:
        connection.send_head("GET", "/slow")
    slow.wait_calls("/slow", 20)
    visits = crowd.crowd(node.address, 50, "/fast")
    assert {v.body for v in visits} == {b"fast"}
    gate.set()
    assert {connection.read().body for connection in held} == {b"slow"}
    for connection in held:
        connection.close()


CHUNKED = {"Transfer-Encoding": "chunked"}


def test_who_waits_for_a_connection_is_bounded_and_told(weirs, origin):
    """Slow uploads leave a connection to others. Nobody waits longer than allowed, or where nobody may wait."""
    node = weirs({"workers": 1, "routes": [policy.route("/strict/*", to="strict"), policy.route("/brief/*", to="brief")],
                  "origins": {"strict": policy.origin(origin, max_connections=1, queue=0),
                              "brief": policy.origin(origin, max_connections=2, queue_timeout="200ms")}})
    for path, error in (("/strict", "QUEUE_FULL"), ("/brief", "QUEUE_TIMEOUT")):
        with node.connect() as slow, node.connect() as slower:
            origin.on(path + "/held", body=b"x", gate=threading.Event()).on(path + "/page", body=b"page")
            slow.send_head("POST", path + "/held", CHUNKED).send_chunk(b"some")
            origin.wait_calls(path + "/held", 1)
            refused = slower.send_head("POST", path + "/held", CHUNKED).send_chunk(b"some").read("POST")
            assert (refused.status, cache_status.of(refused)["detail"]) == (503, error)
            assert node.ask(path + "/page").status == (503 if error == "QUEUE_FULL" else 200)
    assert node.admin.metric("weir_origin_queued_total") == 1 and node.admin.metric("weir_origin_queue") == 0
    assert node.admin.metric('weir_origin_errors_total{kind="queue_full"}') == 2
    assert node.admin.metric('weir_origin_errors_total{kind="queue_timeout"}') == 1
