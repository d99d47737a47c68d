# SPDX-License-Identifier: BSD-2-Clause
"""Starting and stopping the servers of a run: own processes only, free ports, a directory of their own."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from rig.ports import free_port  # noqa: E402,F401  (for those who import from here)


class Broken(Exception):
    """Something outside the test went wrong: a missing program, a server that doesn't start."""


def program(name, package):
    """The path of an installed program; sbin is looked at too, for daemons live there."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")
    if path is None:
        raise Broken(f"{name} is missing: apt-get install {package}")
    return path


class Running:
    """The servers of one run. Leaving the `with` block stops them, last one first, and removes the directory."""

    def __init__(self):
        self.children = []
        self.dir = None

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="weir-run-")
        os.chmod(self.dir, 0o755)  # some peers give up root and still have to read here
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            stop(child)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self, command, name, env=None, stdout=None):
        """Starts a server in a process group of its own; its output goes to NAME.log."""
        log = open(self.path(name + ".log"), "ab")
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log, env=env,
                                 start_new_session=True)
        child.log_path = log.name
        child.name = name
        log.close()
        self.children.append(child)
        return child


def stop(child):
    """Ends a server and whatever it started, which is all in its process group."""
    for sig, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(child.pid, sig)
        except ProcessLookupError:
            break
        try:
            child.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
    child.wait()


def tail(child, lines=20):
    with open(child.log_path, errors="replace") as file:
        return "".join(file.readlines()[-lines:])


def wait_listening(child, address, patience=20):
    """Waits until the server accepts connections at ("host", port) or a Unix socket's path."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise Broken(f"{child.name} ended with status {child.returncode}:\n{tail(child)}")
        with socket.socket(family) as probe:
            try:
                probe.connect(address)
                return
            except OSError:
                time.sleep(0.02)
    raise Broken(f"{child.name} doesn't listen at {address}:\n{tail(child)}")


def start_redis(running, *options):
    """A private redis-server on a Unix socket; gives the socket's path."""
    path = running.path("redis.sock")
    child = running.start([program("redis-server", "redis-server"), "--port", "0", "--unixsocket", path,
                           "--unixsocketperm", "777", "--save", "", "--appendonly", "no", "--dir", running.dir, *options], "redis")
    wait_listening(child, path)
    return child, path
