# SPDX-License-Identifier: BSD-2-Clause
"""What may go wrong in a fleet: with Redis, with the network in front of it, and with the nodes. Each mishap begins, lasts a while and is
put right. It is over when every node is linked to Redis again and hears what changes there."""

import signal
import time

from pages import Effect, Mishap
from rig.redis_server import RedisServer
from rig.relay import Relay
from rig.resp import RedisError, Resp
from rig.wait import until
from rig.wire import WireError

NOTICED = 2.0       # seconds within which a node notices that Redis is back: weir-redis(7)
PATIENCE = 60.0     # seconds; only a failing fleet is waited for so long
WORKERS = 2
CUT_OFF = "a node cut off from Redis"
DELAY = 0.08        # seconds by which each message to and from a Redis that is far away comes later


class Shared:
    """A Redis that may be replaced by another one, and each node's own way to it."""

    def __init__(self, directory, nodes):
        self._directory, self._count = directory, 1
        self.redis = RedisServer(directory / "redis-1")
        self.relays = [Relay(self.redis.address) for _ in range(nodes)]

    def replica(self):
        """Starts a new server that has all of the present one's data, and from now on lags behind."""
        self._count += 1
        replica = RedisServer(self._directory / f"redis-{self._count}")
        replica.call("REPLICAOF", self.redis.address[0], str(self.redis.port))
        until(lambda: b"master_link_status:up" in replica.call("INFO", "replication"), "the replica's copy", PATIENCE)
        replica.call("REPLICAOF", "NO", "ONE")
        return replica

    def fail_over(self, replica):
        for relay in self.relays:
            relay.refuse()
            relay.target = replica.address
        self.redis.stop()
        self.redis = replica
        for relay in self.relays:
            relay.heal()

    def fill(self, pieces):
        """Stores other data, which takes the memory that is left."""
        with Resp(self.redis.socket) as resp:
            for number in range(pieces):
                try:
                    resp.call("SET", f"others:{number}", b"x" * 50_000, "EX", "600")
                except RedisError:
                    return

    def limit_memory(self, policy, more):
        used = next(line for line in self.redis.call("INFO", "memory").split() if line.startswith(b"used_memory:"))
        self.redis.call("CONFIG", "SET", "maxmemory-policy", policy)
        self.redis.call("CONFIG", "SET", "maxmemory", str(int(used.split(b":")[1]) + more))

    def stop(self):
        for relay in self.relays:
            relay.stop()
        self.redis.stop()


