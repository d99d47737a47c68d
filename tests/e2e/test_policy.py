# SPDX-License-Identifier: BSD-2-Clause
"""The policy file: every mistake at once, each with its place, its reason and a suggestion; reload keeps what works."""

import re
import threading

import pytest

from rig import daemon, policy
from rig.wait import until

GOOD = """\
server_name: edge-1
listen:
  - address: 127.0.0.1:8080
origins:
  app: {servers: [127.0.0.1:9000]}
routes:
  - match: {}
    origin: app
    cache: off
"""

FIVE_MISTAKES = """\
server_name: edge-1
listen:
  - adress: 127.0.0.1:8080
origins:
  app: {servers: [127.0.0.1:9000], response_timeout: 30 parsecs}
limits:
  per-client: {key: client, algorithm: token_buckets, rate: 100/s}
routes:
  - match: {path: /a}
    origin: aap
  - match: {}
    origin: app
    cache: off
    cache: {ttl: 60s}
"""


def check(place, text):
    """weir -t on a text: (exit status, [(line, column, message)])."""
    file = place / "policy.yaml"
    file.write_text(text)
    done = daemon.run("-t", "-c", file)
    mistakes = [(int(m[1]), int(m[2]), m[3])
                for m in re.finditer(rf"^{re.escape(str(file))}:(\d+):(\d+): (.+)$", done.stderr + done.stdout, re.M)]
    return done.returncode, mistakes


def test_a_good_policy_is_good(place):
    assert check(place, GOOD) == (0, [])


def test_every_mistake_at_once_with_place_and_suggestion(place):
    status, mistakes = check(place, FIVE_MISTAKES)
    assert status == 1

    def told(line, column, *words):
        messages = [message for *at, message in mistakes if at == [line, column]]
        return any(all(word in message for word in words) for message in messages)

    assert told(3, 5, "adress", 'did you mean "address"?'), mistakes
    assert told(5, 54, "response_timeout"), mistakes
    assert told(7, 40, '"token_bucket"'), mistakes
    assert told(10, 13, "aap", 'did you mean "app"?'), mistakes
    assert told(14, 5, "cache"), mistakes


@pytest.mark.parametrize("old, new, line, said", [
    ("server_name: edge-1", "server_nam: edge-1", 1, "server_name"),
    ("server_name: edge-1", "server_name: edge-1\nworkers: -1", 2, "-1"),
    ("server_name: edge-1", "server_name: edge-1\nworkers: many", 2, "many"),
    ("server_name: edge-1", "server_name: edge-1\nserver_name: edge-2", 2, "server_name"),
    ("server_name: edge-1", "server_name: edge-1\nmemory: {size: 256XB}", 2, "size"),
    ("server_name: edge-1", "server_name: edge-1\nredis: {url: 'http://x'}", 2, "redis://"),
    ("server_name: edge-1", "server_name: edge-1\nredis: {url: 'redis://h', timeout: 50}", 2, "50"),
    ("server_name: edge-1", "server_name: edge-1\ntrusted_proxies: [10.0.0.0/33]", 2, "10.0.0.0/33"),
    ("server_name: edge-1", "server_name: edge-1\nlog: {level: loud}", 2, "loud"),
    ("server_name: edge-1", "server_name: edge-1\nlog: [info]", 2, ""),
    ("127.0.0.1:8080", "127.0.0.1:80800", 3, "80800"),
    ("127.0.0.1:8080", "localhost", 3, "localhost"),
    ("[127.0.0.1:9000]", "[]", 5, "servers"),
    ("{servers: [127.0.0.1:9000]}", "{}", 5, "servers"),
    ("[127.0.0.1:9000]}", "[127.0.0.1:9000], retries: lots}", 5, "lots"),
    ("[127.0.0.1:9000]}", "[127.0.0.1:9000], balance: round_robbin}", 5, "round_robin"),
    ("origin: app", "origin: shop", 8, "shop"),
    ("    origin: app", "    limits: [few]\n    origin: app", 8, "few"),
    ("match: {}", "match: {path: static}", 7, "static"),
    ("match: {}", "match: {paht: /x}", 7, "path"),
    ("cache: off", "cache: {ttl: 60}", 9, "60"),
    ("cache: off", "cache: {ttl: 60s, jitter: 200%}", 9, "jitter"),
    ("cache: off", "cache: {ttl: [60s]}", 9, ""),
    ("cache: off", "cache: {key: {headers: ['bad name']}}", 9, "bad name"),
    ("routes:", "limits:\n  few: {key: client, algorithm: gcra, rate: 100}\nroutes:", 7, "100"),
    ("routes:", "limits:\n  few: {key: 'heder:X', algorithm: gcra, rate: 1/s}\nroutes:", 7, "header"),
    ("routes:", "limits:\n  few: {key: client, algorithm: gcra}\nroutes:", 7, "rate"),
])
def test_one_mistake_is_found_where_it_is(place, old, new, line, said):
    assert old in GOOD
    status, mistakes = check(place, GOOD.replace(old, new, 1))
    assert status == 1
    assert line in [at for at, _, _ in mistakes], mistakes
    assert any(said in message for at, _, message in mistakes if at == line), mistakes


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "a: [b\n", "a: b: c\n", "\t- x\n", "a: *unknown\n",
                                  "a: &x [*x]\n", "listen:\n", "\0", "\xff\xfe", "{" * 3000],
                         ids=lambda t: repr(t)[:20])
