# SPDX-License-Identifier: BSD-2-Clause
"""weir explain: what the policy would do with a request, before any is sent."""

import pytest

from rig import daemon

POLICY = """\
listen: 127.0.0.1:8080
redis: {url: redis://127.0.0.1:6379}
origins:
  shop: {servers: [127.0.0.1:9000, {address: app.internal:9001, weight: 2}]}
limits:
  per-client: {key: client, rate: 100/s, burst: 200}
routes:
  - match: {host: "*.example.com", path: /static/*}
    origin: shop
    cache: {ttl: 1h, override: on, jitter: 10%, grace: 1m}
  - match: {path: /api/*, method: [GET, POST]}
    origin: shop
    limits: per-client
    cache: {key: {query: {drop: [utm_*]}, headers: [Accept-Language]}, bypass: "cookie:session", statuses: {404: 5s}}
  - match: {path: /edited/*}
    origin: shop
    request: {set: {X-Client: "{client}", Host: app}, remove: [Cookie], strip: /edited, query: {remove: ["utm_*"]}}
    response: {set: {X-A: "{path}"}, remove: [Server]}
  - match: {path: /off}
    origin: shop
    cache: off
"""


@pytest.fixture
def explain(place):
    file = place / "weir.yaml"
    file.write_text(POLICY)

    def ask(*words):
        done = daemon.run("explain", "-c", file, *words)
        return done.returncode, done.stdout, done.stderr
    return ask


def told(answer, *pieces):
    status, said, _ = answer
    assert status == 0, answer
    for piece in pieces:
        assert piece in said, (piece, said)


def test_the_route_with_its_line_and_its_origin(explain):
    told(explain("GET", "https://img.Example.com:8443/static/a.css#top"), "weir.yaml:8, number 1 of 4",
         "path /static/*", "shop, round_robin", "app.internal:9001 (weight 2)")


def test_a_ttl_that_overrides_the_origin(explain):
    told(explain("GET", "http://a.example.com/static/a.css"), "1h, whatever the origin says", "up to 10%", "1m stale")


def test_the_key_as_it_would_be_stored(explain):
    told(explain("GET", "http://x/api/v?utm_source=a&b=2", "-H", "Accept-Language: de"),
         "x/api/v?b=2\n", "accept-language=de", "in Redis: weir:v1:cache:x:{", "else 5s for status 404")


def test_limits_with_whose_they_are(explain):
    told(explain("GET", "http://x/api/", "-a", "192.0.2.7"), "per-client: token_bucket, 100 in 1s, burst 200",
         "counted for 192.0.2.7", "weir:v1:limit:per-client:{192.0.2.7}")
    told(explain("GET", "http://x/api/", "-a", "2001:db8:1:2:3::4"), "counted for 2001:db8:1:2::/64")


@pytest.mark.parametrize("words, why", [
    (["POST", "http://x/api/"], "its method"),
    (["GET", "http://x/api/", "-H", "Cookie: session=1"], "bypass"),
    (["GET", "http://x/off"], "off"),
])
def test_why_nothing_is_stored(explain, words, why):
    told(explain(*words), "passed to the origin, not stored", why)


def test_no_route(explain):
    status, said, _ = explain("GET", "http://x/nowhere")
    assert status == 1 and "404" in said


@pytest.mark.parametrize("words, why", [
    (["GET", "/api/"], "Host"),
    (["GET", "http://x/a b"], "400"),
    (["GET", "http://x/" + "a" * 9000], "414"),
    (["GET", "http://x/", "-H", "Content-Length: 1, 2"], "400"),
])
def test_a_request_that_would_be_refused(explain, words, why):
    status, said, error = explain(*words)
    assert status == 1 and why in error and said == ""


def test_a_wrong_policy_and_wrong_usage(explain, place):
    assert explain()[0] == 2 and explain("GET")[0] == 2 and explain("GET", "http://x/", "-a", "here")[0] == 2
    (place / "wrong.yaml").write_text(POLICY.replace("shop:", "shpo:"))
    done = daemon.run("explain", "-c", place / "wrong.yaml", "GET", "http://x/")
    assert done.returncode == 1 and 'did you mean "shpo"?' in done.stderr


def test_the_key_is_made_of_what_the_origin_gets(place):
    file = place / "weir.yaml"
    file.write_text("""\
listen: 127.0.0.1:8080
trusted_proxies: [10.0.0.0/8]
origins: {app: {servers: [127.0.0.1:9000]}}
routes:
  - match: {}
    origin: app
    cache: {key: {headers: [X-Real-IP, X-Lang], query: {drop: ["utm_*"], strip: on}}}
""")

    def key(*fields, address="192.0.2.1", query="?utm_a=1&b=%7e"):
        done = daemon.run("explain", "-c", file, "-a", address, *(word for field in fields for word in ("-H", field)), "GET",
                          "http://a.example/p" + query)
        return (done.returncode, done.stdout, done.stderr)

    told(key("X-Real-IP: 1", "X-Lang: de", "Connection: X-Lang"), "header:x-real-ip\n", "header:x-lang\n",
         "a.example/p?b=~", "the origin gets /p?b=%7e")
    told(key("X-Real-IP: 1", "X_Lang: de", address="10.0.0.1"), "header:x-real-ip=1", "header:x-lang=de")
    assert "the origin gets" not in key(query="?b=1")[1]


def test_what_edits_send(explain):
    told(explain("-a", "192.0.2.1", "-H", "Cookie: a=1", "GET", "http://h/edited/x?utm_a=1&b=2"), "the origin gets /x?b=2",
         "with Host: app", "with X-Client: 192.0.2.1", "without the client's Cookie", "sent:x-client=192.0.2.1",
         "with X-A: /edited/x", "without the origin's Server", "h/edited/x?utm_a=1&b=2")


def test_the_scheme_of_the_url_counts(place):
    file = place / "weir.yaml"
    file.write_text("""\
listen: 127.0.0.1:8080
origins: {app: {servers: [127.0.0.1:9000]}}
routes:
  - {name: plain, match: {scheme: http}, redirect: {to: "https://{host}{target}", status: 308}}
  - {name: safe, match: {scheme: https}, respond: {status: 200, headers: {X-A: "{scheme}"}, body: hello}}
""")
    for url, pieces in [("http://h//x?y", ["plain", "answer    308, redirect to https://h//x?y"]),
                        ("https://h/x", ["request   GET https://h/x", "safe", "not plain, line 4: scheme", "with X-A: https"])]:
        done = daemon.run("explain", "-c", file, "GET", url)
        told((done.returncode, done.stdout, done.stderr), *pieces)
