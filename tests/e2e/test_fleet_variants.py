# SPDX-License-Identifier: BSD-2-Clause
"""Which request fields choose a response is known in the whole fleet from the first head that says so."""

import threading

import pytest

from rig import policy
from rig.answer import Answer
from rig.pattern import Tally
from rig.wait import until

HEAD = {"Vary": "X-A", "Cache-Tag": "shoes"}
FIRST, SECOND = {"X-A": "1"}, {"X-A": "2"}


@pytest.fixture
def site(fleet):
    return fleet(2, policy.route(cache={**policy.CACHE, "lock_timeout": "60s"}), redis={"timeout": "5s"})


@pytest.fixture
def gates():
    gates = [threading.Event(), threading.Event()]
    yield gates
    for gate in gates:
        gate.set()


def waits_for_another(node):
    return node.admin.metric("weir_lock_waits_total")


def ask_and_read(node, elsewhere, bytes, **asked):
    """Asks, and returns the coming answer once that many bytes of its content have come: so its head has, too."""
    tally = Tally()
    answer = elsewhere(node.ask, "/v", sink=tally, **asked)
    until(lambda: tally.length == bytes, "the first bytes")
    return answer


def test_each_waits_for_its_own_variant_only(site, origin, elsewhere, redis, gates):
    """Whether they asked before the head of the first response came or after it."""
    origin.on("/v", Answer(fields=HEAD, gate=gates[0], body=[b"fi", b"rst"], body_gate=gates[1]),
              Answer(fields=HEAD, body=b"second"))
    first = elsewhere(site[0].ask, "/v", fields=FIRST)
    origin.wait_calls("/v", 1)
    before = elsewhere(site[1].ask, "/v", fields=SECOND)
    until(lambda: waits_for_another(site[1]) == 1, "the second node waits")
    gates[0].set()
    assert before.result().body == b"second"
    after = elsewhere(site[1].ask, "/v", fields=FIRST)
    until(lambda: waits_for_another(site[1]) == 2, "the second node waits for the first variant")
    assert not first.done() and origin.calls("/v") == 2
    gates[1].set()
    assert first.result().body == after.result().body == b"first" and origin.calls("/v") == 2
    until(lambda: not redis.keys("weir:v1:lock:*"), "no lock is left")


def test_a_variant_is_fetched_once_after_a_purge_during_its_first_fetch(site, origin, elsewhere, gates):
    origin.on("/v", Answer(fields=HEAD, body=[b"o", b"ld"], body_gate=gates[0]), Answer(fields=HEAD, body=b"new", gate=gates[1]))
    old = ask_and_read(site[0], elsewhere, 1, fields=FIRST)
    assert "2 of 2" in site[0].admin.ctl("purge", "--tag", "shoes")
    new = [elsewhere(site[0].ask, "/v", fields=FIRST)]
    origin.wait_calls("/v", 2)
    new.append(elsewhere(site[1].ask, "/v", fields=FIRST))
    until(lambda: waits_for_another(site[1]) == 1 or origin.calls("/v") > 2, "the second node knows what to wait for")
    for gate in gates:
        gate.set()
    assert old.result().status == 200 and [n.result().body for n in new] == [b"new", b"new"]
    assert origin.calls("/v") == 2
