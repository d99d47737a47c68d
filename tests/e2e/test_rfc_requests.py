# SPDX-License-Identifier: BSD-2-Clause
"""RFC 9111 5.2.1, 5.4: what a client asks of the cache."""

import pytest

from rig import cache_status, rfc
from rig.answer import Answer


@pytest.fixture
def node(weirs, origin):
    return weirs(rfc.settings(origin))


FRESH = {"Cache-Control": "max-age=100", "Age": "40", "ETag": '"v1"'}       # 60 s left
STALE = {**rfc.STALE, "ETag": '"v1"'}                                       # 50 s over


@pytest.mark.parametrize("stored, asked, hit, fwd", [
    (FRESH, {}, True, None),
    (FRESH, {"Cache-Control": "no-cache"}, False, "request"),
    (FRESH, {"Cache-Control": "nothing-to-see-here, no-cache"}, False, "request"),
    (FRESH, [("Cache-Control", "foo"), ("Cache-Control", "No-Cache")], False, "request"),
    (FRESH, {"Pragma": "no-cache"}, False, "request"),
    (FRESH, {"Pragma": "no-cache", "Cache-Control": "foo"}, True, None),
    (FRESH, {"Pragma": "foo"}, True, None),
    (FRESH, {"Cache-Control": "no-store"}, True, None),
    (FRESH, {"Cache-Control": "max-age=0"}, False, "request"),
    (FRESH, {"Cache-Control": "max-age=20"}, False, "request"),
    (FRESH, {"Cache-Control": "max-age=60"}, True, None),
    (FRESH, {"Cache-Control": "min-fresh=30"}, True, None),
    (FRESH, {"Cache-Control": "min-fresh=90"}, False, "request"),
    (FRESH, {"Cache-Control": "only-if-cached"}, True, None),
    (STALE, {}, False, "stale"),
    (STALE, {"Cache-Control": "max-stale"}, True, None),
    (STALE, {"Cache-Control": "max-stale=100"}, True, None),
    (STALE, {"Cache-Control": "max-stale=20"}, False, "stale"),
    (STALE, {"Cache-Control": "max-stale=100, max-age=200"}, True, None),
    (STALE, {"Cache-Control": "max-stale=100, max-age=100"}, False, "stale"),
    ({**STALE, "Cache-Control": "max-age=100, must-revalidate"}, {"Cache-Control": "max-stale"}, False, "stale"),
    ({**STALE, "Cache-Control": "s-maxage=100"}, {"Cache-Control": "max-stale"}, False, "stale"),
    ({**STALE, "Cache-Control": "max-age=100, stale-while-revalidate=100"}, {}, True, None),
    ({**STALE, "Cache-Control": "max-age=100, stale-while-revalidate=100"}, {"Cache-Control": "max-age=200"}, False,
     "stale"),
    ({**STALE, "Cache-Control": "max-age=100, stale-while-revalidate=100"}, {"Cache-Control": "min-fresh=1"}, False,
     "stale"),
])
def test_directives_of_the_client(node, origin, stored, asked, hit, fwd):
    rfc.validating(origin, "/", stored)
    assert node.ask("/").body == b"call 1"
    answer = node.ask("/", fields=asked)
    said = cache_status.of(answer)
    assert answer.body == b"call 1" and answer.status == 200      # from the store, or validated
    assert ("hit" in said, said.get("fwd")) == (hit, fwd)
    if fwd:
        assert origin.last("/").fields["If-None-Match"] == '"v1"' and said["fwd-status"] == "304"


def test_only_if_cached_never_reaches_the_origin(node, origin):
    rfc.validating(origin, "/stale", STALE)
    node.ask("/stale")
    before = origin.calls()
    for path in ("/stale", "/unknown"):
        assert node.ask(path, fields={"Cache-Control": "only-if-cached"}).status == 504
    assert node.ask("/stale", fields={"Cache-Control": "only-if-cached, max-stale"}).status == 200
    assert origin.calls() == before


def test_no_store_of_the_client_stores_nothing(node, origin):
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100"})
    for n in (1, 2):
        answer = node.ask("/", fields={"Cache-Control": "no-store"})
        assert answer.body == b"call %d" % n and "stored" not in cache_status.of(answer)


def test_a_policy_may_ignore_what_clients_ask(weirs, origin):
    node = weirs(rfc.settings(origin, {"ignore_client": True}))
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100"})
    for fields in ({}, {"Cache-Control": "no-cache"}, {"Pragma": "no-cache"}, {"Cache-Control": "max-age=0"}):
        assert node.ask("/", fields=fields).body == b"call 1"


def test_a_client_that_insists_is_not_served_stale_when_the_origin_fails(node, origin):
    fields = {**STALE, "Cache-Control": "max-age=100, stale-if-error=1000"}
    origin.on("/", Answer(200, fields, b"old"), Answer(503, body=b"down"))
    node.ask("/")
    assert node.ask("/").body == b"old"
    assert node.ask("/", fields={"Cache-Control": "no-cache"}).status == 503
