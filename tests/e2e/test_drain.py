# SPDX-License-Identifier: BSD-2-Clause
"""Taking a node out of service: not ready first, then finishing, then gone; and back again."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from rig import daemon, policy, ports
from rig.client import ask
from rig.daemon import Weir
from rig.load import Load
from rig.program import Program
from rig.wait import until

LONG = "300s"       # never over while a test runs


def settings(origin, **drain):
    return {"origins": {"app": policy.origin(origin)}, "routes": [policy.route()], "drain": drain}


def ready(node):
    return node.admin.get("/readyz").status == 200


def state(node):
    return node.admin.ctl_json("status")["state"]


def test_a_draining_node_is_not_ready_and_serves_as_before(weirs, origin):
    origin.on("/", body=b"x")
    node = weirs(settings(origin, delay=LONG))
    with node.connect() as old:
        old.ask("/")
        node.admin.ctl("drain")
        assert not ready(node) and state(node) == "draining"
        assert node.admin.metric("weir_draining") == 1
        for answer in (old.ask("/"), node.ask("/")):
            assert answer.body == b"x" and answer.fields.get("Connection") != "close"
        assert "serving on" in node.admin.ctl("drain")          # once more changes nothing
        node.admin.ctl("undrain")
        assert ready(node) and state(node) == "serving"
        assert "no drain to undo" in node.admin.post("/undrain").text
        node.admin.ctl("undrain", status=1)
        assert old.ask("/").body == b"x"
    node.signal(signal.SIGINT)          # skips the delay
    assert node.process.wait(20) == 0


def test_term_drains_too_and_a_second_one_ends_it_at_once(weirs, origin):
    gate = threading.Event()
    origin.on("/held", body=b"x", gate=gate).on("/", body=b"y")
    node = weirs(settings(origin, delay=LONG, timeout=LONG))
    with node.connect() as held:
        held.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        node.signal(signal.SIGTERM)
        until(lambda: not ready(node), "not ready")
        assert node.ask("/").body == b"y"
        node.admin.ctl("undrain", status=1)         # a signal can't be taken back
        node.signal(signal.SIGTERM)
        assert node.process.wait(20) == 0 and held.ended()
    gate.set()


def test_after_the_delay_it_finishes_what_is_open(weirs, origin):
    gate = threading.Event()
    origin.on("/held", body=b"x", gate=gate)
    node = weirs(settings(origin, delay="100ms", timeout=LONG))
    with node.connect() as held, node.connect() as idle:
        idle.ask("/")
        held.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        node.admin.ctl("drain")
        assert idle.ended()
        until(lambda: ports.refuses(node.address), "no new connections")
        assert state(node) == "finishing" and not ready(node)
        node.admin.ctl("undrain", status=1)
        gate.set()
        answer = held.read()
        assert answer.body == b"x" and answer.fields["Connection"] == "close"
    assert node.process.wait(20) == 0


def test_half_a_head_is_not_waited_for(weirs, origin):
    """header_timeout would keep everybody waiting for one slow client."""
    node = weirs({**settings(origin, timeout=LONG), "client": {"header_timeout": LONG, "idle_timeout": LONG}})
    with node.connect() as half, node.connect() as silent:
        half.send(b"GET / HTTP/1.1\r\nHost: te")
        until(lambda: node.admin.metric("weir_connections") >= 2, "both accepted")
        node.signal(signal.SIGTERM)
        assert half.ended() and silent.ended()
        assert node.process.wait(20) == 0


def refused_upload(node):
    """A client whose upload is refused (413), and that sends on until weir closes. Returns the thread that sends."""
    client = node.connect()
    client.send_head("POST", "/up", {"Content-Length": 10 ** 9})

    def send_on():
        with client:
            try:
                while True:
                    client.send(b"x" * 100)
                    time.sleep(0.05)
            except OSError:
                pass

    thread = threading.Thread(target=send_on)
    thread.start()
    return thread


def test_a_client_that_sends_on_after_its_answer_does_not_hold_the_stop(weirs, origin):
    """Its connection may linger for 30 s otherwise. One is answered before the stop, the other while it finishes."""
    gate = threading.Event()
    origin.on("/held", body=b"x", gate=gate)
    node = weirs({**settings(origin, timeout=LONG, order="accept_until_end"), "client": {"max_body": "1KB"}})
    with node.connect() as held:
        held.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        senders = [refused_upload(node)]
        until(lambda: node.admin.metric("weir_responses_total") == 1, "one is answered")
        node.signal(signal.SIGTERM)
        until(lambda: state(node) == "finishing", "finishing")
        senders.append(refused_upload(node))
        until(lambda: node.admin.metric("weir_responses_total") == 2, "the other one, too")
        gate.set()
        assert held.read().body == b"x"
    assert node.process.wait(20) == 0
    for sender in senders:
        sender.join()


def test_the_other_order_accepts_until_no_request_is_left(weirs, origin):
    gate = threading.Event()
    origin.on("/held", body=b"x", gate=gate).on("/", body=b"y")
    node = weirs({**settings(origin, timeout=LONG, order="accept_until_end"), "workers": 1})
    with node.connect() as held:
        held.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        node.admin.ctl("drain")
        until(lambda: state(node) == "finishing", "finishing")
        for _ in range(3):
            answer = node.ask("/")
            assert answer.body == b"y" and answer.fields["Connection"] == "close"
        gate.set()
        assert held.read().body == b"x"
    assert node.process.wait(20) == 0


def test_locks_are_free_and_the_node_is_off_the_list_when_it_has_gone(fleet, redis, origin):
    """A node that is cut off in the middle of a fetch doesn't make the fleet wait for its lock."""
    gate = threading.Event()
    origin.on("/slow", body=b"x", gate=gate)
    first, second = fleet(2)
    with first.connect() as waiting:
        waiting.send_head("GET", "/slow")
        origin.wait_calls("/slow", 1)
        until(lambda: redis.keys("*:lock:*"), "the lock is held")
        first.signal(signal.SIGTERM)
        until(lambda: ports.refuses(first.address), "finishing")
        first.signal(signal.SIGTERM)
        assert first.process.wait(20) == 0
    gate.set()
    until(lambda: not redis.keys("*:lock:*"), "no lock is left")
    nodes = [name.decode() for name in redis.call("ZRANGE", "weir:v1:nodes", "0", "-1")]
    assert len(nodes) == 1 and nodes[0].startswith(second.name), nodes


