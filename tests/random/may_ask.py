# SPDX-License-Identifier: BSD-2-Clause
"""How often an origin may be asked for a page that can be shared: what weir.yaml(5) promises, written down once more and
without a look at weir's code. A doubt is decided for the proxy.

For one page (one key, one combination of the fields that its answers vary on), and leaving out what a client's own no-cache demands:

- While a fresh answer is there, nobody asks.
- While a stale one is there that may be served meanwhile, one asks at a time.
- While there is nothing, one asks at a time; but those who waited for an answer that they can't share may ask for themselves, and
  where the last answer said that it is nobody else's, everybody may, until one comes that can be shared.
- A fetch of which nothing is heard may be hedged by one more.
"""

from dataclasses import dataclass

SLACK = 0.6         # seconds between an instant at the origin and the same in the proxy and its fleet, on a busy machine
COARSE = 1.0        # Date and Age are whole seconds

SHARED, ERROR, OWN = "shared", "error", "own"       # what an answer is: for all; nobody's; one visitor's, so that others pass


@dataclass
class Fetch:
    page: tuple                 # target and chosen fields
    asked: float                # when the client whose request it is began; time.monotonic()
    reload: bool                # that client asked for it
    began: float
    kind: str
    lifetime: float = 0.0
    grace: float = 0.0
    done: float = float("inf")
    broken: bool = False        # it ended without an answer

    def covers(self, at, patience=0.0):
        """Whether at that time its answer is certainly there and good (for so much longer than it is fresh)."""
        return self.kind == SHARED and not self.broken and self.done + SLACK < at < self.began + self.lifetime + patience - COARSE - SLACK


def excess(fetches, silent_after):
    """What was asked too much: [(fetch, why)]. fetches: all of one page, in the order of their beginning."""
    found = []
    for n, fetch in enumerate(fetches):
        if fetch.reload:
            continue
        before = [f for f in fetches[:n] if not (f.reload and f.kind != SHARED)]
        if any(f.covers(fetch.asked) for f in before):
            found.append((fetch, "a fresh answer was there"))
            continue
        beside = [f for f in before if f.done > fetch.began and not f.reload]
        allowed = 1 + any(fetch.began - f.began > silent_after for f in beside)
        if len(beside) < allowed or _excused(fetch, before):
            continue
        found.append((fetch, f"{len(beside)} others were under way"))
    return found


def _excused(fetch, before):
    """Whether it may ask although others do."""
    if any(f.covers(fetch.asked, f.grace) for f in before):
        return False            # it needn't have waited for anything
    ended = [f for f in before if f.done <= fetch.began]
    if any(f.asked <= fetch.began and f.done + SLACK >= fetch.asked and (f.kind != SHARED or f.broken) for f in ended):
        return True             # it waited in vain
    own = max((f.done for f in ended if f.kind == OWN and not f.broken), default=None)
    return own is not None and not any(own < f.began and f.done + SLACK < fetch.asked and f.kind == SHARED and not f.broken
                                       for f in ended)
