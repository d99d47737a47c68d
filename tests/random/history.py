# SPDX-License-Identifier: BSD-2-Clause
"""What the two sides of a proxy saw: each answer that an origin made, and each answer that a client got.

An answer has its number wherever possible: in its content, in its Set-Cookie, and in two fields of its own. A client that gets a
number got that part of that answer. A request has its own number in X-Request, so that an origin knows for whom it answers.
"""

import re
import threading
from dataclasses import dataclass, field

MARK = re.compile(rb"<(\d{7})>")

# Fields that go no further than the next hop, whether Connection names them or not (RFC 9110 7.6.1).
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


def mark(number):
    """The content of an answer: every 17 bytes of it show whose it is."""
    return b"<%07d>" % number


def numbers(text):
    """Returns all numbers of answers in a field's value."""
    return {int(n) for n in re.findall(r"(?<!\d)\d{7}(?!\d)", text or "")}


def listed(fields, name):
    """Returns the members of a list field, in lower case where case makes no difference."""
    return [member.strip() for value in fields.all(name) for member in value.split(",") if member.strip()]


def directives(text):
    """Returns {directive: value or None} of a Cache-Control: names in lower case, values without quotes."""
    found = {}
    for name, value in re.findall(r'([\w-]+)(?:=("[^"]*"|[^\s,"]*))?', text or ""):
        found[name.lower()] = value.strip('"') if value else None
    return found


def as_sent_on(fields):
    """Returns a client's fields as they may reach an origin: without those for the next hop, and without names that differ from
    others only by an underscore."""
    nominated = {name.lower() for name in listed(fields, "Connection")}
    return {name.lower(): value for name, value in fields
            if name.lower() not in HOP_BY_HOP | nominated and "_" not in name}


def as_seen_by_cgi(fields):
    """The same, as an application sees them that gets its fields as variables: "-" and "_" are the same."""
    return {name.lower().replace("_", "-"): value for name, value in fields}


@dataclass
class Made:
    """One answer of an origin. Times are of time.monotonic()."""
    number: int
    request: str                # X-Request of the request that was answered
    method: str
    target: str
    seen: dict                  # the request's fields, as the application sees them
    status: int
    fields: object              # rig.wire.Fields
    began: float
    sent: float = 0.0
    done: float = float("inf")
    proves: list = field(default_factory=list)   # numbers of the answers that this one says are still good: by a 304, or to HEAD


@dataclass
class Got:
    """One answer that a client got, and its request."""
    request: str
    method: str
    target: str
    asked: object               # rig.wire.Fields
    started: float
    node: str = ""
    status: int = 0
    fields: object = None
    body: bytes = b""

    def marks(self):
        return {int(n) for n in MARK.findall(self.body)}


class History:
    """All answers that were made, by number. Safe on many threads."""

    def __init__(self):
        self._lock, self._next = threading.Lock(), 1_000_000
        self.made, self._proofs, self._paths = {}, {}, {}

    def number(self):
        with self._lock:
            self._next += 1
            return self._next

    def add(self, made):
        with self._lock:
            self.made[made.number] = made
            self._paths.setdefault(made.target.partition("?")[0], []).append(made)
            for number in made.proves:
                self._proofs.setdefault(number, []).append(made)

    def proofs(self, number):
        """Returns the 304s, and the answers to HEAD, that say that an answer is still good."""
        with self._lock:
            return list(self._proofs.get(number, ()))

    def of_path(self, path):
        with self._lock:
            return list(self._paths.get(path, ()))

    def issued(self, path, etags=(), modified=None):
        """Returns the numbers of the answers that a condition names: by one of these entity tags, or by this date (True: any)."""
        return [m.number for m in self.of_path(path) if m.status != 304 and m.method == "GET" and
                (m.fields.get("ETag") in etags if etags else modified is True or modified and m.fields.get("Last-Modified") == modified)]
