# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the caching rules share: origins that count, and nodes whose policy leaves everything to the origin."""

from . import policy
from .answer import Answer


def counting(origin, path, fields=(), **more):
    """Each answer of the path carries the number of the call in its body."""
    origin.on(path, lambda request: Answer(200, fields, b"call %d" % origin.calls(path), **more))


def validating(origin, path, fields, etag='"v1"', update=()):
    """Answers 304 with the fields of `update` to a matching If-None-Match, else 200 with a numbered body."""
    def answer(request):
        if request.fields.get("If-None-Match") == etag:
            return Answer(304, {"ETag": etag, **dict(update)})
        return Answer(200, {"ETag": etag, **fields}, b"call %d" % origin.calls(path))
    origin.on(path, answer)


def settings(origin, cache=None, **more):
    """A policy that names no times: what origin and client say counts."""
    return {"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache={"jitter": "0%", **(cache or {})})],
            **more}


STALE = {"Cache-Control": "max-age=100", "Age": "150"}     # has been stale for 50 s when it arrives
