# SPDX-License-Identifier: BSD-2-Clause
"""Tags: an application sends a thousand of them with a page, which is stored like any other, and purged by each of them."""

import pytest

from rig import cache_status, policy, rfc
from rig.wait import until

LONG = 100      # bytes of each of the long ones


@pytest.fixture(params=["memory", "redis"])
def nodes(weirs, origin, request):
    more = {"redis": {"url": request.getfixturevalue("redis").url, "timeout": "2s"}} if request.param == "redis" else {}
    settings = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)], **more}
    return [weirs(settings) for _ in range(2 if more else 1)]


def names(count, length=0):
    return [f"node:{n}".ljust(length, "x") for n in range(count)]


@pytest.mark.parametrize("tags", [names(257), names(1000), names(600, LONG)], ids=["257", "1000", "60 KB"])
def test_a_page_with_many_tags_is_stored_and_purged_by_each_of_them(nodes, origin, tags):
    lines = [("Surrogate-Key", " ".join(tags[n::10])) for n in range(10)]
    rfc.counting(origin, "/", [("Cache-Control", "max-age=100"), *lines])
    said = cache_status.of(nodes[0].ask("/"), nodes[0].name)
    assert "stored" in said
    for node in nodes:
        until(lambda: cache_status.hit(node.ask("/"), node.name), "stored")
    assert origin.calls() == 1
    for gone in (tags[0], tags[len(tags) // 2], tags[-1]):
        calls = origin.calls()
        nodes[0].admin.ctl("purge", "--tag", gone)
        assert nodes[-1].ask("/").body == b"call %d" % (calls + 1)
        for node in nodes:
            until(lambda: cache_status.hit(node.ask("/"), node.name), "stored anew")
        assert origin.calls() == calls + 1


def test_a_head_that_is_too_large_says_so(nodes, origin):
    rfc.counting(origin, "/", {"Cache-Control": "max-age=100", "Cache-Tag": ", ".join(names(1000, LONG))})
    answer = nodes[0].ask("/")
    assert answer.status == 502 and b"head" in answer.body, answer.body
