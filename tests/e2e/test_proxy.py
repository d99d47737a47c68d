# SPDX-License-Identifier: BSD-2-Clause
"""The proxy without caching: connections, methods, bodies and interim responses, both ways."""

import threading

import pytest

from rig.answer import Answer
from rig.client import Connection
from rig.pattern import BLOCK, Pattern
from rig.wait import until
from rig.wire import Closed

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "REPORT", "MKCOL", "SEARCH"]


def test_keep_alive_serves_many_requests_on_one_connection(proxy, origin):
    origin.on("/a", body=b"one").on("/b", body=b"two", framing="chunked")
    with proxy.connect() as connection:
        for _ in range(5):
            assert connection.ask("/a").body == b"one"
            assert connection.ask("/b").body == b"two"
    assert origin.calls() == 10


def test_connection_close_is_honoured(proxy, origin):
    origin.on("/", body=b"x")
    with proxy.connect() as connection:
        answer = connection.ask("/", fields={"Connection": "close"})
        assert answer.body == b"x" and answer.fields["Connection"].lower() == "close"
        assert connection.ended()


def test_pipelined_requests_are_answered_in_order(proxy, origin):
    gate = threading.Event()
    origin.on("/slow", body=b"slow", gate=gate)
    for number in range(20):
        origin.on(f"/{number}", body=b"%d" % number)
    targets = ["/slow", *(f"/{number}" for number in range(20))]
    with proxy.connect() as connection:
        connection.send(b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % t.encode() for t in targets))
        origin.wait_calls("/slow", 1)
        assert connection.quiet()
        gate.set()
        assert [connection.read().body for _ in targets] == [b"slow", *(b"%d" % n for n in range(20))]