class Mishaps:
    """Makes one mishap after the other, sometimes two at once. nodes: the rig's Weirs; shared: Shared, or None without Redis."""

    def __init__(self, rng, history, nodes, shared):
        self._rng, self._history, self._nodes, self._shared = rng, history, nodes, shared
        self.down = set()           # names of nodes that were killed and aren't back yet
        self._struck = set()        # numbers of the nodes that have a mishap now; each has one at a time
        self._of_nodes = [self._stopped, self._killed]
        self._of_redis = [self._redis_killed, self._failed_over, self._evicting, self._full, self._stalled, self._late, self._cut_amid,
                          self._cut_off, self._silent] if shared else []
        self._left = []

    def run(self, end):
        """Makes mishaps until the time `end`; then all is well again."""
        while True:
            time.sleep(self._rng.uniform(0.3, 2.5))
            if time.monotonic() > end - 1:
                return
            chosen = [self._next()]
            if self._shared and self._rng.random() < 0.2:
                chosen.append(self._rng.choice(self._of_nodes))
            self._play([self._begin(mishap()) for mishap in chosen])

    def _next(self):
        """Returns the next kind: every kind comes once before any comes again."""
        if not self._left:
            self._left = self._rng.sample(self._of_redis + self._of_nodes, len(self._of_redis) + len(self._of_nodes))
        return self._left.pop()

    def _begin(self, steps):
        """Begins a mishap. steps: a generator that yields what the mishap is, (kind, names, effect), begins it, yields how long it lasts,
        and ends it."""
        kind, names, effect = next(steps)
        mishap = Mishap(kind, frozenset(names), effect, time.monotonic())
        self._history.mishaps.append(mishap)
        return mishap, steps, next(steps)

    def _play(self, begun):
        time.sleep(max(span for _, _, span in begun))
        for mishap, steps, _ in begun:
            mishap.mended = time.monotonic()
            for _ in steps:
                pass
        healed = time.monotonic()
        self.wait_well()
        self._struck.clear()
        for mishap, _, _ in begun:
            away = mishap.effect in (Effect.AWAY, Effect.FORGETS)
            mishap.done = max(time.monotonic(), healed + NOTICED) if away else time.monotonic()

    def look_at(self, node):
        """Remembers whether a node has ended by itself."""
        status = node.process.poll()
        if status is not None:
            said = [line for line in node.stderr.splitlines() if " HTTP/1.1" not in line]
            self._history.deaths.append((time.monotonic(), f"{node.name} had ended with {status}: " + "\n".join(said)[-4000:]))

    def wait_well(self):
        for node in self._nodes:
            until(lambda: self._well(node), f"{node.name} and Redis", PATIENCE)

    def _well(self, node):
        try:
            if node.process.poll() is not None or not self._shared:
                return True
            return self._shared.redis.linked(node, WORKERS) and node.admin.metric("weir_redis_invalidations_flowing") == 1
        except (OSError, AssertionError, WireError):
            return False

    def _all(self):
        return {node.name for node in self._nodes}

    def _any(self):
        node = self._rng.choice([n for n in range(len(self._nodes)) if n not in self._struck])
        self._struck.add(node)
        return node, self._nodes[node]

    # nodes

    def _stopped(self):
        _, node = self._any()
        yield "a node stopped", {node.name}, Effect.HARM
        node.signal(signal.SIGSTOP)
        yield self._rng.choice([0.3, 1.5, 3.0])
        node.signal(signal.SIGCONT)

    def _killed(self):
        _, node = self._any()
        yield "a node killed", {node.name}, Effect.HARM
        self.down.add(node.name)
        self.look_at(node)
        node.kill()
        yield self._rng.choice([0.0, 1.0])
        node.start()
        self.down.discard(node.name)

    # Redis

    def _redis_killed(self):
        yield "Redis killed, restarted empty", self._all(), Effect.AWAY
        self._shared.redis.kill()
        yield self._rng.choice([0.0, 0.5, 2.5])
        self._shared.redis.start()

    def _failed_over(self):
        replica = self._shared.replica()
        time.sleep(self._rng.choice([0.5, 1.5]))            # the replica doesn't learn what happens now
        yield "failed over to a replica that lagged", self._all(), Effect.AWAY
        self._shared.fail_over(replica)
        yield 0.0

    def _evicting(self):
        yield "Redis evicts", self._all(), Effect.FORGETS
        self._shared.limit_memory(self._rng.choice(["allkeys-lru", "volatile-lru", "allkeys-random", "volatile-ttl"]), 500_000)
        for _ in range(4):
            self._shared.fill(40)
            time.sleep(0.3)
        yield 0.5
        self._more_memory()

    def _full(self):
        yield "Redis full", self._all(), Effect.AWAY
        self._shared.limit_memory("noeviction", 0)
        yield self._rng.choice([0.5, 2.0])
        self._more_memory()

    def _more_memory(self):
        self._shared.redis.call("CONFIG", "SET", "maxmemory", "0")
        for key in self._shared.redis.keys("others:*"):
            self._shared.redis.call("DEL", key)

    def _stalled(self):
        yield "Redis stalled", self._all(), Effect.AWAY
        self._shared.redis.pause()
        yield self._rng.choice([0.3, 1.5, 3.5])
        self._shared.redis.resume()

    def _late(self):
        yield "Redis 80 ms away", self._all(), Effect.FAR
        for relay in self._shared.relays:
            relay.delay(DELAY)
        yield 2.0
        for relay in self._shared.relays:
            relay.delay(0)

    def _cut_amid(self):
        yield "cut amid replies", self._all(), Effect.AWAY
        for relay in self._shared.relays:
            relay.cut_amid()
        yield 0.5
        for relay in self._shared.relays:
            relay.heal()

    def _cut_off(self):
        number, node = self._any()
        yield CUT_OFF, {node.name}, Effect.AWAY
        self._shared.relays[number].refuse()
        yield self._rng.choice([0.3, 1.5, 3.0])
        self._shared.relays[number].heal()

    def _silent(self):
        number, node = self._any()
        yield "a node hears nothing of Redis", {node.name}, Effect.AWAY
        self._shared.relays[number].stall(*self._rng.choice([("forth",), ("back",), ("forth", "back")]))
        yield self._rng.choice([0.3, 1.5, 3.5])
        self._shared.relays[number].heal()
