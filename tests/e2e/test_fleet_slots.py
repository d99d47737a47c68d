# SPDX-License-Identifier: BSD-2-Clause
"""Every script and every command with several keys keeps them in one slot, as a Redis Cluster will have it."""

import pytest

from rig import cache_status, policy, ports
from rig.monitor import Monitor
from rig.answer import Answer
from rig.lists import ALGORITHMS
from rig.pattern import Pattern
from rig.redis_server import RedisServer
from rig.wait import until

SEVERAL = {"EXISTS", "UNLINK", "DEL", "MGET"}      # commands whose words are all keys


@pytest.fixture
def redis(place):
    """A Cluster of one node that has all slots."""
    server = RedisServer(place / "redis", "--cluster-enabled", "yes", "--cluster-port", str(ports.free_port()))
    server.call("CLUSTER", "ADDSLOTS", *range(16384))
    until(lambda: b"cluster_state:ok" in server.call("CLUSTER", "INFO"), "the slots")
    yield server
    server.stop()


def use_everything(nodes, origin):
    origin.on("/page", lambda r: Answer(body=b"x", fields={"Cache-Tag": "a, b", "Surrogate-Key": "c d", "Cache-Groups": '"g"'}))
    origin.on("/vary", fields={"Vary": "X-A"}).on("/large", body=Pattern(3 << 20)).on("/save", fields={
        "Cache-Group-Invalidation": '"g"', "Location": "/page"}).on("/private", fields={"Cache-Control": "no-store"})
    for node in nodes:
        for path in ("/page", "/large", "/private"):
            assert node.ask(path).status == 200
    for value in range(40):                                  # more variants than a key may have
        nodes[value % 2].ask("/vary", fields={"X-A": str(value)})
    until(lambda: cache_status.hit(nodes[0].ask("/vary", fields={"X-A": "39"}), "edge-1"), "sharing")
    for words in (["--tag", "a"], ["--prefix", "test.example/p"], ["--host", "test.example"], ["--all"],
                  ["http://test.example/page"], ["--tag", "a", "--soft"], ["http://test.example/page", "--soft"]):
        assert "2 of 2 nodes" in nodes[0].admin.ctl("purge", *words)
        for node in nodes:
            node.ask("/page")
    assert nodes[0].ask("/save", "POST", body=b"").status == 200
    assert len(nodes[0].admin.ctl_json("purges")) == 7  # an unsafe method's invalidation is no purge


def keys_of(command):
    verb, words = command.words[0].upper(), command.words[1:]
    if verb in ("EVAL", "EVALSHA"):
        return words[2:2 + int(words[1])]
    if verb in SEVERAL:
        return words
    return [word for word in words[:1] if word.startswith("weir:v1:")]


def test_keys_that_are_used_together_share_a_slot(fleet, origin, redis):
    with Monitor(redis) as monitor:
        nodes = fleet(2, policy.route(cache=True, limits=ALGORITHMS), redis={"url": f"redis://127.0.0.1:{redis.port}"},
                      limits={name: {"key": "client", "algorithm": name, "rate": "100000/m"} for name in ALGORITHMS})
        use_everything(nodes, origin)
        commands = monitor.take()
    slots, call, seen = {}, None, set()
    for command in commands:
        keys = keys_of(command)
        if not command.by_script:
            call = []
        call += keys
        for key in call:
            slots.setdefault(key, redis.call("CLUSTER", "KEYSLOT", key))
        assert len({slots[key] for key in call}) <= 1, (command, call)
        seen.add(command.words[0].upper())
    assert {"EVALSHA", "EXISTS", "UNLINK", "HMGET", "XADD"} <= seen
    for node in nodes:
        assert node.admin.metric("weir_redis_errors_total") == 0
