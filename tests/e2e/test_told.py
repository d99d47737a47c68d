# SPDX-License-Identifier: BSD-2-Clause
"""What Cache-Status and Age say, and what a reload says of itself, is what happened."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import cache_status, policy, rfc
from rig.answer import Answer
from rig.pattern import Pattern
from rig.wait import until

KB, MB = 1024, 1024 * 1024
FRESH = {"Cache-Control": "max-age=100"}


def told(node, path):
    return cache_status.of(node.ask(path), node.name)


def reload(node, settings):
    node.write(settings)
    node.admin.ctl("reload")


def eventually(node, origin, stored):
    """Workers take a new policy with their next turn: pages that nobody has asked for yet, until one shows it."""
    count = iter(range(1000))

    def one_shows_it():
        path = f"/{next(count)}-{stored}"
        origin.on(path, body=Pattern(100 * KB), fields=FRESH)
        said = told(node, path)
        hit = "hit" in told(node, path)
        assert ("stored" in said) == hit, said
        return hit == stored

    until(one_shows_it, f"stored: {stored}")


@pytest.mark.parametrize("store", ["memory", "redis"])
def test_a_reload_that_changes_max_object_acts_at_once(weirs, origin, store, request):
    redis = {"url": request.getfixturevalue("redis").url, "timeout": "2s"} if store == "redis" else None

    def bounded(most):
        if redis:
            return rfc.settings(origin, memory="off", redis={**redis, "max_object": most})
        return rfc.settings(origin, memory={"size": "64MB", "max_object": most})

    node = weirs(bounded("64KB"))
    eventually(node, origin, False)
    reload(node, bounded("1MB"))
    eventually(node, origin, True)
    reload(node, bounded("64KB"))
    eventually(node, origin, False)
    assert "restart" not in node.stderr


def test_memory_that_a_reload_makes_smaller_gives_way(weirs, origin):
    sized = lambda size: rfc.settings(origin, memory={"size": size, "max_object": "1MB"})    # noqa: E731
    node = weirs(sized("64MB"))
    for n in range(20):
        origin.on(f"/{n}", body=Pattern(512 * KB), fields=FRESH)
        node.ask(f"/{n}")
    held = lambda: int(node.admin.ctl_json("status")["memory_bytes"])                         # noqa: E731
    assert held() > 10 * MB
    reload(node, sized("4MB"))
    origin.on("/more", body=b"x", fields=FRESH)
    node.ask("/more")
    assert held() <= 4 * MB


def test_stored_is_said_only_of_what_a_store_takes(weirs, origin):
    """Of a content whose length isn't known before it has ended nobody knows whether it fits."""
    node = weirs(rfc.settings(origin, memory={"size": "64MB", "max_object": "1MB"}))
    gate = threading.Event()
    origin.on("/grows", body=Pattern(2 * MB), framing="chunked", fields=FRESH)
    origin.on("/slow", body=[b"first", b"second"], framing="chunked", body_gate=gate, fields=FRESH)
    assert "stored" not in told(node, "/grows")
    assert not cache_status.hit(node.ask("/grows"))
    with node.connect() as client:
        client.send_head("GET", "/slow")
        head = client.read_head()
        assert "stored" not in cache_status.of(head)
        gate.set()
        assert client.read_rest(head).body == b"firstsecond"
    assert cache_status.hit(node.ask("/slow"))


@pytest.mark.parametrize("fields, stored", [(FRESH, True), ({"Cache-Control": "private"}, False)], ids=["shared", "private"])
def test_what_a_slow_origin_has_just_made_has_no_age(weirs, origin, fields, stored):
    """RFC 9111 5.1: Age says that the origin has not made it for this request."""
    node = weirs(rfc.settings(origin))
    origin.on("/", Answer(200, fields, b"x", delay=1.2))
    first = node.ask("/")
    assert "Age" not in first.fields and ("ttl" in cache_status.of(first)) == stored
    if stored:
        later = node.ask("/")
        assert cache_status.hit(later) and int(later.fields["Age"]) >= 1


def test_age_and_ttl_add_up_to_the_lifetime(weirs, origin):
    node = weirs(rfc.settings(origin))
    rfc.counting(origin, "/", FRESH)
    assert told(node, "/")["ttl"] == "100"
    for _ in range(5):
        answer = node.ask("/")
        assert int(answer.fields["Age"]) + int(cache_status.of(answer)["ttl"]) == 100


def test_what_was_just_validated_has_no_age(weirs, origin):
    node = weirs(rfc.settings(origin))
    origin.on("/", Answer(200, {"Cache-Control": "max-age=100", "Age": "150", "ETag": '"v"'}, b"x"),
              Answer(304, {"Cache-Control": "max-age=100", "ETag": '"v"'}, delay=1.2))
    assert node.ask("/").fields["Age"] == "150"
    again = node.ask("/")
    assert again.body == b"x" and cache_status.of(again)["fwd-status"] == "304" and "Age" not in again.fields


def test_what_waits_for_a_restart_stays_as_it_was(fleet, origin, redis):
    """A node that took half of a reload would lock in one keyspace and store in another."""
    one, two = fleet(2)
    reload(one, rfc.settings(origin, redis={"url": redis.url, "timeout": policy.PATIENT, "keyspace": "v2"}, server_name="other"))
    assert one.said("a change of server_name, redis takes effect at the next restart")
    gate = threading.Event()
    origin.on("/", Answer(200, FRESH, b"x", gate=gate))
    with ThreadPoolExecutor(2) as elsewhere:
        asked = [elsewhere.submit(one.ask, "/")]
        origin.wait_calls("/", 1)
        asked.append(elsewhere.submit(two.ask, "/"))
        until(lambda: two.admin.metric("weir_lock_waits_total") > 0, "a wait for the other node")
        gate.set()
        assert [a.result().body for a in asked] == [b"x"] * 2
    assert origin.calls() == 1
