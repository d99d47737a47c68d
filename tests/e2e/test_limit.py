# SPDX-License-Identifier: BSD-2-Clause
"""Rate limits: each algorithm, decided in Redis for the fleet or in the process for one node."""

import re

import pytest

from rig import cache_status, crowd, policy
from rig.lists import ALGORITHMS, WITH_BURST
from rig.wait import until



def limit(algorithm, rate="50/h", key="client", **more):
    return {"key": key, "algorithm": algorithm, "rate": rate, **more}


def limited(origin, algorithm, redis=None, **more):
    settings = {"origins": {"app": policy.origin(origin)}, "limits": {"per-key": limit(algorithm, **more)},
                "routes": [policy.route(limits=["per-key"])]}
    return settings | ({"redis": {"url": redis.url, "timeout": policy.PATIENT}} if redis else {})


def statuses(visits):
    assert [v for v in visits if v.error] == []
    return [v.status for v in visits]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_150_requests_at_a_limit_of_50_on_three_nodes(weirs, origin, redis, algorithm):
    nodes = [weirs(limited(origin, algorithm, redis)) for _ in range(3)]
    origin.on("/", body=b"x")
    got = statuses(crowd.crowd([n.address for n in nodes], 150, "/"))
    assert set(got) == {200, 429}
    assert abs(got.count(200) - 50) <= 1 and origin.calls() == got.count(200)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_without_redis(weirs, origin, algorithm):
    node = weirs(limited(origin, algorithm))
    origin.on("/", body=b"x")
    got = statuses(crowd.crowd(node.address, 150, "/"))
    assert abs(got.count(200) - 50) <= 1 and got.count(200) + got.count(429) == 150


