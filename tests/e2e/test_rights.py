# SPDX-License-Identifier: BSD-2-Clause
"""Who may what: several admin listeners, rights, addresses, tokens, names, and who asked."""

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from rig import daemon, policy, ports
from rig.client import ask
from rig.daemon import WEIRCTL, Weir
from rig.wait import until

TOKEN = "correct-horse-battery"


@pytest.fixture
def node(place, weirs, origin):
    """A node with a Unix socket for everything and three ports: `health`, `closed` to this address, and `token`."""
    (place / "edge-1").mkdir()
    (place / "edge-1" / "ops").write_text(TOKEN + "\n")
    at = {name: ("127.0.0.1", ports.free_port()) for name in ("health", "closed", "token", "named")}
    address = {name: "%s:%d" % where for name, where in at.items()}
    origin.on("/", body=b"x")
    started = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)], "drain": {"delay": "300s"},
                     "admin": None} | {"admin": [
                         {"address": f"unix:{place}/edge-1/admin.sock"},
                         {"address": address["health"], "allow": ["health", "metrics"]},
                         {"address": address["closed"], "from": ["10.0.0.0/8"]},
                         {"address": address["token"], "allow": ["health", "read", "purge", "control"], "token_file": "ops"},
                         {"address": address["named"], "hosts": ["edge.internal"]}]})
    started.at = at
    yield started
    if started.process.poll() is None:
        started.signal(2)           # INT: without drain.delay


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def weirctl(*words, status=0, **env):
    done = subprocess.run([str(WEIRCTL), *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
                          env={**daemon.environment(), **env})
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_each_listener_serves_what_it_allows(node):
    def status(listener, path, method="GET", host="127.0.0.1", **options):
        return ask(node.at[listener], path, method, host=host, **options).status

    assert [status("health", path) for path in ("/healthz", "/readyz", "/metrics", "/status", "/")] == [200, 200, 200, 403, 403]
    assert status("health", "/drain", "POST", body=b"") == 403 and status("health", "/reload", "POST", body=b"") == 403
    why = ask(node.at["health"], "/drain", "POST", host="127.0.0.1", body=b"").text
    assert '"control"' in why and "health, metrics" in why
    assert [status("closed", path) for path in ("/healthz", "/metrics")] == [403, 403]
    assert node.admin.get("/readyz").status == 200          # nobody has drained it


def test_a_token_is_needed_where_one_is_set(node):
    where = node.at["token"]
    assert ask(where, "/readyz", host="127.0.0.1").status == 200
    for wrong in ({}, bearer(TOKEN[:-1]), bearer(TOKEN + "x"), bearer(""), {"Authorization": TOKEN}, {"Authorization": "Basic x"}):
        answer = ask(where, "/status", host="127.0.0.1", fields=wrong)
        assert answer.status == 401 and answer.fields["WWW-Authenticate"].startswith("Bearer"), wrong
    assert ask(where, "/status", host="any.name", fields=bearer(TOKEN)).status == 200
    assert ask(where, "/metrics", host="127.0.0.1", fields=bearer(TOKEN)).status == 403


def test_names_of_others_are_refused(node):
    """A page of evil.example whose name was made to resolve to this listener's address (DNS rebinding)."""
    where = node.at["named"]
    for host, status in (("127.0.0.1", 200), ("127.0.0.1:9180", 200), ("[::1]:9180", 200), ("localhost", 200), ("edge.internal:1", 200),
                         ("EDGE-1", 200), ("evil.example", 403), ("evil.example:9180", 403), ("127.0.0.1.evil.example", 403)):
        assert ask(where, "/metrics", host=host).status == status, host
    assert ask(where, "/healthz", host="evil.example").status == 200
    assert ask(where, "/drain", "POST", host="127.0.0.1", fields={"Origin": "http://evil.example"}, body=b"").status == 403
    assert node.admin.get("/status", ).status == 200        # a browser doesn't reach a Unix socket


def test_who_asked_stands_in_the_log_and_in_the_list_of_purges(node):
    uid = os.getuid()
    node.admin.ctl("purge", "http://test.example/a")
    file = node.directory / "ops"
    weirctl("-s", "%s:%d" % node.at["token"], "--token-file", file, "purge", "http://test.example/b")
    weirctl("purge", "http://test.example/c", WEIR_SOCKET="%s:%d" % node.at["named"])
    who = {entry["name"]: entry["who"] for entry in node.admin.ctl_json("purges")}
    assert who["http://test.example/a"] == f"admin: uid {uid}"
    assert who["http://test.example/b"] == "admin: token ops from 127.0.0.1"
    assert who["http://test.example/c"] == "admin: 127.0.0.1"
    node.admin.ctl("drain")
    weirctl("-s", "%s:%d" % node.at["token"], "undrain", WEIR_TOKEN_FILE=str(file))
    node.said(rf"drain asked for \(admin: uid {uid}\)")
    node.said(r"undrain asked for \(admin: token ops from 127\.0\.0\.1\)")


def test_weirctl_posts_nothing_to_another_server(place):
    asked = []

    class Application(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.command)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"welcome to my shop")

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Application) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for words in (["purge", "--all"], ["drain"], ["status"]):
            said = weirctl("-s", "127.0.0.1:%d" % server.server_port, *words, status=1)
            assert "not weir" in said and "welcome" not in said
        server.shutdown()
        thread.join()
    assert asked == ["GET"] * 3


