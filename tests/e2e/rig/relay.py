# SPDX-License-Identifier: BSD-2-Clause
"""A relay in front of Redis or an origin. It can stall, delay, cut, or drop one direction, as a bad network does."""

import queue
import socket
import threading
import time

from . import ports

FORTH, BACK = "forth", "back"       # from the client to the target; from the target to the client


class _Link:
    """One relayed connection."""

    def __init__(self, client, target):
        self.ends = {FORTH: (client, target), BACK: (target, client)}
        self.said = b""             # the first bytes of the client, which tell who it is
        self.late = {}              # direction: a queue of (due, data), once there has been a delay

    def close(self):
        for late in self.late.values():
            late.put((0, None))
        for sock in self.ends[FORTH]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()


class Relay:
    """Listens on a port of its own, and passes bytes to `target`, which is ("host", port)."""

    def __init__(self, target):
        self.target, self.port = target, ports.free_port()
        self.address, self.url = ("127.0.0.1", self.port), f"redis://127.0.0.1:{self.port}/0"
        self.accepted, self._rate = 0, None
        self._links, self._lock, self._stopping = set(), threading.Lock(), False
        self._open = {FORTH: threading.Event(), BACK: threading.Event()}
        self._dropping = {FORTH: False, BACK: False}
        self._concerns = lambda said: True
        self.heal()
        self._refusing = False
        self._listener = socket.create_server(self.address, backlog=256)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    # faults

    def only(self, marker):
        """From now on stall, drop, delay and cut concern only connections whose first bytes contain `marker`."""
        self._concerns = lambda said: marker in said

    def all_but(self, marker):
        """The same, for connections whose first bytes don't contain `marker`."""
        self._concerns = lambda said: marker not in said

    def delay(self, seconds):
        """Everything arrives later by so many seconds, in both directions. Nothing is lost."""
        self._delay = seconds

    def stall(self, *directions):
        """Holds bytes back until heal(), in both directions unless some are named."""
        for direction in directions or (FORTH, BACK):
            self._open[direction].clear()

    def drop(self, direction):
        """Discards all bytes in one direction; the other still works."""
        self._dropping[direction] = True

    def slow(self, bytes_per_second):
        self._rate = bytes_per_second

    def cut(self):
        """Closes every relayed connection. New ones are accepted."""
        with self._lock:
            links = {link for link in self._links if self._concerns(link.said)}
            self._links -= links
        for link in links:
            link.close()

    def cut_amid(self):
        """Until heal(): half of the next answer arrives on each connection, then the connection is closed."""
        self._halving = True

    def refuse(self):
        """Closes every relayed connection, and every new one at once."""
        self._refusing = True
        self.cut()

    def heal(self):
        self._rate, self._refusing, self._delay, self._halving = None, False, 0, False
        for direction in (FORTH, BACK):
            self._open[direction].set()
            self._dropping[direction] = False

    def stop(self):
        self._stopping = True
        self._concerns = lambda said: True
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
                if direction == FORTH and len(link.said) < 4096:
                    link.said += data
                concerned = self._concerns(link.said)
                if concerned:
                    self._open[direction].wait()
                if concerned and self._dropping[direction]:
                    continue
                if concerned and self._halving and direction == BACK:
                    sink.sendall(data[:len(data) // 2])
                    break
                if (concerned and self._delay) or direction in link.late:
                    self._send_late(link, direction, sink, data, self._delay if concerned else 0)
                    continue
                if self._rate:
                    time.sleep(len(data) / self._rate)
                sink.sendall(data)
        except OSError:
            pass
        with self._lock:
            self._links.discard(link)
        link.close()

    def _send_late(self, link, direction, sink, data, delay):
        late = link.late.get(direction)
        if late is None:
            late = link.late[direction] = queue.Queue()
            threading.Thread(target=self._deliver, args=(late, sink), daemon=True).start()
        late.put((time.monotonic() + delay, data))

    @staticmethod
    def _deliver(late, sink):
        while True:
            due, data = late.get()
            if data is None:
                return
            time.sleep(max(0, due - time.monotonic()))
            try:
                sink.sendall(data)
            except OSError:
                return
