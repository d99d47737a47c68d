# SPDX-License-Identifier: BSD-2-Clause
"""Who may see an answer that was made for another client. It is RFC 9111, and what weir.yaml(5) says of its options, written a second time
without a look at weir's code. In doubt, the proxy is right: what this calls a fault is one.
"""

from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase

from history import as_sent_on, directives, listed, numbers
from rig.wire import Fields

SLACK = 2.0         # seconds between an event at the origin and the same event at a client, on a busy machine; Age is whole seconds

HEURISTIC = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}      # RFC 9110 15.1, without 206
NEVER = {206, 304, 428, 429, 431, 511}                                   # not understood, or RFC 6585


def cookies_of(value):
    return [part.strip() for part in (value or "").split(";") if part.strip()]


class Policy:
    """The options of one route's cache section, with the manual's defaults."""

    def __init__(self, cache):
        self.cache = cache
        self.ttl, self.override = cache.get("ttl"), bool(cache.get("override"))
        self.statuses = cache.get("statuses", {})
        self.cookies = cache.get("cookies", "pass")
        self.stores_cookies = cache.get("set_cookie", "first") == "store"
        self.heuristic = cache.get("heuristic", "off") != "off"
        self.ignores_client = bool(cache.get("ignore_client"))
        self.key = cache.get("key", {})

    def seconds(self, name):
        text = self.cache.get(name)
        return float(text.removesuffix("s")) if text else None

    def ttl_of(self, status):
        for word in (status, f"{status // 100}xx"):
            if word in self.statuses:
                return float(self.statuses[word].removesuffix("s"))
        return self.seconds("ttl") if status in HEURISTIC else None

    def overrides(self, status):
        """Does its ttl certainly replace the origin's lifetime? ttl is for successful answers."""
        return self.override and self.ttl_of(status) is not None and (status < 400 or self.seconds("ttl") != self.ttl_of(status))

    def counting(self, cookie):
        """Returns the cookies of a request that make its answer personal."""
        if self.cookies == "ignore":
            return []
        present = [c for c in cookies_of(cookie) if c.partition("=")[0] not in self.key.get("cookies", ())]
        if self.cookies == "pass":
            return present
        return [c for c in present if any(fnmatchcase(c.partition("=")[0], name) for name in self.cookies)]

    def bypasses(self, seen):
        for part in self.cache.get("bypass", ()):
            kind, _, name = part.partition(":")
            present = [c.partition("=")[0] for c in cookies_of(seen.get("cookie"))] if kind == "cookie" else list(seen)
            if any(fnmatchcase(p, name if kind == "cookie" else name.lower()) for p in present):
                return True
        return False

    def chooses(self, name, seen):
        """Returns the value by which a field of a request chooses, where Vary names it."""
        if name == "cookie":
            return sorted(self.counting(seen.get("cookie")))
        return "".join((seen.get(name) or "").split())


class Response:
    """An answer with the fields that it had at some time: its own, or those of a 304 laid over them."""

    def __init__(self, fields, status):
        self.fields, self.status = fields, status
        targeted = directives(fields.get("CDN-Cache-Control"))
        self.says = targeted if targeted else directives(fields.get("Cache-Control"))
        self.targeted = bool(targeted)

    def explicit(self):
        """Returns the lifetime in seconds that the origin itself gives to a shared cache, or None (RFC 9111 4.2.1, RFC 9213 2.2)."""
        for name in ("s-maxage", "max-age"):
            if self.says.get(name) is not None:
                return float(self.says[name])
        if self.targeted or "Expires" not in self.fields:
            return None
        try:
            expires = parsedate_to_datetime(self.fields["Expires"])
            return max(0.0, (expires - parsedate_to_datetime(self.fields["Date"])).total_seconds())
        except (ValueError, TypeError):
            return 0.0

    def withholds(self, name):
        """Does it say that a field is for one client only?"""
        return any(name.lower() in [n.strip().lower() for n in (self.says.get(d) or "").split(",")] for d in ("private", "no-cache"))

    def is_never_fresh(self):
        """Can it only be validated, without its origin saying that it is for all?"""
        return "public" not in self.says and (not self.explicit() or self.must_validate())

    def is_private(self):
        return "no-store" in self.says or ("private" in self.says and not self.says["private"])

    def must_validate(self):
        return "no-cache" in self.says and not self.says["no-cache"]

    def named_grace(self):
        """Returns for how many seconds the origin itself lets it be served stale (RFC 5861)."""
        return max(float(self.says.get(name) or 0) for name in ("stale-while-revalidate", "stale-if-error"))

    def never_stale(self):
        return self.must_validate() or {"must-revalidate", "proxy-revalidate", "s-maxage"} & set(self.says)


