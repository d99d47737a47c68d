#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""No answer turns the cache off. An origin is slow, fails, hangs or answers oddly at random times, for many clients, and an oracle says at
every moment how often the origin may be asked (may_ask.py).

A seed determines its world: a few popular pages whose usual answer can be shared, each with its lifetime and the time it takes to make,
and what goes wrong now and then.

    tests/random/steadiness.py --weir src/weir --seconds 600
    tests/random/steadiness.py --weir src/weir --seed 7            one world
"""

import random
import sys
import time
from email.utils import formatdate

import world
import may_ask
from may_ask import ERROR, OWN, SHARED, Fetch
from rig.answer import Answer, holds
from rig.client import Connection
from rig.origin import Origin
from rig.wire import WireError

PAGES = 5
TIMEOUT = 2.0       # origins.response_timeout and idle_timeout, in seconds: weir gives up a hung answer then

# kind of answer, status, its fields
ODD = {"error": (ERROR, 503, []), "shed": (ERROR, 503, [("Cache-Control", "no-store")]), "limited": (ERROR, 429, []),
       "forbidden": (ERROR, 403, []), "private": (OWN, 200, [("Cache-Control", "private")]),
       "no-store": (OWN, 200, [("Cache-Control", "no-store")]), "hung": (ERROR, 0, []), "cut": (ERROR, 0, [])}


class Page:
    """One popular page: the origin's usual answer, and its odd ones."""

    def __init__(self, rng, number):
        self.target = f"/p{number}/"
        self.lifetime = rng.choice([1, 4, 4, 60])
        self.making = rng.choice([0.01, 0.01, 0.2, 1.6])
        self.by_policy = rng.random() < 0.3
        self.vary = rng.choice(["", "", "X-Lang", "Accept-Encoding"])
        self.wider = self.vary == "X-Lang" and rng.random() < 0.5      # sometimes it varies on more fields
        self.odd = rng.sample(sorted(ODD), rng.randrange(4))
        self.chance = rng.choice([0.1, 0.3])
        self.etag = rng.random() < 0.5
        self.reloads = rng.choice([0, 0, 0.02])
        self.cache = {"jitter": "0%"}
        if self.by_policy:
            self.cache.update(ttl=f"{self.lifetime}s")
        self.grace = rng.choice([0, 30])
        if self.grace:
            self.cache.update(grace=f"{self.grace}s", stale_if_error=f"{self.grace}s")

    def key(self, fields):
        """Returns which of the page's answers a request asks for."""
        chosen = [fields.get(name, "") for name in ([self.vary] if self.vary else []) + (["X-More"] if self.wider else [])]
        return (self.target, *chosen)

    def usual(self, rng):
        fields = [("Date", formatdate(usegmt=True))]
        if not self.by_policy:
            fields.append(("Cache-Control", f"max-age={self.lifetime}"))
        if self.vary:
            fields.append(("Vary", f"{self.vary}, X-More" if self.wider and rng.random() < 0.5 else self.vary))
        if self.etag:
            fields.append(("ETag", '"same"'))
        return fields


