# SPDX-License-Identifier: BSD-2-Clause
"""Redis with users, passwords and Unix sockets: the user of the manual suffices, and may no more."""

import pathlib
import re

import pytest

from rig import cache_status, policy
from rig.answer import Answer
from rig.daemon import TREE
from rig.lists import ALGORITHMS
from rig.pattern import Pattern
from rig.resp import RedisError, Resp
from rig.wait import until


def acl_of_the_manual():
    text = (TREE / "man" / "weir-redis.7").read_text()
    rule = re.search(r"^ACL SETUSER weir .*?^\.fi", text, re.M | re.S).group(0)
    return rule.removesuffix(".fi").replace("PASSWORD", "secret").split()


@pytest.fixture
def guarded(redis):
    """A Redis whose default user may nothing and whose user weir is the manual's."""
    with Resp(redis.socket) as own:
        own.call("ACL", "SETUSER", "root", "on", ">root", "~*", "&*", "+@all")
        own.call(*acl_of_the_manual())
        own.call("ACL", "SETUSER", "default", "off")

    def call(*words):
        with Resp(redis.socket) as own:
            own.call("AUTH", "root", "root")
            return own.call(*words)

    redis.call = call
    return redis


def use_everything(nodes, origin, redis):
    origin.on("/page", lambda r: Answer(body=b"call %d" % origin.calls("/page"), fields={"Cache-Tag": "a", "Cache-Groups": '"g"'}))
    origin.on("/vary", fields={"Vary": "X-A"}).on("/large", body=Pattern(3 << 20)).on("/save", fields={
        "Cache-Group-Invalidation": '"g"'}).on("/private", fields={"Cache-Control": "no-store"})
    for path in ("/page", "/vary", "/large", "/private"):
        for node in nodes:
            assert node.ask(path, fields={"X-A": node.name}).status == 200
    for words in (["--tag", "a"], ["--prefix", "test.example/p"], ["--host", "test.example"], ["--all"],
                  ["http://test.example/page"], ["--tag", "a", "--soft"], ["http://test.example/page", "--soft"]):
        assert f"{len(nodes)} of {len(nodes)} nodes" in nodes[0].admin.ctl("purge", *words)
        for node in nodes:
            assert node.ask("/page").status == 200
    assert len(nodes[0].admin.ctl_json("purges")) == 7
    assert nodes[0].ask("/save", "POST", body=b"").status == 200
    until(lambda: cache_status.hit(nodes[1].ask("/vary", fields={"X-A": "1"}), "edge-2"), "sharing")


def limits():
    return {name: {"key": "client", "algorithm": name, "rate": "100000/m"}
            for name in ALGORITHMS}


def test_the_user_of_the_manual_suffices(fleet, origin, guarded):
    nodes = fleet(2, policy.route(cache=True, limits=list(limits())), limits=limits(),
                  redis={"url": f"redis://weir:secret@127.0.0.1:{guarded.port}/0", "timeout": "2s"})
    use_everything(nodes, origin, guarded)
    assert guarded.call("ACL", "LOG") == []
    for node in nodes:
        assert node.admin.metric("weir_redis_errors_total") == 0
        assert node.admin.metric("weir_redis_invalidations_flowing") == 1
        assert "permit" not in node.stderr and "NOPERM" not in node.stderr


def test_the_user_of_the_manual_may_call_what_scripts_call():
    allowed = {word[1:].partition("|")[0] for word in acl_of_the_manual() if word.startswith("+")}
    scripts = "".join(path.read_text() for path in (TREE / "src" / "redis" / "lua").glob("*.lua"))
    called = {name.lower() for name in re.findall(r"(?:redis\.p?call\(|ask\(key, )'([A-Z]+)'", scripts)}
    sources = "".join(path.read_text() for path in (TREE / "src").rglob("*.c"))
    sent = {name.lower() for name in re.findall(r'WR_SLICE(?:_INIT)?\("([A-Z]+)"\)', sources)}
    assert called - allowed == set()
    assert allowed - called - sent == set()


def test_the_user_of_the_manual_may_no_more(guarded):
    with Resp(guarded.address) as weir:
        weir.call("AUTH", "weir", "secret")
        weir.call("SET", "weir:v1:x", "1", "PX", "1000")
        for words in (["KEYS", "*"], ["FLUSHALL"], ["CONFIG", "GET", "*"], ["GET", "other"], ["SET", "weir:v2:x", "1"], ["SCAN", "0"],
                      ["ACL", "LIST"], ["PUBLISH", "other", "x"], ["CLIENT", "KILL", "TYPE", "normal"]):
            with pytest.raises(RedisError, match="NOPERM|no permissions"):
                weir.call(*words)


def test_password_from_a_file_over_a_unix_socket(fleet, origin, guarded, place):
    (place / "password").write_text("secret\n")
    nodes = fleet(2, redis={"url": f"unix://weir@{guarded.socket}", "password_file": str(place / "password"), "timeout": "2s"})
    use_everything(nodes, origin, guarded)


def test_a_wrong_password_is_said_once_and_costs_no_answer(weirs, origin, guarded):
    origin.on("/", body=b"x")
    node = weirs({"redis": {"url": f"redis://weir:wrong@127.0.0.1:{guarded.port}/0"},
                  "origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]}, linked=False)
    assert {node.ask("/").status for _ in range(5)} == {200}
    node.says_once("refuses user or password")
    assert "wrong" not in node.stderr.replace("WRONGPASS", "")