def test_weirctl_knows_what_was_meant_and_when_its_output_is_lost(node):
    assert '(did you mean "status"?)' in weirctl("stauts", status=2)
    with open("/dev/full", "w", encoding="ascii") as full:
        for words in (["-s", node.admin.socket, "status"], ["--help"], ["--version"]):
            done = subprocess.run([str(WEIRCTL), *map(str, words)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=20,
                                  env=daemon.environment())
            assert done.returncode == 1 and "No space left" in done.stderr, words


def test_control_for_all_is_warned_of(place, origin):
    file, port = place / "weir.yaml", ports.free_port()
    for admin, warned in (({"address": f"0.0.0.0:{port}"}, True), ({"address": f"127.0.0.1:{port}"}, False),
                          ({"address": f"0.0.0.0:{port}", "allow": ["health"]}, False), ("off", False)):
        file.write_text(policy.text({"listen": ["127.0.0.1:1"], "admin": admin, "origins": {"app": policy.origin(origin)},
                                     "routes": [policy.route()]}))
        done = daemon.run("-t", "-c", file)
        assert done.returncode == 0 and ("may drain and reload" in done.stderr) == warned, admin
        if warned:
            assert f"{file}:4:3: warning: admin" in done.stderr, done.stderr


# reloads

def test_a_refused_reload_is_seen_until_a_good_one(weirs, origin):
    good = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]}
    node = weirs(good)
    first = node.admin.metric("weir_config_last_reload_timestamp_seconds")
    assert first > 1e9 and node.admin.metric("weir_config_last_reload_successful") == 1
    node.write(text="routes: 5\n")
    node.admin.ctl("reload", status=1)
    assert node.admin.metric("weir_config_last_reload_successful") == 0
    assert "refused" in node.admin.ctl("status")
    node.write(good)
    node.admin.ctl("reload")
    assert node.admin.metric("weir_config_last_reload_successful") == 1
    assert node.admin.metric("weir_config_last_reload_timestamp_seconds") >= first
    assert "refused" not in node.admin.ctl("status")


def test_what_needs_a_restart_is_compared_with_what_runs(weirs, origin):
    runs = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]}
    node = weirs(runs)
    node.write({**runs, "workers": 1, "memory": "off"})
    assert node.admin.ctl_json("reload")["restart_pending"] == ["workers", "memory"]
    node.said(r"restart pending: a change of workers, memory ")
    node.write({**runs, "workers": 1, "server_name": "other"})
    assert "restart pending: server_name, workers\n" in node.admin.ctl("reload")
    assert node.admin.ctl_json("status")["restart_pending"] == "server_name, workers"
    assert node.admin.ctl_json("status")["workers"] == 2
    node.admin.ctl("reload")            # nothing has changed since, but still not what runs
    assert "restart pending" in node.admin.ctl("status")
    node.write(runs)
    assert node.admin.ctl_json("reload")["restart_pending"] == []
    assert "restart pending" not in node.admin.ctl("status")


def test_mistakes_are_errors_in_the_journal(place):
    """In a unit stderr is a socket of the journal's, which JOURNAL_STREAM names."""
    file, out = place / "weir.yaml", place / "journal"
    file.write_text("routes: 5\n")
    with open(out, "w", encoding="utf-8") as journal:
        stat = os.fstat(journal.fileno())
        done = subprocess.run(daemon.command("-t", "-c", file), stderr=journal, timeout=30,
                              env={**daemon.environment(), "JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
    lines = out.read_text().splitlines()
    assert done.returncode == 1 and lines and all(line.startswith("<3>weir: ") for line in lines), lines


# health on a public listener

def test_a_public_listener_tells_whether_the_node_is_ready(place, origin):
    origin.on("/ready", body=b"the application's").on("/", body=b"x")
    node = Weir(place / "node")
    other = ports.free_port()
    node.write({"origins": {"app": policy.origin(origin)}, "routes": [policy.route("/")], "drain": {"delay": "300s"},
                "listen": [{"address": "%s:%d" % node.address, "health": "/ready"}, {"address": f"127.0.0.1:{other}"}]})
    node.start()
    with node.connect() as connection:
        for method in ("GET", "HEAD", "OPTIONS"):
            assert connection.ask("/ready", method).status == 200
        assert connection.ask("/").body == b"x"
        node.admin.ctl("drain")
        assert connection.ask("/ready?x=1").status == 503 and connection.ask("/").body == b"x"
        with node.connect() as old:
            old.send(b"OPTIONS /ready HTTP/1.0\r\n\r\n")        # HAProxy's check, when it isn't told otherwise
            assert old.read("OPTIONS").status == 503
        assert connection.ask("/ready", "POST", body=b"").status == 404
        assert ask(("127.0.0.1", other), "/ready").status == 404
        node.admin.ctl("undrain")
        assert connection.ask("/ready").status == 200
    node.signal(2)
    until(lambda: node.process.poll() is not None, "the end")
    assert node.process.returncode == 0
