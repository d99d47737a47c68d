# SPDX-License-Identifier: BSD-2-Clause
"""How often an origin may be asked for a page that can be shared. It is what weir.yaml(5) promises, written a second time without a look
at weir's code. In doubt, the proxy is right.

A page here is one key with one combination of the fields that its answers vary on. Requests that a client's own no-cache demands don't count.

- While there is a fresh answer, no request reaches the origin.
- While there is a stale answer that may be served meanwhile, there is one request at a time.
- While there is no answer, there is one request at a time. But clients that waited for an answer which they can't share may ask for
  themselves; and if the last answer said that it is for one client only, all may ask, until an answer comes that can be shared. Such an
  answer names no fields, so it may have been for the same resource with other values of the fields that its usual answers vary on.
- If nothing is heard of a fetch, one more may be sent as a hedge.
- The first answer of a resource that names a further field in Vary may cost one fetch of each page: what came before is stored by the
  fields that were named until then.
"""

from dataclasses import dataclass

SLACK = 0.6         # seconds between an event at the origin and the same event in the proxy and its fleet, on a busy machine
COARSE = 1.0        # Date and Age are whole seconds

SHARED, ERROR, OWN = "shared", "error", "own"       # an answer is for all, for nobody, or for one visitor, so that others pass


@dataclass
class Fetch:
    page: tuple                 # the target and the chosen fields
    asked: float                # when the client began whose request it is; time.monotonic()
    reload: bool                # that client demanded a reload
    began: float
    kind: str
    lifetime: float = 0.0
    grace: float = 0.0
    answered: float = float("inf")      # when its answer began to leave: from then on the proxy may know it
    done: float = float("inf")          # when its answer had left, or a little later
    broken: bool = False        # it ended without an answer
    wide: bool = False          # its Vary names a field that not all answers of the resource name

    def covers(self, at, patience=0.0):
        """Is its answer certainly there at that time, and good (or stale for less than `patience` seconds)?"""
        return self.kind == SHARED and not self.broken and self.done + SLACK < at < self.began + self.lifetime + patience - COARSE - SLACK


def excess(fetches, silent_after, elsewhere=()):
    """Returns what was asked too often: [(fetch, why)]. fetches: all fetches of one page, in the order in which they began. elsewhere: those
    of the same resource with other fields."""
    found, others = [], [f for f in [*elsewhere, *fetches] if f.kind == OWN]
    widened = min((f.answered for f in [*fetches, *elsewhere] if f.wide), default=float("inf"))
    for n, fetch in enumerate(fetches):
        if fetch.reload:
            continue
        before = [f for f in fetches[:n] if not (f.reload and f.kind != SHARED)]
        found_by_name = [f for f in before if not f.answered <= widened < fetch.began + SLACK]
        if any(f.covers(fetch.asked) for f in found_by_name):
            found.append((fetch, "a fresh answer was there"))
            continue
        beside = [f for f in before if f.answered > fetch.began and not f.reload]
        allowed = 1 + any(fetch.began - f.began > silent_after for f in beside)
        if len(beside) < allowed:
            continue
        if any(f.covers(fetch.asked, f.grace) for f in found_by_name) or not _excused(fetch, before, others):
            found.append((fetch, f"{len(beside)} others were under way"))
    return found


def _excused(fetch, before, others):
    """May this fetch be made although others are under way, where nothing is stored? others: all answers that were for one client only."""
    ended = [f for f in before if f.answered <= fetch.began]
    if any(f.asked <= fetch.began and f.done + SLACK >= fetch.asked and (f.kind != SHARED or f.broken) for f in ended):
        return True             # it waited in vain
    own = max((f.done for f in others if not f.broken and f.answered <= fetch.began), default=None)
    return own is not None and not any(own < f.began and f.done + SLACK < fetch.asked and f.kind == SHARED and not f.broken
                                       for f in ended)
