# SPDX-License-Identifier: BSD-2-Clause
"""A name server (RFC 1035) over UDP and TCP that can be silent, slow, lossy or broken, as real ones are."""

import ipaddress
import socket
import struct
import threading
import time

from . import ports

A, AAAA = 1, 28
TYPES = {A: "A", AAAA: "AAAA"}
DATAGRAM = 512          # bytes of an answer over UDP (RFC 1035 4.2.1)


class NameServer:
    """Knows the names that it was given. `address` is what a policy's dns.servers takes."""

    def __init__(self):
        self.port = ports.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.asked = []                 # (name, "A" or "AAAA", "udp" or "tcp")
        self.silent = self.failing = False
        self.delay = {"A": 0, "AAAA": 0}
        self.lose = 0                   # so many datagrams are lost
        self._names, self._lock, self._open = {}, threading.Lock(), True
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp = socket.create_server(("127.0.0.1", self.port))
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    # what tests say

    def name(self, name, *addresses, ttl=1):
        """From now on the name has these addresses; none: it exists without any."""
        with self._lock:
            self._names[name] = [ipaddress.ip_address(address) for address in addresses], ttl
        return self

    def forget(self, name):
        """There is no such name any more."""
        with self._lock:
            del self._names[name]

    def count(self, name=None, kind=None, over=None):
        """How often a name, a type, a transport was asked for."""
        with self._lock:
            return sum(1 for n, k, o in self.asked if name in (None, n) and kind in (None, k) and over in (None, o))

    def stop(self):
        self._open = False
        for sock, kind in (self._udp, socket.SOCK_DGRAM), (self._tcp, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as last:       # wakes the thread
                last.connect(("127.0.0.1", self.port))
                last.send(b"")
        for thread in self._threads:
            thread.join(10)
        self._udp.close()
        self._tcp.close()

    # the protocol

    def _serve_udp(self):
        while True:
            packet, peer = self._udp.recvfrom(4096)
            if not self._open:
                return
            self._run(self._answer, packet, "udp", lambda answer, to=peer: self._udp.sendto(answer, to))

    def _serve_tcp(self):
        while True:
            sock, _ = self._tcp.accept()
            if not self._open:
                sock.close()
                return
            self._run(self._dialogue, sock)

    def _dialogue(self, sock):
        with sock, sock.makefile("rb") as stream:
            while len(head := stream.read(2)) == 2:
                packet = stream.read(struct.unpack(">H", head)[0])
                self._answer(packet, "tcp", lambda answer: sock.sendall(struct.pack(">H", len(answer)) + answer))

    @staticmethod
    def _run(call, *args):
        threading.Thread(target=call, args=args, daemon=True).start()

    def _answer(self, packet, over, send):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        name, question = ".".join(labels).lower(), packet[12:at + 5]
        kind = TYPES.get(struct.unpack(">H", packet[at + 1:at + 3])[0], "?")
        with self._lock:
            self.asked.append((name, kind, over))
            lost = self.silent or (over == "udp" and self.lose > 0)
            if lost and not self.silent:
                self.lose -= 1
            addresses, ttl = self._names.get(name, (None, 0))
        if lost:
            return
        time.sleep(self.delay.get(kind, 0))     # the fault itself: a slow server
        records = [a for a in addresses or [] if (a.version == 4) == (kind == "A")]
        answer = self._packet(packet[:2], question, records, ttl, 2 if self.failing else 3 if addresses is None else 0)
        if over == "udp" and len(answer) > DATAGRAM:
            answer = self._packet(packet[:2], question, [], ttl, 0, truncated=True)
        try:
            send(answer)
        except OSError:
            pass                                # whoever asked has gone

    @staticmethod
    def _packet(number, question, records, ttl, rcode, truncated=False):
        records = [] if rcode else records
        flags = 0x8180 | rcode | (0x0200 if truncated else 0)
        answer = number + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + question
        for address in records:
            kind = A if address.version == 4 else AAAA
            answer += struct.pack(">HHHIH", 0xC00C, kind, 1, ttl, len(address.packed)) + address.packed
        return answer
