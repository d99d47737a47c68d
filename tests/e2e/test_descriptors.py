# SPDX-License-Identifier: BSD-2-Clause
"""Descriptors: neither clients nor origins take those that the admin listener and Redis need."""

import contextlib
import re
import resource
import threading

import pytest

from rig import daemon, policy
from rig.answer import Answer
from rig.client import Connection
from rig.wait import until
from rig.wire import Closed

MOST = 400


@pytest.fixture
def node(weirs, origin, monkeypatch):
    """A node that may have 400 descriptors, of which it has been given 64."""
    command = daemon.command
    monkeypatch.setattr(daemon, "command", lambda *words: ["prlimit", f"--nofile=64:{MOST}", *command(*words)])
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)],
                  "client": {"header_timeout": "5m"}})
    node.clients = int(node.said(r"the limit of open files allows for (\d+) clients")[1])
    origin.on("/", body=b"page", fields={"Cache-Control": "max-age=600"})
    return node


@contextlib.contextmanager
def clients(node, count):
    """Holds this many connections that have sent part of a head. The node has accepted all of them."""
    before = node.admin.metric("weir_connections_total")
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            with contextlib.suppress(OSError):                  # closed before it has said a word
                stack.enter_context(node.connect()).send(b"GET / HTTP/1.1\r\n")
        until(lambda: node.admin.metric("weir_connections_total") >= before + count, "all accepted")
        yield


def test_the_limit_is_raised_and_the_bound_of_clients_lowered(node):
    assert node.admin.metric("weir_process_max_fds") == MOST
    assert MOST / 4 < node.clients < MOST / 2


def refused(node):
    """A new client is told so, or closed at once when very many come."""
    try:
        return node.ask("/").status == 503
    except (OSError, Closed):
        return True


def test_with_every_place_taken_health_is_told_and_those_who_are_connected_get_hits(node):
    with node.connect() as served:
        assert served.ask("/").body == b"page"
        with clients(node, node.clients * 2):
            assert refused(node)
            assert served.ask("/").body == b"page"
            assert node.admin.get("/healthz").status == 200
            assert node.admin.metric("weir_process_open_fds") < MOST
    assert "cannot accept" not in node.stderr
    until(lambda: not refused(node), "room again")


def test_origins_leave_descriptors_for_the_admin_listener(node, origin):
    gate = threading.Event()
    origin.on("/held", lambda request: Answer(200, {"Cache-Control": "no-store"}, b"held", gate=gate))
    count = node.clients - 4                                    # the probe at the start may still be counted
    with contextlib.ExitStack() as stack:
        asking = [stack.enter_context(node.connect()) for _ in range(count)]
        for i, client in enumerate(asking):
            client.send_head("GET", f"/held?{i}")
        until(lambda: origin.calls() + node.admin.metric("weir_responses_total") >= count, "all asked or refused")
        assert node.admin.get("/healthz").status == 200
        assert node.admin.metric("weir_process_open_fds") < MOST
        gate.set()
        got = [client.read().status for client in asking]
    assert set(got) == {200, 503}


def test_that_nothing_can_be_accepted_is_said_once(node):
    process = node.process.pid
    with Connection(node.admin.socket, host="admin") as admin, contextlib.ExitStack() as stack:
        def failures():
            return int(re.search(r"^weir_accept_failures_total (\d+)", admin.ask("/metrics").text, re.M)[1])
        assert failures() == 0
        resource.prlimit(process, resource.RLIMIT_NOFILE, (3, MOST))
        waiting = [stack.enter_context(node.connect()) for _ in range(8)]
        for client in waiting:
            client.send_head("GET", "/")
        until(lambda: failures() >= 6, "several attempts")
        resource.prlimit(process, resource.RLIMIT_NOFILE, (MOST, MOST))
        for client in waiting:
            assert client.read().body == b"page"
    node.said("accepting connections again")
    node.says_once("cannot accept")
