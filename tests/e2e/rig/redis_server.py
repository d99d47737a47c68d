# SPDX-License-Identifier: BSD-2-Clause
"""A private redis-server: nothing on disk, with a port and a Unix socket of its own, ended by pid."""

import signal
import subprocess

from . import ports
from .resp import RedisError, Resp
from .wait import until


class RedisServer:
    def __init__(self, directory, *options):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory, self.port, self.socket = directory, ports.free_port(), directory / "redis.sock"
        self.address, self.url = ("127.0.0.1", self.port), f"redis://127.0.0.1:{self.port}/0"
        self.socket_url = f"unix://{self.socket}"
        self._process, self._options = None, options
        self.start()

    def start(self, *more, wait=True):
        """more: options for this start only. wait: wait until it answers; False: it may still refuse commands while it loads."""
        with open(self.directory / "redis.out", "ab") as log:
            self._process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket),
                 "--save", "", "--appendonly", "no", "--dir", str(self.directory), "--daemonize", "no",
                 *self._options, *more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            until(self._ready, "redis-server answering PING")

    def _ready(self):
        if self._process.poll() is not None:
            raise AssertionError((self.directory / "redis.out").read_text())
        try:
            return self.call("PING") == "PONG"
        except (OSError, RedisError):
            return False

    def loading(self):
        """Is it still reading its data, or hasn't it begun to listen yet?"""
        try:
            return b"loading:1" in self.call("INFO", "persistence")
        except OSError:
            return self.alive()

    def call(self, *words):
        """Sends one command on a connection of its own."""
        with Resp(self.socket) as resp:
            return resp.call(*words)

    def keys(self, pattern="*"):
        """Returns the keys that match a glob, as text. It uses SCAN, which is enough for a test's few keys."""
        cursor, found = "0", set()
        while True:
            cursor, batch = self.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            found.update(key.decode() for key in batch)
            if cursor == b"0":
                return sorted(found)

    def hash(self, key):
        flat = self.call("HGETALL", key)
        return dict(zip((k.decode() for k in flat[::2]), flat[1::2]))

    def linked(self, node, workers):
        """Are all links of a node here: one for each worker, the main thread's and the subscribed one?"""
        names = self.call("CLIENT", "LIST").decode()
        return names.count(f" name=weir:{node.name}-{node.process.pid}:") >= workers + 2

    def alive(self):
        return self._process.poll() is None

    def pause(self):
        """SIGSTOP: connections stay open, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def restart(self):
        """Restarts it at the same address, empty."""
        self.kill()
        self.start()

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(10)
