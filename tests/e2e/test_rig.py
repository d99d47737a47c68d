# SPDX-License-Identifier: BSD-2-Clause
"""The rig tested on itself: what it says about weir is worth what these say about it. No daemon needed."""

import hashlib
import threading
import time

import pytest

from rig import cache_status, crowd, ports, wire
from rig.answer import Answer
from rig.client import Connection, ask
from rig.pattern import BLOCK, Pattern, digest_of
from rig.relay import BACK
from rig.resp import Resp

pytestmark = pytest.mark.rig


@pytest.fixture
def direct(origin):
    return ("127.0.0.1", origin.port)


def test_body_by_length_chunked_and_close(origin, direct):
    origin.on("/length", body=b"abc").on("/close", body=b"abc", framing="close")
    origin.on("/chunked", body=[b"a", b"bc"], framing="chunked", trailers={"X-Sum": "3"})
    with Connection(direct) as connection:
        assert connection.ask("/length").body == b"abc"
        chunked = connection.ask("/chunked")
        assert (chunked.body, chunked.framing, chunked.trailers["x-sum"]) == (b"abc", "chunked", "3")
        closed = connection.ask("/close")
        assert (closed.body, closed.framing) == (b"abc", "close")
    assert origin.calls() == 3 and origin.connections == 1


def test_pattern_is_streamed_and_its_digest_known(origin, direct):
    body = Pattern(3 * BLOCK + 17)
    assert body.digest() == hashlib.sha1(body.bytes()).hexdigest() == digest_of(body)
    assert Pattern(BLOCK, 1).digest() != Pattern(BLOCK, 2).digest()
    origin.on("/big", body=body)
    answer = ask(direct, "/big")
    assert (answer.length, answer.digest()) == (len(body), body.digest())


def test_request_is_recorded_whole(origin, direct):
    origin.on("/up", body=b"ok")
    body = Pattern(BLOCK + 1)
    ask(direct, "/up?q=1", "PUT", fields={"X-A": "b"}, body=body, chunked=True)
    seen = origin.last("/up")
    assert (seen.method, seen.target, seen.framing, seen.length) == ("PUT", "/up?q=1", "chunked", len(body))
    assert seen.digest == body.digest() and seen.fields["x-a"] == "b"


def test_answers_in_turn_then_the_last_repeats(origin, direct):
    origin.on("/", Answer(500), Answer(200, body=b"fine"))
    assert [ask(direct, "/").status for _ in range(3)] == [500, 200, 200]


def test_interim_raw_and_abort(origin, direct):
    origin.on("/early", body=b"x", interim=[(103, {"Link": "</a.css>"})])
    origin.on("/raw", raw=b"HTTP/1.1 204 None\r\n\r\n", keep=False)
    origin.on("/cut", body=b"0123456789", abort_after=4)
    early = ask(direct, "/early")
    assert early.interim[0].status == 103 and early.interim[0].fields["link"] == "</a.css>"
    assert ask(direct, "/raw").status == 204
    with pytest.raises(wire.Closed):
        ask(direct, "/cut")


def test_gate_holds_the_answer(origin, direct):
    gate = threading.Event()
    origin.on("/held", body=b"x", gate=gate)
    with Connection(direct) as connection:
        connection.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        assert connection.quiet()
        gate.set()
        assert connection.read().body == b"x"


def test_reader_refuses_ambiguous_messages(origin, direct):
    origin.on("/both", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    origin.on("/lf", raw=b"HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx")
    for path in ("/both", "/lf"):
        with pytest.raises(wire.WireError):
            ask(direct, path)


def test_crowd_of_a_thousand(origin, direct):
    origin.on("/c", body=b"hello", framing="chunked")
    visits = crowd.crowd(direct, 1000, "/c")
    assert {v.body for v in visits} == {b"hello"} and not any(v.error for v in visits)
    assert origin.calls("/c") == 1000


def test_crowd_reports_who_got_nothing(origin, direct):
    origin.on("/cut", body=b"0123456789", abort_after=4)
    visits = crowd.crowd(direct, 3, "/cut")
    assert len([v for v in visits if v.error]) == 3


def test_redis_private_and_restarted(redis):
    redis.call("SET", "k", "v")
    assert redis.keys() == ["k"] and redis.call("GET", "k") == b"v"
    redis.restart()
    assert redis.keys() == []


def test_relay_stalls_cuts_and_goes_deaf(redis, relays):
    relay = relays(redis.address)
    with Resp(relay.address, timeout=0.2) as resp:
        assert resp.call("PING") == "PONG"
        relay.stall()
        with pytest.raises(TimeoutError):
            resp.call("PING")
    relay.heal()
    with Resp(relay.address, timeout=0.2) as resp:
        relay.drop(BACK)
        with pytest.raises(TimeoutError):
            resp.call("INCR", "deaf")
    relay.heal()
    assert redis.call("GET", "deaf") == b"1"
    with Resp(relay.address) as resp:
        assert resp.call("PING") == "PONG"
        relay.cut()
        with pytest.raises(ConnectionError):
            resp.call("PING")
    relay.refuse()
    with pytest.raises(ConnectionError):
        Resp(relay.address).call("PING")


def test_relay_slows(origin, relays):
    origin.on("/", body=Pattern(BLOCK))
    relay = relays(("127.0.0.1", origin.port))
    relay.slow(BLOCK * 5)
    start = time.monotonic()
    assert ask(relay.address, "/").length == BLOCK
    assert time.monotonic() - start > 0.1


def test_origin_stops_and_comes_back(origin, direct):
    origin.on("/", body=b"x")
    assert ask(direct, "/").status == 200
    origin.stop()
    with pytest.raises(OSError):
        ask(direct, "/")
    origin.restart()
    assert ask(direct, "/").status == 200


def test_cache_status_is_parsed():
    value = 'Up; hit, "edge-1";fwd=miss; fwd-status=200;stored;key="a,b;c"'
    assert cache_status.parse(value) == [
        ("Up", {"hit": True}), ("edge-1", {"fwd": "miss", "fwd-status": "200", "stored": True, "key": "a,b;c"})]


def test_ports_are_distinct_and_below_the_ephemeral_range():
    given = [ports.free_port() for _ in range(50)]
    assert len(set(given)) == 50 and max(given) < 32768
