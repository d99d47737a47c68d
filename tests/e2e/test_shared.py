# SPDX-License-Identifier: BSD-2-Clause
"""What nodes share through Redis: the keyspace of the contract, objects, purges, and life without any of it."""

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.lists import ALGORITHMS
from rig.pattern import Pattern
from rig.wait import until


def ttls(redis):
    return {key: redis.call("PTTL", key) for key in redis.keys()}


def objects(redis, host="test.example"):
    return [k for k in redis.keys(f"weir:v1:cache:{host}:*") if k.endswith("}")]


def test_an_object_is_one_hash_with_a_ttl(fleet, origin, redis):
    origin.on("/page", body=b"the body", fields={"X-Mark": "mark"})
    [node] = fleet(1)
    node.ask("/page")
    [key] = until(lambda: objects(redis), "the object in Redis")
    assert redis.call("TYPE", key) == "hash"
    stored = redis.hash(key)
    assert {"key", "meta", "head", "body"} <= set(stored)
    assert b"test.example" in stored["key"] and b"/page" in stored["key"]
    assert stored["body"] == b"the body" and b"mark" in stored["head"]
    kept_for_validation = 5 * 60_000  # and for when the origin can't be reached
    assert 0 < redis.call("PTTL", key) <= 60_000 + kept_for_validation


def test_every_key_has_a_ttl(fleet, origin, redis):
    limits = {name: {"key": "client", "algorithm": name, "rate": "1000/m"}
              for name in ALGORITHMS}
    nodes = fleet(2, policy.route(cache=True, limits=list(limits)), limits=limits)
    origin.on("/vary", lambda r: Answer(200, {"Vary": "X-A"}, b"x"))
    origin.on("/big", body=Pattern(3 << 20)).on("/pass", fields={"Cache-Control": "no-store"})
    for node in nodes:
        for path in ("/vary", "/big", "/pass", "/none"):
            node.ask(path, fields={"X-A": node.name})
    until(lambda: len(objects(redis)) >= 2, "objects in Redis")
    assert {key: ttl for key, ttl in ttls(redis).items() if ttl < 0} == {}
    assert all(key.startswith("weir:v1:") for key in redis.keys())


def test_namespace_and_keyspace_are_the_policys(fleet, origin, redis):
    [node] = fleet(1, redis={"namespace": "shop", "keyspace": "k7"})
    origin.on("/", body=b"x")
    node.ask("/")
    until(lambda: redis.keys("shop:k7:cache:*"), "the object in its namespace")
    assert redis.keys("weir:*") == []


def test_a_second_node_is_served_from_redis(fleet, origin):
    one, two = fleet(2)
    body = Pattern(2 << 20)
    origin.on("/small", body=b"small", fields={"ETag": '"s"'}).on("/large", body=body)
    for path in ("/small", "/large"):
        one.ask(path)

        def from_two():
            answer = two.ask(path)
            return answer if cache_status.hit(answer, "edge-2") else None

        answer = until(from_two, "a hit on the second node")
        assert answer.length == (5 if path == "/small" else len(body))
        assert path == "/small" or answer.digest() == body.digest()
    assert origin.calls("/small") == 1 and origin.calls("/large") == 1


def test_an_object_outlives_the_node_that_fetched_it(fleet, weirs, origin, redis):
    one, two = fleet(2)
    origin.on("/", body=b"x")
    one.ask("/")
    until(lambda: objects(redis), "the object in Redis")
    one.kill()
    assert cache_status.hit(two.ask("/"), "edge-2")
    assert origin.calls() == 1


def test_an_object_keeps_its_age_on_another_node(fleet, origin, redis):
    one, two = fleet(2)
    origin.on("/", body=b"x", fields={"Age": "20", "Cache-Control": "max-age=100"})
    one.ask("/")
    until(lambda: objects(redis), "the object in Redis")
    answer = two.ask("/")
    assert 20 <= int(answer.fields["Age"]) <= 40
    assert int(cache_status.of(answer, "edge-2")["ttl"]) <= 80


