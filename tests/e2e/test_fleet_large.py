# SPDX-License-Identifier: BSD-2-Clause
"""Large objects in Redis: pieces of their own, of which a Range request reads those it needs."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.monitor import Monitor
from rig.pattern import Pattern, digest_of
from rig.wait import until
from rig.wire import Closed

PIECE = 512 << 10
LENGTH = 12 << 20


def stored(redis):
    """The hashes of what is whole in Redis."""
    hashes = [redis.hash(key) for key in redis.keys("weir:v1:cache:*") if redis.call("TYPE", key) == "hash"]
    return [one for one in hashes if "arriving" not in one]


@pytest.fixture(params=["kept in memory", "too large for it"])
def site(request, fleet, origin, redis):
    """/large is in Redis, put there by the first node; the second has never seen it."""
    most = {"kept in memory": "32MB", "too large for it": "1MB"}[request.param]
    nodes = fleet(2, redis={"max_object": "64MB", "timeout": "2s"}, memory={"size": "64MB", "max_object": most})
    origin.on("/large", body=Pattern(LENGTH))
    nodes[0].ask("/large")
    until(lambda: stored(redis), "the object in Redis")
    return nodes


def part(node, first, last):
    answer = node.ask("/large", fields={"Range": f"bytes={first}-{last}"})
    assert answer.status == 206 and answer.fields["Content-Range"] == f"bytes {first}-{last}/{LENGTH}"
    assert cache_status.hit(answer, node.name)
    assert answer.digest() == digest_of(Pattern(LENGTH).bytes()[first:last + 1])


@pytest.mark.parametrize("first, last, pieces", [
    (0, 99, [0]), (20 * PIECE + 7, 20 * PIECE + 7, [20]), (3 * PIECE - 1, 3 * PIECE, [2, 3]),
    (5 * PIECE, 9 * PIECE - 1, [5, 6, 7, 8]), (LENGTH - 1, LENGTH - 1, [23]),
], ids=["front", "one byte", "two sides of an edge", "whole pieces", "end"])
def test_a_range_reads_only_the_pieces_it_needs(site, redis, first, last, pieces):
    with Monitor(redis) as monitor:
        part(site[1], first, last)
        read = [int(command.words[1].rsplit(":", 1)[1]) for command in monitor.take() if command.words[0] == "GET" and not
                command.by_script]
    assert read == pieces


def test_ranges_and_the_whole_at_once_are_all_served_from_redis(site, origin):
    def whole(node):
        assert node.ask("/large").digest() == Pattern(LENGTH).digest()

    with ThreadPoolExecutor(16) as crowd:
        asked = [crowd.submit(part, site[1], at * PIECE + 100, at * PIECE + 300000) for at in (0, 19, 2, 7, 22, 13)]
        asked += [crowd.submit(whole, site[1]) for _ in range(3)]
        for one in asked:
            one.result()
    assert origin.calls("/large") == 1


def test_several_parts_at_once(site, origin):
    answer = site[1].ask("/large", fields={"Range": f"bytes={LENGTH - 5}-{LENGTH - 1},0-9"})
    assert answer.status in (200, 206) and origin.calls("/large") == 1


def test_what_fits_is_kept_in_memory_once_it_is_whole(fleet, origin, redis):
    nodes = fleet(2, redis={"timeout": "2s"}, memory={"size": "64MB", "max_object": "4MB"})
    for path, size in (("/fits", 4 << 20), ("/large", (4 << 20) + 1)):
        origin.on(path, body=Pattern(size))
        nodes[0].ask(path)
        until(lambda: any(one["key"].endswith(path.encode()) for one in stored(redis)), path)
        for _ in range(2):
            assert nodes[1].ask(path).digest() == Pattern(size).digest()
    with Monitor(redis) as monitor:
        until(lambda: "REDIS" not in nodes[1].ask("/fits").fields["Cache-Status"], "a hit in memory")
        monitor.take()
        assert nodes[1].ask("/fits").digest() == Pattern(4 << 20).digest()
        assert not any(":cache:" in word for command in monitor.take() for word in command.words)
    assert "REDIS" in nodes[1].ask("/large").fields["Cache-Status"]
    assert nodes[0].admin.ctl("purge", "http://test.example/fits") == "purged: 2 of 2 nodes\n"
    nodes[1].ask("/fits")
    assert origin.calls("/fits") == 2 and origin.calls("/large") == 1


@pytest.mark.parametrize("damage", [
    lambda redis, key: redis.call("SETRANGE", key, 1000, b"\xff\xfe\xfd"), lambda redis, key: redis.call("DEL", key),
    lambda redis, key: redis.call("EVAL", "redis.call('DEL', KEYS[1]) redis.call('RPUSH', KEYS[1], 'x')", 1, key),
], ids=["bytes changed", "evicted", "wrong type"])
def test_a_damaged_piece_is_met_once(fleet, origin, redis, damage):
    nodes = fleet(2, redis={"max_object": "64MB", "timeout": "2s"}, memory={"size": "64MB", "max_object": "1MB"})
    origin.on("/large", body=Pattern(LENGTH))
    nodes[0].ask("/large")
    until(lambda: stored(redis), "the object in Redis")
    damage(redis, next(key for key in redis.keys("weir:v1:cache:*") if key.endswith(":20")))
    try:
        nodes[1].ask("/large")      # what went out before it was met can't be called back
    except Closed:
        pass
    for node in nodes:
        assert node.ask("/large").digest() == Pattern(LENGTH).digest()
    assert origin.calls("/large") <= 3


def test_a_304_for_what_memory_does_not_take_leaves_it_stored(fleet, origin, redis):
    """It is served stale out of Redis, and read to its end when the origin says that it is still good."""
    nodes = fleet(2, policy.route(cache={**policy.CACHE, "ttl": "100ms", "grace": "1h"}), redis={"max_object": "64MB"},
                  memory={"size": "64MB", "max_object": "1MB"})
    gate = threading.Event()
    origin.on("/large", Answer(body=Pattern(LENGTH), fields={"ETag": '"v"'}), Answer(status=304, fields={"ETag": '"v"'}, gate=gate))
    nodes[0].ask("/large")
    until(lambda: stored(redis), "the object in Redis")
    until(lambda: "fwd=stale" in nodes[1].ask("/large").fields["Cache-Status"] or origin.calls("/large") == 2, "a background refresh")
    gate.set()
    until(lambda: not redis.keys("weir:v1:lock:*"), "the refresh over")
    assert nodes[1].ask("/large").digest() == Pattern(LENGTH).digest()
    assert stored(redis) and cache_status.hit(nodes[1].ask("/large"), "edge-2")


def test_a_304_makes_what_comes_out_of_redis_in_pieces_fresh_again(fleet, origin, redis):
    """The node that asked has it in Redis only. Once all pieces have come, the updated response is stored: no later request asks."""
    nodes = fleet(2, redis={"max_object": "64MB"}, memory={"size": "64MB", "max_object": "32MB"})
    origin.on("/large", Answer(body=Pattern(LENGTH), fields={"ETag": '"v"', "Cache-Control": "no-cache"}),
              Answer(status=304, fields={"ETag": '"v"', "Cache-Control": "max-age=1000"}))
    nodes[0].ask("/large")
    until(lambda: stored(redis), "the object in Redis")
    assert nodes[1].ask("/large").digest() == Pattern(LENGTH).digest()
    until(lambda: cache_status.hit(nodes[1].ask("/large"), "edge-2"), "a hit")
    assert nodes[1].ask("/large").digest() == Pattern(LENGTH).digest()
    assert origin.calls("/large") == 2
