# SPDX-License-Identifier: BSD-2-Clause
"""Bodies larger than any memory: streamed both ways with back-pressure. WEIR_BIG=1 takes 1 GB instead of 256 MB."""

import os
import threading

import pytest

from rig import policy
from rig.pattern import BLOCK, Pattern, Tally
from rig.wait import until

SIZE = (1 << 30) if os.environ.get("WEIR_BIG") else (256 << 20)
GROWTH = 20 << 20

pytestmark = [pytest.mark.slow, pytest.mark.memory]


def warmed(node, origin):
    """The node's resident memory after an ordinary exchange."""
    origin.on("/warm", body=Pattern(4 * BLOCK))
    for _ in range(4):
        node.ask("/warm", "POST", body=Pattern(4 * BLOCK))
    return node.rss()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_download(proxy, origin, framing):
    before, body = warmed(proxy, origin), Pattern(SIZE)
    origin.on("/big", body=body, framing=framing)
    answer = proxy.ask("/big", sink=Tally(), timeout=120)
    assert (answer.length, answer.digest()) == (SIZE, body.digest())
    assert proxy.peak() - before < GROWTH


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_upload(proxy, origin, chunked):
    before, body = warmed(proxy, origin), Pattern(SIZE)
    origin.on("/big", body=b"thanks")
    assert proxy.ask("/big", "POST", body=body, chunked=chunked, timeout=120).status == 200
    seen = origin.last("/big")
    assert (seen.length, seen.digest) == (SIZE, body.digest())
    assert proxy.peak() - before < GROWTH


def test_a_body_too_large_to_store_streams_through_the_cache(weirs, origin):
    node = weirs({"memory": {"size": "8MB", "max_object": "1MB"}, "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route(cache=True)]})
    before, body = warmed(node, origin), Pattern(SIZE // 4)
    origin.on("/big", body=body, framing="chunked")
    for _ in range(2):
        answer = node.ask("/big", sink=Tally(), timeout=120)
        assert (answer.length, answer.digest()) == (len(body), body.digest())
    assert origin.calls("/big") == 2
    assert node.peak() - before < GROWTH


def test_a_client_that_does_not_read_holds_back_the_origin(proxy, origin):
    before, body = warmed(proxy, origin), Pattern(SIZE)
    origin.on("/big", body=body)
    slow = [proxy.connect() for _ in range(8)]
    for connection in slow:
        connection.send_head("GET", "/big")
    origin.wait_calls("/big", 8)
    with proxy.connect() as lively:
        for _ in range(50):
            assert lively.ask("/warm").length == 4 * BLOCK
    assert proxy.peak() - before < GROWTH
    for connection in slow:
        connection.close()


def test_an_origin_that_does_not_read_holds_back_the_client(proxy, origin):
    before, gate = warmed(proxy, origin), threading.Event()
    origin.on("/slow", read_body=False, gate=gate, body=b"x", keep=False)
    with proxy.connect(timeout=1) as connection:
        connection.send_head("POST", "/slow", {"Content-Length": SIZE})
        with pytest.raises(TimeoutError):
            connection.send_body(Pattern(SIZE))
        origin.wait_calls("/slow", 1)
        assert proxy.peak() - before < GROWTH
    gate.set()
    until(lambda: proxy.ask("/warm").status == 200, "others served")


def test_memory_store_keeps_to_its_bound(weirs, origin):
    node = weirs({"memory": {"size": "8MB", "max_object": "1MB"}, "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route(cache=True)]})
    before = warmed(node, origin)
    for number in range(100):
        origin.on(f"/{number}", body=Pattern(512 * 1024, number))
        assert node.ask(f"/{number}").length == 512 * 1024
    assert node.rss() - before < (8 << 20) + GROWTH
    assert node.ask("/99").digest() == Pattern(512 * 1024, 99).digest()
    assert origin.calls("/99") == 1
