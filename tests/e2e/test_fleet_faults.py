# SPDX-License-Identifier: BSD-2-Clause
"""Redis in every kind of trouble: clients get right answers, none waits longer than redis.timeout (and the origin), the log
says each change of state once, and sharing resumes by itself. With WEIR_TABLE=file the results are written there."""

import os
import re
import time

import pytest

from rig import cache_status, policy
from rig.resp import RedisError, Resp
from rig.wait import until

TIMEOUT = 0.1       # redis.timeout
SLACK = 5.0         # of a machine with other things to do; the table of faults tells the figure
TABLE = os.environ.get("WEIR_TABLE")
MOODS = r"redis .*(cannot be reached|closed the connection|does not answer|refuses|loading|late|memory left|read-only|protocol|asks for a password|permit)"


class Site:
    def __init__(self, fleet, origin, redis, relays):
        self.relay, self.redis, self.origin, self.number = relays(redis.address), redis, origin, 0
        self.nodes = fleet(2, policy.route(cache=True, limits=["wide"]),
                           redis={"url": self.relay.url, "timeout": "100ms"},
                           limits={"wide": {"key": "client", "algorithm": "gcra", "rate": "1000000/s"}})
        origin.on("/hot", body=b"hot", fields={"Cache-Tag": "hot"})
        until(self.shares, "sharing")

    def fresh(self):
        """A path nobody has asked for yet."""
        self.number += 1
        path = f"/fresh/{self.number}"
        self.origin.on(path, body=path.encode())
        return path

    def shares(self):
        """What one node fetches the other has from Redis."""
        path = self.fresh()
        self.nodes[0].ask(path)
        until_shared = time.monotonic() + 0.2
        while time.monotonic() < until_shared:
            if cache_status.hit(self.nodes[1].ask(path), "edge-2"):
                return self.origin.calls(path) == 1
            path = self.fresh()
            self.nodes[0].ask(path)
        return False

    def use(self, span):
        """Ask both nodes for old and new things; every answer must be whole and right. Returns statuses and slowest."""
        statuses, slowest, end = {}, 0, time.monotonic() + span
        while time.monotonic() < end:
            for node in self.nodes:
                for path in ("/hot", self.fresh()):
                    start = time.monotonic()
                    answer = node.ask(path)
                    slowest = max(slowest, time.monotonic() - start)
                    statuses[answer.status] = statuses.get(answer.status, 0) + 1
                    assert answer.body == (b"hot" if path == "/hot" else path.encode())
        return statuses, slowest

    def lines(self):
        return [len(re.findall(MOODS, node.stderr)) for node in self.nodes]


@pytest.fixture
def site(fleet, origin, redis, relays):
    return Site(fleet, origin, redis, relays)


def write_row(name, statuses, slowest, resumed, lines):
    if TABLE:
        with open(TABLE, "a") as table:
            seen = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
            table.write(f"| {name} | {seen} | {slowest * 1000:.0f} ms | {resumed:.2f} s | {max(lines)} |\n")


def kill(site):
    site.redis.kill()


def restart(site):
    site.redis.start()


def call(*words):
    return lambda site: site.redis.call(*words)


def set_password(site):
    with Resp(site.redis.address) as own:
        own.call("CONFIG", "SET", "requirepass", "other")
        for kind in ("normal", "pubsub"):
            own.call("CLIENT", "KILL", "TYPE", kind)


def unset_password(site):
    with Resp(site.redis.address) as other:
        other.call("AUTH", "other")
        other.call("CONFIG", "SET", "requirepass", "")


def fill(site):
    site.redis.call("CONFIG", "SET", "maxmemory", "1")


def forget_scripts_and_all(site):
    site.redis.call("SCRIPT", "FLUSH")


def spoil_types(site):
    """Wrong types and garbage where weir's keys are."""
    for key in site.redis.keys():
        kind = site.redis.call("TYPE", key)
        verb = "SET" if kind == "list" else "RPUSH"
        site.redis.call("EVAL", f"redis.call('DEL', KEYS[1]) redis.call('{verb}', KEYS[1], 'garbage')", 1, key)


def spoil_contents(site):
    """Right types with garbage inside."""
    for key in site.redis.keys():
        kind = site.redis.call("TYPE", key)
        if kind == "hash":
            for field in site.redis.call("HKEYS", key):
                site.redis.call("HSET", key, field, b"\x00garbage\xff")
        elif kind == "string":
            site.redis.call("SET", key, b"\x00garbage\xff")
        elif kind == "stream":
            site.redis.call("XADD", key, "*", "what", "garbage")


FAULTS = {
    "refused": (kill, restart),
    "SIGSTOP": (lambda s: s.redis.pause(), lambda s: s.redis.resume()),
    "1 s late": (lambda s: s.relay.delay(1.0), lambda s: s.relay.delay(0)),
    "silent network": (lambda s: s.relay.stall(), lambda s: s.relay.heal()),
    "cut": (lambda s: s.relay.refuse(), lambda s: s.relay.heal()),
    "OOM": (fill, call("CONFIG", "SET", "maxmemory", "0")),
    "READONLY replica": (call("REPLICAOF", "127.0.0.1", "1"), call("REPLICAOF", "NO", "ONE")),
    "stale replica": (lambda s: (s.redis.call("CONFIG", "SET", "replica-serve-stale-data", "no"),
                                 s.redis.call("REPLICAOF", "127.0.0.1", "1")), call("REPLICAOF", "NO", "ONE")),
    "wrong password": (set_password, unset_password),
    "wrong types": (spoil_types, lambda s: None),
    "garbage": (spoil_contents, lambda s: None),
    "SCRIPT FLUSH": (forget_scripts_and_all, lambda s: None),
    "FLUSHALL": (call("FLUSHALL"), lambda s: None),
    "no permissions": (call("ACL", "SETUSER", "default", "-@all", "+acl", "+ping"),
                       call("ACL", "SETUSER", "default", "+@all")),
}

