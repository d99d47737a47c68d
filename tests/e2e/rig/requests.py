# SPDX-License-Identifier: BSD-2-Clause
"""Requests as bytes, which a test sends as it likes, and the objects that they ask for."""

FRESH = {"Cache-Control": "max-age=600"}


def stored(cache, origin, sizes):
    """Stores one object of each size in memory. Returns their bodies by target."""
    bodies = {f"/{size}": bytes([65 + at % 26]) * size for at, size in enumerate(sizes)}
    for target, body in bodies.items():
        origin.on(target, body=body, fields=FRESH)
        assert cache.ask(target).length == len(body)
    return bodies


def asked(targets, last=b""):
    heads = [b"GET %s HTTP/1.1\r\nHost: test.example\r\n%s\r\n" % (t.encode(), last if i == len(targets) - 1 else b"")
             for i, t in enumerate(targets)]
    return b"".join(heads)
