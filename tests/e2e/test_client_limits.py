# SPDX-License-Identifier: BSD-2-Clause
"""What the policy's `client:` allows a client: how long it may take, how much it may send."""

import pytest

from rig import policy
from rig.wait import until
from rig.wire import Closed


@pytest.fixture
def strict(weirs, origin):
    origin.on("/up", body=b"thanks").on("/", body=b"x")
    return weirs({"client": {"header_timeout": "300ms", "idle_timeout": "400ms", "body_timeout": "300ms",
                             "max_target": "1KB", "max_head": "4KB", "max_body": "64KB"},
                  "origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})


def test_a_head_that_does_not_come_is_408(strict, origin):
    with strict.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        assert connection.read().status == 408
        assert connection.ended()
    assert origin.calls() == 0


def test_a_body_that_does_not_come_is_408(strict):
    with strict.connect() as connection:
        connection.send_head("POST", "/up", {"Content-Length": 10}).send(b"12345")
        assert connection.read("POST").status == 408
        assert connection.ended()


def test_an_idle_connection_is_closed_without_a_word(strict):
    with strict.connect() as connection:
        assert connection.ask("/").status == 200
        assert connection.ended()


def test_a_client_that_sends_nothing_at_all_is_closed(strict):
    with strict.connect() as connection:
        try:
            assert connection.read().status == 408
        except Closed as closed:
            assert closed.partial == b""


def test_a_body_announced_too_large_is_413(strict, origin):
    with strict.connect() as connection:
        connection.send_head("POST", "/up", {"Content-Length": 64 * 1024 + 1})
        assert connection.read("POST").status == 413
    assert origin.calls() == 0


def test_a_chunked_body_that_grows_too_large_is_413(strict):
    with strict.connect() as connection:
        connection.send_head("POST", "/up", {"Transfer-Encoding": "chunked"})
        try:
            for _ in range(5):
                connection.send_chunk(bytes(16 * 1024))
        except OSError:
            pass
        assert connection.read("POST").status == 413
        assert connection.ended()


def test_a_body_of_exactly_the_limit_passes(strict, origin):
    for chunked in (False, True):
        assert strict.ask("/up", "POST", body=bytes(64 * 1024), chunked=chunked).status == 200
        assert origin.last("/up").length == 64 * 1024


def test_targets_and_heads_up_to_their_limit(strict, origin):
    origin.on("/" + "a" * 1000, body=b"long")
    assert strict.ask("/" + "a" * 1000).body == b"long"
    assert strict.ask("/" + "a" * 1025).status == 414
    assert strict.ask("/", fields={"X-A": "a" * 3000}).status == 200
    assert strict.ask("/", fields={"X-A": "a" * 5000}).status == 431


def admitted(node):
    """A connection that was answered 200; None when others (the probe that waited for the start) still count."""
    connection = node.connect()
    if connection.ask("/").status == 200:
        return connection
    connection.close()
    return None


def test_connections_beyond_the_limit_are_told_so(weirs, origin):
    origin.on("/", body=b"x")
    node = weirs({"workers": 1, "client": {"max_connections": 4}, "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route()]})
    held = [until(lambda: admitted(node), "a connection admitted") for _ in range(4)]
    with node.connect() as connection:
        try:
            connection.send_head("GET", "/")
            assert connection.read().status == 503
        except (Closed, OSError):
            pass
    for connection in held:
        connection.close()
