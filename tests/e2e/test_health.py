# SPDX-License-Identifier: BSD-2-Clause
"""Health checks: what counts as well, how soon an address is down and up again, and what happens when all are down."""

import threading

from rig import policy
from rig.answer import Answer
from rig.wait import until

QUICK = {"path": "/healthz", "interval": "100ms", "timeout": "10s"}
GOOD = Answer(body=b"all is ready")

# name: (what the policy says of a good answer, an answer that isn't)
BAD = {
    "the default": ({}, Answer(301, fields={"Location": "/login"})),
    "a status": ({"status": 200}, Answer(204)),
    "a class": ({"status": "2xx"}, Answer(404)),
    "a list": ({"status": [200, "3xx"]}, Answer(404)),
    "a text": ({"body": "ready"}, Answer(body=b"starting")),
    "a text of several pieces": ({"body": "ready"}, Answer(body=[b"re", b"dy"], framing="chunked")),
    "a text without content": ({"body": "ready"}, Answer(204)),
    "a text too far behind": ({"body": "ready"}, Answer(body=b"x" * 65_536 + b"ready")),
}


def node_before(weirs, *servers, more=None, **health):
    return weirs({"workers": 1, "origins": {"app": policy.origin(*servers, health={**QUICK, **health}, **(more or {}))},
                  "routes": [policy.route()]})


def said(node, count=10):
    return [node.ask("/").body for _ in range(count)]


def test_what_a_good_answer_is(weirs, origins):
    """Each case has an origin of its own with two servers; one of them answers its checks badly."""
    pairs = {f"app{n}": (origins().on("/healthz", answer), origins().on("/healthz", GOOD))
             for n, (_, answer) in enumerate(BAD.values())}
    node = weirs({"workers": 1, "origins": {name: policy.origin(*pair, health={**QUICK, **health})
                                            for (name, pair), (health, _) in zip(pairs.items(), BAD.values())},
                  "routes": [policy.route(f"/{name}", name) for name in pairs]})
    for (name, (bad, good)), case in zip(pairs.items(), BAD):
        good.on(f"/{name}", body=b"good")
        bad.on(f"/{name}", body=case.encode())
        assert node.said(f"origin {name}: server {bad.address} is down: its health checks fail: .")
        assert {node.ask(f"/{name}").body for _ in range(6)} == {b"good"}, case
    assert "status 301" in node.stderr and "its content lacks health.body" in node.stderr
    assert not any(f"{good.address} is down" in node.stderr for _, good in pairs.values())


def test_a_check_has_a_timeout_of_its_own(weirs, origins):
    """It ends long before the next check, whether nothing comes or not the whole text."""
    servers = {"silent": Answer(gate=threading.Event()),
               "half": Answer(body=[b"rea", b"dy"], framing="chunked", body_gate=threading.Event())}
    asked = {name: origins().on("/healthz", answer) for name, answer in servers.items()}
    node = weirs({"origins": {name: policy.origin(server, health={**QUICK, "interval": "1h", "timeout": "100ms", "fall": 1, "body": "ready"})
                              for name, server in asked.items()},
                  "routes": [policy.route(f"/{name}", name) for name in asked]})
    for name, server in asked.items():
        assert node.said(f"origin {name}: server {server.address} is down: its health checks fail: no answer within health.timeout")


def test_checks_go_to_another_port_and_host(weirs, origins):
    app, checks = origins().on("/", body=b"app"), origins()
    checks.on("/healthz", Answer(body=[b"x" * 40_000, b"rea", b"dy"], framing="chunked"))
    node = node_before(weirs, app, port=checks.port, host="shop.example.com", body="ready", more={"pass_host": False})
    checks.wait_calls("/healthz", 4)
    assert checks.last("/healthz").fields.get("Host") == "shop.example.com"
    assert said(node, 1) == [b"app"] and app.calls("/healthz") == 0
    assert "is down" not in node.stderr
    checks.on("/healthz", status=503)
    assert node.said(f"server {app.address} is down: its health checks fail: status 503")
    assert said(node) == [b"app"] * 10      # all are down: they are used all the same


def test_so_many_in_a_row(weirs, origins):
    """Up to `fall` failed checks are no news, nor are up to `rise` good ones. Who returns gets a tenth at first."""
    server, other = origins().on("/", body=b"server"), origins().on("/healthz", GOOD).on("/", body=b"other")
    bad = Answer(503)
    server.on("/healthz", *[GOOD, bad, bad] * 2, *[bad] * 2, *[GOOD, GOOD, bad] * 2, GOOD)
    node = node_before(weirs, server, other, fall=4, rise=3, more={"slow_start": "1h"})
    node.said("is down")
    assert server.calls("/healthz") >= 8
    node.said("is up again")
    assert server.calls("/healthz") >= 17
    assert said(node, 44).count(b"server") == 4


def test_a_check_does_not_answer_for_requests(weirs, origins):
    """An address that passes its checks and ends each request is left out; one that could not be reached returns with a check."""
    sick, well = origins().on("/healthz", GOOD).on("/", raw=b"", keep=False), origins().on("/healthz", GOOD).on("/", body=b"well")
    node = node_before(weirs, sick, well, more={"passive": {"ends": 2, "pause": "1h", "max_pause": "1h"}})
    until(lambda: said(node, 1) == [b"well"] and "it ends connections without an answer" in node.stderr, "left out")
    sick.on("/", body=b"again")
    sick.wait_calls("/healthz", sick.calls("/healthz") + 3)
    assert set(said(node)) == {b"well"}
    well.stop()
    assert set(said(node, 4)) == {b"again"}     # its rest isn't over, but there is no better address
    assert node.said(f"server {well.address} (is down|fails)")
    well.restart()
    until(lambda: b"well" in said(node), "reached again")
