# SPDX-License-Identifier: BSD-2-Clause
"""Configurations of nginx, HAProxy and Varnish, and the policies that say the same (tests/e2e/from): the real peer and weir
stand before the same origins, and answer the same requests alike."""

import pathlib
import shutil

import pytest
import yaml

from rig import ports
from rig.answer import Answer
from rig.client import ask
from rig.program import Program

FROM = pathlib.Path(__file__).with_name("from")
SBIN = "/usr/sbin:/usr/local/sbin"


def fill(name, **values):
    text = (FROM / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text


@pytest.fixture
def program(place):
    """program(binary, words, name, **values): starts a peer with this file of tests/e2e/from; returns its address."""
    started = []

    def start(binary, words, name, **values):
        found = shutil.which(binary) or shutil.which(binary, path=SBIN)
        if not found:
            pytest.skip(f"needs {binary}")
        port, directory = ports.free_port(), place / name
        shutil.copytree(place / "site", directory / "site", dirs_exist_ok=True)
        (directory / name).write_text(fill(name, PORT=port, **values))
        words = [word.format(file=directory / name, directory=directory, port=port) for word in words]
        started.append(Program([found, *words], directory, port, patience=90))     # Varnish compiles its VCL first
        return ("127.0.0.1", port)

    (place / "site" / "static").mkdir(parents=True)
    (place / "site" / "static" / "a.css").write_text("body { color: red }\n")
    (place / "site" / "50x.html").write_text("<p>back soon\n")
    yield start
    for each in started:
        each.stop()


NGINX = ["-p", "{directory}", "-e", "stderr", "-c", "{file}", "-g", "daemon off; master_process off;"]
HAPROXY = ["-db", "-f", "{file}"]
VARNISH = ["-F", "-j", "none", "-n", "{directory}/varnish", "-a", "127.0.0.1:{port}", "-f", "{file}", "-s", "malloc,16m"]


def policy(name, place, **values):
    """Returns the policy's own part, with the site's files beside it; the rig adds listener and admin socket."""
    (place / "edge-1").mkdir(exist_ok=True)
    shutil.copytree(place / "site", place / "edge-1" / "site", dirs_exist_ok=True)
    return yaml.safe_load(fill(name, **values))


def mirror(name):
    """Answers with what the origin was sent, and with fields that edits concern."""
    def answer(request):
        sent = {field: request.fields.get(field) for field in ("Host", "X-Real-IP", "X-Debug", "X-Edition")}
        told = {key: value for key, value in sent.items() if value}
        body = f"{name} {request.method} {request.target} {told} {len(request.body)}"
        return Answer(fields={"X-Powered-By": "PHP", "Content-Type": "text/plain"}, body=body.encode())
    return answer


def compared(answer, fields):
    return answer.status, {name: answer.fields.get(name) for name in fields if name in answer.fields}, answer.body


def alike(peer, weir, requests, fields, bodies=lambda status: status < 300):
    """Sends each request to both. bodies(status): are the bodies the site's own, so that they must be the same too?"""
    seen = []
    for target, options in requests:
        theirs, ours = (compared(ask(where, target, **options), fields) for where in (peer, weir))
        same = 3 if bodies(theirs[0]) else 2
        assert ours[:same] == theirs[:same], (target, options, "peer", theirs, "weir", ours)
        seen.append(ours[0])
    return seen


def test_a_site_of_nginx(place, origin, weirs, program):
    down = f"127.0.0.1:{ports.free_port()}"
    targets = ["/", "/a/b?c=d", "/v1/items?q=1", "/v1/", "/admin/x"]
    for target in targets:
        origin.on(target, mirror("app"))
    peer = program("nginx", NGINX, "nginx.conf", APP=origin.address, DOWN=down)
    files = program("nginx", NGINX, "nginx-files.conf")
    weir = weirs(policy("nginx.yaml", place, APP=origin.address, DOWN=down, FILES="%s:%d" % files))
    www = {"host": "www.shop.example"}
    requests = [
        ("/", www), ("/a/b?c=d", www), ("/", {"host": "other.example"}),
        ("/x?y=z", {"host": "shop.example"}), ("/", {"host": "shop.example"}),
        ("/api/items?q=1", {**www, "fields": {"X-Debug": "1", "X-Real-IP": "192.0.2.9"}}),
        ("/api/", {**www, "method": "POST", "body": b"x" * 2000}),
        ("/static/a.css", www), ("/static/a.css", {**www, "method": "HEAD"}), ("/static/none.css", www),
        ("/old/page", www), ("/old/a/b", www), ("/admin/x", www), ("/robots.txt", www), ("/reports/1", www),
    ]
    fields = ["Location", "X-Content-Type-Options", "Referrer-Policy", "Access-Control-Allow-Origin"]
    seen = alike(peer, weir.address, requests, fields, lambda status: status < 300 or status == 502)
    assert seen == [200, 200, 404, 301, 301, 200, 200, 200, 200, 404, 301, 301, 403, 200, 502]
    assert ask(weir.address, "/static/a.css", **www).fields["Cache-Control"] == "max-age=3600"


def test_a_frontend_of_haproxy(place, origins, weirs, program):
    app, second, api = origins(), origins(), origins()
    for server in (app, second):
        for path in ("/", "/x", "/login", "/admin/x"):
            server.on(path, mirror("app"))
    for path in ("/v2/items", "/write/items"):
        api.on(path, mirror("api"))
    at = {"APP": app.address, "APP2": second.address, "API": api.address}
    peer = program("haproxy", HAPROXY, "haproxy.cfg", **at)
    weir = weirs(policy("haproxy.yaml", place, **at))
    shop = {"host": "shop.example"}
    requests = [
        ("/", shop), ("/x", {"host": "WWW.shop.example"}), ("/", {"host": "other.example"}),
        ("/x", {**shop, "fields": {"User-Agent": "Big-Scraper/2"}}), ("/admin/x", shop),
        ("/secure?a=b", shop), ("/ping", shop),
        ("/api/items?q=1", {**shop, "fields": {"X-Debug": "1"}}), ("/api/items", {**shop, "method": "POST", "body": b"x=1"}),
        ("/x", {**shop, "fields": {"Cookie": "a=b; edition=new"}}), ("/x", {**shop, "fields": {"Cookie": "edition=newer"}}),
        *[("/login", {**shop, "method": "POST", "body": b"name=me"})] * 4,
    ]
    fields = ["Location", "X-Powered-By"]
    seen = alike(peer, weir.address, requests, fields)
    assert seen == [200, 200, 404, 403, 403, 301, 200, 200, 200, 200, 200, 200, 200, 200, 429]
    for where in (peer, weir.address):
        assert ask(where, "/", **shop).fields["Strict-Transport-Security"] == "max-age=31536000"


def test_a_vcl_of_varnish(place, origins, weirs, program):
    """Each has an origin of its own, which counts: so it is seen what comes from the cache."""
    theirs, ours = origins(), origins()
    for each in (theirs, ours):
        count = {}

        def page(request, count=count):
            name = request.path
            count[name] = count.get(name, 0) + 1
            told = {field: request.fields.get(field) for field in ("Cookie", "X-Debug") if field in request.fields and name == "/account/me"}
            status, fields = 200, {"Cache-Control": "max-age=300", "X-Powered-By": "PHP", "Cache-Tag": "news,front"}
            if name == "/static/a.css":
                fields = {"Cache-Control": "no-cache", "Set-Cookie": "id=1"}
            if name == "/none":
                status, fields = 404, {}
            return Answer(status, fields, body=f"{name} {request.target} {told} {count[name]}".encode())
        for path in ("/news", "/other", "/account/me", "/static/a.css", "/none"):
            each.on(path, page)
    peer = program("varnishd", VARNISH, "varnish.vcl", APP=theirs.port)
    weir = weirs(policy("varnish.yaml", place, APP=ours.port))
    shop = {"host": "shop.example"}
    analytics = {**shop, "fields": {"Cookie": "_ga=1; _gid=2", "X-Debug": "1"}}
    requests = [
        ("/news", shop), ("/news", shop), ("/news", analytics), ("/news?utm_source=a", shop), ("/news?a=1&utm_source=b", shop), ("/news?a=1", shop),
        ("/account/me", {**shop, "fields": {"Cookie": "session=1"}}), ("/account/me", shop), ("/other", shop),
        ("/static/a.css", analytics), ("/static/a.css", shop), ("/none", shop), ("/none", shop), ("/moved/x", shop), ("/moved", shop),
    ]
    fields = ["Location", "X-Frame-Options", "X-Powered-By", "Cache-Tag"]
    seen = alike(peer, weir.address, requests, fields, lambda status: status in (200, 404))
    assert seen == [200] * 11 + [404, 404, 301, 301]
    for where in (peer, weir.address):
        assert ask(where, "/news", "PURGE", **shop).status // 100 == 2
    alike(peer, weir.address, [("/news", shop), ("/other", shop)], fields)
    assert ask(peer, "/", "BAN", fields={"X-Tag": "news"}, **shop).status == 200
    weir.admin.ctl("purge", "--tag", "news")
    alike(peer, weir.address, [("/news", shop), ("/other", shop)], fields)
    assert theirs.calls() == ours.calls()
