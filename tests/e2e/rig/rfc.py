# SPDX-License-Identifier: BSD-2-Clause
"""Shared by the tests of the caching rules: origins that count, and nodes whose policy leaves everything to the origin."""

from . import policy
from .answer import Answer


def counting(origin, path, fields=(), **more):
    """Each answer of the path has the number of the call in its body."""
    origin.on(path, lambda request: Answer(200, fields, b"call %d" % origin.calls(path), **more))


def validating(origin, path, fields, etag='"v1"', update=()):
    """Answers a matching If-None-Match with 304 and the fields of `update`; else 200 with a numbered body."""
    def answer(request):
        if request.fields.get("If-None-Match") == etag:
            return Answer(304, {"ETag": etag, **dict(update)})
        return Answer(200, {"ETag": etag, **fields}, b"call %d" % origin.calls(path))
    origin.on(path, answer)


def settings(origin, cache=None, **more):
    """A policy without times, so that what origin and client say decides."""
    return {"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache={"jitter": "0%", **(cache or {})})],
            **more}


STALE = {"Cache-Control": "max-age=100", "Age": "150"}     # it has been stale for 50 s when it arrives
