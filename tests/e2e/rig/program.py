# SPDX-License-Identifier: BSD-2-Clause
"""A server program that a test starts: in a process group of its own, with its output in a file, ended by pid."""

import os
import signal
import subprocess

from . import ports
from .wait import PATIENCE, until


class Program:
    """Starts `words` and waits until something listens on `port`, or on the path of a Unix socket. patience: for how many
    seconds."""

    def __init__(self, words, directory, port=None, socket_path=None, env=None, patience=PATIENCE):
        directory.mkdir(parents=True, exist_ok=True)
        self.log, self.where = directory / "output.txt", socket_path or ("127.0.0.1", port)
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen([str(word) for word in words], cwd=directory, stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=log, env={**os.environ, **(env or {})}, start_new_session=True)
        until(self._ready, f"{words[0]} to listen", patience)

    def _ready(self):
        assert self._process.poll() is None, f"ended with {self._process.returncode}:\n{self.log.read_text(errors='replace')}"
        try:
            ports.connect(self.where, 5).close()
            return True
        except OSError:
            return False

    def stop(self):
        """Ends the program and what it has started."""
        try:
            os.killpg(self._process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def run(*words, directory, env=None, timeout=120):
    """Runs a program to its end; its exit status must be 0. Returns what it printed."""
    done = subprocess.run([str(word) for word in words], cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, env={**os.environ, **(env or {})})
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout
