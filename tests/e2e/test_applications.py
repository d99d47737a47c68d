# SPDX-License-Identifier: BSD-2-Clause
"""Applications as people have them behind weir: two visitors who are logged in and a stranger, asking in every way there is. Nobody
ever sees a byte or a field that was made for another."""

import concurrent.futures
import pathlib
import re
import tempfile

import pytest
import yaml

from applications import habits, real
from applications.page import pages
from rig import cache_status, daemon, policy
from rig.browser import Browser, Watch
from rig.client import Connection
from rig.wait import until

SMALLEST = {"routes": [{"match": {}, "origin": "app"}]}
README = {"routes": [{"match": {}, "origin": "app", "cache": {"ttl": "1m", "jitter": "10%", "grace": "30s"}}]}

KNOWN = ["WP%20Cookie%20check", "WP Cookie check"]      # cookies that WordPress sets for everybody alike


def test_every_policy_of_the_page_is_a_good_one(place):
    found = {name: text for name, text in pages().items() if text.startswith("listen:")}
    assert {"wordpress", "mediawiki", "drupal", "django", "express"} <= set(found)
    for name, text in found.items():
        file = place / f"{name}.yaml"
        file.write_text(text)
        done = daemon.run("-t", "-c", file)
        assert done.returncode == 0, done.stderr
        assert yaml.safe_load(text)["routes"]


@pytest.mark.parametrize("where, row", [("README.md", r"^\| (\w+) \| `(\{.*\})` \|"), ("conf/weir.yaml", r"^#   (\w+): +(\{(?:.|\n#)*?\})$")])
def test_what_is_shown_elsewhere_is_what_the_page_shows(where, row):
    rows = re.findall(row, (daemon.TREE / where).read_text(), re.M)
    assert [name for name, _ in rows] == ["WordPress", "MediaWiki", "Drupal", "Django", "Express"]
    for name, text in rows:
        shown, page = yaml.safe_load(text.replace("\n#", "\n")), yaml.safe_load(pages()[name.lower()])["routes"][-1]["cache"]
        assert {key: page.get(key) for key in shown} == shown, name


def recommended(name):
    """The page's policy for an application, whose origin is the test's."""
    written = yaml.safe_load(pages()[name])
    [origin] = written["origins"]
    return {"origin": origin, **{key: value for key, value in written.items() if key in ("routes", "limits", "trusted_proxies", "purge_from")}}


BRIEFLY = [("GET", {}), ("GET", {"Cache-Control": "no-cache"}), ("GET", {"Cache-Control": "max-stale"}), ("HEAD", {}),
           ("GET", {"Cache-Control": "only-if-cached, max-stale"})]


def ways(tags):
    """Every way of asking for a page: (method, fields)."""
    yield from BRIEFLY
    for value in ("max-age=0", "max-stale=600", "only-if-cached", "min-fresh=5"):
        yield "GET", {"Cache-Control": value}
    yield "GET", {"Pragma": "no-cache"}
    yield "HEAD", {"Cache-Control": "no-cache"}
    yield "GET", {"Range": "bytes=0-99"}
    yield "GET", {"Range": "bytes=-50", "Cache-Control": "max-stale"}
    yield "GET", {"Connection": "Cookie"}
    yield "GET", {"X_Forwarded_Host": "elsewhere.example", "X-Forwarded-Host": "elsewhere.example"}
    yield "GET", {"If-Modified-Since": "Sun, 13 Sep 2020 12:26:40 GMT"}
    yield "GET", {"If-None-Match": "*"}
    for tag in sorted(tags)[:4]:
        yield "GET", {"If-None-Match": tag}
        yield "GET", {"If-None-Match": tag, "Cache-Control": "no-cache"}
        yield "GET", {"If-Range": tag, "Range": "bytes=0-"}


def pipelined(browser, targets):
    """All of them written at once, on one connection."""
    with Connection(browser.next_address()) as connection:
        for target in targets:
            connection.send_head("GET", target, browser.fields())
        for target in targets:
            browser.take(target, connection.read())


