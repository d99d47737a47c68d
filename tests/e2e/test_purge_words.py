# SPDX-License-Identifier: BSD-2-Clause
"""Purging says what it did: a PURGE is never the origin's, the log tells it, and what can match nothing is refused, not "purged"."""

import json

import pytest

from rig import cache_status, policy


@pytest.mark.parametrize("purgers", [None, [], ["192.0.2.0/24"]], ids=str)
def test_purge_from_nobody_is_403_and_never_reaches_the_origin(weirs, origin, purgers):
    origin.on("/page", body=b"x")
    settings = {"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]}
    node = weirs(settings if purgers is None else {**settings, "purge_from": purgers})
    node.ask("/page")
    for target in ("/page", "/page*", "/unknown"):
        assert node.ask(target, "PURGE", fields={"Cache-Tag": "a"}).status == 403
    assert origin.calls() == 1 and cache_status.hit(node.ask("/page"), node.name)


@pytest.mark.parametrize("format", ["combined", "json"])
def test_a_purge_is_logged_as_what_it_was(weirs, origin, format):
    origin.on("/page", body=b"x")
    node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)], "purge_from": ["127.0.0.0/8"],
                  "log": {"access": {"format": format, "to": "stderr"}}})
    before = node.admin.metric('weir_cache_requests_total{result="miss"}')
    assert node.ask("/page", "PURGE").status == 200
    if format == "json":
        line = json.loads(node.said(r'^\{.*"PURGE".*\}$').group(0))
        assert (line["cache"], line["error"], line["status"]) == ("purge", None, 200)
    else:
        line = node.said(r'^.*"PURGE /page.*$').group(0)
        assert " cache=purge " in line and " error=- " in line
    assert node.admin.metric('weir_cache_requests_total{result="miss"}') == before


@pytest.mark.parametrize("words", [
    ["--prefix", "a/c/*"], ["--prefix", "a/*/c"], ["--prefix", "*/c"], ["--prefix", "a/b c"], ["--prefix", "a/b#c"], ["--prefix", "a b/c"],
    ["--prefix", "/c"], ["--prefix", "a"], ["--tag", "a b"], ["--tag", "a,b"], ["--tag", "a*"], ["--tag", " "], ["--host", "*.example"],
    ["--host", "a b"], ["--host", "a/b"], ["--host", "u@a"], ["http://a/c/*"], ["http://a/b#c"], ["http://a/b c"], ["a/b"], ["/b"],
    ["ftp://a/b"],
], ids=" ".join)
def test_what_can_match_nothing_is_refused(cache, words):
    cache.admin.ctl("purge", *words, status=1)
    assert json.loads(cache.admin.ctl("--json", "purges")) in ([], {"purges": []})


@pytest.mark.parametrize("words", [
    ["--prefix", "http://Test.Example:80/%7euser/"], ["--prefix", "test.example/~user/p?q=%3"], ["--prefix", "test.example/~u"],
    ["--host", "TEST.example:80"], ["--host", "http://test.example"], ["HTTP://Test.Example/%7Euser/p?q=%3d"],
    ["--tag", "one"],
], ids=" ".join)
def test_other_spellings_match(cache, origin, words):
    origin.on("/~user/p?q=%3D", body=b"x", fields={"Cache-Tag": "one"})
    for _ in range(2):
        cache.ask("/~user/p?q=%3D")
    assert cache.admin.ctl("purge", *words) == "purged: 1 of 1 nodes\n"
    cache.ask("/~user/p?q=%3D")
    assert origin.calls() == 2