class MoodyOrigin(Origin):
    """Answers a page as usual or, now and then, oddly. It records every fetch."""

    def __init__(self, rng, pages, asked):
        self._rng, self._pages, self._asked = rng, pages, asked
        self.fetches = {}
        super().__init__()

    def _choose(self, request):     # under the origin's lock
        page = self._pages[request.path]
        key, (asked, reload) = page.key(request.fields), self._asked[request.fields["X-Request"]]
        seen = self.fetches.setdefault(key, [])
        fetch = Fetch(key, asked, reload, time.monotonic(), SHARED, page.lifetime, page.grace)
        seen.append(fetch)
        draw = self._rng.random(), self._rng.random()
        name = self._rng.choice(page.odd) if page.odd and draw[0] < page.chance and len(seen) > 1 else None
        answer = self._odd(name, fetch, draw[1]) if name else self._usual(page, request, fetch, draw[1])
        answer.fetch = fetch
        return answer

    def _usual(self, page, request, fetch, draw):
        fields = page.usual(self._rng)
        fetch.wide = any("X-More" in value for name, value in fields if name == "Vary")
        if page.etag and holds(request, '"same"'):
            return Answer(304, fields, delay=page.making * draw)
        return Answer(200, fields, b"the page", delay=page.making * (0.5 + draw / 2))

    @staticmethod
    def _odd(name, fetch, draw):
        fetch.kind, status, fields = ODD[name]
        fetch.broken = status == 0
        if name == "hung":
            fetch.answered = fetch.done = fetch.began + TIMEOUT      # when the proxy gives up
            return Answer(200, delay=60)
        if name == "cut":
            fetch.answered = fetch.done = fetch.began + draw * 0.1
            return Answer(raw=b"", keep=False, delay=draw * 0.1)
        return Answer(status, fields, name.encode(), delay=draw * 0.1)

    def _send(self, sock, answer, request):
        answer.fetch.answered = min(answer.fetch.answered, time.monotonic())
        try:
            super()._send(sock, answer, request)
        finally:
            answer.fetch.done = min(answer.fetch.done, time.monotonic())


class Steadiness(world.World):
    clients, patience = 14, f"{TIMEOUT:g}s"

    def __init__(self, seed, with_redis):
        super().__init__(seed, with_redis)
        rng = random.Random(seed)
        self.pages = {page.target: page for page in (Page(rng, n) for n in range(PAGES))}
        self.routes = {page.target: page.cache for page in self.pages.values()}
        self.requests, self.failed = {}, 0
        self.origin = MoodyOrigin(rng, self.pages, self.requests)

    def summary(self):
        return f"{self.asked} requests, {self.failed} of them failed, {sum(map(len, self.origin.fetches.values()))} fetches"

    def client(self, number, rng, node, end):
        connection, count = None, 0
        pages = list(self.pages.values())
        while time.monotonic() < end:
            page, count = rng.choice(pages), count + 1
            name, reload = f"{number}-{count}", rng.random() < page.reloads
            fields = {"X-Request": name, "X-Lang": rng.choice(["de", "fr"]), "X-More": rng.choice("ab"),
                      "Accept-Encoding": rng.choice(["gzip", "identity"])}
            if reload:
                fields["Cache-Control"] = "no-cache"
            self.requests[name] = (time.monotonic(), reload)
            try:
                connection = connection or Connection(node.address)
                answer = connection.ask(page.target, fields=fields)
                self.count()
                self.failed += answer.status >= 500
            except (OSError, WireError):
                connection = None
            time.sleep(0.01)
        if connection:
            connection.close()

    def faults(self):
        told = []
        for key, fetches in self.origin.fetches.items():
            fetches.sort(key=lambda f: f.began)
            elsewhere = [f for other, theirs in self.origin.fetches.items() if other[0] == key[0] and other != key for f in theirs]
            found, page = may_ask.excess(fetches, TIMEOUT / 4, elsewhere), self.pages[key[0]]
            if not found:
                continue
            start = fetches[0].began
            told.append(f"seed {self.seed}, {key}, {vars(page)}: {len(found)} of {len(fetches)} fetches are too many")
            told += [f"  FAULT {why}: asked {f.asked - start:.2f}, began {f.began - start:.2f}" for f, why in found[:3]]
            near = [f for f in fetches if found[0][0].began - 6 < f.began <= found[0][0].began]
            told += [f"    {f.began - start:6.2f} to {f.done - start:6.2f} {f.kind}{' reload' if f.reload else ''}"
                     f"{' broken' if f.broken else ''}, its client asked {f.asked - start:.2f}" for f in near[-12:]]
        return told


if __name__ == "__main__":
    sys.exit(world.command_line(__doc__, Steadiness, 8))
