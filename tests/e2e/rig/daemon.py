# SPDX-License-Identifier: BSD-2-Clause
"""A running weir: writes its policy, starts it, waits for it, stops it, and checks its last messages."""

import os
import pathlib
import re
import signal
import subprocess

from . import policy, ports
from .admin import Admin
from .client import Connection, ask
from .wait import until

TREE = pathlib.Path(__file__).resolve().parents[3]
WEIR = pathlib.Path(os.environ.get("WEIR_BIN", TREE / "src" / "weir")).resolve()
WEIRCTL = pathlib.Path(os.environ.get("WEIRCTL_BIN", WEIR.with_name("weirctl"))).resolve()

_REPORT = re.compile(r"(ERROR|WARNING): (Address|Thread|Leak|Memory|UndefinedBehavior)Sanitizer|: runtime error: ")


def sanitizer():
    """What the daemon was built with: "address", "thread" or None."""
    image = WEIR.read_bytes()
    return "thread" if b"__tsan_init" in image else "address" if b"__asan_init" in image else None


def environment():
    env = dict(os.environ)
    env.pop("NOTIFY_SOCKET", None)
    env["ASAN_OPTIONS"] = "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=0"
    env["TSAN_OPTIONS"] = f"second_deadlock_stack=1:suppressions={TREE}/tests/e2e/tsan.supp"
    return env


def command(*words):
    """argv that runs weir. TSan of gcc 12 can't place its shadow memory under high-entropy ASLR, so ASLR is switched off for it."""
    prefix = ["setarch", "-R"] if sanitizer() == "thread" else []
    return [*prefix, str(WEIR), *map(str, words)]


def run(*words, timeout=30, text_in=None):
    """Runs weir to its end (-t, -V, explain). Returns the CompletedProcess."""
    done = subprocess.run(command(*words), input=text_in, capture_output=True, text=True, timeout=timeout,
                          env=environment())
    assert not _REPORT.search(done.stderr), done.stderr
    return done


class Weir:
    """One node, not started yet. `address` is its HTTP listener, `admin` its admin socket, `stderr` its messages so
    far."""

    def __init__(self, directory, settings=None, text=None, name="edge-1", env=None):
        directory.mkdir(parents=True, exist_ok=True)
        self.name, self.directory, self.file = name, directory, directory / "weir.yaml"
        self.address = ("127.0.0.1", ports.free_port())
        self.admin = Admin(directory / "admin.sock", str(WEIRCTL), environment())
        self.log = directory / "stderr.txt"
        self.process, self._ended, self._env = None, False, env or {}
        self.stderr_to = None               # a descriptor for stderr, instead of the file `log`
        self.write(settings, text)

    # policy

    def write(self, settings=None, text=None):
        """Writes the policy file: `settings` over this node's own listener and admin socket, or `text` as it is."""
        own = {"server_name": self.name, "workers": 2,
               "listen": [{"address": "%s:%d" % self.address}],
               "admin": {"address": f"unix:{self.admin.socket}"},
               "drain": {"delay": "0s"},            # no balancer has to notice that a test ends
               "log": {"level": "info", "access": {"format": "combined", "to": "stderr"}}}
        self.file.write_text(text if text is not None else policy.text(policy.merge(own, settings or {})))

    # life

    def start(self):
        self._ended = False
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command("-c", self.file), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log if self.stderr_to is None else self.stderr_to,
                                            env={**environment(), **self._env}, cwd=self.directory)
        until(self.ready, f"{self.name} ready", 30)

    def ready(self):
        if self.process.poll() is not None:
            self._ended = True
            raise AssertionError(f"weir ended with {self.process.returncode} instead of starting:\n{self.stderr}")
        try:
            ready = self.admin.get("/readyz").status == 200
            Connection(self.address, 5).close()
            return ready
        except OSError:
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self, timeout=20):
        """Sends TERM. The exit status must be 0, without a sanitizer's report."""
        if self._ended or self.process is None:
            return
        self._ended = True
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not stop within {timeout} s of TERM:\n{self.stderr[-4000:]}")
        self.check()
        assert status == 0, f"{self.name} ended with {status}:\n{self.stderr[-4000:]}"

    def kill(self):
        """kill -9: the node dies in the middle of what it does."""
        self._ended = True
        self.process.kill()
        self.process.wait()

    def check(self):
        found = _REPORT.search(self.stderr)
        assert not found, f"sanitizer report of {self.name}:\n{self.stderr[max(0, found.start() - 200):][:8000]}"

    # use

    @property
    def stderr(self):
        return self.log.read_text(errors="replace")

    def said(self, pattern):
        """Waits until a line of stderr matches; returns the match."""
        return until(lambda: re.search(pattern, self.stderr, re.M), f"{self.name} saying {pattern!r}")

    def says_once(self, pattern):
        """Waits until a line of stderr matches. A message comes a moment after the answer that it is about."""
        self.said(pattern)
        found = re.findall(pattern, self.stderr, re.M)
        assert len(found) == 1, found

    def access_lines(self):
        return [line for line in self.stderr.splitlines() if " HTTP/1." in line and '"' in line]

    def connect(self, **options):
        return Connection(self.address, **options)

    def ask(self, target, method="GET", **options):
        return ask(self.address, target, method, **options)

    def reload(self, settings=None, text=None):
        """Writes another policy and sends HUP. The caller waits for its effect."""
        self.write(settings, text)
        self.signal(signal.SIGHUP)

    def rss(self):
        """Returns the resident memory in bytes."""
        return self._memory("VmRSS")

    def peak(self):
        return self._memory("VmHWM")

    def _memory(self, name):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", text).group(1)) * 1024