def test_what_is_no_policy_at_all_is_an_error_with_a_place(place, text):
    status, mistakes = check(place, text)
    assert status == 1 and mistakes


def test_a_missing_required_section_is_named(place):
    status, mistakes = check(place, "server_name: x\n")
    assert status == 1
    said = " ".join(message for _, _, message in mistakes)
    assert "listen" in said and "origins" in said and "routes" in said


def test_a_file_that_is_not_there(place):
    done = daemon.run("-t", "-c", place / "none.yaml")
    assert done.returncode == 1 and "none.yaml" in done.stderr


def test_a_bad_policy_starts_nothing(place):
    file = place / "bad.yaml"
    file.write_text(FIVE_MISTAKES)
    done = daemon.run("-c", file)
    assert done.returncode == 1 and "aap" in done.stderr


def test_version_and_wrong_options():
    version = daemon.run("-V")
    assert version.returncode == 0 and re.search(r"weir \d+\.\d+", version.stdout)
    assert daemon.run("--version").stdout == version.stdout
    assert daemon.run("--help").stdout == daemon.run("-h").stdout != ""
    assert daemon.run("--no-such-option").returncode not in (0, None)


def test_a_byte_order_mark_does_no_harm(place):
    assert check(place, "\ufeff" + GOOD)[0] == 0


@pytest.mark.parametrize("change, word", [
    ({"log": {"access": {"format": "json", "to": "stderr"}}}, "log.access"),
    ({"trusted_proxies": ["10.0.0.0/8"], "listen": "proxied"}, "listen"),
    ({"redis": {"url": "redis://:secret@127.0.0.1:1/0"}}, "redis"),
    ({"redis": {"url": "redis://127.0.0.1:1/0", "timeout": "70ms"}}, "redis"),
])
def test_hup_says_what_takes_effect_only_at_the_next_start(weirs, origin, change, word):
    base = {"redis": {"url": "redis://127.0.0.1:1/0"}, "origins": {"app": policy.origin(origin)}, "routes": [policy.route()]}
    node = weirs(base)
    if change.get("listen"):
        change = change | {"listen": [{"address": "%s:%d" % node.address, "proxy_protocol": True}]}
    node.reload(base | change)
    node.said(rf"a change of {word} takes effect at the next restart")


def test_hup_takes_a_good_policy(weirs, origins):
    old, new = origins().on("/", body=b"old"), origins().on("/", body=b"new")
    node = weirs({"origins": {"app": policy.origin(old)}, "routes": [policy.route()]})
    with node.connect() as connection:
        assert connection.ask("/").body == b"old"
        node.reload({"origins": {"app": policy.origin(new)}, "routes": [policy.route()]})
        until(lambda: connection.ask("/").body == b"new", "the new policy on the same connection")


def test_hup_keeps_the_old_policy_when_the_new_one_is_wrong(weirs, origin):
    origin.on("/", body=b"fine")
    settings = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]}
    node = weirs(settings)
    node.reload(text=FIVE_MISTAKES)
    node.said(r"weir\.yaml:10:\d+: .*aap")
    assert node.ask("/").body == b"fine"
    node.reload(settings | {"routes": [policy.route("/only")]})
    until(lambda: node.ask("/").status == 404, "a later good policy")


def test_a_reload_in_the_middle_of_a_request_does_not_disturb_it(weirs, origin):
    gate = threading.Event()
    origin.on("/held", body=b"held", gate=gate).on("/", body=b"x")
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
    with node.connect() as connection:
        connection.send_head("GET", "/held")
        origin.wait_calls("/held", 1)
        node.reload({"origins": {"other": policy.origin(origin)}, "routes": [policy.route("/else", "other")]})
        until(lambda: node.ask("/").status == 404, "the new policy")
        gate.set()
        assert connection.read().body == b"held"


def test_reload_keeps_what_is_in_memory(weirs, origin):
    settings = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]}
    origin.on("/", body=b"x").on("/gone", body=b"y")
    node = weirs(settings)
    node.ask("/")
    node.reload(settings | {"routes": [policy.route("/gone", host="nobody.example"), policy.route("/new", cache="off"),
                                       policy.route("/", cache=True)]})
    until(lambda: node.ask("/gone").status == 404, "the new policy")
    node.ask("/")
    assert origin.calls("/") == 1