def test_pipelined_bodies_stay_with_their_requests(proxy, origin):
    origin.on("/post", lambda request: Answer(body=[request.method.encode()]))
    with proxy.connect() as connection:
        connection.send(b"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                        b"PUT /post HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                        b"GET /post HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [connection.read().body for _ in range(3)] == [b"POST", b"PUT", b"GET"]
    assert [r.body for r in origin.requests] == [b"hello", b"abc", b""]


def test_a_request_may_arrive_byte_by_byte(proxy, origin):
    origin.on("/bytes", body=b"fine")
    with proxy.connect() as connection:
        for byte in b"POST /bytes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n":
            connection.send(bytes([byte]))
        assert connection.read().body == b"fine"
    assert origin.last("/bytes").body == b"ab"


def test_http_1_0_client_gets_a_body_it_understands(proxy, origin):
    origin.on("/", body=[b"chunk", b"ed"], framing="chunked")
    with proxy.connect() as connection:
        answer = connection.ask("/", version="HTTP/1.0")
        assert (answer.body, answer.status) == (b"chunked", 200)
        assert "Transfer-Encoding" not in answer.fields
        assert connection.ended()


def test_http_1_0_client_may_ask_for_keep_alive(proxy, origin):
    origin.on("/", body=b"x")
    with proxy.connect() as connection:
        first = connection.ask("/", version="HTTP/1.0", fields={"Connection": "keep-alive"})
        assert first.body == b"x"
        if "keep-alive" in first.fields.get("Connection", "").lower():
            assert connection.ask("/", version="HTTP/1.0").body == b"x"
        assert connection.ended()


def test_http_1_0_request_without_host_is_served(proxy, origin):
    origin.on("/", body=b"x")
    with proxy.connect() as connection:
        assert connection.ask("/", version="HTTP/1.0", host=False).status == 200
    assert origin.last("/").version == "HTTP/1.1"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reaches_the_origin(proxy, origin, method):
    origin.on("/m", body=b"done")
    answer = proxy.ask("/m", method)
    assert answer.status == 200
    assert answer.body == (b"" if method == "HEAD" else b"done")
    assert origin.last("/m").method == method


@pytest.mark.parametrize("method", ["BREW", "X-CUSTOM", "get"])
def test_a_method_of_ones_own_is_forwarded_or_501(proxy, origin, method):
    origin.on("/m", body=b"done")
    answer = proxy.ask("/m", method)
    assert answer.status == 501 or (answer.status == 200 and origin.last("/m").method == method)


def test_connect_and_upgrade_do_not_open_a_tunnel(proxy, origin):
    origin.on("/ws", body=b"plain")
    with proxy.connect() as connection:
        connection.send(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
        assert connection.read("CONNECT").status in (400, 405, 501)
    assert origin.calls() == 0
    with proxy.connect() as connection:
        answer = connection.ask("/ws", fields={"Connection": "Upgrade", "Upgrade": "websocket"})
        assert answer.body == b"plain" and "Upgrade" not in origin.last("/ws").fields
        assert connection.ask("/ws").body == b"plain"


def test_head_carries_the_length_and_no_body(proxy, origin):
    origin.on("/h", body=b"12345")
    with proxy.connect() as connection:
        head = connection.ask("/h", "HEAD")
        assert head.fields["Content-Length"] == "5" and head.body == b""
        assert connection.ask("/h").body == b"12345"


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body_keep_the_connection_in_step(proxy, origin, status):
    origin.on("/none", Answer(status, {"ETag": '"a"'})).on("/next", body=b"next")
    with proxy.connect() as connection:
        assert connection.ask("/none", fields={"If-None-Match": '"a"'}).status == status     # a 304 is for who asked whether
        assert connection.ask("/next").body == b"next"


def test_status_reason_and_fields_pass_unchanged(proxy, origin):
    origin.on("/teapot", Answer(418, [("X-A", "1"), ("X-A", "2"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")],
                                b"short and stout", reason="I'm a teapot"))
    answer = proxy.ask("/teapot")
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert answer.fields.all("X-A") in (["1", "2"], ["1, 2"])
    assert answer.fields.all("Set-Cookie") == ["a=b", "c=d"]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [0, 1, BLOCK, 5 * BLOCK + 3])
def test_request_body_arrives_whole(proxy, origin, size, chunked):
    origin.on("/up", body=b"thanks")
    body = Pattern(size)
    assert proxy.ask("/up", "POST", body=body, chunked=chunked).body == b"thanks"
    seen = origin.last("/up")
    assert (seen.length, seen.digest) == (size, body.digest())
    if not chunked:
        assert seen.fields["Content-Length"] == str(size)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [0, 1, BLOCK, 5 * BLOCK + 3])
def test_response_body_arrives_whole(proxy, origin, size, framing):
    body = Pattern(size)
    origin.on("/down", body=body, framing=framing)
    with proxy.connect() as connection:
        for _ in range(2):
            answer = connection.ask("/down")
            assert (answer.length, answer.digest()) == (size, body.digest())
            assert answer.framing != "close"


def test_a_body_arrives_while_the_origin_is_still_sending(proxy, origin):
    gate = threading.Event()
    origin.on("/stream", body=[b"first", b"second"], framing="chunked", body_gate=gate)
    with proxy.connect() as connection:
        connection.send_head("GET", "/stream")
        connection.read_head()
        until(lambda: b"first" in connection.reader.buffer or connection.reader.more(), "the first part")
        gate.set()
        until(lambda: b"second" in connection.reader.buffer or connection.reader.more(), "the second part")


def test_a_request_body_is_forwarded_while_it_arrives(proxy, origin):
    origin.on("/live", read_body=False, body=b"early answer", keep=False)
    with proxy.connect() as connection:
        connection.send_head("POST", "/live", {"Transfer-Encoding": "chunked"})
        connection.send_chunk(b"only the beginning")
        origin.wait_calls("/live", 1)
        assert connection.read("POST").body == b"early answer"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_cut_short_is_never_passed_as_whole(proxy, origin, framing):
    origin.on("/cut", body=Pattern(3 * BLOCK), framing=framing, abort_after=2 * BLOCK)
    with proxy.connect() as connection:
        with pytest.raises(Closed):
            connection.ask("/cut")


def test_expect_100_continue_is_answered_before_the_body(proxy, origin):
    origin.on("/expect", body=b"got it")
    with proxy.connect() as connection:
        connection.send_head("PUT", "/expect", {"Expect": "100-continue", "Content-Length": 5})
        assert connection.read_head().status == 100
        connection.send(b"hello")
        assert connection.read("PUT").body == b"got it"
        assert connection.ask("/expect").body == b"got it"
    assert [r.body for r in origin.requests] == [b"hello", b""]


def test_expect_is_ignored_from_http_1_0(proxy, origin):
    origin.on("/expect", body=b"ok")
    with proxy.connect() as connection:
        connection.send_head("PUT", "/expect", {"Expect": "100-continue", "Content-Length": 5}, version="HTTP/1.0")
        connection.send(b"hello")
        answer = connection.read("PUT")
        assert answer.status == 200 and not answer.interim


def test_early_hints_pass_before_the_answer(proxy, origin):
    hints = [(103, {"Link": "</a.css>; rel=preload"}), (103, {"Link": "</b.css>; rel=preload"})]
    origin.on("/hints", body=b"page", interim=hints)
    with proxy.connect() as connection:
        answer = connection.ask("/hints")
        assert [(i.status, i.fields["Link"]) for i in answer.interim] == [(s, f["Link"]) for s, f in hints]
        assert answer.body == b"page"
        old = connection.ask("/hints", version="HTTP/1.0")
        assert old.body == b"page" and not old.interim


def test_a_101_nobody_asked_for_is_502(proxy, origin):
    origin.on("/", raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    assert proxy.ask("/").status == 502


def test_response_trailers_are_never_merged_into_the_head(proxy, origin):
    origin.on("/t", body=b"data", framing="chunked", trailers={"X-Checksum": "abc", "Content-Length": "1"})
    with proxy.connect() as connection:
        answer = connection.ask("/t", fields={"TE": "trailers"})
        assert answer.body == b"data"
        assert "X-Checksum" not in answer.fields and "Content-Length" not in answer.trailers
        assert answer.trailers.get("X-Checksum", "abc") == "abc"
        assert connection.ask("/t").body == b"data"


def test_request_trailers_are_never_merged_into_the_head(proxy, origin):
    origin.on("/t", body=b"ok")
    with proxy.connect() as connection:
        connection.send_head("POST", "/t", {"Transfer-Encoding": "chunked"})
        connection.send_chunk(b"data").send_last_chunk({"X-Late": "1", "Authorization": "Basic x", "Host": "evil"})
        assert connection.read("POST").status == 200
        assert connection.ask("/t").status == 200
    seen = origin.requests[0]
    assert "X-Late" not in seen.fields and "Authorization" not in seen.fields and seen.body == b"data"
    assert "Host" not in seen.trailers and "Authorization" not in seen.trailers


MANY_TRAILERS = {f"X-Sum-{n}": "x" * 3000 for n in range(30)}      # 90 KB


def test_request_trailers_do_not_grow_with_the_content(proxy, origin):
    origin.on("/t", body=b"ok")
    with proxy.connect() as connection:
        connection.send_head("POST", "/t", {"Transfer-Encoding": "chunked"})
        connection.send_chunk(b"x" * 2**20).send_last_chunk(MANY_TRAILERS)
        assert connection.read("POST").status == 400
        assert connection.ended()


def test_response_trailers_do_not_grow_with_the_content(proxy, origin):
    origin.on("/t", body=b"x" * 2**20, framing="chunked", trailers=MANY_TRAILERS)
    with proxy.connect() as connection, pytest.raises(Closed):
        connection.ask("/t", fields={"TE": "trailers"})


def test_the_client_may_leave_while_it_waits(proxy, origin):
    gate = threading.Event()
    origin.on("/held", body=b"x", gate=gate).on("/next", body=b"next")
    for leave in (Connection.close, Connection.reset):
        connection = proxy.connect()
        connection.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        leave(connection)
    gate.set()
    assert proxy.ask("/next").body == b"next"


def test_the_client_may_leave_in_the_middle_of_either_body(proxy, origin):
    origin.on("/big", body=Pattern(400 * BLOCK)).on("/up", body=b"x").on("/next", body=b"next")
    for _ in range(3):
        connection = proxy.connect()
        connection.send_head("GET", "/big")
        connection.read_head()
        connection.reset()
        connection = proxy.connect()
        connection.send_head("POST", "/up", {"Content-Length": 100 * BLOCK}).send(bytes(BLOCK))
        origin.wait_calls("/up", 1)
        connection.reset()
    assert proxy.ask("/next").body == b"next"
    until(lambda: origin.open_connections() <= 2 * 16, "broken origin connections let go")


def test_a_reset_that_came_with_the_body_is_noticed(proxy, origin):
    """The reset lies behind the bytes in the socket before they are read: no event of its own tells of it."""
    origin.on("/up", body=b"x")
    for _ in range(20):
        connection = proxy.connect()
        connection.send_head("POST", "/up", {"Content-Length": 100 * BLOCK}).send(bytes(1000))
        connection.reset()
    until(lambda: proxy.admin.ctl_json("stats")["connections_open"] == 0, "connections that were reset let go", timeout=10)


def test_an_answer_before_the_body_was_whole_says_that_the_connection_ends(proxy, origin):
    origin.on("/early", status=403, body=b"no", read_body=False)
    with proxy.connect() as connection:
        connection.send_head("POST", "/early", {"Content-Length": "100000"}).send(b"x" * 70_000)
        answer = connection.read()
        assert (answer.status, answer.body, answer.fields["Connection"]) == (403, b"no", "close")
        assert connection.ended()
