# SPDX-License-Identifier: BSD-2-Clause
"""Hits for pipelined requests: they leave together, in order, and a client that doesn't read yet gets them all later."""

import socket
import threading

import pytest

from rig.requests import asked, stored


def test_hits_come_in_order_whatever_their_size(cache, origin):
    bodies = stored(cache, origin, [1, 700, 5000, 20_000, 300_000])
    targets = list(bodies) * 8
    with cache.connect() as connection:
        connection.send(asked(targets))
        for target in targets:
            answer = connection.read()
            assert (answer.length, answer.body[:1]) == (len(bodies[target]), bodies[target][:1])


def test_a_close_comes_behind_all_answers_before_it(cache, origin):
    bodies = stored(cache, origin, [10, 2000])
    targets = list(bodies) * 50
    with cache.connect() as connection:
        connection.send(asked(targets, last=b"Connection: close\r\n"))
        for target in targets:
            assert connection.read().length == len(bodies[target])
        assert connection.ended()


@pytest.mark.parametrize("count", [20_000])
def test_a_client_that_reads_late_gets_everything(cache, origin, count):
    bodies = stored(cache, origin, [4000])
    target, body = next(iter(bodies.items()))
    with cache.connect() as connection:
        sender = threading.Thread(target=connection.send, args=(asked([target] * count),))
        sender.start()
        assert cache.ask(target).body == body  # others are served meanwhile
        assert all(connection.read().length == len(body) for _ in range(count))
        sender.join()


def test_half_a_request_behind_others_does_not_take_their_answers_away(cache, origin):
    """The client ends its side in the middle of a head while the answers to what stood before wait for it to read."""
    bodies = stored(cache, origin, [4000])
    with cache.connect() as connection:
        connection.send(asked(list(bodies) * 1200) + b"GET /half HTTP/1.1\r\n")
        connection.sock.shutdown(socket.SHUT_WR)
        assert all(connection.read().length == 4000 for _ in range(1200))
        assert connection.ended()


def test_a_miss_among_hits_keeps_its_place(cache, origin):
    bodies = stored(cache, origin, [100])
    gate = threading.Event()
    origin.on("/late", body=b"late", gate=gate)
    with cache.connect() as connection:
        connection.send(asked(["/100", "/100", "/late", "/100"]))
        assert [connection.read().body for _ in range(2)] == [bodies["/100"]] * 2
        assert connection.quiet()
        gate.set()
        assert [connection.read().body for _ in range(2)] == [b"late", bodies["/100"]]


def test_clients_that_leave_amid_their_pipeline_harm_nobody(cache, origin):
    bodies = stored(cache, origin, [4000, 40_000])
    for count in range(1, 60):
        connection = cache.connect()
        connection.send(asked(list(bodies) * count))
        connection.reset()
    assert cache.ask("/4000").length == 4000


def test_a_client_that_leaves_with_answers_waiting_harms_nobody(cache, origin):
    stored(cache, origin, [4000])
    for count in (100, 400, 1600):
        connection = cache.connect()
        sender = threading.Thread(target=send_what_goes, args=(connection, asked(["/4000"] * 10 * count)))
        sender.start()
        for _ in range(count):
            connection.read()
        connection.reset()
        sender.join()
    assert cache.ask("/4000").length == 4000


def send_what_goes(connection, data):
    try:
        connection.send(data)
    except OSError:
        pass
