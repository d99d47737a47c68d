# SPDX-License-Identifier: BSD-2-Clause
"""Nodes whose wall clocks are apart: how old a response is, and whether it may be used, is the same on all of them."""


import pytest

from rig import cache_status, clock, policy
from rig.wait import until


@pytest.fixture
def apart(weirs, origin, redis, place):
    """Factory: two nodes, the first of them so many seconds ahead."""
    def start(seconds):
        settings = {"redis": {"url": redis.url, "timeout": policy.PATIENT}, "origins": {"app": policy.origin(origin)},
                    "routes": [policy.route(cache={**policy.CACHE, "ttl": "1h"})]}
        return weirs(settings, env=clock.off(place, seconds)), weirs(settings)
    return start


@pytest.mark.parametrize("seconds", [30, -30])
def test_what_one_node_stores_is_as_old_on_the_other(apart, origin, seconds):
    node, other = apart(seconds)
    for one, two in ((node, other), (other, node)):
        path = f"/{one.name}"
        origin.on(path, body=b"x", fields={"Cache-Control": "max-age=4"})
        one.ask(path)
        until(lambda: origin.calls(path) == 1 and cache_status.hit(two.ask(path), two.name), "shared")
        age = int(two.ask(path).fields["Age"])
        assert age <= 2, (path, age)
        seen = [age]
        until(lambda: seen.append(int(two.ask(path).fields.get("Age", 0))) or origin.calls(path) == 2, "fresh no longer")
        assert 3 <= max(seen) <= 5


def test_a_node_whose_clock_is_wrong_says_so_once(apart):
    node, other = apart(30)
    node.said(r"this node's clock is (29|30)\.\d seconds ahead of Redis's")
    until(lambda: node.admin.metric("weir_clock_wrong") == 1, "the metric")
    assert other.admin.metric("weir_clock_wrong") == 0 and "clock" not in other.stderr
    node.says_once("this node's clock")
