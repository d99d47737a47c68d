# SPDX-License-Identifier: BSD-2-Clause
"""Requests on many connections that arrive in the same turn of the loop: they are worked on together, and each gets its own."""

import socket

from rig.requests import FRESH, asked, stored

CROWD = 20


def at_once(cache, requests):
    """One connection for each; all is sent before anything is read."""
    connections = [cache.connect() for _ in requests]
    for connection, data in zip(connections, requests):
        connection.send(data)
    return connections


def test_each_gets_its_own(cache, origin):
    bodies = stored(cache, origin, [1, 700, 9000, 70_000])
    for at in range(CROWD):
        origin.on(f"/miss/{at}", body=b"%d" % at, fields=FRESH)
    origin.on("/form", body=b"taken")
    post = b"POST /form HTTP/1.1\r\nHost: test.example\r\nContent-Length: 4\r\n\r\nform"
    wanted = [(asked([target]), 200, body) for target, body in bodies.items()] * CROWD
    wanted += [(asked([f"/miss/{at}"]), 200, b"%d" % at) for at in range(CROWD)]
    wanted += [(post, 200, b"taken")] * CROWD + [(b"GET /\x00 HTTP/1.1\r\n\r\n", 400, None)] * CROWD
    wanted = wanted[::2] + wanted[1::2]
    for (_, status, body), connection in zip(wanted, at_once(cache, [data for data, _, _ in wanted])):
        with connection:
            answer = connection.read()
            assert answer.status == status
            assert body is None or (answer.length, answer.body[:8]) == (len(body), body[:8])


def test_those_who_have_said_all_get_their_answer(cache, origin):
    bodies = stored(cache, origin, [700])
    connections = at_once(cache, [asked(["/700"] * 3)] * CROWD)
    for connection in connections:
        connection.sock.shutdown(socket.SHUT_WR)
    for connection in connections:
        with connection:
            assert [connection.read().body for _ in range(3)] == [bodies["/700"]] * 3
            assert connection.ended()


def test_those_who_leave_take_nothing_from_the_others(cache, origin):
    bodies = stored(cache, origin, [700])
    connections = at_once(cache, [asked(["/700"])] * (2 * CROWD))
    for connection in connections[::2]:
        connection.reset()
    for connection in connections[1::2]:
        with connection:
            assert connection.read().body == bodies["/700"]
            connection.send(asked(["/700"]))
            assert connection.read().body == bodies["/700"]


def test_a_hot_object_is_gone_when_it_is_purged(cache, origin):
    """What a worker has found again and again needs no look into the store, but must not outlive it there."""
    origin.on("/hot", body=b"old", fields=FRESH)
    with cache.connect() as connection:
        for _ in range(50):
            connection.send(asked(["/hot"]))
            assert connection.read().body == b"old"
        origin.on("/hot", body=b"new", fields=FRESH)
        assert cache.ask("/hot", method="POST").status == 200
        connection.send(asked(["/hot"]))
        assert connection.read().body == b"new"
