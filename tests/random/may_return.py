# SPDX-License-Identifier: BSD-2-Clause
"""What a fleet may answer, and how often it may ask. It is what weir-redis(7) and weir.yaml(5) promise, written a second time without a
look at weir's code. In doubt, the fleet is right.

- No node ends by itself, and each request gets its whole answer, unless something was done to its node. A fault in Redis is no excuse.
  There is one exception: content that lies in pieces in Redis, or comes into it from another node's fetch, may be cut off when it is
  lost there and no strong entity tag says that the origin has the rest. A purge cuts nothing.
- No body is made of two.
- Once a purge has been answered, no node serves what was made before the purge was asked for, unless Redis is away for that node. A write
  through a node holds on that node at once, and on others max_staleness later. A purge or write while Redis was away holds on its node at
  once, and on the others max_staleness after Redis is back for both; if that node has died meanwhile, it may be lost.
- A purge's answer names each node that Redis could not hear then, and that may so serve something older.
- A softly purged answer may be served until it has been fetched anew and stored.
- Nothing is served longer after its end than grace and stale_if_error say.
- A page is fetched once at a time. Another fetch may begin when lock_timeout is over, when the page was purged since the one before began,
  when a node was stopped or killed (lock_ttl), when Redis was away, or when the origin failed: clients that waited for that may ask for
  themselves. As long as no node knows which field chooses a page's variants, a client that wants one waits for the fetch of another, and
  then asks by itself. When some nodes know it and others don't, one of each may fetch the same variant. A fetch on another node has ended
  once Redis has the response and has said so: that takes longer while Redis is far away.
- No more requests are admitted than the limit allows, but each mishap may allow it once more: Redis has forgotten, or each node decides by
  itself with its share. While Redis evicts, there is no such bound. A client that keeps within all limits is admitted, whatever others do;
  while Redis is away, a node has its share only.
"""

from collections import defaultdict

from mishaps import CUT_OFF, DELAY
from pages import NEVER, Effect

COARSE = 1.0            # Date and Age are whole seconds
ENTERED = 3.0           # seconds within which Redis knows a node that it has forgotten, or that has just started
TOLD = 3 * 2 * DELAY     # seconds until a waiting node has what another one fetched: the last piece, the message and the look-up
PARTING = 0.05          # seconds; two events that lie less apart may have come in the other order


