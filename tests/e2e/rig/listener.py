# SPDX-License-Identifier: BSD-2-Clause
"""A port that hands each connection to a function, for servers that speak no more HTTP than a test needs."""

import socket
import threading

from . import ports


class Listener:
    """Accepts connections on a port of its own until close(), and calls serve(sock) for each in a thread. `address` is
    ("127.0.0.1", port)."""

    def __init__(self, serve):
        self.address, self._serve = ("127.0.0.1", ports.free_port()), serve
        self._sock = socket.create_server(self.address, backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def close(self):
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
