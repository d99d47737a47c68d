# SPDX-License-Identifier: BSD-2-Clause
"""Free TCP ports, to be written into a policy before the daemon binds them.

They come from below the kernel's ephemeral range: a port from inside it could be taken by any outgoing connection
between our look and the daemon's bind. Each test process on the machine draws from a lane of its own.
"""

import collections
import fcntl
import pathlib
import random
import socket
import tempfile

LOWEST, HIGHEST, LANES = 10_000, 32_000, 32


def _take_lane():
    """The first lane nobody holds, and the file whose lock holds it until this process ends."""
    for lane in range(LANES):
        try:
            held = open(pathlib.Path(tempfile.gettempdir()) / f"weir-test-ports-{lane}", "w")
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lane, held
        except OSError:  # somebody else's
            continue
    raise RuntimeError(f"{LANES} processes test weir on this machine already")


_lane, _held = _take_lane()
_given = collections.deque(maxlen=(HIGHEST - LOWEST) // LANES // 2)  # the latest: those before have long been let go


def free_port():
    """A port that was free a moment ago and has not been given out lately by this test process."""
    while True:
        port = random.randrange(LOWEST, HIGHEST, LANES) + _lane
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended are no hindrance
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.append(port)
        return port


def connect(address, timeout):
    """Connect to ("host", port) or to the path of a Unix socket."""
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