@pytest.mark.parametrize("shared", [True, False], ids=["redis", "memory"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_refusal_says_when_to_come_again_and_means_it(weirs, origin, request, algorithm, shared):
    node = weirs(limited(origin, algorithm, request.getfixturevalue("redis") if shared else None, rate="2/s"))
    origin.on("/", body=b"x")
    refused = until(lambda: (a := node.ask("/")).status == 429 and a, "a refusal")
    assert 1 <= int(refused.fields["Retry-After"]) <= 2
    assert refused.fields["Content-Type"].startswith("text/plain") and "limit" in refused.text
    until(lambda: node.ask("/").status == 200, "admission later")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_limited_answers_carry_the_ratelimit_fields(weirs, origin, redis, algorithm):
    node = weirs(limited(origin, algorithm, redis, rate="5/m"))
    origin.on("/", body=b"x")
    remaining = []
    for _ in range(5):
        answer = node.ask("/")
        assert answer.fields["RateLimit-Policy"] == '"per-key";q=5;w=60'
        remaining.append(int(re.fullmatch(r'"per-key";r=(\d+);t=(\d+)', answer.fields["RateLimit"]).group(1)))
    assert remaining == [4, 3, 2, 1, 0]
    refused = node.ask("/")
    assert refused.status == 429 and '"per-key";r=0;t=' in refused.fields["RateLimit"]


@pytest.mark.parametrize("algorithm", WITH_BURST)
def test_burst_is_what_may_come_at_once(weirs, origin, algorithm):
    node = weirs(limited(origin, algorithm, rate="10/h", burst=30))
    origin.on("/", body=b"x")
    assert abs(statuses(crowd.crowd(node.address, 60, "/")).count(200) - 30) <= 1


@pytest.mark.parametrize("shared", [True, False], ids=["redis", "memory"])
@pytest.mark.parametrize("key, one, two", [
    ("header:X-Api-Key", {"fields": {"X-Api-Key": "one"}}, {"fields": {"X-Api-Key": "two"}}),
    ("cookie:sid", {"fields": {"Cookie": "a=b; sid=one"}}, {"fields": {"Cookie": "sid=two; a=b"}}),
    ("query:user", {"target": "/?user=one"}, {"target": "/?x=y&user=two"}),
])
def test_identities_have_quotas_of_their_own(weirs, origin, request, key, one, two, shared):
    node = weirs(limited(origin, "fixed_window", request.getfixturevalue("redis") if shared else None,
                         rate="3/h", key=key))
    origin.on("/", body=b"x")

    def spend(who):
        who = dict(who)
        return [node.ask(who.get("target", "/"), fields=who.get("fields", {})).status for _ in range(5)]

    assert spend(one) == spend(two) == [200, 200, 200, 429, 429]


def test_a_trusted_proxy_speaks_for_its_clients(weirs, origin):
    settings = limited(origin, "fixed_window", rate="2/h")
    origin.on("/", body=b"x")
    trusting = weirs({**settings, "trusted_proxies": ["127.0.0.0/8"]})
    for client in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"):
        got = [trusting.ask("/", fields={"X-Forwarded-For": client}).status for _ in range(3)]
        assert got == [200, 200, 429]
    assert trusting.ask("/", fields={"X-Forwarded-For": "2001:db8::ffff"}).status == 429     # the same /64
    wary = weirs(settings)
    got = [wary.ask("/", fields={"X-Forwarded-For": f"192.0.2.{n}"}).status for n in range(4)]
    assert got == [200, 200, 429, 429]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_counter_has_its_key_and_a_ttl_and_heals_when_it_lost_it(weirs, origin, redis, algorithm):
    node = weirs(limited(origin, algorithm, redis, rate="50/m"))
    origin.on("/", body=b"x")
    node.ask("/")
    [key] = redis.keys("weir:v1:limit:per-key:*")
    assert "{" in key and "127.0.0.1" in key
    assert 0 < redis.call("PTTL", key) <= 121_000
    redis.call("PERSIST", key)
    node.ask("/")
    assert 0 < redis.call("PTTL", key) <= 121_000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_counter_of_the_wrong_type_does_not_take_the_site_down(weirs, origin, redis, algorithm):
    node = weirs(limited(origin, algorithm, redis, rate="50/m"))
    origin.on("/", body=b"x")
    node.ask("/")
    [key] = redis.keys("weir:v1:limit:*")
    redis.call("DEL", key)
    redis.call("LPUSH", key, "what is this")
    assert node.ask("/").status == 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_scripts_flushed_from_redis_come_back(weirs, origin, redis, algorithm):
    node = weirs(limited(origin, algorithm, redis, rate="6/h"))
    origin.on("/", body=b"x")
    got = []
    for _ in range(9):
        redis.call("SCRIPT", "FLUSH")
        got.append(node.ask("/").status)
    assert got == [200] * 6 + [429] * 3


def test_observe_counts_and_never_refuses(weirs, origin, redis):
    node = weirs(limited(origin, "fixed_window", redis, rate="2/h", mode="observe"))
    origin.on("/", body=b"x")
    assert {node.ask("/").status for _ in range(6)} == {200}
    assert redis.keys("weir:v1:limit:per-key:*")


def test_every_limit_of_a_route_counts(weirs, origin, redis):
    node = weirs({"redis": {"url": redis.url, "timeout": policy.PATIENT}, "origins": {"app": policy.origin(origin)},
                  "limits": {"wide": limit("token_bucket", "100/h"),
                             "narrow": limit("sliding_window", "2/h", "header:X-Key")},
                  "routes": [policy.route(limits=["wide", "narrow"])]})
    origin.on("/", body=b"x")
    got = [node.ask("/", fields={"X-Key": "k"}) for _ in range(3)]
    assert [a.status for a in got] == [200, 200, 429]
    assert '"wide"' in got[0].fields["RateLimit-Policy"] and '"narrow"' in got[0].fields["RateLimit-Policy"]


def test_a_hit_is_limited_too_and_a_route_without_limits_is_not(weirs, origin, redis):
    node = weirs({"redis": {"url": redis.url, "timeout": policy.PATIENT}, "origins": {"app": policy.origin(origin)},
                  "limits": {"few": limit("fixed_window", "3/h")},
                  "routes": [policy.route("/limited", cache=True, limits=["few"]), policy.route(cache=True)]})
    origin.on("/limited", body=b"x").on("/free", body=b"y")
    got = [node.ask("/limited") for _ in range(5)]
    assert [a.status for a in got] == [200, 200, 200, 429, 429]
    assert cache_status.hit(got[2]) and origin.calls("/limited") == 1
    free = [node.ask("/free") for _ in range(6)]
    assert {a.status for a in free} == {200} and "RateLimit" not in free[0].fields


@pytest.mark.parametrize("on_failure, want", [("local", [200] * 4 + [429] * 2), ("open", [200] * 6),
                                              ("closed", [503] * 6)])
def test_what_happens_to_limits_when_redis_is_away(weirs, origin, redis, on_failure, want):
    settings = limited(origin, "fixed_window", redis, rate="4/h")
    node = weirs(policy.merge(settings, {"redis": {"on_failure": on_failure}}))
    origin.on("/", body=b"x")
    redis.kill()
    assert [node.ask("/").status for _ in range(6)] == want


@pytest.mark.parametrize("path", ["/%6Cogin", "/x/../login", "/x/%2e%2e/login", "/x/..%2Flogin", "//login", "/./login"])
def test_a_limit_is_not_passed_by_writing_the_path_differently(weirs, origin, path):
    for target in ("/login", path):
        origin.on(target, body=b"x")
    node = weirs({"limits": {"few": {"key": "client", "algorithm": "fixed_window", "rate": "1/h"}},
                  "origins": {"app": policy.origin(origin)},
                  "routes": [policy.route("/login", limits=["few"]), policy.route()]})
    assert [node.ask("/login").status, node.ask(path).status] == [200, 429]


def test_the_origin_gets_the_path_as_it_came(proxy, origin):
    proxy.ask("/a/../%62//c%2Fd")
    assert origin.requests[-1].target == "/a/../%62//c%2Fd"


@pytest.mark.parametrize("shared", [True, False], ids=["redis", "memory"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_who_one_limit_refuses_costs_the_others_nothing(weirs, origin, request, algorithm, shared):
    """One user asks 300 times, 20 are allowed; the site's 200 are for all: 60 others with three requests each get every one."""
    limits = {"user": limit(algorithm, "20/h", "header:X-User"), "site": limit(algorithm, "200/h", "header:X-Site")}
    settings = {"origins": {"app": policy.origin(origin)}, "limits": limits,
                "routes": [policy.route(limits=["user", "site"])], "workers": 1}
    if shared:
        settings["redis"] = {"url": request.getfixturevalue("redis").url, "timeout": policy.PATIENT}
    node = weirs(settings)
    origin.on("/", body=b"x")

    def ask(user):
        return node.ask("/", fields={"X-User": user, "X-Site": "shop"})

    assert [ask("abuser").status for _ in range(300)].count(200) == 20
    refused = ask("abuser")
    assert re.fullmatch(r'"user";r=0;t=\d+, "site";r=180;t=\d+', refused.fields["RateLimit"])
    assert {ask(f"user-{n % 60}").status for n in range(180)} == {200}
    last = ask("user-1")                # now the site's quota is used up, and user-1 still has 17
    assert last.status == 429 and re.fullmatch(r'"user";r=17;t=\d+, "site";r=0;t=\d+', last.fields["RateLimit"])


def test_a_limit_that_only_observes_neither_refuses_nor_counts_who_is_refused(weirs, origin, redis):
    limits = {"user": limit("gcra", "2/h", "header:X-User"), "watch": limit("gcra", "5/h", "header:X-Site", mode="observe")}
    node = weirs({"origins": {"app": policy.origin(origin)}, "limits": limits, "routes": [policy.route(limits=["watch", "user"])],
                  "redis": {"url": redis.url, "timeout": policy.PATIENT}})
    origin.on("/", body=b"x")
    got = [node.ask("/", fields={"X-User": f"{n // 4}", "X-Site": "shop"}).status for n in range(12)]
    assert got == [200, 200, 429, 429] * 3      # six are admitted, of whom five are within the watched quota
    assert node.admin.metric("weir_limit_answers_total") == 24
    assert node.admin.metrics()['weir_limit_answers_total{answer="observed"}'] == 3


def test_what_is_refused_while_its_limit_is_asked_says_nothing_of_the_limit(weirs, origin, redis, relays):
    """Nobody knows yet what is left, and what the request before was told is no answer."""
    relay = relays(redis.address)
    settings = limited(origin, "token_bucket", rate="5/m") | {"client": {"max_body": "100B"}, "workers": 1}
    node = weirs(settings | {"redis": {"url": relay.url, "timeout": policy.PATIENT}})
    origin.on("/", body=b"x")
    with node.connect() as client:
        assert 'r=4' in client.ask("/", "POST", body=b"x").fields["RateLimit"]
        relay.stall()
        client.send_head("POST", "/", {"Transfer-Encoding": "chunked"}).send_chunk(b"x")
        until(lambda: node.admin.metric("weir_requests_total") == 2, "its limit asked")
        client.send_chunk(200 * b"x")
        refused = client.read()
    assert refused.status == 413
    assert "RateLimit" not in refused.fields and "RateLimit-Policy" not in refused.fields
