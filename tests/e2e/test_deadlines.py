# SPDX-License-Identifier: BSD-2-Clause
"""Whatever weir waits for ends: each direction of each connection has its own deadline, so a client or an origin that neglects one of them
holds nothing by serving the other."""

import select
import socket
import threading
import time

import pytest

from rig import policy
from rig.answer import Answer
from rig.pattern import Pattern
from rig.wait import until
from rig.wire import Closed

CHUNKED = {"Transfer-Encoding": "chunked"}
BIG = Pattern(64 << 20)


@pytest.fixture
def node(weirs, origin):
    return weirs({"workers": 1, "client": {"body_timeout": "700ms", "send_timeout": "700ms", "idle_timeout": "700ms"},
                  "origins": {"app": policy.origin(origin, keepalive_timeout="100ms")}, "routes": [policy.route()]})


def holds_nothing(node):
    until(lambda: node.admin.metric("weir_connections") == 0, "the client's connection closed")
    until(lambda: node.admin.metric("weir_origin_connections_open") == 0, "the origin's connection closed")


def sent_all_it_can(node):
    """The response has filled whatever lies between weir and a client that doesn't read."""
    seen = []

    def still():
        seen.append(node.admin.metric("weir_sent_bytes_total"))
        return len(seen) > 2 and seen[-3] == seen[-2] == seen[-1] > 0
    until(still, "the client's socket full")


def test_a_response_left_unread_while_the_body_goes_on(node, origin):
    origin.on("/big", Answer(200, (), BIG, read_body=False, keep=False))
    with node.connect() as client:
        client.send_head("GET", "/big", CHUNKED).send_chunk(b"some")
        sent_all_it_can(node)
        client.send_chunk(b"more").send_last_chunk()
        holds_nothing(node)


def test_a_client_that_falls_silent_in_a_dialogue(node, origin):
    origin.on("/talk", Answer(200, (), [b"first", b"never"], framing="chunked", read_body=False, keep=False, pause=60))
    with node.connect() as client:
        client.send_head("POST", "/talk", CHUNKED).send_chunk(b"some")
        assert client.read_head().status == 200
        holds_nothing(node)


def test_neither_side_reads(node, origin):
    origin.on("/big", Answer(200, (), BIG, read_body=False, keep=False))
    with node.connect() as client:
        client.send_head("POST", "/big", {"Content-Length": len(BIG)})
        client.sock.settimeout(0.2)
        with pytest.raises(OSError):
            client.send_body(BIG)
        holds_nothing(node)


def test_an_origin_that_takes_nothing_of_a_request(weirs, origin):
    node = weirs({"workers": 1, "origins": {"app": policy.origin(origin, idle_timeout="700ms")}, "routes": [policy.route()]})
    origin.on("/deaf", Answer(200, (), b"late", read_body=False, delay=60, keep=False))
    with node.connect() as client:
        client.send_head("POST", "/deaf", {"Content-Length": len(BIG)})
        try:
            client.send_body(BIG)
        except OSError:
            pass
        assert client.read("POST").status == 504
    until(lambda: node.admin.metric("weir_origin_connections_open") == 0, "the origin's connection closed")


# slow clients


def drip(client, parts, pause=0.05, most=400):
    """Sends one of `parts` after the other, until something comes back."""
    for part in parts[:most]:
        client.send(part)
        if select.select([client.sock], [], [], pause)[0]:
            return
    raise AssertionError("the client was let go on")


@pytest.fixture
def brisk(weirs, origin):
    origin.on("/up", body=b"thanks")
    return weirs({"workers": 1, "client": {"min_rate": "1KB/s", "min_rate_grace": "500ms"},
                  "origins": {"app": policy.origin(origin, keepalive_timeout="100ms")}, "routes": [policy.route()]})


def test_a_small_body_that_drips_occupies_no_origin(brisk, origin):
    with brisk.connect() as client:
        client.send_head("POST", "/up", {"Content-Length": 100}).send(b"x")
        for _ in range(2):
            assert brisk.ask("/other").status == 404
        assert origin.calls("/up") == 0
        client.send(b"x" * 99)
        assert client.read("POST").body == b"thanks"
    assert origin.last("/up").body == b"x" * 100


def test_the_first_part_of_a_large_body_is_read_before_the_origin_is_asked(brisk, origin):
    with brisk.connect() as client:
        client.send_head("POST", "/up", {"Content-Length": 200_000}).send(b"x" * 65_000)
        for _ in range(2):
            assert brisk.ask("/other").status == 404
        assert origin.calls("/up") == 0
        client.send(b"x" * 2000)
        origin.wait_calls("/up", 1)
        client.send(b"x" * 133_000)
        assert client.read("POST").body == b"thanks"