def go_through(site, name, begin, end, span=1.5, lines=4):
    before = site.lines()
    begin(site)
    statuses, slowest = site.use(span)
    during = [now - then for now, then in zip(site.lines(), before)]
    end(site)
    start = time.monotonic()
    until(site.shares, "sharing resumed", 30)
    resumed = time.monotonic() - start
    write_row(name, statuses, slowest, resumed, during)
    assert set(statuses) == {200}
    assert slowest < TIMEOUT + SLACK
    assert max(during) <= lines, [n.stderr for n in site.nodes]
    return during


@pytest.mark.parametrize("name", FAULTS, ids=str)
def test_fault(site, name):
    go_through(site, name, *FAULTS[name])


def test_loading(site, place, redis):
    """A server that is loading a data set (here another one's, of which it becomes a replica) refuses everything for a while."""
    from rig.redis_server import RedisServer
    other = RedisServer(place / "other")
    try:
        other.call("EVAL", "for i = 1, 3000 do redis.call('SET', 'fill:' .. i, 'x', 'EX', 100) end", 0)
        other.call("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        redis.call("CONFIG", "SET", "key-load-delay", "1000")     # microseconds for each key
        redis.call("CONFIG", "SET", "loading-process-events-interval-bytes", "1024")

        def loaded():
            try:
                return redis.call("REPLICAOF", "NO", "ONE")
            except RedisError:
                return False

        def begin(site):
            redis.call("REPLICAOF", "127.0.0.1", str(other.port))
            until(lambda: b"loading:1" in redis.call("INFO", "persistence"), "loading")

        def end(site):
            until(loaded, "loaded")

        go_through(site, "LOADING", begin, end, lines=8)     # it answers late as well, which is another change of state
    finally:
        other.stop()


def test_failover_in_the_middle_of_a_write(site, place, redis):
    """The relay leads to another server, a replica until now, while large responses are being written."""
    from rig.pattern import Pattern
    from rig.redis_server import RedisServer
    replica = RedisServer(place / "replica")
    try:
        replica.call("REPLICAOF", "127.0.0.1", str(redis.port))
        until(lambda: b"master_link_status:up" in replica.call("INFO", "replication"), "replication")
        body = Pattern(8 << 20)
        site.origin.on("/large", body=body)

        def begin(site):
            assert site.nodes[0].ask("/large").digest() == body.digest()   # its chunks are on their way to Redis
            site.relay.target = replica.address
            replica.call("REPLICAOF", "NO", "ONE")
            redis.kill()
            site.relay.cut()

        go_through(site, "failover in a write", begin, lambda site: None)
        for node in site.nodes:
            assert node.ask("/large").digest() == body.digest()
    finally:
        replica.stop()


@pytest.mark.parametrize("ask", [
    lambda node: node.ask("/save", "POST", body=b"x"), lambda node: node.ask("/other"), lambda node: node.ask("/new", "HEAD"),
    lambda node: node.ask("/hot", fields={"Cache-Control": "no-cache"}),
], ids=["limited and invalidating", "limited and new", "limited and not to be fetched", "limited and to be validated"])
def test_redis_is_waited_for_once(fleet, origin, redis, ask):
    """Redis stops between two questions of one request: the second is not waited for as long as the first was."""
    [node] = fleet(1, policy.route(cache=True, limits=["wide"]), workers=1, redis={"timeout": "2s"},
                   limits={"wide": {"key": "client", "algorithm": "gcra", "rate": "1000000/s"}})
    origin.on("/hot", body=b"hot").on("/save", read_body=True).on("/other").on("/new")
    node.ask("/hot")
    redis.pause()
    start = time.monotonic()
    assert ask(node).status == 200
    took = time.monotonic() - start
    redis.resume()
    assert 2 <= took < 3.5


def test_a_lock_that_is_nobodys_holds_nobody_up(fleet, origin, redis):
    """Something without a time to live stands where the fetch lock goes: it isn't waited for like another node's fetch."""
    [node] = fleet(1)
    origin.on("/page", body=b"x")
    node.ask("/page")
    key = until(lambda: redis.keys("weir:v1:cache:*"), "the object")[0]
    until(lambda: redis.keys("weir:v1:lock:*") == [], "its own lock is let go")
    redis.call("RPUSH", "weir:v1:lock:" + key[key.index("{"):], "garbage")
    redis.call("DEL", key)
    start = time.monotonic()
    until(lambda: not cache_status.hit(node.ask("/page"), node.name), "a miss")
    assert time.monotonic() - start < 10       # lock_timeout
    until(lambda: redis.keys("weir:v1:lock:*") == [], "no lock is left")
    assert origin.calls("/page") == 2


def test_wrong_types_where_the_fleet_is_counted_are_healed(fleet, origin, redis):
    nodes = fleet(2)
    until(lambda: len(redis.keys("weir:v1:node:*")) == len(nodes), "both nodes' figures")
    counted = {"weir:v1:nodes": "zset", "weir:v1:nodes:away": "zset", **dict.fromkeys(redis.keys("weir:v1:node:*"), "hash")}

    def types():
        return {key: redis.call("TYPE", key) for key in redis.keys("weir:v1:node*")}

    until(lambda: types() == counted, "both nodes counted")
    for key in counted:
        redis.call("EVAL", "redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], 'garbage')", 1, key)
    until(lambda: types() == counted, "what stood there before")
    until(lambda: nodes[0].admin.ctl("purge", "--all") == "purged: 2 of 2 nodes\n", "both nodes' word")
