# SPDX-License-Identifier: BSD-2-Clause
"""A visitor with a cookie jar, and a watch over what each visitor is given."""

import re
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

from .client import ask
from .wire import Fields

LONG = 16       # characters; shorter values aren't taken for secrets


class Browser:
    """One visitor. Without a jar (`keeps=False`) each request comes from a new visitor."""

    def __init__(self, name, addresses, watch, keeps=True):
        self.name, self.addresses, self.watch, self.keeps = name, addresses, watch, keeps
        self.jar, self.tags, self._turn = {}, set(), 0

    def fields(self, more=()):
        fields = Fields(more)
        if self.jar and "Cookie" not in fields:
            fields.pairs.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.jar.items())))
        return fields

    def next_address(self):
        """Returns the address of the next node: they take turns."""
        self._turn += 1
        return self.addresses[self._turn % len(self.addresses)]

    def get(self, target, method="GET", fields=(), address=None, **more):
        return self.take(target, ask(address or self.next_address(), target, method, fields=self.fields(fields), **more))

    def post(self, target, form):
        return self.get(target, "POST", {"Content-Type": "application/x-www-form-urlencoded"}, body=urlencode(form).encode())

    def take(self, target, response):
        """Handles each response: it is watched, and its cookies are kept."""
        who = self.watch.given(self, target, response)
        for name, value in cookies(response):
            self.watch.owns(who, value)
            if self.keeps and value:
                self.jar[name] = value
            elif self.keeps:
                self.jar.pop(name, None)
        self.tags.update(response.fields.all("ETag"))
        return response


def cookies(response):
    """Returns [(name, value)] of the cookies that a response sets; the value is empty where it removes one."""
    found = []
    for line in response.fields.all("Set-Cookie"):
        pair, _, rest = line.partition(";")
        name, _, value = pair.partition("=")
        attributes = dict(part.strip().lower().partition("=")[::2] for part in rest.split(";"))
        ends = attributes.get("expires")
        gone = attributes.get("max-age") == "0" or (ends and parsedate_to_datetime(ends).timestamp() < time.time())
        found.append((name.strip(), "" if gone else value.strip()))
    return found


class Watch:
    """Knows which visitor each thing was made for: cookies that were set, what `once` finds in pages, and what pages show of each
    visitor."""

    def __init__(self, shown, once=(), known=()):
        self._owner, self._once, self._known, self._strangers = dict(shown), [re.compile(p) for p in once], set(known), 0
        self.responses, self.faults = 0, []

    def owns(self, who, value):
        if len(value) >= LONG and value not in self._known:
            self._owner.setdefault(value, who)

    def given(self, browser, target, response):
        """Records a response, and whatever in it was made for another visitor. Returns the visitor that it was for."""
        self.responses += 1
        who = browser.name
        if not browser.keeps:
            self._strangers += 1
            who = f"{who}-{self._strangers}"
        text = "".join(f"{name}: {value}\n" for name, value in response.fields) + response.body.decode("latin-1")
        for value, owner in list(self._owner.items()):
            if owner != who and value in text:
                self.faults.append(f"{who} got {value!r}, which is {owner}'s, from {target}: {response!r}")
        for pattern in self._once:
            for value in pattern.findall(text):
                self.owns(who, value)
        return who
