"""A relay before Redis or an origin that can stall, slow down, cut or go deaf in one direction, like a bad network."""

import socket
import threading
import time

from . import ports

FORTH, BACK = "forth", "back"       # from the client to the target, and the answers


class _Link:
    """One relayed connection."""

    def __init__(self, client, target):
        self.ends = {FORTH: (client, target), BACK: (target, client)}

    def close(self):
        for sock in self.ends[FORTH]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()


class Relay:
    """Listens on a port of its own and passes bytes to `target`, ("host", port)."""

    def __init__(self, target):
        self.target, self.port = target, ports.free_port()
        self.address, self.url = ("127.0.0.1", self.port), f"redis://127.0.0.1:{self.port}/0"
        self.accepted, self._rate = 0, None
        self._links, self._lock, self._stopping = set(), threading.Lock(), False
        self._open = {FORTH: threading.Event(), BACK: threading.Event()}
        self._dropping = {FORTH: False, BACK: False}
        self.heal()
        self._refusing = False
        self._listener = socket.create_server(self.address, backlog=256)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    # faults

    def stall(self, *directions):
        """Hold bytes back until heal(); both directions unless named."""
        for direction in directions or (FORTH, BACK):
            self._open[direction].clear()

    def drop(self, direction):
        """Swallow what goes in one direction; the other still flows."""
        self._dropping[direction] = True

    def slow(self, bytes_per_second):
        self._rate = bytes_per_second

    def cut(self):
        """Close every relayed connection; new ones are accepted."""
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            link.close()

    def refuse(self):
        """Cut, and close every new connection at once."""
        self._refusing = True
        self.cut()

    def heal(self):
        self._rate, self._refusing = None, False
        for direction in (FORTH, BACK):
            self._open[direction].set()
            self._dropping[direction] = False

    def stop(self):
        self._stopping = True
        self.heal()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join(10)

    # passing

    def _accept(self):
        while not self._stopping:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self._refusing:
                client.close()
                continue
            try:
                target = ports.connect(self.target, 5)
            except OSError:
                client.close()
                continue
            target.settimeout(None)
            link = _Link(client, target)
            with self._lock:
                self._links.add(link)
            for direction in (FORTH, BACK):
                threading.Thread(target=self._pump, args=(link, direction), daemon=True).start()

    def _pump(self, link, direction):
        source, sink = link.ends[direction]
        try:
            while data := source.recv(64 * 1024):
                self._open[direction].wait()
                if self._dropping[direction]:
                    continue
                if self._rate:
                    time.sleep(len(data) / self._rate)
                sink.sendall(data)
        except OSError:
            pass
        with self._lock:
            self._links.discard(link)
        link.close()
