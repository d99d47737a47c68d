#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a fleet may rely on, in random worlds: nodes that share a Redis (or one node without), pages that change, clients that read, write
and purge on any node, limits with an abuser, and mishaps to Redis, its network and the nodes. may_return.py checks what was answered.

A seed determines its world: the nodes and their clocks, the policy, the pages, what the clients do and what goes wrong.

    tests/random/fleet.py --weir src/weir --seconds 3600 --go-on
    tests/random/fleet.py --weir src/weir --seed 7              one world
    tests/random/fleet.py --weir src/weir --sabotage deaf       a world in which the checker must find something
"""

import collections
import os
import random
import re
import signal
import sys
import threading
import time

import world
import may_return
from mishaps import NOTICED, WORKERS, Mishaps, Shared
from pages import CHUNK, PIECE, Change, Effect, Get, History, Mishap, Page, PagesOrigin, Round, digest, pieces_of
from rig.client import Connection
from rig.lists import ALGORITHMS
from rig.wire import WireError

HOSTS = ["one.example", "two.example"]
LIMIT, NEEDS, INNOCENTS = 10, 6, 5              # an abuser gets LIMIT; each of INNOCENTS clients needs less: NEEDS
PAST = 6                                        # how many times his limit an abuser asks for
LOCK_TTL = 1.0
FAR_TOO_LATE = 0.5                              # seconds; redis.timeout is four times as long
PATIENCE = 150.0                                # seconds for which a client waits for an answer
CLOCKS = [f"/usr/lib/{triple}/faketime/libfaketimeMT.so.1" for triple in ("x86_64-linux-gnu", "aarch64-linux-gnu")]
SABOTAGES = {"deaf": "one node uses another namespace", "mixed": "the origin itself mixes two versions",
             "stale": "the policy keeps everything for an hour", "dead": "a node is aborted", "harsh": "a limit is too small for all"}


def clock_library():
    """The library that sets a node's clock wrong, or None: it isn't installed, or the daemon has a sanitizer, which must be loaded first."""
    from rig.daemon import sanitizer
    found = [path for path in CLOCKS if os.path.exists(path)]
    return found[0] if found and not sanitizer() else None


class Lag(threading.Thread):
    """How late things run on this machine: by how much a short sleep was too long, at most. If it was far too long, Redis may have been
    late for any node: that is a mishap."""

    def __init__(self, history, nodes):
        super().__init__(daemon=True)
        self.worst, self._over = 0.0, threading.Event()
        self._history, self._names, self._late = history, frozenset(nodes), None

    def run(self):
        while not self._over.is_set():
            began = time.monotonic()
            self._over.wait(0.02)
            late = time.monotonic() - began - 0.02
            self.worst = max(self.worst, late)
            if late > FAR_TOO_LATE:
                self._remember(began)

    def _remember(self, began):
        done = time.monotonic() + NOTICED
        if self._late and self._late.done > began:
            self._late.done = done
        else:
            self._late = Mishap("the machine was late", self._names, Effect.AWAY, began, done)
            self._history.mishaps.append(self._late)

    def stop(self):
        self._over.set()
        return 0.2 + 2 * self.worst


class Fleet(world.World):
    clients = 12
    habits = [82, 4, 4, 10]                 # the shares of reads, purges, writes and edits

    def __init__(self, seed, with_redis, sabotage=None):
        super().__init__(seed, with_redis)
        self.rng, self.sabotage = random.Random(seed), sabotage
        self.count_of_nodes = self.rng.randint(3, 8) if with_redis else 1
        self.staleness = self.rng.choice([0.3, 1.0])
        self.rules = {f"/{name}": {"grace": self.rng.choice([0, 0, 2]), "stale_if_error": self.rng.choice([0, 0, 2]),
                                   "lock_timeout": self.rng.choice([0.3, 0.6, 10.0])} for name in "abc"}
        pages = [Page(self.rng, host, f"{path}/{n}", rules) for path, rules in self.rules.items() for host in HOSTS for n in range(3)]
        if sabotage == "stale":             # no purges or writes, so that what is stale is not older than a purge as well
            self.habits = [82, 0, 0, 10]
            for page in pages:
                page.lifetime, page.making, page.cache["grace"], page.cache["stale_if_error"] = 1, 0, 0, 0
        self.history = History(pages)
        self.origin = PagesOrigin(self.rng, self.history, mixing=sabotage == "mixed")
        self.violations, self.seconds = [], 0.0

    def place(self):
        return f"{self.count_of_nodes} nodes and Redis" if self.with_redis else "one node, memory"

    def summary(self):
        def told(what):
            return ", ".join(f"{n} {kind}" for kind, n in sorted(collections.Counter(what).items())) or "none"
        return (f"{self.seconds:.0f} s, {self.history.operations()} operations, {len(self.history.fetches)} fetches; mishaps: "
                f"{told(m.kind for m in self.history.mishaps)}; violations: {told(kind for kind, _, _ in self.violations)}")

    def faults(self):
        shown = collections.defaultdict(list)
        for kind, at, text in sorted(self.violations, key=lambda v: v[1]):
            near = [f"{m.kind} {sorted(m.nodes)} {at - m.began:.2f} to {at - m.done:.2f} s before" for m in self.history.mishaps
                    if m.began < at + 2 and m.done > at - 5]
            shown[kind].append(f"seed {self.seed}, at {at:.3f}: {kind.upper()}: {text}; mishaps: {near or 'none'}")
        return [line for lines in shown.values() for line in lines[:3]]

    # nodes

    def _settings(self, number, shared):
        cache = [{"match": {"path": f"{path}/*"}, "origin": "app",
                  "cache": {"jitter": "0%", "grace": f"{rules['grace']}s", "stale_if_error": f"{rules['stale_if_error']}s",
                            "lock_timeout": f"{rules['lock_timeout'] * 1000:.0f}ms"}} for path, rules in self.rules.items()]
        site = INNOCENTS * NEEDS + LIMIT + 2 if self.sabotage != "harsh" else INNOCENTS
        algorithms = random.Random(self.seed).choices(ALGORITHMS, k=2)
        settings = {"workers": WORKERS, "purge_from": ["127.0.0.0/8"],
                    "origins": {"app": {"servers": [self.origin.address], "connect_timeout": "60s", "response_timeout": "120s", "idle_timeout": "120s"}},
                    "limits": {"each": {"key": "header:X-Client", "algorithm": algorithms[0], "rate": f"{LIMIT}/h"},
                               "site": {"key": "header:X-Site", "algorithm": algorithms[1], "rate": f"{site}/h"}},
                    "routes": [*cache, {"match": {"path": "/limited"}, "origin": "app", "limits": ["each", "site"], "cache": "off"}]}
        if shared:
            settings["redis"] = {"url": shared.relays[number].url, "timeout": "2s", "lock_ttl": f"{LOCK_TTL * 1000:.0f}ms",
                                 "max_staleness": f"{self.staleness * 1000:.0f}ms", "chunk": f"{CHUNK // 1024}KB"}
        if self.sabotage == "deaf" and shared and number == self.count_of_nodes - 1:
            settings["redis"]["namespace"] = "elsewhere"
        if self.sabotage == "stale":
            for route in cache:
                route["cache"].update(ttl="1h", override=True)
        return settings

    def _clock(self, number):
        library = clock_library()
        apart = self.rng.choice([0, 0, 30, -30, 2]) if self.with_redis and number else 0
        return {"LD_PRELOAD": library, "FAKETIME": f"{apart:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"} if library and apart else {}

    def run(self, directory, seconds):
        from rig.daemon import Weir                 # only now, when WEIR_BIN is known
        began = time.monotonic()
        shared = Shared(directory, self.count_of_nodes) if self.with_redis else None
        self.nodes = [Weir(directory / f"edge-{n}", self._settings(n, shared), name=f"edge-{n}", env=self._clock(n))
                      for n in range(self.count_of_nodes)]
        self.mishaps, lag = Mishaps(self.rng, self.history, self.nodes, shared), Lag(self.history, [node.name for node in self.nodes])
        lag.start()
        try:
            for node in self.nodes:
                node.start()
            self.mishaps.wait_well()
            self._play(time.monotonic() + seconds)
        finally:
            for node in self.nodes:
                self._end(node)
            self.origin.stop()
            if shared:
                shared.stop()
        judge = may_return.Judge(self.history, self.staleness, LOCK_TTL, lag.stop(), LIMIT)
        self.count(self.history.operations())
        self.violations, self.seconds = judge.violations(), time.monotonic() - began
        return self.faults()

    def _play(self, end):
        threads = [threading.Thread(target=self._client, args=(random.Random(f"{self.seed}/{n}"), end), daemon=True)
                   for n in range(self.clients)]
        threads.append(threading.Thread(target=self._sites, args=(random.Random(f"{self.seed}/sites"), end), daemon=True))
        for thread in threads:
            thread.start()
        if self.sabotage == "dead":
            threading.Timer(1.0, self.nodes[0].signal, [signal.SIGABRT]).start()
        try:
            if not self.sabotage:
                self.mishaps.run(end)
        except AssertionError as error:
            self.history.deaths.append((time.monotonic(), f"{error}"))
        for thread in threads:
            thread.join()

    def _end(self, node):
        """Ends a node, and checks whether it had ended by itself or reported that something was wrong."""
        if node.process is None or node.name in self.mishaps.down:
            return
        self.mishaps.look_at(node)
        try:
            if node.process.poll() is None:
                node.signal(signal.SIGCONT)
                node.terminate()
            else:
                node.check()
        except AssertionError as error:
            self.history.deaths.append((time.monotonic(), f"{error}"[:4000]))

    # what clients do

    def _client(self, rng, end):
        connections = {}
        while time.monotonic() < end:
            node = rng.choice(self.nodes)
            if node.name in self.mishaps.down and rng.random() < 0.9:
                continue
            page = self._page(rng)
            what = rng.choices([self._get, self._purge, self._write, self._edit], self.habits)[0]
            what(rng, node, page, connections)
        for connection in connections.values():
            connection.close()

    def _page(self, rng):
        """Chooses a page. Half of all clients ask for the same page at the same time."""
        pages = self.history.pages
        return pages[int(time.monotonic() * 3) * 7 % len(pages)] if rng.random() < 0.5 else rng.choice(pages)

    @staticmethod
    def _connection(node, connections):
        """Returns the connection that is kept to this process of the node."""
        connection, process = connections.get(node.name), node.process.pid
        if connection is None or connection.process != process:
            connection = connections[node.name] = Connection(node.address, PATIENCE)
            connection.process = process
        return connection

    def _ask(self, node, connections, page, method, **more):
        """One exchange on a kept connection. If it fails, the connection is closed."""
        try:
            connection = self._connection(node, connections)
            connection.host = page.host
            answer = connection.ask(page.path, method, **more)
            if answer.fields.get("Connection", "").lower() == "close":
                connections.pop(node.name).close()
            return answer
        except (OSError, WireError):
            if node.name in connections:
                connections.pop(node.name).close()
            raise

    def _get(self, rng, node, page, connections):
        lang, method = rng.choice(["de", "fr"]), "HEAD" if rng.random() < 0.06 else "GET"
        get = Get(node.name, page, lang if page.vary else "", method, time.monotonic())
        try:
            answer = self._ask(node, connections, page, method, fields={"X-Lang": lang})
            get.hear(answer)
            if answer.status != 200 or not get.version:
                get.fault = f"{answer.status} {answer.body[:200]!r}"
            elif method == "GET" and answer.digest() != digest(page.url + get.lang, get.version, page.pieces):
                get.fault = f"mixed: {pieces_of(answer.body)}"
        except (OSError, WireError) as error:
            get.fault = repr(error)[:200]
            if getattr(error, "response", None):
                get.hear(error.response)
                get.fault += f" in the content of {page.pieces * PIECE} bytes"
        get.done = time.monotonic()
        self.history.gets.append(get)

    def _edit(self, rng, node, page, connections):
        self.history.replace([page])

    def _write(self, rng, node, page, connections):
        change = Change("write", page.url, False, node.name, time.monotonic())
        try:
            answer = self._ask(node, connections, page, rng.choice(["POST", "PUT"]), body=b"new")
            change.status, change.began = answer.status, float(answer.fields.get("X-Began", change.began))
        except (OSError, WireError):
            pass
        change.done = time.monotonic()
        self.history.changes.append(change)

    def _purge(self, rng, node, page, connections):
        kind = rng.choices(["url", "tag", "prefix", "host", "all"], [45, 30, 15, 5, 5])[0]
        name = {"url": page.url, "tag": rng.choice(page.tags or ["tag-0"]), "prefix": page.host + page.path[:2], "host": page.host,
                "all": "all"}[kind]
        change = Change(kind, name, rng.random() < 0.35, node.name, 0.0)
        self.history.replace([p for p in self.history.pages if change.concerns(p)])
        change.began = time.monotonic()
        try:
            change.status, text = self._say_purge(rng, node, page, change, connections)
            change.told, change.live = (int(n) for n in re.search(r"(\d+) of (\d+)", text).groups()) if change.status == 200 else (0, 0)
            change.silent = frozenset(n.name for n in self.nodes if re.search(rf"\b{n.name}\S* has not been heard", text))
        except (OSError, WireError):
            pass
        change.done = time.monotonic()
        self.history.changes.append(change)

    def _say_purge(self, rng, node, page, change, connections):
        """Purges by the method PURGE where that can express it, by the admin listener, or by weirctl. Returns status and text."""
        way = rng.random()
        if way < 0.4 and change.kind in ("url", "tag"):
            fields = {"Soft-Purge": "1"} if change.soft else {}
            if change.kind == "tag":
                fields["Cache-Tag"] = change.name
            answer = self._ask(node, connections, page, "PURGE", fields=fields)
            return answer.status, answer.text
        name = f"http://{change.name}" if change.kind == "url" else change.name
        if way < 0.5:
            words = ["purge", *([name] if change.kind == "url" else ["--all"] if change.kind == "all" else [f"--{change.kind}", name])]
            try:
                return 200, node.admin.ctl(*words, *(["--soft"] if change.soft else []))
            except AssertionError as error:
                return 503 if "Redis" in str(error) else 0, str(error)
        form = f"{change.kind}={'1' if change.kind == 'all' else name}{'&soft=1' if change.soft else ''}"
        answer = node.admin.post("/purge", form.encode(), fields={"Content-Type": "application/x-www-form-urlencoded"}, timeout=PATIENCE)
        return answer.status, answer.text

    # limits

    def _sites(self, rng, end):
        """One site after the other: its innocent clients ask as often as they need, its abuser far more often than he may."""
        connections, number = {}, 0
        while time.monotonic() < end:
            number += 1
            one = Round(time.monotonic())
            askers = [("abuser", one.abuser)] * (LIMIT * PAST) + [(f"{n}", one.innocent) for n in range(INNOCENTS) for _ in range(NEEDS)]
            rng.shuffle(askers)
            for who, got in askers:
                fields = {"X-Client": f"{self.seed}-{number}-{who}", "X-Site": f"{self.seed}-{number}"}
                got.append(self._limited(rng.choice(self.nodes), connections, fields))
            one.done = time.monotonic()
            self.history.rounds.append(one)
            time.sleep(0.2)
        for connection in connections.values():
            connection.close()

    def _limited(self, node, connections, fields):
        page = Page(random.Random(0), "limits.example", "/limited", {})
        try:
            return self._ask(node, connections, page, "GET", fields=fields).status
        except (OSError, WireError):
            return 0


if __name__ == "__main__":
    sys.exit(world.command_line(__doc__, Fleet, 15, SABOTAGES))
