# SPDX-License-Identifier: BSD-2-Clause
"""Redis by TLS (rediss://): who is believed, who is shown, and that nothing else is different. Where weir is built with it."""

import re
import shutil

import pytest

from rig import cache_status, daemon, policy, ports
from rig.answer import Answer
from rig.certificates import Authority
from rig.pattern import Pattern
from rig.redis_server import RedisServer
from rig.wait import until

TLS = "TLS failed"


@pytest.fixture(scope="module", autouse=True)
def built(tmp_path_factory):
    file = tmp_path_factory.mktemp("policy") / "weir.yaml"
    file.write_text("listen: [127.0.0.1:1]\norigins: { a: { servers: [127.0.0.1:2] } }\nroutes: [{ match: {}, origin: a }]\n"
                    "redis: { url: rediss://h }\n")
    if not shutil.which("openssl") or "no TLS" in daemon.run("-t", "-c", file).stderr:
        pytest.skip("weir is built without TLS to Redis")


@pytest.fixture
def authority(place):
    return Authority(place / "tls")


@pytest.fixture
def redis(place, authority):
    """Its certificate is for redis.test and 127.0.0.1; it asks for one in turn."""
    certificate, key = authority.certificate("redis", "DNS:redis.test,IP:127.0.0.1")
    port = ports.free_port()
    server = RedisServer(place / "redis", "--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key),
                         "--tls-ca-cert-file", str(authority.pem), "--tls-auth-clients", "optional")
    server.tls_address = ("127.0.0.1", port)
    yield server
    server.stop()


def settings(redis, authority, port=None, **tls):
    return {"url": f"rediss://127.0.0.1:{port or redis.tls_address[1]}", "timeout": "2s",
            "tls": {"ca": str(authority.pem), **{key: str(value) for key, value in tls.items()}}}


def test_everything_is_shared_by_tls(fleet, origin, redis, authority):
    nodes = fleet(3, redis=settings(redis, authority), memory={"size": "64MB", "max_object": "1MB"})
    body = Pattern(20 << 20)
    origin.on("/large", body=body).on("/page", lambda r: Answer(body=b"call %d" % origin.calls("/page"), fields={"Cache-Tag": "t"}))
    assert nodes[0].ask("/large").digest() == body.digest()
    for node in nodes[1:]:
        until(lambda: cache_status.hit(node.ask("/large"), node.name), "the large one")
        answer = node.ask("/large")
        assert cache_status.hit(answer, node.name) and answer.digest() == body.digest()
        assert node.ask("/large", fields={"Range": "bytes=15000000-15000099"}).length == 100
    for node in nodes:
        until(lambda: cache_status.hit(node.ask("/page"), node.name), "a hit")
    assert nodes[0].admin.ctl("purge", "--tag", "t") == "purged: 3 of 3 nodes\n"
    assert {node.ask("/page").body for node in nodes} == {b"call 2"}
    redis.call("FLUSHALL")
    until(lambda: nodes[2].ask("/page").body == b"call 3", "memory to be dropped")
    for node in nodes:
        assert node.admin.metric("weir_redis_errors_total") == 0
        assert node.admin.metric("weir_redis_invalidations_flowing") == 1
        assert node.admin.metric("weir_redis_timeouts_total") == 0


@pytest.mark.parametrize("deed", ["restarted", "cut", "stopped"])
def test_it_comes_back(fleet, origin, redis, relays, authority, deed):
    relay = relays(redis.tls_address)
    nodes = fleet(2, redis={**settings(redis, authority, relay.port), "timeout": "300ms"})
    counter = iter(range(10000))

    def shares():
        path = f"/{next(counter)}"
        origin.on(path, body=path.encode())
        assert nodes[0].ask(path).body == path.encode()
        return cache_status.hit(nodes[1].ask(path), "edge-2")

    until(shares, "sharing")
    if deed == "restarted":
        redis.restart()
    elif deed == "cut":
        relay.cut()
    else:
        redis.pause()
        for node in nodes:
            assert node.ask("/0").status == 200
        redis.resume()
    until(shares, "sharing again")


def test_a_server_that_wants_a_certificate_is_shown_one(fleet, weirs, origin, redis, authority):
    redis.call("CONFIG", "SET", "tls-auth-clients", "yes")
    certificate, key = authority.certificate("edge", "DNS:edge.test")
    nodes = fleet(2, redis=settings(redis, authority, certificate=certificate, key=key))
    origin.on("/page", body=b"x")
    nodes[0].ask("/page")
    until(lambda: cache_status.hit(nodes[1].ask("/page"), "edge-2"), "sharing")


@pytest.mark.parametrize("change, why", [
    (lambda redis, authority: redis.call("CONFIG", "SET", "tls-auth-clients", "yes"), f"{TLS}: .*certificate"),
    (lambda redis, authority: {"ca": Authority(authority.directory, "another").pem}, f"{TLS}: .*certificate"),
    (lambda redis, authority: {"server_name": "other.test"}, f"{TLS}: .*mismatch"),
    (lambda redis, authority: {"port": redis.port}, "is it a port for TLS"),    # which waits for the end of a line
], ids=["no certificate of ours", "another authority", "another name", "a server without TLS"])
def test_who_is_not_agreed_with_is_told_once_and_costs_no_answer(weirs, origin, redis, authority, change, why):
    changed = change(redis, authority)
    own = settings(redis, authority, **(changed if isinstance(changed, dict) else {}))
    if "port" in own["tls"]:
        own["url"] = f"rediss://127.0.0.1:{own['tls'].pop('port')}"
    node = weirs({"redis": own, "origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]}, linked=False)
    origin.on("/page", body=b"x")
    assert {node.ask("/page").status for _ in range(5)} == {200}
    node.said(why)
    assert node.admin.ctl_json("status")["redis"] == "away"
    node.says_once(why)
    assert redis.keys("*cache*") == []


def test_the_name_in_the_certificate_may_be_said(fleet, origin, redis, authority):
    [node] = fleet(1, redis=settings(redis, authority, server_name="redis.test"))
    assert node.admin.ctl_json("status")["redis"] == "up"


def test_what_is_no_certificate_is_told_by_the_check(place, authority):
    other, key = authority.certificate("a", "DNS:a")[0], authority.certificate("b", "DNS:b")[1]
    (place / "text.pem").write_text("no certificate\n")
    for tls, why in ((f"ca: {place}/text.pem", "ca: can't use"), (f"certificate: {place}/text.pem, key: {key}", "certificate: can't use"),
                     (f"certificate: {other}, key: {key}", "key")):
        (place / "weir.yaml").write_text("listen: [127.0.0.1:1]\norigins: { a: { servers: [127.0.0.1:2] } }\n"
                                         f"routes: [{{ match: {{}}, origin: a }}]\nredis: {{ url: rediss://h, tls: {{ {tls} }} }}\n")
        done = daemon.run("-t", "-c", place / "weir.yaml")
        assert done.returncode == 1 and re.search(rf"redis\.tls: {why}", done.stderr), done.stderr


def test_a_change_is_said_to_need_a_restart(fleet, redis, authority):
    [node] = fleet(1, redis=settings(redis, authority))
    text = node.file.read_text()
    node.reload(text=text.replace("ca:", "server_name: redis.test\n    ca:"))
    node.said("a change of redis takes effect at the next restart")
    node.reload(text=text.replace(str(authority.pem), str(authority.key)))
    node.said("redis.tls: ca: can't use")
    node.said("reload refused")
