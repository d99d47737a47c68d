# SPDX-License-Identifier: BSD-2-Clause
"""Responses in which an origin calls itself by its own address, scripted ones and a real nginx's."""

import shutil
import subprocess

import pytest

from rig import cache_status, policy, ports
from rig.answer import Answer
from rig.wait import until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def node_for(weirs, origin, cache=True, more=(), **settings):
    return weirs({"origins": {"app": policy.origin(origin, **dict(more))}, "routes": [policy.route(cache=cache)], **settings})


def own(origin, path="/there"):
    return f"http://{origin.address}{path}"


@pytest.mark.parametrize("cache", [True, "off"])
@pytest.mark.parametrize("pass_host", [True, False])
def test_the_origins_address_becomes_the_one_that_the_client_knows(weirs, origin, cache, pass_host):
    node = node_for(weirs, origin, cache, {"pass_host": pass_host})
    origin.on("/", Answer(302, {"Location": own(origin), "Content-Location": own(origin, "/here"), "X-Kept": own(origin),
                                "Refresh": f"3; url={own(origin)}", "Cache-Control": "max-age=60"}))
    for method in ("GET", "HEAD", "POST", "GET"):
        seen = node.ask("/", method, host="shop.example:81", body=b"x" if method == "POST" else None).fields
        assert seen["Location"] == "http://shop.example:81/there"
        assert seen["Content-Location"] == "http://shop.example:81/here"
        assert seen["Refresh"] == "3; url=http://shop.example:81/there"
        assert seen["X-Kept"] == own(origin)


def test_any_server_of_the_origin_is_itself(weirs, origins):
    first, second = origins(), origins()
    node = weirs({"origins": {"app": policy.origin(first, second)}, "routes": [policy.route()]})
    for origin, other in ((first, second), (second, first)):
        origin.on("/", Answer(302, {"Location": own(other)}))
    assert {node.ask("/").fields["Location"] for _ in range(4)} == {"http://test.example/there"}


def test_others_are_left_as_they_are(weirs, origin, origins):
    node = node_for(weirs, origin, "off")
    for place in ("/there", "https://elsewhere.example/", own(origins()), f"https://{origin.address}/", "http://test.example/"):
        origin.on("/", Answer(302, {"Location": place}))
        assert node.ask("/").fields["Location"] == place


def test_it_can_be_turned_off(weirs, origin):
    node = node_for(weirs, origin, more={"rewrite_location": False})
    origin.on("/", Answer(302, {"Location": own(origin)}))
    assert node.ask("/").fields["Location"] == own(origin)


def test_each_scheme_and_host_is_told_its_own(weirs, origin):
    """What is stored for one is never what another gets."""
    node = node_for(weirs, origin, trusted_proxies=["127.0.0.1"])
    origin.on("/", Answer(301, {"Location": own(origin), "Cache-Control": "max-age=60"}))
    visits = [("a.example", {}), ("b.example", {}), ("a.example", {"X-Forwarded-Proto": "https"}),
              ("inner", {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "b.example"})]
    expected = ["http://a.example/there", "http://b.example/there", "https://a.example/there", "https://b.example/there"]
    for round_ in range(2):
        answers = [node.ask("/", host=host, fields=fields) for host, fields in visits]
        assert [answer.fields["Location"] for answer in answers] == expected
        assert [cache_status.hit(answer) for answer in answers] == [round_ == 1] * 4


def test_hosts_that_share_what_is_stored_are_told_a_path(weirs, origin):
    node = node_for(weirs, origin, cache={"ttl": "60s", "key": {"host": False}})
    origin.on("/", Answer(301, {"Location": own(origin), "Cache-Control": "max-age=60"}))
    assert [node.ask("/", host=host).fields["Location"] for host in ("a.example", "b.example")] == ["/there", "/there"]
    assert origin.calls("/") == 1


def test_a_stored_redirect_is_right_on_every_node_and_after_a_304(fleet, origin):
    first, second = fleet(2, route=policy.route(cache={"jitter": "0%"}))
    fields = {"Location": own(origin), "Cache-Control": "max-age=0, must-revalidate", "ETag": '"1"'}
    origin.on("/", lambda r: Answer(304 if "If-None-Match" in r.fields else 301, fields))
    for node in (first, second, first):
        answer = node.ask("/")
        assert (answer.status, answer.fields["Location"]) == (301, "http://test.example/there")


def test_what_an_unsafe_method_changed_is_found_by_the_origins_own_name_for_it(weirs, origin):
    node = node_for(weirs, origin)
    origin.on("/there", fields={"Cache-Control": "max-age=60"}, body=b"x")
    origin.on("/do", Answer(303, {"Location": own(origin)}))
    node.ask("/there")
    assert cache_status.hit(node.ask("/there"))
    node.ask("/do", "POST", body=b"x")
    assert not cache_status.hit(node.ask("/there"))


# a real nginx

@pytest.fixture
def nginx(place):
    """Factory: an nginx that serves a directory and a file of 4000 letters in it, with these lines in its http block."""
    running = []

    def start(*lines):
        port, root = ports.free_port(), place / "nginx"
        (root / "files" / "dir").mkdir(parents=True)
        (root / "files" / "page.html").write_text("x" * 4000)
        for directory in (place, root, root / "files", root / "files" / "dir"):
            directory.chmod(0o755)      # its workers are of another user where it is started by root
        (root / "nginx.conf").write_text(f"""daemon off; pid {root}/pid; error_log {root}/error.log; worker_processes 1;
            events {{ worker_connections 64; }}
            http {{ access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
                uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi; types {{ text/html html; }} {" ".join(lines)}
                server {{ listen 127.0.0.1:{port}; root {root}/files; }} }}""")
        with open(root / "said", "wb") as said:
            running.append(subprocess.Popen([NGINX, "-p", root, "-c", root / "nginx.conf"], stdout=said, stderr=said))

        def up():
            assert running[-1].poll() is None, (root / "said").read_text() + (root / "error.log").read_text()
            try:
                ports.connect(("127.0.0.1", port), 5).close()
                return True
            except OSError:
                return False
        until(up, "nginx listens")
        return f"127.0.0.1:{port}"

    if not NGINX:
        pytest.skip("nginx is not installed (scripts/packages --install test)")
    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(20)


@pytest.mark.parametrize("pass_host", [True, False])
def test_nginxs_redirects_lead_back_to_where_the_client_came_from(weirs, nginx, pass_host):
    """It says http://, the host that it was asked for and its own port."""
    node = node_for(weirs, nginx(), "off", {"pass_host": pass_host})
    for host in ("shop.example", "shop.example:8080"):
        answer = node.ask("/dir", host=host)
        assert (answer.status, answer.fields["Location"]) == (301, f"http://{host}/dir/")


@pytest.mark.parametrize("lines, compressed", [(["gzip on;"], False), (["gzip on;", "gzip_proxied any;"], True)])
def test_nginx_compresses_for_a_proxy_when_told_to(weirs, nginx, lines, compressed):
    """Via turns its gzip off, as weir(8) says, and so says what to set."""
    node = node_for(weirs, nginx(*lines, "gzip_vary on;"), "off")
    answer = node.ask("/page.html", fields={"Accept-Encoding": "gzip"})
    assert answer.status == 200 and ("gzip" in answer.fields.get("Content-Encoding", "")) == compressed
