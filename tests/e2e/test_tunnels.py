# SPDX-License-Identifier: BSD-2-Clause
"""WebSockets and other protocols that a request switches to: passed on if both sides agree, and bounded in time and number."""

import asyncio
import queue
import socket
import time

import pytest
import websockets

from rig import policy
from rig.answer import Answer
from rig.listener import Listener
from rig.wait import until
from rig.wire import Closed

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="          # both of RFC 6455 1.3
HANDSHAKE = {"Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
AGREED = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\nX-Own: 1\r\n\r\n"
SLOW = {"client": {"tunnel_timeout": "1500ms"}}


class Switcher:
    """A server that answers the first request of each connection, and then leaves the connection to the test. answer: the bytes, or a
    function that gets the head."""

    def __init__(self, answer=AGREED):
        self.answer, self.heads, self.socks = answer, [], queue.Queue()
        self._listener = Listener(self._serve)
        self.address = "%s:%d" % self._listener.address

    def _serve(self, sock):
        sock.settimeout(20)
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(65536)
        self.heads.append(head.decode())
        answer = self.answer(head.decode()) if callable(self.answer) else self.answer
        sock.sendall(answer.encode())
        self.socks.put(sock)

    def close(self):
        self._listener.close()
        while not self.socks.empty():
            self.socks.get().close()


@pytest.fixture
def switcher():
    made = []

    def make(*args):
        made.append(Switcher(*args))
        return made[-1]
    yield make
    for one in made:
        one.close()


def node_for(weirs, address, settings=None, **route):
    return weirs({**(settings or {}), "origins": {"app": {"servers": [address]}},
                  "routes": [{**policy.route(cache={"ttl": "60s"}), **route}]})


def read(sock, count):
    got = b""
    while len(got) < count:
        piece = sock.recv(count - len(got))
        assert piece, got
        got += piece
    return got


def took(client, count):
    while len(client.reader.buffer) < count:
        client.reader.more()
    got = bytes(client.reader.buffer[:count])
    del client.reader.buffer[:count]
    return got


def closed(client):
    """Waits for the end of what the client is sent, which must bring nothing more."""
    try:
        client.reader.more()
    except Closed:
        return
    raise AssertionError(bytes(client.reader.buffer))


@pytest.fixture
def opened():
    """Opens tunnels. Gives both ends of one, the client's connection and the server's socket, and the head of the 101."""
    clients = []

    def open_one(node, server, fields=HANDSHAKE, more=b""):
        clients.append(node.connect())
        return switch(clients[-1], server, fields, more)
    yield open_one
    for client in clients:
        client.close()


def switch(client, server, fields, more):
    client.send_head("GET", "/chat", fields)
    if more:
        client.send(more)
    head = client.read_head()
    assert head.status == 101, head
    return client, server.socks.get(timeout=20), head


def test_bytes_pass_in_both_directions_until_one_side_closes(weirs, switcher, opened):
    server = switcher(AGREED + "hello")
    node = node_for(weirs, server.address)
    client, origin, head = opened(node, server, more=b"early")
    assert head.fields["Upgrade"] == "websocket" and head.fields["Connection"].lower() == "upgrade"
    assert head.fields["Sec-WebSocket-Accept"] == ACCEPT and head.fields["X-Own"] == "1"
    assert "Transfer-Encoding" not in head.fields and "Content-Length" not in head.fields
    sent = server.heads[0]
    assert "\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" in sent and f"\r\nSec-WebSocket-Key: {KEY}\r\n" in sent
    assert took(client, 5) == b"hello" and read(origin, 5) == b"early"
    for number in range(3):
        origin.sendall(b"down%d" % number)
        assert took(client, 5) == b"down%d" % number
        client.send(b"up%d" % number)
        assert read(origin, 3) == b"up%d" % number
    assert node.admin.metric("weir_tunnels") == 1 and node.admin.metric("weir_tunnels_total") == 1
    client.send(b"last")
    client.sock.shutdown(socket.SHUT_WR)
    assert read(origin, 4) == b"last" and origin.recv(1) == b""
    origin.sendall(b"bye")
    origin.close()
    assert took(client, 3) == b"bye"
    closed(client)
    node.said(r'"GET /chat HTTP/1.1" 101 ')
    until(lambda: node.admin.metric("weir_tunnels") == 0, "the tunnel counted out")


def test_the_server_may_close_first(weirs, switcher, opened):
    server = switcher()
    node = node_for(weirs, server.address)
    client, origin, _ = opened(node, server)
    origin.sendall(b"bye")
    origin.close()
    assert took(client, 3) == b"bye"
    closed(client)
    client.close()
    until(lambda: node.admin.metric("weir_connections") == 0, "the client's connection closed")


@pytest.mark.parametrize("fields", [
    {**HANDSHAKE, "Sec-WebSocket-Key": "short"}, {**HANDSHAKE, "Sec-WebSocket-Version": "8"}, {**HANDSHAKE, "Upgrade": "h2c"},
    {**HANDSHAKE, "Upgrade": "websocket, h2c"}, {**HANDSHAKE, "Connection": "keep-alive"}, {**HANDSHAKE, "Content-Length": "0"},
    [*HANDSHAKE.items(), ("Sec-WebSocket-Key", KEY)],
], ids=["bad key", "old version", "h2c", "two protocols", "Connection doesn't name it", "content", "two keys"])
def test_what_is_no_right_handshake_goes_on_without_upgrade(weirs, origin, fields):
    origin.on("/chat", Answer(200, {}, b"plain"))
    answer = node_for(weirs, origin.address).ask("/chat", fields=fields)
    assert answer.status == 200 and answer.body == b"plain"
    sent = origin.last("/chat").fields
    assert "Upgrade" not in sent and "upgrade" not in sent.get("Connection", "").lower()


def test_h2c_is_refused_by_the_policy(weirs):
    with pytest.raises(AssertionError, match="never passed on"):
        node_for(weirs, "127.0.0.1:9", upgrade=["websocket", "h2c"])


@pytest.mark.parametrize("upgrade, fields, status", [
    ("off", HANDSHAKE, 200), (["other"], HANDSHAKE, 200), (["other"], {"Connection": "Upgrade", "Upgrade": "Other"}, 101)])
def test_a_route_says_which_protocols_pass(weirs, origin, switcher, upgrade, fields, status):
    origin.on("/chat", Answer(200, {}, b"plain"))
    server = switcher("HTTP/1.1 101 Yes\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n")
    node = node_for(weirs, origin.address if status == 200 else server.address, upgrade=upgrade)
    with node.connect() as client:
        client.send_head("GET", "/chat", fields)
        assert client.read_head().status == status


@pytest.mark.parametrize("answer, why", [
    (AGREED.replace(ACCEPT, KEY), "not to what was asked for"), (AGREED.replace("websocket", "other"), "not to what was asked for"),
    (AGREED.replace("Connection: Upgrade\r\n", ""), "not to what was asked for"),
], ids=["wrong key", "another protocol", "no Connection"])
def test_a_wrong_101_is_a_broken_answer(weirs, switcher, answer, why):
    node = node_for(weirs, switcher(answer).address)
    assert node.ask("/chat", fields=HANDSHAKE).status == 502
    assert why in node.ask("/chat", fields={**HANDSHAKE, "Accept": "application/problem+json"}).text


def test_a_server_that_does_not_agree_answers_as_ever(weirs, origin):
    """The connections of client and server stay in use."""
    origin.on("/chat", Answer(426, {"Upgrade": "websocket"}, b"no"))
    node = node_for(weirs, origin.address)
    with node.connect() as client:
        for _ in range(3):
            assert client.ask("/chat", fields=HANDSHAKE).status == 426
    assert len({r.connection for r in origin.requests}) == 1
    assert node.admin.metric("weir_tunnels") == 0 and node.admin.metric("weir_tunnels_total") == 0


def test_nothing_of_a_tunnel_is_stored_or_shared(weirs, switcher, opened):
    server = switcher()
    node = node_for(weirs, server.address)
    pairs = [opened(node, server) for _ in range(3)]
    assert len(server.heads) == 3
    for number, (client, origin, _) in enumerate(pairs):
        origin.sendall(b"for%d" % number)
        assert took(client, 4) == b"for%d" % number
        client.close()


@pytest.mark.parametrize("talks", ["nobody", "client", "server"])
def test_a_tunnel_in_which_nothing_moves_is_closed(weirs, switcher, opened, talks):
    server = switcher()
    node = node_for(weirs, server.address, SLOW)
    client, origin, _ = opened(node, server)
    for _ in range(0 if talks == "nobody" else 8):      # longer than the time-out in all
        time.sleep(0.25)
        if talks == "client":
            client.send(b"x")
            assert read(origin, 1) == b"x"
        else:
            origin.sendall(b"x")
            assert took(client, 1) == b"x"
    closed(client)
    client.close()
    until(lambda: node.admin.metric("weir_tunnels") == 0, "the tunnel counted out")


def test_a_reader_that_stops_holds_the_other_side_back(weirs, switcher, opened):
    """What is on its way is bounded by the windows of the flows, in both directions."""
    server = switcher()
    node = node_for(weirs, server.address)
    client, origin, _ = opened(node, server)
    for sender, receiver in ((client.sock, origin), (origin, client.sock)):
        sender.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 64 << 20:
                sent += sender.send(b"x" * 65536)
        sender.settimeout(20)
        read(receiver, sent)
    client.close()


def test_too_many_tunnels_are_refused_and_the_rest_is_served(weirs, switcher, opened, origin):
    server = switcher()
    origin.on("/page", Answer(200, {}, b"page"))
    node = weirs({"client": {"max_tunnels": 2}, "origins": {"app": {"servers": [server.address]}, "pages": policy.origin(origin)},
                  "routes": [policy.route("/page", to="pages"), policy.route()]})
    pairs = [opened(node, server) for _ in range(2)]
    assert node.ask("/chat", fields=HANDSHAKE).status == 503 and node.ask("/page").body == b"page"
    for client, origin_side, _ in pairs:
        client.reset()
        assert origin_side.recv(1) == b""
    until(lambda: node.admin.metric("weir_tunnels") == 0, "the tunnels counted out")
    opened(node, server)[0].close()


def test_tunnels_leave_connections_to_an_origin_to_others(weirs, switcher, opened):
    """Three of four: the next one waits in vain, and a page is still served."""
    server = switcher(lambda head: AGREED if "\r\nUpgrade: " in head else "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage")
    node = weirs({"workers": 1, "origins": {"app": {"servers": [server.address], "max_connections": 4, "queue_timeout": "200ms"}},
                  "routes": [policy.route()]})
    open_ones = [opened(node, server) for _ in range(3)]
    assert node.ask("/chat", fields=HANDSHAKE).status == 503
    assert len(open_ones) == 3 and node.ask("/page").body == b"page"


def test_real_websockets(weirs):
    """The websockets library on both sides, with its compression, pings and large messages."""
    seen = {}

    async def echo(socket_, path="/"):
        seen["path"], seen["forwarded"] = socket_.path, socket_.request_headers.get("X-Forwarded-For")
        async for message in socket_:
            await socket_.send(message)

    async def talk():
        async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as server:
            port = server.sockets[0].getsockname()[1]
            node = await asyncio.to_thread(node_for, weirs, f"127.0.0.1:{port}")
            async with websockets.connect("ws://%s:%d/room/1?x=y" % node.address, max_size=None) as client:
                for message in ["hello", b"\0" * 10, "x" * (3 << 20), b"y" * (2 << 20)]:
                    await client.send(message)
                    assert await client.recv() == message
                await (await client.ping())
            assert client.close_code == 1000
    asyncio.run(asyncio.wait_for(talk(), 60))
    assert seen == {"path": "/room/1?x=y", "forwarded": "127.0.0.1"}
