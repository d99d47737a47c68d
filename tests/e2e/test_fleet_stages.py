"""A fetch leaves a stage while questions of that stage are open: their answers come late, and nothing happens."""

import time

import pytest

from rig import policy
from rig.answer import Answer
from rig.wait import until

ROUNDS = 12     # a node that goes on with a stage it has left dies within one or two


@pytest.fixture
def far(fleet, origin, redis, relays):
    """Three nodes; Redis is 80 ms away, and nobody waits for a lock much longer than it takes to ask for it."""
    relay = relays(redis.address)
    nodes = fleet(3, policy.route(cache={**policy.CACHE, "lock_timeout": "600ms", "pass_ttl": "0s"}),
                  redis={"url": relay.url, "timeout": "500ms"})
    until(lambda: all(node.admin.metric("weir_redis_invalidations_flowing") == 1 for node in nodes), "all hear Redis")
    relay.delay(0.08)
    return nodes


def ask_all(nodes, elsewhere, path, apart):
    """Every node asks, one a little later than the other."""
    asked = []
    for node in nodes:
        asked.append(elsewhere(node.ask, path))
        time.sleep(apart)
    return asked


def all_live(nodes):
    dead = [node for node in nodes if node.process.poll() is not None]
    assert not dead, "\n".join(node.stderr[-800:] for node in dead)


def test_an_origin_that_fails_at_once_and_then_is_slow(far, elsewhere, origin):
    """The word that a fetch has failed comes while those who wait for it are looking, or asking for the lock, once more."""
    asked = []
    for number in range(ROUNDS):
        origin.on(f"/{number}", Answer(503, body=b"no"), Answer(body=b"late", delay=1))
        asked += ask_all(far, elsewhere, f"/{number}", number * 0.01)
    for one in asked:
        assert one.result().status in (200, 503)
    all_live(far)


def test_purges_and_a_slow_origin(far, elsewhere, origin):
    """A purge cuts short what others wait for, at any moment of their waiting."""
    asked = []
    for number in range(ROUNDS):
        origin.on(f"/{number}", body=b"slow", delay=0.7)
        asked += ask_all(far, elsewhere, f"/{number}", 0.02)
        time.sleep(0.03 * number)
        asked.append(elsewhere(far[0].admin.post, "/purge", b"url=http://test.example/%d" % number))
    for one in asked:
        assert one.result().status == 200
    all_live(far)
