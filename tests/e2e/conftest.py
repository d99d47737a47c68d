# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures: everything a test starts lives in its own directory and is ended, by pid, when the test is over."""

import os
import pathlib
import resource
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import daemon, policy
from rig.daemon import Weir
from rig.nameserver import NameServer
from rig.origin import Origin
from rig.redis_server import RedisServer
from rig.relay import Relay
from rig.wait import until


def pytest_addoption(parser):
    parser.addoption("--of-each", type=int, metavar="N", help="run at most N of a test's parameter sets, spread evenly over all of them")


def pytest_configure(config):
    if "WEIR_BIN" in os.environ and not daemon.WEIR.exists():
        raise pytest.UsageError(f"WEIR_BIN names no file: {daemon.WEIR}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))    # a thousand clients and their origin in one process


def keep_of_each(most, config, items):
    """Deselects tests, so that of each test function `most` are left."""
    by_function = {}
    for item in items:
        by_function.setdefault(item.nodeid.split("[")[0], []).append(item)
    kept = {sets[i * len(sets) // min(most, len(sets))] for sets in by_function.values() for i in range(min(most, len(sets)))}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def pytest_collection_modifyitems(config, items):
    if (most := config.getoption("--of-each")):
        keep_of_each(most, config, items)
    built = daemon.WEIR.exists()
    sanitizer = daemon.sanitizer() if built else None
    for item in items:
        if not built and "rig" not in item.keywords:
            item.add_marker(pytest.mark.skip(reason=f"{daemon.WEIR} is not built"))
        if sanitizer and item.get_closest_marker("memory"):
            item.add_marker(pytest.mark.skip(reason=f"memory under {sanitizer} sanitizer says nothing"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.failed_in_call = report.failed


@pytest.fixture
def place(request):
    """A short-named directory (Unix socket paths have 107 bytes), kept when the test failed and WEIR_KEEP is set."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="weir-e2e-"))
    yield directory
    if not (os.environ.get("WEIR_KEEP") and getattr(request.node, "failed_in_call", False)):
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def origins():
    """Factory of scripted origins."""
    started = []

    def start(port=None, host="127.0.0.1"):
        started.append(Origin(port, host))
        return started[-1]

    yield start
    for origin in started:
        if not origin.stopped:
            origin.stop()
    broken = [str(error) for origin in started for error in origin.broken]
    assert not broken, f"an origin was sent malformed HTTP: {broken}"


@pytest.fixture
def origin(origins):
    return origins()


@pytest.fixture
def name_server(name_servers):
    return name_servers()


@pytest.fixture
def name_servers():
    """Factory of name servers."""
    started = []

    def start():
        started.append(NameServer())
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def redis(place):
    server = RedisServer(place / "redis")
    yield server
    server.stop()


@pytest.fixture
def relays():
    """Factory of relays before ("host", port)."""
    started = []

    def start(target):
        started.append(Relay(target))
        return started[-1]

    yield start
    for relay in started:
        relay.stop()


def wait_for_links(node, settings, server):
    """A node is ready before its links to Redis are, and answers by itself meanwhile: tests of what is shared wait."""
    if server.alive():
        until(lambda: server.linked(node, settings.get("workers", 2)), f"{node.name} linked to Redis")


@pytest.fixture
def weirs(place, request):
    """Factory of nodes: weirs(settings, name="edge-2"). Each must end well: status 0, no sanitizer report."""
    started = []

    def start(settings=None, name=None, linked=True, **options):
        name = name or f"edge-{len(started) + 1}"
        node = Weir(place / name, settings, name=name, **options)
        started.append(node)
        node.start()
        if linked and "redis" in (settings or {}) and "redis" in request.fixturenames:
            wait_for_links(node, settings, request.getfixturevalue("redis"))
        return node

    yield start
    problems = []
    for node in started:
        try:
            node.terminate()
        except AssertionError as error:
            problems.append(str(error))
        if problems or getattr(request.node, "failed_in_call", False):
            print(f"--- stderr of {node.name} (last 6000 characters)\n{node.stderr[-6000:]}")
    assert not problems, "\n".join(problems)


@pytest.fixture
def proxy(weirs, origin):
    """One node without Redis and without caching before one scripted origin."""
    return weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})


@pytest.fixture
def cache(weirs, origin):
    """One node that caches in memory only, before one scripted origin."""
    return weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route(cache=True)]})


@pytest.fixture
def fleet(weirs, origin, redis):
    """Factory: fleet(3) starts that many nodes sharing one Redis and one scripted origin."""

    def start(count, route=None, **settings):
        base = {"redis": {"url": redis.url, "timeout": policy.PATIENT}, "origins": {"app": policy.origin(origin)},
                "routes": [route or policy.route(cache=True)]}
        return [weirs(policy.merge(base, settings)) for _ in range(count)]

    return start


@pytest.fixture
def elsewhere():
    """Runs calls in other threads while the test goes on."""
    with ThreadPoolExecutor(32) as pool:
        yield pool.submit
