# SPDX-License-Identifier: BSD-2-Clause
"""Pages that change. An origin's answers say in every piece which page and version they are. A history records all that was asked of a
fleet, done to it and fetched for it. All times are of time.monotonic() in this process."""

import enum
import functools
import hashlib
import re
import threading
import time
import zlib
from dataclasses import dataclass, field
from email.utils import formatdate

from rig.answer import Answer, holds
from rig.origin import Origin

NEVER = float("inf")
PIECE = 64
PARTS, PAUSE = 16 * 1024, 0.02      # a large page is sent in parts of so many bytes, with pauses of so many seconds
CHUNK = 16 * 1024                   # bytes; larger content lies in pieces in Redis


@functools.lru_cache(maxsize=4096)
def content(name, version, pieces):
    """Returns a page's version as bytes. Each piece names page and version, and has a checksum of its own."""
    made = []
    for number in range(pieces):
        text = f"{name} v{version} #{number} ".ljust(PIECE - 9, ".").encode()
        made.append(text + b"%08x\n" % zlib.crc32(text))
    return b"".join(made)


@functools.lru_cache(maxsize=4096)
def digest(name, version, pieces):
    return hashlib.sha1(content(name, version, pieces)).hexdigest()


def pieces_of(body):
    """Returns what the pieces of a body say that they are, "?" for broken ones: to show how a body was mixed."""
    said = {}
    for at in range(0, len(body), PIECE):
        text, crc = body[at:at + PIECE - 9], body[at + PIECE - 9:at + PIECE]
        words = text.split(b" ")
        good = crc == b"%08x\n" % zlib.crc32(text)
        said.setdefault(" ".join(word.decode() for word in words[:2]) if good else "?", []).append(at // PIECE)
    return {name: f"{numbers[0]}-{numbers[-1]} ({len(numbers)})" for name, numbers in said.items()}


class Page:
    """One URL: how it is made, how long it is fresh, and when each of its versions was replaced."""

    def __init__(self, rng, host, path, cache):
        self.host, self.path, self.cache = host, path, cache
        self.lifetime = rng.choice([1, 3, 60])
        self.making = rng.choice([0, 0, 0.02, 0.3, 1.0])
        self.large = rng.random() < 0.25
        self.pieces = rng.choice([2000, 5000]) if self.large else rng.choice([1, 20, 300])
        self.tags = rng.sample(TAGS, rng.randrange(4))
        self.vary, self.etag = rng.random() < 0.2, rng.random() < 0.6
        self.moody = rng.random() < 0.15            # now and then it fails at once, and is slow the next time
        self.framing = rng.choice(["length", "chunked"])
        self.version, self.replaced = 1, {}         # replaced: version -> when it was

    @property
    def url(self):
        return self.host + self.path

    def took(self):
        """Returns how long the origin takes to make the page, at most."""
        return self.making * 1.5 + (self.pieces * PIECE / PARTS * PAUSE if self.large else 0)

    @property
    def in_pieces(self):
        """Does the page lie in pieces in Redis?"""
        return self.pieces * PIECE > CHUNK

    def about(self):
        """Describes the page, for a reader who looks for a fault."""
        left_out = ("host", "path", "version", "replaced")
        return ", ".join(f"{name} {value}" for name, value in vars(self).items() if name not in left_out)

    def until(self, version):
        """Returns when a version was replaced."""
        return self.replaced.get(version, NEVER)


TAGS = [f"tag-{n}" for n in range(6)]


@dataclass
class Fetch:
    page: Page
    lang: str
    method: str
    began: float
    version: int
    via: str                    # the node that fetches
    rest: bool = False          # it asks for the rest of a content, for one client
    status: int = 200
    done: float = NEVER


@dataclass
class Get:
    """A client's GET or HEAD. fault: what was wrong with the answer in itself. status, version: of its head, if that has come."""
    node: str
    page: Page
    lang: str
    method: str
    sent: float
    done: float = NEVER
    status: int = 0
    version: int = 0
    told: str = ""              # Cache-Status
    fault: str = ""

    def hear(self, answer):
        """The head has come."""
        self.status, self.told = answer.status, answer.fields.get("Cache-Status", "")
        self.version = int(answer.fields.get("X-Version", "0"))


@dataclass
class Change:
    """A purge; or a write through a node (kind "write"), which purges the page that it changes. Everything made before `began`
    is older."""
    kind: str
    name: object
    soft: bool
    node: str
    began: float
    done: float = NEVER
    status: int = 0
    told: int = 0
    live: int = 0
    silent: frozenset = frozenset()     # names of nodes that the answer says have not been heard

    def concerns(self, page):
        return {"all": lambda: True, "host": lambda: page.host == self.name, "tag": lambda: self.name in page.tags,
                "url": lambda: page.url == self.name, "write": lambda: page.url == self.name,
                "prefix": lambda: page.url.startswith(self.name)}[self.kind]()


class Effect(enum.Enum):
    """What a mishap may do to its nodes."""
    AWAY = "Redis is away for them"
    HARM = "they answer nobody"
    FORGETS = "what they share may be forgotten, but for purges"
    FAR = "what Redis says comes later"
    NONE = "nothing"


@dataclass
class Mishap:
    """Something that was done to the fleet, from just before it until all nodes were well again. nodes: names. mended: just before it was
    put right."""
    kind: str
    nodes: frozenset
    effect: Effect
    began: float
    done: float = NEVER
    mended: float = NEVER

    def meets(self, began, done):
        return self.began <= done and began <= self.done


@dataclass
class Round:
    """What the clients of one site got where two limits hold: the abuser's answers, and those of the innocent."""
    began: float
    done: float = NEVER
    abuser: list = field(default_factory=list)
    innocent: list = field(default_factory=list)


class History:
    """Appending is safe on many threads. It is read when all is over."""

    def __init__(self, pages):
        self.pages = pages
        self.gets, self.changes, self.fetches, self.mishaps, self.rounds, self.deaths = [], [], [], [], [], []
        self.lock = threading.Lock()

    def operations(self):
        return len(self.gets) + len(self.changes) + sum(len(r.abuser) + len(r.innocent) for r in self.rounds)

    def replace(self, pages):
        """These pages have a new version from now on."""
        with self.lock:
            now = time.monotonic()
            for page in pages:
                page.replaced[page.version] = now
                page.version += 1
            return now


class PagesOrigin(Origin):
    """Makes the present version of a page, as slowly as the page says. POST and PUT replace it."""

    def __init__(self, rng, history, mixing=False):
        """mixing: make bodies out of two versions."""
        self._rng, self._history, self._mixing = rng, history, mixing
        self._pages = {page.url: page for page in history.pages}
        super().__init__()

    def _choose(self, request):         # under the origin's lock, so that the draws of one seed keep their order
        page = self._pages.get(request.fields.get("Host", "") + request.path)
        if page is None:
            return Answer(200, {"Cache-Control": "no-store"}, b"x")
        if request.method in ("POST", "PUT"):
            at = self._history.replace([page])
            return Answer(200, {"Cache-Control": "no-store", "X-Began": repr(at)}, b"done")
        lang = request.fields.get("X-Lang", "") if page.vary else ""
        with self._history.lock:
            fetch = Fetch(page, lang, request.method, time.monotonic(), page.version, request.fields.get("Via", "?"),
                          "Range" in request.fields)
            self._history.fetches.append(fetch)
        answer = self._make(page, fetch, request, self._rng.random())
        answer.fetch = fetch
        return answer

    def _make(self, page, fetch, request, draw):
        etag = f'"{page.url}{fetch.lang}-{fetch.version}"'
        fields = [("Date", formatdate(usegmt=True)), ("Cache-Control", f"max-age={page.lifetime}"), ("X-Version", fetch.version)]
        if page.tags:
            fields.append(("Cache-Tag", ", ".join(page.tags)))
        if page.vary:
            fields.append(("Vary", "X-Lang"))
        if page.etag:
            fields.append(("ETag", etag))
        if page.moody and draw < 0.3:
            fetch.status = 503
            return Answer(503, body=b"not now")
        making = page.making * (0.5 + draw)
        if page.etag and holds(request, etag):
            fetch.status = 304
            return Answer(304, fields, delay=making)
        body = content(page.url + fetch.lang, fetch.version, page.pieces)
        part = re.fullmatch(r"bytes=(\d+)-", request.fields.get("Range", ""))
        if part and request.fields.get("If-Range") == etag:
            first, fetch.status = int(part[1]), 206
            return Answer(206, [*fields, ("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")], body[first:])
        if self._mixing:
            body = body[:-PIECE] + content(page.url + fetch.lang, fetch.version + 1, page.pieces)[-PIECE:]
        if page.large:
            body = [body[at:at + PARTS] for at in range(0, len(body), PARTS)]
        return Answer(200, fields, body, page.framing, delay=making, pause=PAUSE if page.large else 0)

    def _send(self, sock, answer, request):
        try:
            super()._send(sock, answer, request)
        finally:
            if hasattr(answer, "fetch"):
                answer.fetch.done = time.monotonic()