class Judge:
    """staleness, lock_ttl: of the policy, in seconds. lag: how late things run on this machine, in seconds. rules: the cache section of a
    page, as numbers: grace, stale_if_error, lock_timeout."""

    def __init__(self, history, staleness, lock_ttl, lag, limit):
        self.history, self.staleness, self.lock_ttl, self.lag, self.limit = history, staleness, lock_ttl, lag, limit
        self.began = min((get.sent for get in history.gets), default=0.0)
        self.away = [m for m in history.mishaps if m.effect == Effect.AWAY]
        self.harmed = [m for m in history.mishaps if m.effect == Effect.HARM]
        self.forgot = [m for m in history.mishaps if m.effect in (Effect.AWAY, Effect.FORGETS)]
        self.far = [m for m in history.mishaps if m.effect == Effect.FAR]
        self.changes = {page.url: sorted((c for c in history.changes if c.concerns(page)), key=lambda c: c.done)
                        for page in history.pages}
        self.fetches, self.of_page, self.hits = defaultdict(list), defaultdict(list), defaultdict(list)
        for get in history.gets:
            if "hit" in get.told.split("; ") and not get.fault:
                self.hits[get.page.url, get.lang].append(get)
        for fetch in sorted(history.fetches, key=lambda f: f.began):
            if fetch.method == "GET" and not fetch.rest:
                self.fetches[fetch.page.url, fetch.lang].append(fetch)
                self.of_page[fetch.page.url].append(fetch)

    def violations(self):
        """Returns [(kind, when, text)]."""
        found = [("a node died", at, text) for at, text in self.history.deaths]
        for get in self.history.gets:
            found += self._answered(get)
            if get.version and not get.fault:
                found += self._fresh(get) + self._purged(get)
        found += [v for c in self.history.changes for v in self._changed(c)]
        found += [v for fetches in self.fetches.values() for v in self._fetched(fetches)]
        found += [v for r in self.history.rounds for v in self._limited(r)]
        return found

    def _met(self, mishaps, node, began, done):
        return [m for m in mishaps if m.meets(began, done) and (node is None or node in m.nodes)]

    # whole answers

    def _answered(self, get):
        if get.fault.startswith("mixed"):
            return [("a mixed body", get.sent, _tell(get))]
        if not get.fault or get.page.moody and get.status == 503:
            return []
        if self._met(self.harmed, get.node, get.sent, get.done + self.lag) or get.page.in_pieces and get.version and self._cut_off(get):
            return []
        return [("an answer is missing", get.sent, f"{_tell(get)}; {self._near(get.page, get.sent, get.done)}")]

    def _cut_off(self, get):
        """May the content have come out of Redis and have gone there in the middle, with nothing that says what the rest is?"""
        page, began = get.page, get.sent - get.page.took() - self.lag
        asked = [f for f in self.history.fetches if f.page is page and f.rest and get.sent < f.began < get.done]
        same = page.etag and page.until(get.version) > get.done and not any(f.status == 503 for f in asked)
        lost = self._met(self.forgot + self.harmed, None, began - self.lock_ttl, get.done + self.lag)
        return not same and bool(lost)

    def _changed(self, change):
        if change.status == 200:
            return self._named(change)
        if self._met(self.harmed, change.node, change.began, change.done + self.lag):
            return []
        if change.status == 503 and change.kind != "write" and self._met(self.away, change.node, change.began, change.done):
            return []
        return [("an answer is missing", change.began, f"{change}")]

    def _named(self, change):
        """Does a purge's answer name all nodes that were cut off meanwhile? Redis must have known them."""
        unnamed = set()
        for cut in self.history.mishaps:
            if change.kind == "write" or cut.kind != CUT_OFF or not cut.began + self.lag < change.began < change.done < cut.mended:
                continue
            before = cut.began - ENTERED - self.lag
            known = before > self.began and not self._met(self.harmed, None, before, change.done)
            if known and not any(m is not cut for m in self._met(self.forgot, None, before, change.done)):
                unnamed |= cut.nodes - change.silent - {change.node}
        return [("a silent node is not named", change.began, f"{sorted(unnamed)}: {change}")] if unnamed else []

    # how old an answer may be

    def _fresh(self, get):
        page, ended = get.page, get.page.until(get.version)
        rules = page.cache
        allowed = page.lifetime + max(rules["grace"], rules["stale_if_error"])
        late = get.sent - ended - allowed - page.took() - COARSE - self.lag
        if late <= 0:
            return []
        return [("older than its freshness", get.sent, f"{late:.2f} s too old: {_tell(get)}; {page.about()}")]

    def _purged(self, get):
        ended = get.page.until(get.version)
        for change in self.changes[get.page.url]:
            if change.done >= get.sent:
                break
            if change.began > ended and not self._may_be_older(get, change):
                kind = "older than a write" if change.kind == "write" else f"older than a {'soft ' if change.soft else ''}purge"
                return [(kind, get.sent, f"{_tell(get)}, replaced {get.sent - ended:.3f} s before; {change}, done "
                         f"{get.sent - change.done:.3f} s before; {self._near(get.page, get.sent, get.done)}")]
        return []

    def _near(self, page, at, done):
        """Returns what was fetched of a page, and changed, until `done` and in the seconds before `at`."""
        fetches = [f"v{f.version} {f.lang} {f.status} {f.method}{' of the rest' if f.rest else ''} by {f.via} {at - f.began:.3f} to "
                   f"{at - f.done:.3f} s before" for f in self.history.fetches if f.page is page and f.began < done and f.done > at - 5]
        changes = [f"{'soft ' if c.soft else ''}{c.kind} on {c.node}, {c.status}, {c.told} of {c.live}, {at - c.began:.3f} to "
                   f"{at - c.done:.3f} s before" for c in self.changes[page.url] if c.began < done and c.done > at - 5]
        return f"fetches: {'; '.join(fetches[-8:]) or 'none'}; changes: {'; '.join(changes[-8:]) or 'none'}"

    def _may_be_older(self, get, change):
        if change.status not in (200, 503) or change.soft and not self._renewed(get, change):
            return True
        lived = not any(m.kind == "a node killed" for m in self._met(self.harmed, change.node, change.began, get.sent))
        if get.node == change.node and lived:
            return False
        if change.status == 200 and change.kind != "write":
            known = change.told == change.live
            return (not known and not lived) or any(m.began < change.done or not known
                                                    for m in self._met(self.away, get.node, get.sent, get.done))
        if not lived:
            return True
        between = [m for node in (get.node, change.node) for m in self._met(self.away + self.harmed, node, change.began, get.sent)]
        return get.sent < max([change.done, *(m.done for m in between)]) + self.staleness + self.lag

    def _renewed(self, get, change):
        """Has a softly purged page certainly been fetched anew and been stored, and has every node heard of that? That it has been stored
        is certain when another node has a hit."""
        for f in self.fetches[get.page.url, get.lang]:
            stored = min((hit.done for hit in self.hits[get.page.url, get.lang]
                          if hit.version == f.version and hit.sent > f.began and hit.node not in f.via), default=NEVER)
            if f.began > change.done and f.status != 503 and stored + self.staleness + self.lag < get.sent and \
                    not self._met(self.history.mishaps, None, f.began, get.sent) and \
                    not any(c.began < get.sent and c.done > f.began for c in self.changes[get.page.url]):
                return True
        return False

    # how often an origin may be asked

    def _fetched(self, fetches):
        found = []
        for n, fetch in enumerate(fetches):
            for before in fetches[:n]:
                if before.done - fetch.began > PARTING + self.lag and not self._may_ask(before, fetch, fetches):
                    found.append(("two fetches at a time", fetch.began, f"{fetch.page.url} {fetch.lang}: {fetch.began - before.began:.3f} s "
                                  f"after one that took {before.done - before.began:.3f} s; {fetch.page.about()}; "
                                  f"{self._near(fetch.page, fetch.began, fetch.began)}"))
                    break
        return found

    def _may_ask(self, before, fetch, fetches):
        patience = fetch.page.cache["lock_timeout"]
        waited_for = [f for f in self.of_page[fetch.page.url] if f.lang == fetch.lang or not self._chooses(fetch.page, f.began)]
        told = TOLD if self._met(self.far, None, before.began, fetch.began) else 0
        if any(f.began < fetch.began - patience * 0.9 + self.lag and f.done + told > fetch.began - self.lag for f in waited_for):
            return True             # all that have waited so long for one may begin
        if self._half_known(before, fetch, fetches):
            return True
        if any(f.status == 503 and f.done < fetch.began < f.done + patience + self.lag for f in fetches):
            return True
        if any(c.began < fetch.began and before.began < c.done + self.staleness + self.lag for c in self.changes[fetch.page.url]):
            return True
        return bool(self._met(self.forgot, None, before.began - self.lag, fetch.began) or
                    self._met(self.harmed, None, before.began - self.lock_ttl - self.lag, fetch.began))

    def _half_known(self, before, fetch, fetches):
        """May one node know from another variant's response which field chooses, and one not? Each of the two may fetch."""
        others = [f for f in self.of_page[fetch.page.url] if f.lang != fetch.lang and f.status == 200 and
                  fetch.began - fetch.page.lifetime < f.done and f.began < fetch.began]
        under_way = [f for f in fetches if f.began < fetch.began < f.done]
        return bool(others) and under_way == [before] and not self._chooses(fetch.page, before.began)

    def _chooses(self, page, at):
        """Do all nodes certainly know at this time which field chooses the variants of a page?"""
        return any(f.status == 200 and at - page.lifetime < f.done < at - self.lag and
                   not self._met(self.forgot, None, f.began, at) and
                   not any(c.began < at and c.done > f.began for c in self.changes[page.url]) for f in self.of_page[page.url])

    # limits

    def _limited(self, one):
        disturbed = len(self._met(self.forgot + self.harmed, None, one.began, one.done + self.lag))
        admitted, nodes = one.abuser.count(200), max((len(m.nodes) for m in self.history.mishaps), default=1)
        found = []
        evicted = any(m.effect == Effect.FORGETS for m in self._met(self.forgot, None, one.began, one.done + self.lag))
        if not evicted and admitted > self.limit * (1 + 2 * disturbed) + 1 + (nodes if disturbed else 0):
            found.append(("more admitted than the limit", one.began, f"{admitted} of {len(one.abuser)} at a limit of {self.limit}, "
                          f"{disturbed} mishaps meanwhile"))
        if not disturbed and one.innocent.count(200) < len(one.innocent):
            found.append(("an innocent refused", one.began, f"{one.innocent.count(200)} of {len(one.innocent)} admitted: {one.innocent}"))
        return found


def _tell(get):
    return (f"{get.method} {get.page.url} {get.lang} on {get.node}: {get.status} v{get.version} {get.told} {get.fault} "
            f"in {get.done - get.sent:.3f} s; {'large, ' if get.page.large else ''}{'' if get.page.etag else 'no '}entity tag")
