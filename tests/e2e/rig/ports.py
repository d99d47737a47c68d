# SPDX-License-Identifier: BSD-2-Clause
"""Free TCP ports, to be written into a policy before the daemon binds them.

They lie below the kernel's ephemeral range. An outgoing connection could take a port from inside that range between the check
and the daemon's bind. Each test process on the machine uses a lane of its own.
"""

import collections
import fcntl
import pathlib
import random
import socket
import tempfile

LOWEST, HIGHEST, LANES = 10_000, 32_000, 32


def _take_lane():
    """Returns the first lane that is free, and the file whose lock holds it until this process ends."""
    for lane in range(LANES):
        try:
            held = open(pathlib.Path(tempfile.gettempdir()) / f"weir-test-ports-{lane}", "w")
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lane, held
        except OSError:  # another process holds it
            continue
    raise RuntimeError(f"{LANES} processes test weir on this machine already")


_lane, _held = _take_lane()
_given = collections.deque(maxlen=(HIGHEST - LOWEST) // LANES // 2)  # the latest; earlier ones are free again by now


def free_port():
    """Returns a port that was free a moment ago, and that this test process has not given out lately."""
    while True:
        port = random.randrange(LOWEST, HIGHEST, LANES) + _lane
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ended connections don't count
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.append(port)
        return port


def connect(address, timeout):
    """Connects to ("host", port) or to the path of a Unix socket."""
    if isinstance(address, tuple):
        sock = socket.create_connection(address, timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout)
    try:
        sock.connect(str(address))
    except OSError:
        sock.close()
        raise
    return sock


def refuses(address):
    """Is a connection to ("host", port) refused? One that is accepted is closed at once."""
    try:
        connect(address, 20).close()
    except ConnectionError:
        return True
    return False
