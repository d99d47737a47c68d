#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""No client gets what was made for another: random origins, random policies, random visitors, and an oracle.

Every answer of an origin has a number in its content and in its fields, and may_see.py says for each number that a client got whether
that client may have it. A seed determines its world: an origin, a dozen routes with policies of their own, and six clients that ask at
random. Worlds follow each other until the time is over.

    tests/random/visitors.py --weir src/weir --seconds 600
    tests/random/visitors.py --weir src/weir --seed 7              one world
"""

import random
import sys
import time

import world
import chance
import may_see
from history import Got, History
from rig.client import Connection
from rig.wire import WireError

ROUTES, PATHS, MOST = 12, 3, 5


class Visitors(world.World):
    def __init__(self, seed, with_redis):
        super().__init__(seed, with_redis)
        rng = random.Random(seed)
        caches = {f"p{n}": chance.policy(rng) for n in range(ROUTES)}
        caches["p0"] = {}           # the smallest policy, and the README's
        caches["p1"] = {"ttl": "60s", "jitter": "10%", "grace": "30s"}
        self.caches, self.routes = caches, {f"/{name}/*": cache for name, cache in caches.items()}
        self.paths = [f"/{name}/{n}" for name in caches for n in range(PATHS)]
        self.history = History()
        self.origin = chance.RandomOrigin(rng, self.history, {path: (chance.Habit(rng), chance.Habit(rng)) for path in self.paths})
        self.judge = may_see.Judge(self.history, {name: may_see.Policy(cache) for name, cache in caches.items()})
        self.shared, self._faults = 0, []

    def faults(self):
        return self._faults

    def summary(self):
        return f"{self.asked} requests, {len(self.history.made)} answers of origins, {self.shared} shared, {len(self._faults)} faults"

    def client(self, number, rng, node, end):
        who = sorted(chance.Requester.WHO)[number % len(chance.Requester.WHO)]
        requester, connection, count = chance.Requester(rng, who), None, 0
        while time.monotonic() < end and len(self._faults) < MOST:
            few = rng.sample(self.paths, 4) if rng.random() < 0.5 else self.paths
            batch = []
            for _ in range(rng.choice([1, 1, 1, 2, 4])):        # several at once are pipelined
                count += 1
                batch.append(requester.request(few, f"{who}-{count}"))
            try:
                connection = connection or Connection(node.address)
                self._ask(connection, node, requester, batch)
            except (OSError, WireError):                        # the origin broke off, and so the client's answer does too
                if connection:
                    connection.close()
                connection = None
        if connection:
            connection.close()

    def _ask(self, connection, node, requester, batch):
        started = time.monotonic()
        connection.send(b"".join(f"{method} {target} HTTP/1.1\r\nHost: test.example\r\n".encode() + fields.encode() + b"\r\n"
                                 for method, target, fields in batch))
        for method, target, fields in batch:
            response = connection.read(method)
            got = Got(fields["X-Request"], method, target, fields, started, node.name, response.status, response.fields, response.body)
            requester.learn(got)
            self._judge(got)
            if response.fields.get("Connection", "").lower() == "close":
                raise OSError("closed")

    def _judge(self, got):
        faults = self.judge.faults(got)
        shared = any(self.history.made[n].request != got.request for n in got.marks() if n in self.history.made)
        self.count()
        with self._lock:
            self.shared += shared
            if faults:
                self._faults.append(self._tell(got, faults))

    def _tell(self, got, faults):
        """Reports a fault, with the bytes that show it."""
        lines = [f"seed {self.seed}, {got.node}, policy {self.caches[got.target.split('/')[1]]}", *("  FAULT " + f for f in faults),
                 f"  {got.method} {got.target} {list(got.asked)}", f"  got {got.status} {list(got.fields)} {got.body[:9]!r}"]
        for number in sorted(may_see.numbers(" ".join(faults))):
            made = self.history.made.get(number)
            for m in ([made] if made else []) + self.history.proofs(number):
                lines.append(f"  made for {m.request} {m.method} {m.target} {m.seen}, {got.started - m.sent:.2f} s before:\n"
                             f"       {m.status} {list(m.fields)} proves {m.proves}")
        return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(world.command_line(__doc__, Visitors, 5))
