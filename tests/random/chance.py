# SPDX-License-Identifier: BSD-2-Clause
"""Random origins, policies and requests. All are drawn from one seed."""

import time
from email.utils import formatdate

from history import Made, as_seen_by_cgi, directives, listed, mark
from rig.answer import Answer
from rig.origin import Origin
from rig.wire import Fields

LIFETIMES = ["max-age=60", "public, max-age=60", "s-maxage=60", "max-age=1", "s-maxage=1, max-age=0", "max-age=0", "s-maxage=0",
             "no-cache", "no-store", "private", "private, max-age=60", "public", "max-age=60, must-revalidate", "no-cache, max-age=60",
             'no-cache="X-Secret", max-age=60', 'private="X-Secret", max-age=60', 'private="Set-Cookie", max-age=60',
             "max-age=1, stale-while-revalidate=30", "max-age=0, stale-while-revalidate=30", "max-age=1, stale-if-error=30",
             "max-age=0, must-revalidate", "private, no-cache, no-store, max-age=0, must-revalidate", "max-age=0, private, must-revalidate",
             "no-cache, private", "s-maxage=60, stale-while-revalidate"]
VARY = ["X-Lang", "Cookie", "Accept-Language", "Accept-Encoding", "X-Lang, Accept-Encoding", "Accept-Encoding, Cookie", "Authorization", "*"]
STATUSES = [404, 301, 302, 403, 410, 429, 431, 428, 500, 503, 401, 299, 203]

OPTIONS = {"ttl": ["1s", "60s"], "override": [True], "grace": ["0s", "1s", "30s"], "stale_if_error": ["30s"], "early_refresh": [1],
          "statuses": [{404: "10s", "5xx": "1s"}], "bypass": [["cookie:session"], ["header:X-Preview"]], "ignore_client": [True],
          "key": [{"headers": ["X-Lang"]}, {"query": {"drop": ["utm_*"]}}, {"cookies": ["lang"]}],
          "cookies": ["pass", "ignore", ["sid", "sess*"]], "set_cookie": ["first", "store"], "heuristic": ["10%", "off"]}


def policy(rng):
    """One route's cache section: usually a few options, often none."""
    cache = {}
    for name, values in OPTIONS.items():
        if rng.random() < (0.5 if name in ("ttl", "cookies") else 0.15):
            cache[name] = rng.choice(values)
    if "ttl" not in cache:
        cache.pop("override", None)
    return cache


class Habit:
    """How an origin answers under one path: the fields that it sends, and how often it sends others."""

    def __init__(self, rng):
        self.status = 200 if rng.random() < 0.8 else rng.choice(STATUSES)
        self.fields = []
        if rng.random() < 0.75:
            self.fields.append(("Cache-Control", rng.choice(LIFETIMES)))
        if rng.random() < 0.1:
            self.fields.append(("CDN-Cache-Control", rng.choice(["max-age=60", "max-age=0", "no-store", "max-age=1"])))
        if rng.random() < 0.15:
            self.fields.append(("Expires", formatdate(time.time() + rng.choice([-1e6, 0, 60]), usegmt=True)))
        if rng.random() < 0.5:
            self.fields.append(("Last-Modified", formatdate(1.6e9 + rng.randrange(4) * 1e6, usegmt=True)))
        if rng.random() < 0.35:
            self.fields.append(("Vary", rng.choice(VARY)))
        self.etag = rng.choice(["own", "own", "weak", "shared", None])
        self.cookie = rng.random() < 0.35
        self.cookie_later = rng.random() < 0.35       # a 304 sets a cookie too
        self.coding = rng.random() < 0.3
        self.slow = rng.choice([0, 0, 0, 0.02, 0.2])
        self.framing = rng.choice(["length", "length", "chunked", "close"])
        self.large = rng.random() < 0.1
        self.conditions = rng.random() < 0.8
        self.ranges = rng.random() < 0.1
        self.broken = 0.1 if rng.random() < 0.1 else 0


