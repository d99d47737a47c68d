# SPDX-License-Identifier: BSD-2-Clause
"""The addresses of a server's name: each is chosen, watched and left out by itself, and they come and go with DNS."""

import contextlib
import socket
import threading

import pytest

from rig import policy
from rig.daemon import run
from rig.wait import until

ONE, TWO, THREE = "127.0.0.1", "127.0.0.2", "127.0.0.3"


def settings(servers, *entries, stale="1h", **more):
    """A policy whose only origin has these servers, and whose names are asked of `servers`."""
    return {"workers": 1, "dns": {"servers": [server.address for server in servers], "stale": stale},
            "origins": {"app": policy.origin(*entries, **more)}, "routes": [policy.route()]}


@contextlib.contextmanager
def deaf(host, port, family=socket.AF_INET):
    """An address that drops SYNs: its backlog is full, and nobody accepts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(3):
            caller = stack.enter_context(socket.socket(family))
            caller.setblocking(False)
            caller.connect_ex((host, port))
        yield


def said(node, paths):
    return [node.ask(path).body for path in paths]


# each address by itself


def test_half_of_the_addresses_ill_costs_a_try_now_and_then(weirs, origins):
    """One of two addresses drops SYNs. It was tried by every second connection, for ever."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    origin = origins().on("/", body=b"x", framing="close")
    try:
        ill = deaf("::1", origin.port, socket.AF_INET6)
        with ill:
            node = weirs({"workers": 1, "origins": {"app": policy.origin(f"app.localhost:{origin.port}")},
                          "routes": [policy.route()]})
            assert said(node, ["/"] * 60) == [b"x"] * 60
            tries = node.admin.metric("weir_origin_connections_total") - 60
            assert 0 < tries <= 12      # after pauses of 1, 2, 4 ... s, however slow this machine is
            assert node.said(r"server app.localhost:\d+ at \[::1\]:\d+ fails")
    except OSError as error:
        pytest.skip(f"no IPv6: {error}")


def test_each_address_has_its_own_health(weirs, origins, name_server):
    well = origins().on("/healthz", body=b"ok").on("/", body=b"well")
    ill = origins(well.port, TWO).on("/healthz", status=503).on("/", body=b"ill")
    name_server.name("app.test", ONE, TWO)
    node = weirs(settings([name_server], f"app.test:{well.port}", health={"path": "/healthz", "interval": "100ms", "timeout": "10s"}))
    assert node.said(f"app.test:{well.port} at {TWO}:{well.port} is down")
    assert set(said(node, ["/"] * 10)) == {b"well"}
    ill.on("/healthz", body=b"ok")
    until(lambda: set(said(node, ["/"] * 4)) == {b"well", b"ill"}, "both used")


def test_all_addresses_of_a_name_take_turns(weirs, origins, name_server):
    first = origins().on("/", body=ONE.encode())
    for host in TWO, THREE:
        origins(first.port, host).on("/", body=host.encode())
    name_server.name("app.test", ONE, TWO, THREE)
    node = weirs(settings([name_server], f"app.test:{first.port}"))
    got = said(node, ["/"] * 30)
    assert {host: got.count(host.encode()) for host in (ONE, TWO, THREE)} == {ONE: 10, TWO: 10, THREE: 10}


def test_a_hash_leaves_a_lost_addresss_share_alone(weirs, origins, name_server):
    first = origins()
    servers = {host: first if host == ONE else origins(first.port, host) for host in (ONE, TWO, THREE)}
    paths = [f"/{n}" for n in range(40)]
    for host, server in servers.items():
        for path in paths:
            server.on(path, body=host.encode())
    name_server.name("app.test", *servers)
    node = weirs(settings([name_server], f"app.test:{first.port}", balance="hash"))
    before = said(node, paths)
    assert set(before) == {host.encode() for host in servers}
    name_server.name("app.test", ONE, THREE)
    until(lambda: TWO.encode() not in said(node, paths), "the second address unused")
    for was, now in zip(before, said(node, paths)):
        assert now == was or was == TWO.encode()


# coming and going


def test_a_changed_address_is_used_without_a_lost_request(weirs, origins, name_server):
    old = origins().on("/", body=b"old")
    origins(old.port, TWO).on("/", body=b"new")
    name_server.name("app.test", ONE)
    node = weirs(settings([name_server], f"app.test:{old.port}"))
    assert node.ask("/").body == b"old"
    name_server.name("app.test", TWO)
    until(lambda: node.ask("/").body == b"new", "the new address")
    until(lambda: old.open_connections() == 0, "the kept connection to the old address closed")


def test_a_request_under_way_outlives_its_address(weirs, origins, name_server):
    gate = threading.Event()
    old = origins().on("/slow", body=b"whole", gate=gate).on("/", body=b"old")
    origins(old.port, TWO).on("/", body=b"new")
    name_server.name("app.test", ONE)
    node = weirs(settings([name_server], f"app.test:{old.port}"))
    with node.connect() as held:
        held.send_head("GET", "/slow")
        old.wait_calls("/slow", 1)
        name_server.name("app.test", TWO)
        until(lambda: node.ask("/").body == b"new", "the new address")
        gate.set()
        assert held.read().body == b"whole"