class Judge:
    def __init__(self, history, policies):
        self.history, self.policies = history, policies     # policies: the first part of a path -> Policy

    def faults(self, got):
        """Returns what is wrong with what a client got; [] if all is well."""
        policy, found = self.policies[got.target.split("/")[1]], []
        marks = got.marks()
        if len(marks) > 1:
            found.append(f"a mixture of {sorted(marks)}")
        for number in marks:
            found += self._reasons("content", number, got, policy)
        for name in ("X-Made", "ETag", "X-Secret", "Set-Cookie"):
            for number in numbers(got.fields.get(name)):
                found += self._field(name, number, got, policy, marks)
        return found

    def _own(self, number, got):
        return self.history.made[number].request == got.request

    def _field(self, name, number, got, policy, marks):
        if number not in self.history.made:
            return [f"{name} of nobody: {number}"]
        made = self.history.made[number]
        if self._own(number, got):
            return []
        response = Response(made.fields, made.status)
        updated = [r for n in made.proves for r in self._updated(self.history.made[n], made)]
        if name == "Set-Cookie" and not (policy.stores_cookies and any((r.explicit() or 0) > 0 for r in [response, *updated])):
            return [f"Set-Cookie of {number}, which was made for {made.request}"]
        if name != "Set-Cookie" and response.withholds(name) and not policy.override:
            return [f"{name} of {number}, which withholds it, made for {made.request}"]
        return [] if number in marks else self._reasons(name, number, got, policy)

    def _reasons(self, what, number, got, policy):
        """Returns why this client must not have the answer with this number: [] or one text."""
        made = self.history.made.get(number)
        if made is None:
            return [f"{what} of nobody: {number}"]
        if self._own(number, got):
            return []
        seen = as_sent_on(got.asked)
        if what != "content" and made.proves:       # its fields are laid over those of a stored answer
            whys = [self._unstorable(old, Response(old.fields, old.status), policy) or self._unasked(old, got, seen, policy) or
                    self._unrevived_since(old, made, got, seen, policy)
                    for old in (self.history.made[n] for n in made.proves)]
        else:
            why = self._unstorable(made, Response(made.fields, made.status), policy) or self._unasked(made, got, seen, policy)
            whys = [why] if why else [self._unusable(made, made, Response(made.fields, made.status), got, seen, policy)]
            if not why:
                whys += [self._unrevived(made, proof, got, seen, policy) for proof in self.history.proofs(number)]
        return [] if None in whys else [f"{what} of {number}, made for {made.request}: {'; '.join(sorted(set(whys)))}"]

    def _unasked(self, made, got, seen, policy):
        """Returns why no stored response at all may answer this request."""
        if made.target.partition("?")[0] != got.target.partition("?")[0]:
            return f"another target, {made.target}"
        if got.method not in ("GET", "HEAD"):
            return f"an answer to {got.method} from the store"
        if policy.bypasses(seen):
            return "the request passes the cache"
        if self._key(made.target, made.seen, policy) != self._key(got.target, seen, policy):
            return "another key"
        asks = directives(got.asked.get("Cache-Control"))
        reloads = "no-cache" in asks or (not asks and "no-cache" in (got.asked.get("Pragma") or ""))
        if reloads and not policy.ignores_client and made.done < got.started:
            if not any(p.done >= got.started for p in self.history.proofs(made.number)):
                return "the client asked for validation"
        return None

    @staticmethod
    def _key(target, seen, policy):
        path, _, query = target.partition("?")
        drop = policy.key.get("query", {}).get("drop", ())
        kept = [p for p in query.split("&") if p and not any(fnmatchcase(p.partition("=")[0], d) for d in drop)]
        named = [c for c in cookies_of(seen.get("cookie")) if c.partition("=")[0] in policy.key.get("cookies", ())]
        return path, kept, sorted(named), [seen.get(h.lower()) for h in policy.key.get("headers", ())]

    @staticmethod
    def _unstorable(made, response, policy):
        """Returns why only the client whose request it answers may have it (RFC 9111 3)."""
        if made.method not in ("GET", "HEAD"):
            return f"an answer to {made.method}"
        if "no-store" in directives(made.seen.get("cache-control")) and not policy.ignores_client:
            return "its request says no-store"
        if policy.bypasses(made.seen):
            return "its request passes the cache"
        if made.status in NEVER:
            return f"status {made.status} is not stored"
        if response.is_never_fresh() and not policy.override and policy.counting(made.seen.get("cookie")):
            return "it answers a cookie, and is never fresh"
        if "*" in listed(response.fields, "Vary"):
            return "Vary: *"
        if "authorization" in made.seen and not {"public", "s-maxage", "must-revalidate"} & set(response.says):
            return "it answers an Authorization"
        if "Set-Cookie" in response.fields and not (response.explicit() or policy.override):
            return "it sets a cookie, and its origin gives it no lifetime"
        if response.is_private() and not (policy.override and policy.ttl_of(made.status)):
            return "private or no-store"
        return None

    def _lifetime(self, made, response, seen, policy):
        """Returns (seconds or None, why nobody shares it). None: it is never fresh without validation."""
        mine, theirs = policy.counting(made.seen.get("cookie")), policy.counting(seen.get("cookie"))
        by_policy = policy.ttl_of(made.status)
        explicit = None if policy.overrides(made.status) else response.explicit()
        if explicit is not None:
            return explicit or (0.001 if response.named_grace() else 0.0), None
        if mine or theirs:
            return None, "the policy's time isn't for requests with cookies"
        if by_policy is not None:
            return by_policy, None
        if policy.heuristic and "Last-Modified" in response.fields and (made.status in HEURISTIC or "public" in response.says):
            return 86400.0, None
        return None, "no lifetime"

    def _unusable(self, made, event, response, got, seen, policy):
        """Returns why it may not be used for this request without validation, after `event` (its making, or a 304)."""
        for name in listed(response.fields, "Vary"):
            name = name.lower()
            if policy.cookies == "ignore" and name == "cookie":
                continue
            if policy.chooses(name, seen) not in (policy.chooses(name, made.seen), policy.chooses(name, event.seen)) and \
                    not self._understands(name, response, seen):
                return f"Vary: {name}, {seen.get(name)!r} is not {made.seen.get(name)!r}"
        lifetime, why = self._lifetime(event, response, seen, policy)
        if not lifetime:
            return why or "a lifetime of 0"
        if response.must_validate() and not policy.override:
            return "no-cache"
        if got.started <= event.done + SLACK:       # a client that waited for it shares it
            return None
        late = got.started - (event.sent + lifetime) - SLACK
        return f"stale for {late:.1f} s" if late > self._grace(response, got, policy) else None

    @staticmethod
    def _understands(name, response, seen):
        coding = response.fields.get("Content-Encoding", "identity")
        return name == "accept-encoding" and (coding == "identity" or coding in (seen.get(name) or ""))

    @staticmethod
    def _grace(response, got, policy):
        if response.never_stale() and not policy.override:
            return response.named_grace()
        asks = directives(got.asked.get("Cache-Control"))
        if "max-stale" in asks:
            return float(asks["max-stale"] or "inf")
        return max(response.named_grace(), policy.seconds("grace") or 0.0, policy.seconds("stale_if_error") or 0.0)

    def _unrevived(self, made, proof, got, seen, policy):
        """Returns why a later answer (a 304, or one to HEAD) doesn't make it good for this request. It does if that answer is this request's
        own, or says so for all."""
        if proof.request == got.request:
            return None
        if proof.method == "HEAD" and "Set-Cookie" in proof.fields and not Response(proof.fields, 200).explicit():
            return "an answer to HEAD that sets a cookie"
        event, why = Event(proof, made), None
        for response in self._updated(made, proof):
            why = self._unstorable(event, response, policy) or self._unusable(made, event, response, got, seen, policy)
            if why is None:
                break
        return why

    def _unrevived_since(self, made, update, got, seen, policy):
        """The same for what `made` became by `update`, which a still later answer may have confirmed."""
        later = [p for p in self.history.proofs(made.number) if p is not update and p.sent >= update.sent]
        whys = [self._unrevived(made, proof, got, seen, policy) for proof in [update, *later]]
        return None if None in whys else whys[0]

    def _updated(self, made, proof):
        """Returns what an answer may have become by a later one, which may not have been the first. One earlier answer is taken into
        account, because an origin has two habits."""
        before = [p for p in self.history.proofs(made.number) if p is not proof and p.sent <= proof.done][-12:]
        return [_laid([made, *one, proof], made.status) for one in [[], *([p] for p in before)]]


def _laid(answers, status):
    """Returns the first answer, with the fields of the later ones laid over its own (RFC 9111 3.2)."""
    fields = {}
    for answer in answers:
        fields.update({name.lower(): (name, value) for name, value in answer.fields if name.lower() != "set-cookie"})
    return Response(Fields(list(fields.values())), status)


class Event:
    """A 304, as the moment from which an answer counts as new."""

    def __init__(self, proof, made):
        self.method, self.status, self.seen = proof.method, made.status, proof.seen
        self.sent, self.done = proof.sent, proof.done
