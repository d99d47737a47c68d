# SPDX-License-Identifier: BSD-2-Clause
"""weirctl servers and weirctl server: what each address does, and orders to use it no more."""

import threading

from rig import policy
from rig.wait import until


def settings(*servers, **more):
    return {"workers": 2, "origins": {"app": policy.origin(*servers, **more)}, "routes": [policy.route()]}


def of(node, server):
    return next(entry for entry in node.admin.ctl_json("servers") if entry["server"] == server)


def said(node, count=8):
    return {node.ask("/").body for _ in range(count)}


def test_servers_say_what_they_do_and_why(weirs, origins):
    well, sick, gone = origins().on("/", body=b"x", framing="close"), origins().on("/", status=500), origins()
    gone.stop()
    node = weirs(settings(well, sick, gone, {"address": "127.0.0.1:1", "weight": 0}))
    for _ in range(8):
        node.ask("/")
    up, ill = of(node, well.address), of(node, sick.address)
    assert up["state"] == "up" and up["why"] == "" and up["requests"] == well.calls() and up["failed"] == 0
    assert ill["status_5xx"] == ill["requests"] == sick.calls() > 0
    assert of(node, "127.0.0.1:1")["state"] == "drained" and of(node, "127.0.0.1:1")["requests"] == 0
    assert of(node, gone.address)["failed"] >= 1
    if of(node, gone.address)["state"] == "resting":      # not yet over
        assert of(node, gone.address)["why"] == "it can't be reached"
    assert f"app/{well.address}" in node.admin.ctl("servers")


def test_a_server_is_taken_out_of_service_and_back(weirs, origins):
    gate = threading.Event()
    first, second = origins().on("/", body=b"1"), origins().on("/", body=b"2")
    for server in first, second:
        server.on("/slow", body=b"slow", gate=gate)
    node = weirs(settings(first, second))
    assert said(node) == {b"1", b"2"}
    with node.connect() as one, node.connect() as two:
        for connection in one, two:
            connection.send_head("GET", "/slow")
        until(lambda: first.calls("/slow") + second.calls("/slow") == 2, "both under way")
        node.admin.ctl("server", f"app/{first.address}", "drain")
        assert said(node) == {b"2"}
        assert of(node, first.address)["state"] == "drained"
        assert of(node, first.address)["active"] == first.calls("/slow")
        gate.set()
        assert [one.read().body, two.read().body] == [b"slow"] * 2      # what is under way goes on
    node.reload(settings(first, second, retries=2))
    until(lambda: node.admin.metric("weir_reloads_total") == 1, "reloaded")
    assert said(node) == {b"2"}
    node.admin.ctl("server", second.address, "disable")
    assert node.ask("/").status == 503
    assert of(node, second.address)["why"] == "by order"
    for server in first, second:
        node.admin.ctl("server", server.address, "enable")
    assert said(node) == {b"1", b"2"}
    node.admin.ctl("server", "127.0.0.1:1", "drain", status=1)
    node.admin.ctl("server", first.address, "hold", status=1)
    node.admin.ctl("server", first.address, status=2)


def test_a_policy_that_forgets_a_server_forgets_its_order(weirs, origins):
    first, second = origins().on("/", body=b"1"), origins().on("/", body=b"2")
    node = weirs(settings(first, second))
    node.admin.ctl("server", first.address, "disable")
    for count, servers in enumerate([(second,), (first, second)]):
        node.reload(settings(*servers))
        until(lambda: node.admin.metric("weir_reloads_total") == count + 1, "reloaded")
    until(lambda: said(node) == {b"1", b"2"}, "both used")
