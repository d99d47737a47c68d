# SPDX-License-Identifier: BSD-2-Clause
"""weir explain: what the policy would do with a request, before any is sent."""

import functools
import json

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


def explained(file, *words):
    done = daemon.run("explain", "-c", file, *words)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def explain(place):
    file = place / "weir.yaml"
    file.write_text(POLICY)
    return functools.partial(explained, file)


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
    (["POST", "http://x/api/"], "its method POST"),
    (["GET", "http://x/api/", "-H", "Cookie: session=1"], "bypass has cookie:session"),
    (["GET", "http://x/api/", "-H", "Content-Length: 4"], "a GET with content"),
    (["GET", "http://x/api/", "-H", "Transfer-Encoding: chunked"], "a GET with content"),
    (["GET", "http://x/api/", "-H", "Connection: upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
      "-H", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="], "it asks to switch to websocket"),
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
        return explained(file, "-a", address, *(word for field in fields for word in ("-H", field)), "GET", "http://a.example/p" + query)

    told(key("X-Real-IP: 1", "X-Lang: de", "Connection: X-Lang"), "header:x-real-ip\n", "header:x-lang\n",
         "a.example/p?b=~", "sent      GET /p?b=%7e HTTP/1.1")
    told(key("X-Real-IP: 1", "X_Lang: de", address="10.0.0.1"), "header:x-real-ip=1", "header:x-lang=de")
    assert "GET /p?b=1 HTTP/1.1" in key(query="?b=1")[1]


def test_what_edits_send(explain):
    told(explain("-a", "192.0.2.1", "-H", "Cookie: a=1", "GET", "http://h/edited/x?utm_a=1&b=2"), "sent      GET /x?b=2 HTTP/1.1\n          Host: app\n",
         "  X-Client: 192.0.2.1\n", "without the client's Cookie", "sent:x-client=192.0.2.1",
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
        told(explained(file, "GET", url), *pieces)


def test_the_request_as_the_origin_would_get_it(explain):
    said = explain("HEAD", "https://x.example.com/static/v?b=2", "-a", "192.0.2.7", "-H", "Range: bytes=0-1", "-H", "X-Forwarded-For: 10.0.0.1",
                   "-H", "Connection: X-A", "-H", "X-A: 1", "-H", "X-B: 2")[1]
    sent = [line.strip() for line in said.split("sent      ")[1].split("\ncache")[0].splitlines()]
    assert sent[:2] == ["GET /static/v?b=2 HTTP/1.1", "Host: x.example.com"] and "X-B: 2" in sent and "X-Forwarded-For: 192.0.2.7" in sent
    assert not [line for line in sent if line.startswith(("Range", "X-A", "Connection"))]
    assert "X-Forwarded-Proto: https" in sent and "X-Request-ID: (new for each request)" in sent


@pytest.mark.parametrize("field, piece", [
    ("Authorization: Basic eA==", "it has Authorization: only a response is stored or used for it in which the origin says public, s-maxage"),
    ("Cookie: a=1; b=2", "its cookie a counts"),
    ("Cache-Control: no-cache", "it asks for what has just been validated"),
    ("Cache-Control: no-store", "no-store: its response is not stored"),
    ("Cache-Control: only-if-cached", "504 where nothing is stored"),
])
def test_what_sets_a_request_apart(explain, field, piece):
    told(explain("GET", "http://x/api/", "-H", field), piece)
    assert piece not in explain("GET", "http://x/api/")[1]


def test_cookies_that_do_not_count(place):
    file = place / "weir.yaml"
    file.write_text("""\
listen: 127.0.0.1:8080
origins: {app: {servers: [127.0.0.1:9000]}}
routes: [{match: {}, origin: app, cache: {cookies: ["session*"]}}]
""")
    for cookie, piece in (("_ga=1", "none of its cookies counts"), ("_ga=1; session_id=2", "its cookie session_id counts")):
        told(explained(file, "GET", "http://x/", "-H", f"Cookie: {cookie}"), piece)


def test_the_same_as_json(explain):
    def ask(*words, status=0):
        done = explain("--json", *words)
        assert done[0] == status and done[2] == "", done
        return json.loads(done[1])

    answer = ask("GET", "http://x/api/v?utm_a=1&b=2", "-H", "Accept-Language: de", "-a", "192.0.2.7")
    assert (answer["method"], answer["url"], answer["client"]) == ("GET", "http://x/api/v?utm_a=1&b=2", "192.0.2.7")
    assert answer["route"]["line"] == 11 and answer["route"]["number"] == 2 and answer["route"]["name"] is None
    assert answer["not"] == [{"route": "8", "line": 8, "why": "host"}]
    assert (answer["by"], answer["origin"], answer["sent"][0]) == ("origin", "shop", "GET /api/v?utm_a=1&b=2 HTTP/1.1")
    assert answer["limits"] == [{"name": "per-client", "algorithm": "token_bucket", "count": 100, "window": 1, "burst": 200, "observe": False,
                                 "who": "192.0.2.7", "redis_key": "weir:v1:limit:per-client:{192.0.2.7}"}]
    assert answer["cache"]["use"] == "used" and "accept-language=de" in answer["cache"]["key"][1] and answer["cache"]["cookie"] is None
    passed = ask("POST", "http://x/api/")["cache"]
    assert (passed["use"], passed["why"]) == ("pass", "its method POST is not among those that may be")
    assert ask("GET", "http://x/off")["cache"] == {"use": "off"}
    nothing = ask("GET", "http://x/nowhere", status=1)
    assert (nothing["route"], nothing["by"], nothing["status"], len(nothing["not"])) == (None, "no route", 404, 4)


def test_a_trusted_proxy_is_believed(place):
    """The client, the scheme and the host are those that it tells, as for requests."""
    file = place / "weir.yaml"
    file.write_text("""\
listen: 127.0.0.1:8080
trusted_proxies: [10.0.0.0/8]
origins: {app: {servers: [127.0.0.1:9000]}}
limits: {per-client: {key: client, rate: 10/s}}
routes:
  - {match: {scheme: http}, redirect: {to: "https://{host}{target}"}}
  - {match: {client: 192.0.2.0/24}, origin: app, limits: per-client}
""")
    words = ["GET", "http://inner/x", "-H", "X-Forwarded-Proto: https", "-H", "X-Forwarded-Host: shop.example",
             "-H", "X-Forwarded-For: 198.51.100.1, 192.0.2.7"]
    told(explained(file, *words, "-a", "10.0.0.1"), "number 2 of 2", "counted for 192.0.2.7", "shop.example/x\n", "scheme:https",
         "X-Forwarded-For: 198.51.100.1, 192.0.2.7, 10.0.0.1")
    told(explained(file, *words, "-a", "192.0.2.1"), "number 1 of 2", "redirect to https://inner/x")