def test_ttl_jitter_spreads_and_only_shortens(fleet, origin, redis):
    [node] = fleet(1, policy.route(cache={"ttl": "1000s", "jitter": "50%", "grace": "0s"}))
    for number in range(60):
        origin.on(f"/{number}", body=b"x")
        node.ask(f"/{number}")
    until(lambda: len(objects(redis)) == 60, "60 objects")
    left = sorted(int(cache_status.of(node.ask(f"/{n}"))["ttl"]) for n in range(60))
    assert 480 <= left[0] and left[-1] <= 1000
    assert left[-1] - left[0] > 200 and len(set(left)) > 20


@pytest.mark.parametrize("damage", [
    lambda redis, key: redis.call("HSET", key, "key", "another key altogether"),
    lambda redis, key: redis.call("HDEL", key, "head"),
    lambda redis, key: redis.call("HDEL", key, "meta"),
    lambda redis, key: redis.call("HSET", key, "meta", "garbage"),
    lambda redis, key: redis.call("HSET", key, "head", "garbage\r\nX"),
    lambda redis, key: redis.call("HSET", key, "body", "short"),
    lambda redis, key: (redis.call("DEL", key), redis.call("SET", key, "a string")),
], ids=["other key", "no head", "no meta", "bad meta", "bad head", "other body", "wrong type"])
def test_a_damaged_object_is_a_miss(fleet, origin, redis, damage):
    [node] = fleet(1, memory="off")
    origin.on("/", body=b"the whole body")
    node.ask("/")
    [key] = until(lambda: objects(redis), "the object in Redis")
    damage(redis, key)
    assert node.ask("/").body == b"the whole body"
    assert origin.calls() == 2


def test_a_missing_chunk_is_a_miss_never_a_mixture(fleet, origin, redis):
    [node] = fleet(1, memory="off")
    body = Pattern(3 << 20)
    origin.on("/", body=body)
    node.ask("/")
    until(lambda: any("arriving" not in redis.hash(key) for key in objects(redis)), "the whole object")
    chunks = [key for key in redis.keys("weir:v1:cache:*") if key.rsplit(":", 1)[1].isdigit()]
    redis.call("DEL", chunks[len(chunks) // 2])
    answer = node.ask("/")
    assert answer.digest() == body.digest() and origin.calls() == 2


def test_a_purge_reaches_every_node(fleet, origin, redis):
    one, two = fleet(2)
    origin.on("/", lambda r: Answer(body=b"call %d" % origin.calls("/")))
    one.ask("/")
    until(lambda: cache_status.hit(two.ask("/"), "edge-2"), "a hit on the second node")
    one.admin.ctl("purge", "http://test.example/")
    until(lambda: two.ask("/").body == b"call 2", "the purge on the second node")
    until(lambda: one.ask("/").body == b"call 2", "the purge on the first node")


def test_a_change_in_redis_reaches_a_nodes_memory(fleet, origin, redis):
    [node] = fleet(1)
    origin.on("/", lambda r: Answer(body=b"call %d" % origin.calls("/")))
    node.ask("/")
    [key] = until(lambda: objects(redis), "the object in Redis")
    until(lambda: cache_status.hit(node.ask("/")), "a hit from memory")
    redis.call("DEL", key)
    until(lambda: node.ask("/").body == b"call 2", "memory dropping what Redis lost")


def test_a_redis_that_was_never_there_costs_nobody_an_answer(weirs, origin, redis):
    redis.kill()
    node = weirs({"redis": {"url": redis.url}, "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route(cache=True)]})
    origin.on("/", body=b"x")
    assert {node.ask("/").status for _ in range(5)} == {200}
    redis.start()
    origin.on("/later", body=b"y")
    until(lambda: node.ask("/later").status == 200 and objects(redis), "objects in Redis once it is there")