class RandomOrigin(Origin):
    """Answers every request by the habit of its path, and remembers for whom each answer was made."""

    def __init__(self, rng, history, habits):
        self._rng, self._history, self._habits = rng, history, habits    # habits: path -> the usual habit and the odd one
        super().__init__()

    def _choose(self, request):     # under the origin's lock, so that the draws of one seed keep their order
        usual, odd = self._habits.get(request.path, (None, None))
        draws = self._rng.random(), self._rng.random(), self._rng.random()
        habit = odd if draws[0] < 0.25 else usual
        return lambda asked: self._answer(asked, habit, draws)

    def _answer(self, request, habit, draws):
        number = self._history.number()
        made = Made(number, request.fields.get("X-Request", "?"), request.method, request.target,
                    as_seen_by_cgi(request.fields), habit.status, None, time.monotonic())
        fields = [("Date", formatdate(usegmt=True)), ("X-Made", number), *habit.fields, ("X-Secret", number)]
        body, coded = mark(number) * (3000 if habit.large else 12), "gzip" in request.fields.get("Accept-Encoding", "")
        if habit.coding and coded:
            fields.append(("Content-Encoding", "gzip"))
        if habit.etag:
            fields.append(("ETag", {"own": f'"{number}"', "weak": f'W/"{number}"', "shared": '"same"'}[habit.etag]))
        made.proves = self._proves(request) if habit.conditions and draws[1] < 0.7 else []
        if made.proves:
            made.status = 304
            if habit.etag != "shared":
                fields = [(n, v) for n, v in fields if n != "ETag"]
        elif habit.ranges and request.fields.get("Range", "") == "bytes=17-33" and made.status == 200:
            made.status, body = 206, body[17:34]
            fields.append(("Content-Range", f"bytes 17-33/{17 * (3000 if habit.large else 12)}"))
        if habit.cookie_later if made.status == 304 else habit.cookie:
            fields.append(("Set-Cookie", f"sid={number}; Path=/"))
        made.fields = Fields([(n, str(v)) for n, v in fields])
        if made.method == "HEAD" and made.status != 304:        # RFC 9111 4.3.5
            etag, date = made.fields.get("ETag"), made.fields.get("Last-Modified")
            made.proves = self._history.issued(request.path, {etag} if etag else (), date or True)
        self._history.add(made)
        answer = Answer(made.status, made.fields, b"" if made.status == 304 else body, habit.framing, delay=habit.slow * draws[2],
                        abort_after=20 if draws[2] < habit.broken else None)
        answer.made = made
        return answer

    def _proves(self, request):
        """Returns the answers that a condition names, if this origin would say that they are still good."""
        if request.method not in ("GET", "HEAD"):
            return []
        etags = set(listed(request.fields, "If-None-Match"))
        return self._history.issued(request.path, etags, request.fields.get("If-Modified-Since"))

    def _send(self, sock, answer, request):
        answer.made.sent = time.monotonic()
        try:
            super()._send(sock, answer, request)
        finally:
            answer.made.done = time.monotonic()


class Requester:
    """How one client asks: who it is never changes, what it asks for changes every time."""

    WHO = {"alice": [("Cookie", "sid=alice; lang=de")], "bob": [("Cookie", "sid=bob; lang=en; _ga=1")],
           "carol": [("Authorization", "Basic Y2Fyb2w6eA==")], "dave": [("Cookie", "_ga=2")], "stranger": [], "nobody": []}

    def __init__(self, rng, who):
        self.rng, self.who = rng, who
        self.known = {}             # target: [(entity tag, date)] of the answers it got

    def request(self, paths, name):
        """Returns (method, target, Fields)."""
        rng = self.rng
        target = rng.choice(paths) + rng.choice(["", "", "", "?a=1", "?utm_x=1", "?a=1&utm_x=2"])
        method = rng.choices(["GET", "HEAD", "POST", "DELETE"], [85, 10, 4, 1])[0]
        fields = [("X-Request", name), *self.WHO[self.who]]
        self._choosing(fields)
        if rng.random() < 0.3:
            fields.append(("Cache-Control", rng.choice(["no-cache", "max-age=0", "max-stale", "max-stale=100", "only-if-cached",
                                                        "only-if-cached, max-stale", "no-store", "min-fresh=5", "max-age=5"])))
        if rng.random() < 0.2:
            self._condition(fields, target)
        if rng.random() < 0.1:
            fields.append(("Range", rng.choice(["bytes=0-16", "bytes=17-33", "bytes=-17", "bytes=34-"])))
        if method == "POST":
            fields.append(("Content-Length", "0"))
        return method, target, Fields(fields)

    def _choosing(self, fields):
        rng = self.rng
        for name, values in (("X-Lang", ["de", "fr"]), ("Accept-Language", ["de", "fr, de;q=0.5"]),
                             ("Accept-Encoding", ["gzip", "br, gzip", "identity"])):
            if rng.random() < 0.4:
                fields.append((name, rng.choice(values)))
        odd = rng.random()
        if odd < 0.05:
            fields.append(("Connection", "X-Lang"))
        elif odd < 0.1:
            fields.append(("X_Lang", "xx"))
        elif odd < 0.13:
            fields.append(("Cookie", "session=1")) if self.who == "stranger" else fields.append(("X-Preview", "1"))

    def _condition(self, fields, target):
        tags = self.known.get(target) or [('"1000001"', "Sun, 13 Sep 2020 12:26:40 GMT")]
        etag, date = self.rng.choice(tags)
        if etag and self.rng.random() < 0.7:
            fields.append(("If-None-Match", etag))
        elif date:
            fields.append(("If-Modified-Since", date))

    def learn(self, got):
        """Remembers the tag and the date of an answer, for conditional requests."""
        pair = got.fields.get("ETag"), got.fields.get("Last-Modified")
        if any(pair):
            known = self.known.setdefault(got.target, [])
            known.append(pair)
            del known[:-5]