def test_state_and_addresses_survive_a_reload(weirs, origins, name_server):
    """After a reload nothing has to be looked up, and nothing that failed is tried at once."""
    well = origins().on("/", body=b"well", framing="close")
    name_server.name("app.test", ONE, TWO)       # nobody listens at the second
    node = weirs(settings([name_server], f"app.test:{well.port}"))
    assert set(said(node, ["/"] * 10)) == {b"well"}
    name_server.silent = True
    for round in range(3):
        node.reload(settings([name_server], f"app.test:{well.port}", keepalive_timeout=f"{20 + round}s"))
        until(lambda: node.admin.metric("weir_reloads_total") == round + 1, "reloaded")
        assert set(said(node, ["/"] * 10)) == {b"well"}


# trouble with name servers, while a good address is known


@pytest.mark.parametrize("trouble", ["silent", "failing", "slow"])
def test_known_addresses_serve_while_name_servers_are_in_trouble(weirs, origins, name_server, trouble):
    origin = origins().on("/", body=b"x", framing="close")
    name_server.name("app.test", ONE)
    node = weirs(settings([name_server], f"app.test:{origin.port}"))
    assert node.ask("/").body == b"x"
    if trouble == "slow":
        name_server.delay.update(A=3, AAAA=3)
    else:
        setattr(name_server, trouble, True)
    before = name_server.count("app.test", "A")
    enough = before + (5 if trouble == "failing" else 3)        # the TTL has passed by then
    while name_server.count("app.test", "A") < enough:
        assert node.ask("/").body == b"x"
    if trouble == "failing":
        assert node.said("no name server answers for app.test: its old addresses are used")


def test_addresses_are_not_used_for_ever(weirs, origins, name_server):
    origin = origins().on("/", body=b"x")
    name_server.name("app.test", ONE)
    node = weirs(settings([name_server], f"app.test:{origin.port}", stale="0s"))
    assert node.ask("/").status == 200
    name_server.failing = True
    until(lambda: node.ask("/").status == 502, "the address dropped")
    name_server.failing = False
    until(lambda: node.ask("/").status == 200, "the address back")


def test_a_name_that_has_gone_is_not_used(weirs, origins, name_server):
    origin = origins().on("/", body=b"x")
    name_server.name("app.test", ONE)
    node = weirs(settings([name_server], f"app.test:{origin.port}"))
    assert node.ask("/").status == 200
    name_server.forget("app.test")
    until(lambda: node.ask("/").status == 502, "the address dropped")


def test_the_next_name_server_is_asked_soon(weirs, origins, name_servers):
    silent, well = name_servers(), name_servers()
    silent.silent = True
    origin = origins().on("/", body=b"x")
    well.name("app.test", ONE, ttl=60)
    node = weirs(settings([silent, well], f"app.test:{origin.port}", connect_timeout="10s"))
    assert node.ask("/").body == b"x"
    assert silent.count("app.test", "A") <= well.count("app.test", "A") + 1     # they take turns


def test_a_lost_datagram_is_asked_again(weirs, origins, name_server):
    origin = origins().on("/", body=b"x")
    name_server.name("app.test", ONE, ttl=60)
    name_server.lose = 2                            # the first question of each family
    node = weirs(settings([name_server], f"app.test:{origin.port}", connect_timeout="10s"))
    assert node.ask("/").body == b"x"


def test_an_a_record_that_comes_late_is_added(weirs, origins, name_server):
    origin = origins().on("/", body=b"four")
    name_server.name("app.test", ONE, "::1", ttl=60)        # nobody listens on ::1
    name_server.delay["A"] = 0.3
    node = weirs(settings([name_server], f"app.test:{origin.port}", connect_timeout="10s"))
    until(lambda: node.ask("/").status == 200, "the address that came late")


def test_a_truncated_answer_is_fetched_over_tcp(weirs, origins, name_server):
    origin = origins().on("/", body=b"x", framing="close")
    name_server.name("app.test", *(f"127.0.0.{n}" for n in range(1, 61)), ttl=60)   # somebody listens at the first only
    node = weirs(settings([name_server], f"app.test:{origin.port}", connect_timeout="10s"))
    assert set(said(node, ["/"] * 5)) == {b"x"}
    assert name_server.count("app.test", "A", "tcp") >= 1


def test_redis_is_found_by_name_and_followed(weirs, origins, name_server, redis):
    origin = origins().on("/", body=b"x")
    port = int(redis.url.rsplit(":", 1)[1].split("/")[0])
    name_server.name("redis.test", TWO)
    asked = settings([name_server], origin)
    node = weirs({**asked, "redis": {"url": f"redis://redis.test:{port}/0", "timeout": policy.PATIENT}}, linked=False)
    assert node.said("redis redis.test")        # nobody listens at the first address
    name_server.name("redis.test", ONE)
    until(lambda: redis.linked(node, 1), "linked at the second address")
    name_server.silent = True
    redis.restart()
    until(lambda: redis.linked(node, 1), "linked again while the name server is silent")


def test_a_name_server_that_is_none_is_refused(place):
    policy_file = place / "weir.yaml"
    policy_file.write_text(policy.text({"listen": [{"address": "127.0.0.1:1"}], "dns": {"servers": ["ns.example"]},
                                        "origins": {"app": policy.origin("app.test:80")}, "routes": [policy.route()]}))
    result = run("-t", "-c", policy_file)
    assert result.returncode == 1
    assert "a name server is an IP address" in result.stderr