def together(browsers, targets):
    """Everybody at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(browsers)) as pool:
        for done in [pool.submit(lambda b=b: [b.get(t) for t in targets]) for b in browsers]:
            done.result()


def examine(application, nodes):
    """Two visitors and a stranger go everywhere, in every way. Gives the watch and the visitors."""
    targets = application.mine + application.same + application.shared
    watch = Watch({application.shown(who): who for who in ("alice", "bob")} if application.mine else {}, application.once, KNOWN)
    addresses = [node.address for node in nodes]
    alice, bob = Browser("alice", addresses, watch), Browser("bob", addresses, watch)
    stranger = Browser("stranger", addresses, watch, keeps=False)
    everybody = [alice, bob, stranger]
    together(everybody[2:], targets)                    # what is there before anybody has logged in
    for browser in (alice, bob):
        application.login(browser, browser.name)
    for target in targets:
        fully = target in application.thoroughly()
        for method, fields in list(ways(alice.tags | bob.tags | stranger.tags)) if fully else BRIEFLY:
            for browser in everybody:
                browser.get(target, method, fields)
            everybody = everybody[1:] + everybody[:1]   # who comes first
    for browser in everybody:
        pipelined(browser, targets)
    together(everybody * 2, targets)
    for browser in (alice, bob):
        for target in application.mine[:1]:
            assert application.shown(browser.name) in browser.get(target).text, f"{browser.name} sees another's {target}"
    return watch, stranger


@pytest.fixture(scope="session")
def running():
    """Factory of real applications, each of which is set up once."""
    started = {}
    with tempfile.TemporaryDirectory(prefix="weir-app-") as directory:
        def start(kind):
            lacks = real.missing(kind)
            if lacks:
                pytest.skip(f"scripts/packages --install apps: {' '.join(lacks)} isn't here")
            if kind not in started:
                started[kind] = kind(pathlib.Path(directory) / kind.name)
            return started[kind]

        yield start
        for application in started.values():
            application.stop()


def each(*kinds):
    """A test's parameters, such that what concerns one application runs on one worker."""
    return [pytest.param(kind, *rest, id="-".join([kind.name, *map(str, rest)]), marks=pytest.mark.xdist_group(kind.name))
            for kind, *rest in kinds]


def settings(application, chosen, redis=None):
    chosen = {"origin": "app", **chosen}
    own = {"origins": {chosen.pop("origin"): {"servers": [application.address]}}, "workers": 2}
    if redis:
        own["redis"] = {"url": redis.url, "timeout": policy.PATIENT}
    return {**own, **chosen}


@pytest.mark.applications
@pytest.mark.parametrize("kind, chosen", each(*((kind, chosen) for kind in real.ALL for chosen in ("smallest", "readme", "recommended")
                                                 if not (kind.heavy and chosen == "smallest"))))
def test_nobody_sees_what_a_real_application_made_for_another(kind, chosen, running, weirs, redis):
    application = running(kind)
    which = {"smallest": SMALLEST, "readme": README}.get(chosen) or recommended(application.name)
    nodes = [weirs(settings(application, which, None if chosen == "smallest" else redis)) for _ in range(2)]
    watch, stranger = examine(application, nodes)
    print(f"{application.name}, {chosen}: {watch.responses} responses")
    assert watch.faults == []
    if chosen == "recommended":         # safe, and still a cache
        for target in application.shared:
            for node in nodes:
                until(lambda: cache_status.hit(stranger.get(target, address=node.address), node.name), f"a hit of {target}")


@pytest.mark.applications
@pytest.mark.parametrize("kind", each([real.MediaWiki], [real.WordPress]))
def test_what_is_edited_is_seen_at_once(kind, running, weirs, redis):
    """The application's own PURGE, as the page says how, goes to one node and is heard by both."""
    application = running(kind)
    nodes = [weirs({**settings(application, recommended(application.name), redis), "purge_from": ["127.0.0.1"]}) for _ in range(2)]
    application.purges_to(nodes[0])
    addresses, watch = [node.address for node in nodes], Watch({}, (), KNOWN)
    editor, stranger = Browser("admin", addresses, watch), Browser("stranger", addresses, watch, keeps=False)
    application.login(editor, "admin")
    page = application.edit(editor, "the first text")
    for node in nodes:
        until(lambda: cache_status.hit(stranger.get(page, address=node.address), node.name), "a hit of what will be edited")
        assert "the first text" in stranger.get(page, address=node.address).text
    application.edit(editor, "the second text")
    for node in nodes:
        until(lambda: "the second text" in stranger.get(page, address=node.address).text, "the edit")
    assert sum(node.admin.metric("weir_purges_total") for node in nodes) > 0


@pytest.mark.applications
@pytest.mark.parametrize("kind", each([real.Mercurial]))
def test_clones_and_pulls_go_through_the_cache(kind, running, weirs, redis):
    application = running(kind)
    nodes = [weirs(settings(application, recommended(application.name), redis)) for _ in range(2)]
    for number, node in enumerate(nodes):
        clone = application.directory / f"clone-{number}"
        application.hg("clone", "http://%s:%d/" % node.address, clone)
        application.commit(f"more for {number}")
        application.hg("pull", "--cwd", clone, "--update")
        assert (clone / "note").read_text() == f"more for {number}"


def habits_and_policies():
    """Each under the two general policies; the one that weir-apps(7) has a policy for under that, too."""
    for habit in habits.ALL:
        for chosen in ("smallest", "readme", *(["recommended"] if habit is habits.Drupal else [])):
            yield pytest.param(habit, chosen, id=f"{habit.name}-{chosen}")


@pytest.mark.parametrize("habit, chosen", habits_and_policies())
def test_nobody_sees_what_an_application_of_these_habits_made_for_another(habit, chosen, weirs, origin, redis):
    application = habit(origin)
    which = {"smallest": SMALLEST, "readme": README}.get(chosen) or recommended(application.name)
    nodes = [weirs(settings(application, which, redis)) for _ in range(2)]
    watch, _ = examine(application, nodes)
    assert watch.faults == []
