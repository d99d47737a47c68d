# SPDX-License-Identifier: BSD-2-Clause
"""Whatever weir waits for ends: each direction of each connection has its own deadline, so a client or an origin that neglects one of them
holds nothing by serving the other."""

import pytest

from rig import policy
from rig.answer import Answer
from rig.pattern import Pattern
from rig.wait import until

CHUNKED = {"Transfer-Encoding": "chunked"}
BIG = Pattern(64 << 20)


@pytest.fixture
def node(weirs, origin):
    return weirs({"workers": 1, "client": {"body_timeout": "700ms", "send_timeout": "700ms", "idle_timeout": "700ms"},
                  "origins": {"app": policy.origin(origin, idle_timeout="100ms")}, "routes": [policy.route()]})


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
    node = weirs({"workers": 1, "origins": {"app": policy.origin(origin, response_timeout="700ms")}, "routes": [policy.route()]})
    origin.on("/deaf", Answer(200, (), b"late", read_body=False, delay=60, keep=False))
    with node.connect() as client:
        client.send_head("POST", "/deaf", {"Content-Length": len(BIG)})
        try:
            client.send_body(BIG)
        except OSError:
            pass
        assert client.read("POST").status == 504
    until(lambda: node.admin.metric("weir_origin_connections_open") == 0, "the origin's connection closed")
