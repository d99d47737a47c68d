# SPDX-License-Identifier: BSD-2-Clause
"""What is complete leaves at once: each chunk with its end (RFC 9112 7.1), in both directions, so that neither side of a dialogue waits for
what the other will only say later."""

import socket
import threading

import pytest

from rig import policy
from rig.answer import Answer

CHUNK = b"5\r\nevent\r\n"


def heard(sock, wanted):
    """Reads until they have come; gives all that came before and with them."""
    got = b""
    while wanted not in got:
        more = sock.recv(65536)
        assert more, f"closed after {got!r}"
        got += more
    return got


@pytest.mark.parametrize("caching", [True, False])
def test_an_event_arrives_before_the_next_is_made(weirs, origin, caching):
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=caching)]})
    gate = threading.Event()
    origin.on("/", Answer(200, {"Cache-Control": "max-age=100"}, [b"event", b"later"], framing="chunked", body_gate=gate))
    with socket.create_connection(node.address, timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: test.example\r\n\r\n")
        assert heard(client, CHUNK).endswith(CHUNK)
        gate.set()
        assert heard(client, b"\r\n0\r\n\r\n") == b"5\r\nlater\r\n0\r\n\r\n"


def test_a_dialogue_over_one_request(weirs, elsewhere):
    """Each side waits for the other's chunk before it sends the next."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        node = weirs({"origins": {"app": {"servers": ["127.0.0.1:%d" % listener.getsockname()[1]]}}, "routes": [policy.route()]})

        def serve():
            server, _ = listener.accept()
            with server:
                server.settimeout(20)
                assert heard(server, CHUNK).endswith(CHUNK)
                server.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK)
                assert heard(server, b"\r\n0\r\n\r\n") == CHUNK + b"0\r\n\r\n"
                server.sendall(b"0\r\n\r\n")
        served = elsewhere(serve)
        with socket.create_connection(node.address, timeout=20) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK)
            assert heard(client, CHUNK).endswith(CHUNK)
            client.sendall(CHUNK + b"0\r\n\r\n")
            assert heard(client, b"0\r\n\r\n") == b"0\r\n\r\n"
        served.result()