@pytest.mark.parametrize("head", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_a_body_below_the_least_rate_is_408(brisk, head):
    start = f"POST /up HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode()
    with brisk.connect() as client:
        drip(client.send(start), [b"1\r\nx\r\n"] * 400)
        assert client.read("POST").status == 408
        assert client.ended()
    holds_nothing(brisk)


def test_a_head_below_the_least_rate_is_408(brisk):
    with brisk.connect() as client:
        drip(client, [b"%c" % byte for byte in b"GET /up HTTP/1.1\r\nX: " + b"y" * 400])
        assert client.read().status == 408


def test_a_dialogue_may_be_slow(brisk, origin):
    origin.on("/talk", Answer(200, (), [b"first", b"last"], framing="chunked", read_body=False, keep=False, pause=1.5))
    with brisk.connect() as client:
        client.send_head("POST", "/talk", CHUNKED).send_chunk(b"some")
        answer = client.read_head()
        assert client.read_rest(answer, "POST").body == b"firstlast"


# the whole


@pytest.fixture
def limited(weirs, origin):
    def start(client=(), **of_origin):
        return weirs({"workers": 1, "client": dict(client),
                      "origins": {"app": policy.origin(origin, keepalive_timeout="100ms", **of_origin)}, "routes": [policy.route()]})
    return start


@pytest.mark.parametrize("bound", ["client", "origin"])
def test_a_request_as_a_whole_is_bounded(limited, origin, bound):
    """However steadily the response comes."""
    node = limited({"request_timeout": "700ms"}) if bound == "client" else limited(total_timeout="700ms")
    origin.on("/late", Answer(200, (), b"late", gate=threading.Event()))
    origin.on("/steady", Answer(200, (), [b"x"] * 1000, framing="chunked", pause=0.05))
    assert node.ask("/late").status == 504
    with node.connect() as client:
        client.send_head("GET", "/steady")
        assert client.read_head().status == 200
        with pytest.raises((Closed, ConnectionError)):
            while True:
                client.reader.more()
    holds_nothing(node)


def test_a_request_whose_body_takes_too_long_is_408(limited):
    node = limited({"request_timeout": "500ms"})
    with node.connect() as client:
        client.send_head("POST", "/up", {"Content-Length": 100}).send(b"x")
        assert client.read("POST").status == 408


# those who leave


def test_a_fetch_ends_with_the_client_that_leaves(limited, origin):
    gate = threading.Event()
    origin.on("/slow", Answer(200, (), b"late", gate=gate))
    origin.on("/events", Answer(200, (), [b"first", b"second"], framing="chunked", body_gate=gate))
    node = limited()
    for path in ("/slow", "/events"):
        with node.connect() as client:
            client.send_head("GET", path)
            if path == "/events":
                assert client.read_head().status == 200
            origin.wait_calls(path, 1)
        holds_nothing(node)


def test_abort_finish_answers_a_client_that_has_said_all(limited, origin):
    gate = threading.Event()
    origin.on("/slow", Answer(200, (), b"late", gate=gate))
    node = limited({"abort": "finish"})
    with node.connect() as client:
        client.send_head("GET", "/slow").sock.shutdown(socket.SHUT_WR)
        origin.wait_calls("/slow", 1)
        gate.set()
        assert client.read().body == b"late"


def test_what_others_wait_for_or_a_store_takes_is_fetched_on(cache, origin):
    gate = threading.Event()
    origin.on("/page", Answer(200, {"Cache-Control": "max-age=60"}, b"page", gate=gate))
    with cache.connect() as stays:
        with cache.connect() as leaves:
            leaves.send_head("GET", "/page")
            origin.wait_calls("/page", 1)
            stays.send_head("GET", "/page")
            until(lambda: cache.admin.metric("weir_collapsed_total") == 1, "both aboard")
        until(lambda: cache.admin.metric("weir_clients_gone_total") == 1, "one has left")
        gate.set()
        assert stays.read().body == b"page"
    alone = threading.Event()
    origin.on("/other", Answer(200, {"Cache-Control": "max-age=60"}, b"other", gate=alone))
    with cache.connect() as leaves:
        leaves.send_head("GET", "/other")
        origin.wait_calls("/other", 1)
    until(lambda: cache.admin.metric("weir_clients_gone_total") == 2, "the other has left")
    alone.set()
    until(lambda: cache.admin.metric("weir_stored_total") == 2, "stored nevertheless")
    assert cache.ask("/other").body == b"other"
    assert origin.calls("/other") == 1


def test_a_stop_waits_for_no_refresh(weirs, origin):
    node = weirs({"drain_timeout": "10m", "origins": {"app": policy.origin(origin, response_timeout="10m")},
                  "routes": [policy.route(cache={"ttl": "60s", "grace": "1h"})]})
    first = Answer(200, {"Cache-Control": "max-age=1", "Age": "1"}, b"old")
    origin.on("/page", first, Answer(200, (), b"new", gate=threading.Event()))
    assert node.ask("/page").body == b"old"
    until(lambda: node.ask("/page").body == b"old" and origin.calls("/page") == 2, "a refresh under way")
    node.terminate()


def test_a_client_that_sends_on_gets_its_early_answer(limited):
    """As long as it sends, and it does so for longer than a connection lingers after a whole request."""
    node = limited({"max_body": "1KB"})
    with node.connect() as client:
        client.send_head("POST", "/up", {"Content-Length": 100_000})
        for _ in range(60):
            client.send(b"x" * 1000)
            time.sleep(0.05)
        assert node.admin.metric("weir_connections") == 1
        assert client.read("POST").status == 413


@pytest.mark.parametrize("rate, at_once, ends", [("1MB/s", 2_000, True), ("1B/s", 30_000, False)], ids=["too slow", "fast enough"])
def test_a_reader_below_the_least_rate_loses_its_connection(weirs, origin, rate, at_once, ends):
    """It reads all the time, so no pause is too long; only the rate may be too low."""
    node = weirs({"workers": 1, "client": {"send_timeout": "2s", "min_rate": rate}, "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route()]})
    origin.on("/big", Answer(200, (), BIG, keep=False))
    with socket.socket() as client:
        client.settimeout(20)
        client.connect(node.address)
        client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        deadline = time.monotonic() + (30 if ends else 5)
        while time.monotonic() < deadline and node.admin.metric("weir_connections") == 1:
            assert client.recv(at_once)
            time.sleep(0.02)
        assert node.admin.metric("weir_connections") == (0 if ends else 1)
