# SPDX-License-Identifier: BSD-2-Clause
"""Running weir: start, readiness, logs, the admin listener, weirctl, and the graceful end."""

import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from rig import cache_status, policy, ports
from rig.client import ask
from rig.daemon import WEIRCTL, Weir
from rig.wait import until

COMBINED = re.compile(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
                      r'"(?P<line>[^"]*)" (?P<status>\d{3}) (?P<size>\d+|-) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"')

SAMPLE = re.compile(r'# (HELP|TYPE) weir_\w+ .+|weir_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[0-9.e+]+')


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def ending(request):
    return request.param


def test_it_finishes_what_is_in_flight_then_exits_0(proxy, origin, ending):
    gate = threading.Event()
    origin.on("/held", body=[b"first", b"second"], framing="chunked", body_gate=gate)
    with proxy.connect() as connection, proxy.connect() as idle:
        idle.ask("/nothing")
        connection.send_head("GET", "/held")
        head = connection.read_head()
        proxy.signal(ending)
        assert idle.ended()
        until(lambda: refused(proxy), "no new connections")
        gate.set()
        assert connection.read_rest(head).body == b"firstsecond"
        assert connection.ended()
    assert proxy.process.wait(20) == 0


def refused(node):
    try:
        with node.connect() as connection:
            connection.send_head("GET", "/")
            return connection.ended()
    except TimeoutError:
        raise AssertionError("a connection was left in a queue that nobody serves") from None
    except OSError:
        return True


