# SPDX-License-Identifier: BSD-2-Clause
"""What a policy says once: included files, variables of the environment, defaults, named caches and headers."""

from rig import daemon, policy
from rig.wait import until


def put(place, name, *routes):
    folder = place / "conf.d"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(policy.text({"routes": list(routes)}))


def test_reload_reads_included_files_again(weirs, origin, place):
    origin.on("/a", body=b"a").on("/b", body=b"b")
    put(place, "a.yaml", policy.route("/a"))
    settings = {"include": f"{place}/conf.d/*.yaml", "origins": {"app": policy.origin(origin)}}
    node = weirs(settings)
    assert (node.ask("/a").body, node.ask("/b").status) == (b"a", 404)
    put(place, "b.yaml", policy.route("/b"))
    node.reload(settings)
    until(lambda: node.ask("/b").body == b"b", "the route of the new file")
    put(place, "b.yaml", policy.route("/b", "ap"))
    node.reload(settings)
    node.said(r'conf\.d/b\.yaml:\d+:\d+: origin: there is no "ap" in origins \(did you mean "app"\?\)')
    assert node.ask("/b").body == b"b"


def test_routes_take_defaults_and_names(weirs, origin):
    for path in ("/", "/plain", "/own"):
        origin.on(path, body=b"x", fields={"Server": "origin"})
    node = weirs({
        "origins": {"app": policy.origin(origin)},
        "caches": {"static": {"ttl": "1h", "override": True}},
        "headers": {"safe": {"set": {"X-Frame-Options": "DENY", "X-Who": "safe"}, "remove": ["Server"]}},
        "defaults": {"origin": "app", "headers": "safe", "cache": "static"},
        "routes": [{"match": {"path": "/plain"}, "cache": "off", "headers": []},
                   {"match": {"path": "/own"}, "response": {"set": {"X-Who": "own"}}},
                   {"match": {"path": "/gone"}, "respond": {"status": 410}},
                   {"match": {}}]})

    def fields(path):
        answer = node.ask(path)
        return tuple(answer.fields.get(name) for name in ("X-Frame-Options", "X-Who", "Server"))

    assert fields("/plain") == (None, None, "origin")
    assert fields("/own") == ("DENY", "own", None)
    assert fields("/gone") == ("DENY", "safe", None)
    assert fields("/") == ("DENY", "safe", None)
    node.ask("/"), node.ask("/plain")
    assert (origin.calls("/"), origin.calls("/plain")) == (1, 2)


def test_values_come_from_the_environment(weirs, origin):
    origin.on("/", body=b"x").on("/said")
    node = weirs({"origins": {"app": {"servers": ["${APP_SERVER}"]}}, "routes": [
        policy.route("/said", to="app") | {"response": {"set": {"X-Stage": "${STAGE:-test}"}}}, policy.route()]},
        env={"APP_SERVER": origin.address})
    assert node.ask("/").body == b"x"
    assert node.ask("/said").fields["X-Stage"] == "test"


def test_an_included_mistake_is_reported_with_its_file(place):
    (place / "conf.d").mkdir()
    (place / "conf.d" / "shop.yaml").write_text("routes:\n  - match: {}\n    origin: ${NO_SUCH_VARIABLE}\n")
    (place / "weir.yaml").write_text("listen: 127.0.0.1:8080\norigins: { app: { servers: 127.0.0.1:9000 } }\ninclude: conf.d/*.yaml\n")
    done = daemon.run("-t", "-c", place / "weir.yaml")
    assert done.returncode == 1
    assert f"{place}/conf.d/shop.yaml:3:13: the environment has no variable NO_SUCH_VARIABLE" in done.stderr, done.stderr
