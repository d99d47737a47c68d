"""Free TCP ports, to be written into a policy before the daemon binds them.

They come from below the kernel's ephemeral range: a port from inside it could be taken by any outgoing connection
between our look and the daemon's bind. Parallel pytest workers draw from disjoint sets.
"""

import os
import random
import socket

LOWEST, HIGHEST, LANES = 10_000, 32_000, 8

_lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % LANES
_given = set()


def free_port():
    """A port that was free a moment ago and has not been given out lately by this test process."""
    if len(_given) > (HIGHEST - LOWEST) // LANES // 2:
        _given.clear()  # the first of them have long been let go; a hunt for the last free ones would never end
    while True:
        port = random.randrange(LOWEST, HIGHEST, LANES) + _lane
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
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
