# SPDX-License-Identifier: BSD-2-Clause
"""Shared by the random worlds: nodes in front of an origin, clients that ask until the time is over, seeds, and the command line."""

import argparse
import contextlib
import functools
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
sys.dont_write_bytecode = True


class World:
    """One seed's origin, nodes and clients: one node with memory only, or two that share a Redis. A subclass sets `origin` and `routes`,
    has `client(number, rng, node, end)`, which asks until the time `end`, and `faults()`, which returns texts."""

    clients, patience = 6, "5s"

    def __init__(self, seed, with_redis):
        self.seed, self.with_redis, self.asked = seed, with_redis, 0
        self._lock = threading.Lock()

    def run(self, directory, seconds):
        """Lets all clients ask for so many seconds. Returns the faults."""
        from rig.daemon import Weir         # only now, when WEIR_BIN is known
        from rig.redis_server import RedisServer
        redis = RedisServer(directory / "redis") if self.with_redis else None
        settings = {"origins": {"app": {"servers": [self.origin.address], "response_timeout": self.patience, "idle_timeout": self.patience, "retries": 0}},
                    "routes": [{"match": {"path": path}, "origin": "app", "cache": cache} for path, cache in self.routes.items()]}
        if redis:
            settings["redis"] = {"url": redis.url, "timeout": "2s"}
        nodes = [Weir(directory / f"edge-{n}", settings, name=f"edge-{n}") for n in range(2 if redis else 1)]
        try:
            for node in nodes:
                node.start()
            end = time.monotonic() + seconds
            threads = [threading.Thread(target=self.client, args=(n, random.Random(f"{self.seed}/{n}"), nodes[n % len(nodes)], end),
                                        daemon=True) for n in range(self.clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            for node in nodes:
                node.terminate()
            self.origin.stop()
            if redis:
                redis.stop()
        return self.faults()

    def place(self):
        return "two nodes and Redis" if self.with_redis else "memory"

    def count(self, responses=1):
        with self._lock:
            self.asked += responses


@contextlib.contextmanager
def _place(keep, seed):
    """Where a world's nodes have their files: under the path `keep`, where they stay, or in a temporary directory."""
    if keep:
        directory = pathlib.Path(keep).resolve() / f"seed-{seed}"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        yield directory
    else:
        with tempfile.TemporaryDirectory(prefix="weir-random-") as directory:
            yield pathlib.Path(directory)


def play(world, seeds, seconds_each, redis=None, say=print, go_on=False, keep=None):
    """Plays `world(seed, with_redis)` for each seed, and stops at the first with faults unless go_on. redis: True, False or None
    (every other one). keep: a directory in which the nodes' files stay. Returns (worlds, faults)."""
    played, found = [], []
    for seed in seeds:
        played.append(world(seed, bool(seed % 2) if redis is None else redis))
        with _place(keep, seed) as directory:
            faults = played[-1].run(directory, seconds_each)
        say(f"seed {seed}, {played[-1].place()}: {played[-1].summary()}")
        found += faults
        if faults and not go_on:
            break
    return played, found


def command_line(what, world, each, sabotages=None):
    """A program that plays worlds for as long as its user wants. sabotages: {name: description} of those that `world` takes. Returns its
    exit status."""
    parser = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weir", default=os.environ.get("WEIR_BIN", str(HERE.parents[1] / "src" / "weir")), help="the daemon")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="the first world (default: any)")
    parser.add_argument("--seconds", type=float, default=0, help="go on with the next worlds for so long (default: one world)")
    parser.add_argument("--each", type=float, default=each, help="seconds in one world")
    parser.add_argument("--redis", choices=["on", "off"], help="always, or never (default: every other world)")
    parser.add_argument("--go-on", action="store_true", help="don't stop at the first world with faults")
    parser.add_argument("--keep", help="a directory in which what the nodes have said stays")
    if sabotages:
        parser.add_argument("--sabotage", choices=sabotages, help="; ".join(f"{name}: {what}" for name, what in sabotages.items()))
    options = parser.parse_args()
    if sabotages and options.sabotage:
        world = functools.partial(world, sabotage=options.sabotage)
    os.environ["WEIR_BIN"] = options.weir
    end = time.monotonic() + options.seconds

    def seeds():
        seed = options.seed
        yield seed
        while time.monotonic() < end:
            seed += 1
            yield seed

    played, faults = play(world, seeds(), options.each, options.redis and options.redis == "on", go_on=options.go_on, keep=options.keep)
    print("\n".join(faults))
    print(f"{len(played)} worlds, {sum(w.asked for w in played)} requests,", "faults" if faults else "no fault")
    return 1 if faults else 0