# behind a load balancer

BALANCER = """
global
    maxconn 2000
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen site
    bind 127.0.0.1:{port}
    option httpchk GET /ready
    default-server check {checks}
{servers}
"""


@pytest.fixture
def balancer(place):
    """haproxy(nodes) -> its address. Checks are ten times as often as by default: three failed ones take 600 ms."""
    if not shutil.which("haproxy"):
        pytest.skip("needs haproxy")
    started = []

    def start(nodes, checks="inter 200ms"):
        port, file = ports.free_port(), place / "haproxy.cfg"
        servers = "\n".join(f"    server {node.name} 127.0.0.1:{node.address[1]}" for node in nodes)
        file.write_text(BALANCER.format(port=port, checks=checks, servers=servers))
        started.append(Program(["haproxy", "-db", "-f", file], place / "haproxy", port))
        return ("127.0.0.1", port)

    yield start
    for program in started:
        program.stop()


@pytest.mark.parametrize("how", ["drain", "TERM"])
def test_no_request_is_lost_behind_haproxy(place, origin, balancer, how):
    """Each client asks on connections of its own. The node that goes has served some of them, and all are answered."""
    origin.on("/", body=b"x")
    checks, delay = os.environ.get("WEIR_CHECKS", "inter 200ms"), os.environ.get("WEIR_DELAY", "4s")
    nodes = [Weir(place / name, name=name) for name in ("edge-1", "edge-2")]
    for node in nodes:
        node.write({**settings(origin, delay=delay),
                    "listen": [{"address": "%s:%d" % node.address, "health": "/ready"}]})
        node.start()
    going, staying = nodes
    with Load([balancer(nodes, checks)], 8, "/") as load:
        until(lambda: all(node.admin.metric("weir_responses_total") > 50 for node in nodes), "load on both")
        going.admin.ctl("drain") if how == "drain" else going.signal(signal.SIGTERM)
        assert going.process.wait(60) == 0
        served = staying.admin.metric("weir_responses_total")
        until(lambda: staying.admin.metric("weir_responses_total") > served + 50, "load on the other")
    assert load.answers > 100 and not load.failures, (load.answers, load.failures[:5])
    staying.terminate()


# sockets of systemd

def start_with_sockets(node, sockets, names):
    """Starts a node as systemd does: with listening sockets, and variables that name them."""
    least = 3 + len(sockets)
    moved = [os.dup(sock.fileno()) for sock in sockets]

    def place_them():
        high = [os.dup(fd) for fd in moved]
        while min(high) < least:
            high = [os.dup(fd) for fd in high]
        for number, fd in enumerate(high):
            os.dup2(fd, 3 + number)
            os.set_inheritable(3 + number, True)
    # LISTEN_PID must be the process's own number. A shell knows it, and exec keeps it.
    words = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *daemon.command("-c", node.file)]
    with open(node.log, "ab") as log:
        node.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=node.directory,
                                        env={**daemon.environment(), "LISTEN_FDS": str(len(sockets)),
                                             "LISTEN_FDNAMES": ":".join(names)},
                                        pass_fds=range(3, least), preexec_fn=place_them)
    for fd in moved:
        os.close(fd)
    node.address = sockets[0].getsockname()
    until(node.ready, "ready", 30)


def listening():
    sock = socket.create_server(("127.0.0.1", 0))
    return sock, sock.getsockname()


@pytest.mark.skipif(daemon.sanitizer() == "thread", reason="setarch forks no shell")
def test_all_sockets_of_a_name_are_taken_and_the_others_are_warned_of(place, origin):
    origin.on("/", body=b"x")
    (one, first), (two, second), (spare, unused) = listening(), listening(), listening()
    node = Weir(place / "node")
    node.write({**settings(origin), "listen": ["systemd:http"]})
    start_with_sockets(node, [one, two, spare], ["http", "http", "spare"])
    try:
        assert ask(first, "/").body == b"x" and ask(second, "/").body == b"x"
        node.said(rf"sockets that no listener takes: spare \(127\.0\.0\.1:{unused[1]}\)\.")
    finally:
        node.terminate()
        for sock in (one, two, spare):
            sock.close()


@pytest.mark.skipif(daemon.sanitizer() == "thread", reason="setarch forks no shell")
def test_with_systemds_sockets_a_drained_node_stays_drained(place, origin):
    """If it ended, systemd would start it again for the next connection."""
    origin.on("/", body=b"x")
    sock, address = listening()
    node = Weir(place / "node")
    node.write({**settings(origin, timeout="1s"), "listen": ["systemd:http"]})
    start_with_sockets(node, [sock], ["http"])
    assert ask(address, "/").body == b"x"
    assert "stays" in node.admin.ctl("drain")
    until(lambda: node.admin.metric("weir_connections") == 0, "all connections have ended")
    assert state(node) == "finishing" and node.process.poll() is None
    with socket.create_connection(address, 20) as waiting:      # the kernel takes it, weir doesn't
        assert node.admin.metric("weir_connections") == 0
        node.terminate()
        assert sock.accept()[1] == waiting.getsockname()        # so the next process can
    sock.close()
