# SPDX-License-Identifier: BSD-2-Clause
"""The tools that make a policy safe to edit: weir check, and the tests that a policy holds."""

import json

import pytest

from rig import daemon, policy
from rig.wait import until

POLICY = """\
listen: 127.0.0.1:8080
server_name: edge-1
origins:
  app: {servers: [127.0.0.1:9000]}
limits:
  few: {key: client, rate: 1/s}
  more: {key: client, rate: 9/s}
routes:
  - {name: old, match: {path: /old/*}, redirect: {to: "https://{host}/new{path}", status: 301}, response: {set: {X-A: "1 of {client}"}}}
  - {name: office, match: {path: /office/*}, origin: app, allow: [10.0.0.0/8], response: {remove: [Server]}}
  - {name: api, match: {path: /api/*, header: {X-Beta: on}}, origin: app, limits: [few, more],
     cache: {ttl: 60m, statuses: {404: 5s}, bypass: "cookie:session", key: {query: {drop: ["utm_*"]}}}}
  - {match: {path: /rest}, origin: app}
tests:
"""


@pytest.fixture
def check(place):
    file = place / "weir.yaml"

    def run(*tests, text=POLICY):
        file.write_text(text + "".join(f"  - {test}\n" for test in tests))
        done = daemon.run("check", file)
        assert done.returncode in (0, 1)
        told = daemon.run("check", "--json", file)
        answer = json.loads(told.stdout)
        assert told.returncode == done.returncode and answer["good"] == (done.returncode == 0) and told.stderr == ""
        lines = ["%s:%d:%d: %s%s" % (found["file"], found["line"], found["column"], "warning: " * (found["severity"] == "warning"),
                                     found["message"]) for found in answer["findings"]]
        assert lines == done.stderr.splitlines()
        return done.returncode, done.stderr.replace(str(file) + ":", "")
    return run


MET = [
    '{request: "GET http://h/old/x", expect: {route: old, status: 301, redirect: "https://h/new/old/x", header: {x-a: "* of 127.0.0.1"}}}',
    '{request: "GET http://h/old/x", client: "192.0.2.1", expect: {header: {X-A: ["2*", "*192.0.2.1"]}, ttl: off, limits: []}}',
    '{request: "GET http://h/office/x", expect: {route: office, status: 403}}',
    '{request: "GET http://h/office/x", client: 10.1.1.1, expect: {route: office, ttl: none, header: {Server: off}}}',
    '{request: "GET http://h/api/x?utm_a=1&b=2", headers: {X-Beta: "1"}, expect: {route: api, ttl: 1h, key: "h/api/x?b=2*", limits: [more, few]}}',
    '{request: "GET http://h/api/x", headers: {X-Beta: "1", Cookie: "a=1; session=2"}, expect: {ttl: off}}',
    '{request: "GET http://h/api/x", expect: {status: 404}}',
]


def test_expectations_that_are_met(check):
    assert check(*MET) == (0, "")


UNMET = [
    ("{route: api}", 53, 'route: "api" is expected, but: "old" is the first that matches'),
    ("{status: 302}", 54, 'status: "302" is expected, but: 301'),
    ("{ttl: 5m}", 51, 'ttl: "5m" is expected, but: off'),
    ("{key: h/}", 51, 'key: "h/" is expected, but: nothing is stored'),
    ("{limits: [few]}", 54, 'limits: "few" is expected, but: no limit'),
    ('{redirect: "https://h/"}', 56, 'redirect: "https://h/" is expected, but: "https://h/new/old/x"'),
    ("{header: {X-A: two}}", 60, 'header X-A: "two" is expected, but: "1 of 127.0.0.1"'),
    ("{header: {Server: off}}", 63, "header Server: off is expected, but: the policy neither writes nor removes it"),
    ("{route: ofice}", 53, 'route: there is no "ofice" in routes (did you mean "office"?)'),
    ("{ttl: soon}", 51, 'ttl: "soon" is neither none nor off: a duration'),
    ("{}", 45, "expect: it is empty, and so would accept everything"),
]


def test_expectations_that_are_not(check):
    """Each with its place. The last three are mistakes of the policy, so no test runs."""
    for told in UNMET[:-3], UNMET[-3:]:
        status, errors = check(*('{request: "GET http://h/old/x", expect: %s}' % expect for expect, _, _ in told))
        assert status == 1 and errors.count("\n") == len(told)
        for number, (line, (_, column, said)) in enumerate(zip(errors.splitlines(), told)):
            assert line.startswith(f"{15 + number}:{column}: ") and said in line, (line, said)


def test_a_test_that_is_no_request(check):
    status, errors = check('{request: "GET http://a b/", expect: {status: 404}}', "{request: GET, expect: {status: 404}}")
    assert status == 1 and "16:15: request: \"GET\" is not a method and a URL" in errors
    status, errors = check('{request: "GET http://a b/", expect: {status: 404}}')
    assert status == 1 and "15:15: the test can't be run: refused with 400" in errors


def test_mistakes_and_warnings_for_a_program(check):
    text = POLICY.replace("listen: 127.0.0.1:8080", "listen: 127.0.0.1:8080\nadmin: 192.0.2.1:80").replace("tests:\n", "")
    status, told = check(text=text)
    assert status == 0 and told.startswith("2:8: warning: admin: everybody who reaches 192.0.2.1:80")
    status, told = check(text=text.replace("rate: 1/s", "rate: 1 a second"))
    assert status == 1 and "rate" in told
    for words, expected in [(["--jsn"], 2), (["a", "b"], 2), (["/nowhere"], 1)]:
        assert daemon.run("check", *words).returncode == expected


def test_a_suggestion_stands_by_itself(place):
    (place / "wrong.yaml").write_text("listn: 127.0.0.1:80\n")
    found = json.loads(daemon.run("check", "--json", place / "wrong.yaml").stdout)["findings"]
    assert [one.get("suggestion") for one in found if one["message"].startswith("unknown key")] == ["listen"]


def test_a_failing_test_refuses_the_start_and_a_reload(weirs, origin, place):
    route = {"name": "all", "match": {}, "origin": "app", "cache": {"ttl": "1m"}}
    settings = {"origins": {"app": policy.origin(origin)}, "routes": [route],
                "tests": [{"request": "GET http://h/", "expect": {"ttl": "1m"}}]}
    node = weirs(settings)
    node.write({**settings, "routes": [{**route, "cache": {"ttl": "2m"}}]})
    node.admin.ctl("reload", status=1)
    until(lambda: "the policy in force stays" in node.stderr, "the reload is refused")
    assert 'ttl: "1m" is expected, but: 2m' in node.stderr
    started = daemon.run("-c", node.file)
    assert started.returncode == 1 and 'ttl: "1m" is expected, but: 2m' in started.stderr
