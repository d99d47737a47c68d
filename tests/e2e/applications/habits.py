# SPDX-License-Identifier: BSD-2-Clause
"""Applications that are scripted: the fields that each framework sends by itself, as its releases of today do, around pages that
show who asks. Sessions are what a framework's are: a cookie whose value tells who."""

import hashlib
import itertools
from email.utils import formatdate

from rig.answer import Answer, holds


class Habit:
    """One framework. `session` is its cookie's name; a class says which fields go beside a page."""
    session, once = "session", ()
    mine, same, shared = ["/account", "/home"], ["/page"], []

    def __init__(self, origin):
        self.address, self._users, self._serial = origin.address, {}, itertools.count(1)
        for path in ("/login", *self.mine, *self.same, *self.shared):
            origin.on(path, self.answer)

    def shown(self, who):
        return f"Hello {who}"

    def thoroughly(self):
        return self.mine + self.same + self.shared

    def login(self, browser, who):
        assert browser.post(f"/login?{who}", {}).status == 303

    def secret(self):
        """A value that nobody else is given."""
        return hashlib.sha1(b"%d" % next(self._serial)).hexdigest()

    def cookie(self, request):
        for part in request.fields.get("Cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.session:
                return value
        return None

    def answer(self, request):
        session = self.cookie(request)
        if request.method == "POST":
            session = self.secret()
            self._users[session] = request.target.partition("?")[2]
            return Answer(303, [("Location", "/account"), ("Set-Cookie", f"{self.session}={session}; Path=/")])
        user = self._users.get(session)
        if request.path in self.mine:
            body = b"<p>Hello %s</p>" % (user or "visitor").encode()
        else:
            body = b"<p>the same for all, under %s</p>" % request.path.encode()
        fields = list(self.fields(request, user, session or self.secret(), body))
        if holds(request, dict(fields).get("ETag")):
            return Answer(304, fields)
        return Answer(200, [("Content-Type", "text/html; charset=utf-8"), *fields], body)

    def fields(self, request, user, session, body):
        raise NotImplementedError

    @staticmethod
    def tag(body, weak=True):
        return ("W/" if weak else "") + '"' + hashlib.md5(body).hexdigest() + '"'


class Rails(Habit):
    """Rack::ETag and the session's cookie: any page, a cookie with every answer."""
    name, session = "rails", "_shop_session"

    def fields(self, request, user, session, body):
        yield "Cache-Control", "max-age=0, private, must-revalidate"
        yield "ETag", self.tag(body)
        yield "Vary", "Accept"
        yield "X-Request-Id", self.secret()
        yield "Set-Cookie", f"{self.session}={session}; path=/; HttpOnly; SameSite=Lax"


class Laravel(Habit):
    name, session = "laravel", "laravel_session"

    def fields(self, request, user, session, body):
        yield "Cache-Control", "no-cache, private"
        yield "Set-Cookie", f"XSRF-TOKEN={self.secret()}; Max-Age=7200; path=/; samesite=lax"
        yield "Set-Cookie", f"{self.session}={session}; Max-Age=7200; path=/; httponly; samesite=lax"


class Spring(Habit):
    """Spring Security's defaults on what needs a login; resources say nothing but when they were changed."""
    name, session = "spring", "JSESSIONID"

    def fields(self, request, user, session, body):
        if request.path in self.mine:
            yield "Cache-Control", "no-cache, no-store, max-age=0, must-revalidate"
            yield "Pragma", "no-cache"
            yield "Expires", "0"
        for name in ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"):
            yield "Vary", name
        if self.cookie(request) is None:
            yield "Set-Cookie", f"{self.session}={session}; Path=/; HttpOnly"


class NextJs(Habit):
    """Pages made ahead are shared for a year, those made for a request are nobody else's."""
    name, session, shared = "next.js", "next-auth.session-token", ["/static-page"]

    def fields(self, request, user, session, body):
        yield "Vary", "RSC, Next-Router-State-Tree, Next-Router-Prefetch, Accept-Encoding"
        if request.path in self.mine:
            yield "Cache-Control", "private, no-cache, no-store, max-age=0, must-revalidate"
            yield "Set-Cookie", f"{self.session}={session}; Path=/; HttpOnly; Secure; SameSite=Lax"
        else:
            yield "Cache-Control", "s-maxage=31536000, stale-while-revalidate"
            yield "x-nextjs-cache", "HIT"
        yield "ETag", self.tag(body, weak=False)


class NextJsRoute(Habit):
    """A route handler that says nothing at all, and has a cookie set by its middleware."""
    name, session = "next.js-middleware", "sid"

    def fields(self, request, user, session, body):
        yield "Vary", "RSC, Next-Router-State-Tree, Next-Router-Prefetch"
        yield "ETag", self.tag(body)
        yield "Set-Cookie", f"{self.session}={session}; Path=/"


class AspNet(Habit):
    name, session = "asp.net", "ASP.NET_SessionId"

    def fields(self, request, user, session, body):
        yield "Cache-Control", "private"
        yield "X-AspNet-Version", "4.0.30319"
        yield "Set-Cookie", f"{self.session}={session}; path=/; HttpOnly; SameSite=Lax"


class AspNetCore(Habit):
    """Antiforgery forbids storing, on the pages with a form only; others say nothing."""
    name, session = "asp.net-core", ".AspNetCore.Session"

    def fields(self, request, user, session, body):
        if request.path == "/account":
            yield "Cache-Control", "no-cache, no-store"
            yield "Pragma", "no-cache"
            yield "Set-Cookie", f".AspNetCore.Antiforgery.x={self.secret()}; path=/; samesite=strict; httponly"
        if self.cookie(request) is None:
            yield "Set-Cookie", f"{self.session}={session}; path=/; samesite=lax; httponly"


class Drupal(Habit):
    """Drupal 10 with its page cache: who has a session gets what must not be shared, all others pages for ten minutes."""
    name, session, shared = "drupal", "SESS49960de5880e8c687434170f6476605b", ["/node/1"]

    def fields(self, request, user, session, body):
        yield "X-Drupal-Cache-Tags", "config:system.site node:1 node_view rendered"
        yield "X-Drupal-Cache-Contexts", "languages:language_interface session theme url.path user.permissions"
        yield "Cache-Tag", "config:system.site node:1 node_view rendered"
        yield "X-Generator", "Drupal 10 (https://www.drupal.org)"
        yield "Expires", "Sun, 19 Nov 1978 05:00:00 GMT"
        if self.cookie(request) or request.path in self.mine:
            yield "Cache-Control", "must-revalidate, no-cache, private"
            yield "Set-Cookie", f"{self.session}={session}; path=/; HttpOnly; SameSite=Lax"
        else:
            yield "Cache-Control", "max-age=600, public"
            yield "Vary", "Cookie"
            yield "Last-Modified", "Sun, 29 Nov 2026 10:00:00 GMT"
            yield "ETag", '"1796032800"'


class Magento(Habit):
    """Magento 2 for a full-page cache: what chooses the page is a cookie of its own, and a thousand tags."""
    name, session, shared = "magento", "PHPSESSID", ["/catalog"]

    def fields(self, request, user, session, body):
        yield "X-Magento-Tags", ",".join(f"cat_p_{n}" for n in range(400))
        if request.path in self.mine:
            yield "Pragma", "no-cache"
            yield "Cache-Control", "max-age=0, must-revalidate, no-cache, no-store"
            yield "Expires", formatdate(0, usegmt=True)
        else:
            yield "Pragma", "cache"
            yield "Cache-Control", "max-age=86400, public, s-maxage=86400"
        yield "Set-Cookie", f"{self.session}={session}; path=/; secure; HttpOnly; SameSite=Lax"
        yield "Set-Cookie", f"X-Magento-Vary={self.secret()}; path=/; secure; HttpOnly; SameSite=Lax"


class S3(Habit):
    """Objects of a store, and links to them that carry their permission: no session, no lifetime."""
    name, session, mine, shared = "s3", "none", [], ["/bucket/file"]

    def fields(self, request, user, session, body):
        yield "x-amz-id-2", self.secret()
        yield "x-amz-request-id", self.secret()[:16].upper()
        yield "Last-Modified", "Sun, 13 Sep 2020 12:26:40 GMT"
        yield "ETag", self.tag(body, weak=False)
        yield "Accept-Ranges", "bytes"

    def login(self, browser, who):
        """There is none."""


class Flask(Habit):
    """Flask's signed session: a cookie whenever it changed, Vary: Cookie whenever it was read, and no word on storing."""
    name, session = "flask", "session"

    def fields(self, request, user, session, body):
        if request.path in self.mine:
            yield "Vary", "Cookie"
            yield "Set-Cookie", f"{self.session}={session}; HttpOnly; Path=/"


class SilentTag(Habit):
    """The least of all: a page by session, an entity tag, nothing else."""
    name, session = "silent", "sid"

    def fields(self, request, user, session, body):
        yield "ETag", self.tag(body)
        if self.cookie(request) is None:
            yield "Set-Cookie", f"{self.session}={session}; Path=/"


class SilentDate(Habit):
    """A page by session, and when the template was changed: what invites a guess."""
    name, session = "silent-date", "sid"

    def fields(self, request, user, session, body):
        yield "Last-Modified", "Sun, 13 Sep 2020 12:26:40 GMT"
        if self.cookie(request) is None:
            yield "Set-Cookie", f"{self.session}={session}; Path=/"


ALL = [Rails, Laravel, Spring, NextJs, NextJsRoute, AspNet, AspNetCore, Drupal, Magento, S3, Flask, SilentTag, SilentDate]