def test_new_connections_are_refused_at_once_while_it_finishes(weirs, origin, place):
    """A balancer turns to another node when it is refused; in a queue that nobody serves it would wait."""
    gate, path = threading.Event(), place / "http.sock"
    origin.on("/held", body=b"x", gate=gate)
    node = Weir(place / "node", {"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    node.write({"listen": [{"address": "%s:%d" % node.address}, {"address": f"unix:{path}"}],
                "origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    node.start()
    with node.connect() as connection:
        connection.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        node.signal(signal.SIGTERM)
        until(lambda: "finishing" in node.stderr and ports.refuses(node.address), "the port is closed")
        until(lambda: not path.exists(), "the Unix socket is removed")
        gate.set()
        assert connection.read().body == b"x"
    node.terminate()


def test_who_has_just_connected_may_still_ask(proxy, origin):
    gate = threading.Event()
    origin.on("/held", body=b"x", gate=gate).on("/", body=b"late")
    with proxy.connect() as held, proxy.connect() as fresh, proxy.connect() as silent:
        held.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        proxy.signal(signal.SIGTERM)
        until(lambda: ports.refuses(proxy.address), "the port is closed")
        assert fresh.ask("/").body == b"late" and fresh.ended()
        assert silent.ended()
        gate.set()
        assert held.read().body == b"x"


def test_a_connection_just_made_may_still_ask(proxy, origin, ending):
    origin.on("/last", body=b"words")
    gate = threading.Event()
    origin.on("/held", body=b"held", gate=gate)
    with proxy.connect() as held, proxy.connect() as fresh:
        held.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        proxy.signal(ending)
        until(lambda: refused(proxy), "no new connections")
        answer = fresh.ask("/last")
        assert answer.body == b"words" and answer.fields["Connection"] == "close"
        gate.set()
        assert held.read().body == b"held"
    assert proxy.process.wait(20) == 0


def test_it_ends_at_once_when_idle(proxy, ending):
    proxy.signal(ending)
    assert proxy.process.wait(20) == 0


def test_signals_that_come_while_it_ends_change_nothing(proxy, ending):
    proxy.signal(ending)
    while proxy.process.poll() is None:
        proxy.signal(ending)
    assert proxy.process.returncode == 0


def test_it_ends_even_when_a_client_never_reads(weirs, origin):
    gate = threading.Event()
    origin.on("/held", body=b"x", gate=gate)
    node = weirs({"drain_timeout": "1s", "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route()]})
    with node.connect() as connection:
        connection.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        node.signal(signal.SIGTERM)
        assert node.process.wait(20) == 0
    gate.set()


@pytest.fixture
def notified(place):
    """A socket as systemd's: notified() is the next message as a dict."""
    path = place / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        sock.settimeout(20)

        def until_said(word):
            while True:
                message = sock.recv(4096).decode()
                if word in message.splitlines():
                    return dict(line.split("=", 1) for line in message.splitlines())

        until_said.path = path
        yield until_said


def test_systemd_is_told_ready_reloading_and_stopping(weirs, origin, notified):
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]},
                 env={"NOTIFY_SOCKET": str(notified.path)})
    notified("READY=1")
    node.signal(signal.SIGHUP)
    assert int(notified("RELOADING=1")["MONOTONIC_USEC"]) > 0
    assert notified("READY=1")["STATUS"] == "serving"
    node.reload(text="nonsense")
    assert "refused" in notified("READY=1")["STATUS"]
    node.signal(signal.SIGTERM)
    notified("STOPPING=1")
    assert node.process.wait(20) == 0


def test_an_address_in_use_is_an_error_that_names_it(weirs, place, origin):
    first = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    second = Weir(place / "second", {"listen": [{"address": origin.address}],
                                     "origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    with pytest.raises(AssertionError, match=str(origin.port)):
        second.start()
    assert first.ask("/none").status == 404


def test_a_unix_socket_to_listen_on(weirs, origin, place):
    path = place / "http.sock"
    origin.on("/", body=b"x")
    settings = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]}
    node = weirs(settings)
    node.terminate()
    both = [{"address": "%s:%d" % node.address}, {"address": f"unix:{path}"}]
    node.write(settings | {"listen": both})
    node.start()
    assert ask(path, "/").body == b"x" and node.ask("/").body == b"x"


# access lines

def test_one_access_line_per_request(cache, origin):
    origin.on("/page?a=1", body=b"12345")
    with cache.connect() as connection:     # one worker, so one order
        for _ in range(2):
            connection.ask("/page?a=1", fields={"User-Agent": 'agent "quoted"', "Referer": "http://from.example/"})
        connection.ask("/none", "POST", body=b"")
    lines = until(lambda: len(cache.access_lines()) >= 3 and cache.access_lines(), "three access lines")
    found = [COMBINED.search(line) for line in lines]
    assert all(found), lines
    assert [m["line"] for m in found] == ["GET /page?a=1 HTTP/1.1"] * 2 + ["POST /none HTTP/1.1"]
    assert [m["status"] for m in found] == ["200", "200", "404"]
    assert found[0]["size"] == "5" and found[0]["referer"] == "http://from.example/"
    assert "hit" in lines[1][found[1].end():] and "hit" not in lines[0][found[0].end():]


@pytest.mark.parametrize("sent, line", [
    (b"GET /long%s HTTP/1.1\r\nHost: a\r\nUser-Agent: who\r\n\r\n" % (b"g" * 9000), "GET /longg"),
    (b"GET /fold HTTP/1.1\r\nHost: a\r\nUser-Agent: who\r\nX: 1\r\n 2\r\n\r\n", "GET /fold HTTP/1.1"),
    (b"POST /large HTTP/1.0\r\nUser-Agent: who\r\nContent-Length: 2000\r\n\r\n", "POST /large HTTP/1.0"),
    (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nUser-Agent: who\r\n\r\n", "CONNECT a:443 HTTP/1.1"),
])
def test_a_refused_request_is_logged_with_who_sent_it(weirs, origin, sent, line):
    node = weirs({"client": {"max_body": "1KB"}, "origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    with node.connect() as connection:
        connection.send(sent)
        assert connection.read().status >= 400
    found = COMBINED.search(until(node.access_lines, "the access line")[0])
    assert found["line"].startswith(line) and found["agent"] == "who"


def test_garbage_is_logged_with_who_sent_it(proxy):
    with proxy.connect() as connection:
        connection.send(b"\x16\x03\x01\x02\x00\r\n\r\n")
        assert connection.read().status == 400
    proxy.said(r'^127\.0\.0\.1 - - \[.*\] "-" 400 ')


def test_access_lines_in_json_to_a_file(weirs, origin, place):
    file = place / "access.log"
    origin.on("/", body=b"12345")
    node = weirs({"log": {"access": {"format": "json", "to": str(file)}}, "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route(cache=True)]})
    node.ask("/", fields={"User-Agent": 'a "b" \\'})
    [line] = until(lambda: file.exists() and file.read_text().splitlines(), "the access line")
    entry = json.loads(line)
    assert entry["method"] == "GET" and entry["status"] == 200
    assert 'a "b" \\' in entry.values()


def test_usr1_reopens_the_access_log(weirs, origin, place):
    file, rotated = place / "access.log", place / "access.log.1"
    node = weirs({"log": {"access": {"format": "combined", "to": str(file)}}, "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route()]})
    node.ask("/before")
    until(lambda: "/before" in file.read_text(), "the first line")
    file.rename(rotated)
    node.signal(signal.SIGUSR1)
    until(lambda: node.ask("/after") and file.exists() and "/after" in file.read_text(), "lines in the new file")
    assert "/before" in rotated.read_text()


def test_no_access_lines_when_off_and_none_can_be_forged(weirs, proxy, origin):
    quiet = weirs({"log": {"access": "off"}, "origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    quiet.ask("/x")
    proxy.ask("/a%0d%0aforged", fields={"User-Agent": 'x" 200 5 "forged'})
    line = until(proxy.access_lines, "the access line")[0]
    assert '\\"' in line or "\\x22" in line
    quiet.terminate()
    assert quiet.access_lines() == []


# the admin listener

def test_health_and_readiness(proxy):
    assert proxy.admin.get("/healthz").status == 200
    assert proxy.admin.get("/readyz").status == 200
    assert proxy.admin.get("/nothing-here").status == 404
    assert proxy.admin.get("/metrics", method="DELETE").status in (404, 405)


def test_redis_is_reported_and_its_loss_takes_no_node_out(fleet, redis):
    [node] = fleet(1)
    until(lambda: "redis" in node.admin.get("/readyz").text.lower(), "Redis reported")
    redis.kill()
    node.ask("/")
    assert node.admin.get("/readyz").status == 200


def test_metrics_are_prometheus_text_and_count(cache, origin):
    origin.on("/", body=b"x")
    for _ in range(3):
        cache.ask("/")
    answer = cache.admin.get("/metrics")
    assert answer.fields["Content-Type"].startswith("text/plain")
    for line in answer.text.splitlines():
        assert SAMPLE.fullmatch(line), line
    assert cache.admin.metric("weir_requests_total") >= 3
    names = re.findall(r"# TYPE (\w+)", answer.text)
    assert len(names) == len(set(names))


def test_the_admin_listener_on_a_port(weirs, origin):
    settings = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]}
    node, address = weirs(settings), ("127.0.0.1", ports.free_port())
    node.terminate()
    node.write(settings | {"admin": {"address": "%s:%d" % address}})
    node.admin.get = lambda path, **options: ask(address, path, host="admin", **options)
    node.start()
    assert node.admin.get("/healthz").status == 200


# purging

def test_purge_by_post(cache, origin):
    origin.on("/a", body=b"a").on("/b", body=b"b")
    for path in ("/a", "/b", "/a", "/b"):
        cache.ask(path)
    answer = cache.admin.post("/purge?url=http://test.example/a")
    assert answer.status in (200, 202, 204), answer
    assert not cache_status.hit(cache.ask("/a")) and cache_status.hit(cache.ask("/b"))
    assert (origin.calls("/a"), origin.calls("/b")) == (2, 1)


def test_purge_without_a_url_is_400(cache):
    assert cache.admin.post("/purge").status == 400
    assert cache.admin.post("/purge?url=nonsense").status == 400


# weirctl

def test_weirctl_status_and_stats(cache, origin):
    origin.on("/", body=b"x")
    cache.ask("/")
    status, stats = cache.admin.ctl("status"), cache.admin.ctl("stats")
    assert "edge-1" in status and "requests" in stats
    as_json = cache.admin.ctl_json("status")
    assert as_json["server_name"] == "edge-1" and as_json["pid"] == cache.process.pid
    assert cache.admin.ctl_json("stats")["requests"] >= 1


def test_weirctl_purge(cache, origin):
    origin.on("/", body=b"x")
    cache.ask("/")
    cache.admin.ctl("purge", "http://test.example/")
    assert not cache_status.hit(cache.ask("/"))
    assert isinstance(cache.admin.ctl_json("purge", "http://test.example/"), dict)


def test_weirctl_reload_good_and_bad(weirs, origin):
    settings = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route("/a")]}
    node = weirs(settings)
    origin.on("/b", body=b"b")
    assert node.ask("/b").status == 404
    node.write(settings | {"routes": [policy.route("/b")]})
    node.admin.ctl("reload")
    until(lambda: node.ask("/b").status == 200, "the new policy")
    node.write(text="routes: 5\n")
    node.admin.ctl("reload", status=1)
    assert node.ask("/b").status == 200


def test_weirctl_drain_takes_the_node_out_and_ends_it_when_all_is_served(proxy, origin):
    gate = threading.Event()
    origin.on("/held", body=b"held", gate=gate)
    with proxy.connect() as connection:
        connection.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        proxy.admin.ctl("drain")
        until(lambda: proxy.admin.get("/readyz").status == 503, "not ready while draining")
        assert proxy.admin.get("/healthz").status == 200
        gate.set()
        assert connection.read().body == b"held"
    assert proxy.process.wait(20) == 0


def test_weirctl_says_what_is_wrong(proxy, place):
    for words in (["-s", str(place / "none.sock"), "status"], ["-s", str(proxy.admin.socket), "stauts"],
                  ["-s", str(proxy.admin.socket), "purge"], []):
        done = subprocess.run([str(WEIRCTL), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=20)
        assert done.returncode != 0 and done.stderr.strip(), words


# a stderr that nobody reads

WARNED = {"Cache-Group-Invalidation": ", ".join(f'"g{n}"' for n in range(200))}     # more groups than weir follows


@pytest.fixture
def unread(place, origin):
    """A node whose stderr is a full pipe, and the descriptor that could read it."""
    reading, writing = os.pipe()
    node = Weir(place / "node", {"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)],
                                 "log": {"access": {"format": "off"}}})
    node.stderr_to = writing
    node.start()
    filler = os.open(f"/proc/self/fd/{writing}", os.O_WRONLY | os.O_NONBLOCK)    # a description of its own
    with pytest.raises(BlockingIOError):
        while True:
            os.write(filler, b"x" * 4096)
    os.close(filler)
    os.close(writing)
    os.set_blocking(reading, False)
    yield node, reading
    os.close(reading)
    if node.process.poll() is None:
        node.kill()


def warn(node, origin, times):
    """Each of these requests makes its worker log a line."""
    origin.on("/save", fields=WARNED)
    with node.connect() as connection:
        for _ in range(times):
            assert connection.ask("/save", "POST", body=b"x").status == 200


def read_waiting(reading):
    try:
        return os.read(reading, 1 << 20)
    except BlockingIOError:
        return b""


def test_it_serves_while_nobody_reads_what_it_logs(unread, origin):
    node, reading = unread
    warn(node, origin, 600)
    assert node.admin.metric("weir_log_dropped_total") > 0
    seen = bytearray()

    def told():
        warn(node, origin, 1)
        seen.extend(read_waiting(reading))
        return b" lines of this log were dropped because nobody read it\n" in seen

    until(told, "how many lines were dropped")
    node.terminate()


def test_it_ends_though_nobody_reads_what_it_logs(unread, origin):
    node, _ = unread
    warn(node, origin, 10)
    node.terminate()
