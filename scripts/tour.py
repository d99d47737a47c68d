# SPDX-License-Identifier: BSD-2-Clause
"""The tour of scripts/quickstart: starts Redis, an origin and weir, and shows with real requests what weir does.

    tour.py WEIR [--once] [--no-redis]

It prints what came over the wire. If a scene doesn't show what its title says, the tour ends with status 1.
"""

import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CROWD = 200
HOST = "shop.example"  # as a load balancer before the nodes would pass it on: so both nodes use the same object

POLICY = """\
server_name: {name}
listen:
  - address: 127.0.0.1:{port}
admin:
  address: unix:{directory}/{name}.sock
drain: {{ delay: 0s }}
log:
  access: off
{redis}origins:
  app: {{ servers: [127.0.0.1:{origin}] }}
limits:
  visitors: {{ key: client, algorithm: token_bucket, rate: 10/m }}
routes:
  - match: {{ path: /limited/* }}
    origin: app
    limits: [visitors]
    cache: {{ ttl: 1m }}
  - match: {{}}
    origin: app
    cache: {{ ttl: 1m, jitter: 10%, grace: 10s }}
"""


class Wrong(Exception):
    """A scene did not show what its title says."""


def free_port():
    """A port that was free a moment ago, below the range that the kernel takes ports for outgoing connections from."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def wait_for(connects, process, what):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Wrong(f"{what} ended with status {process.returncode}")
        try:
            connects()
            return
        except OSError:
            time.sleep(0.02)
    raise Wrong(f"{what} did not start within 15 s")


def connect_unix(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))


def say(text=""):
    print(text, flush=True)


class Site:
    """The processes of the tour: their files are in one temporary directory; they are ended by pid, in reverse order."""

    def __init__(self, weir, with_redis):
        self.weir, self.with_redis = weir, with_redis
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="weir-quickstart-"))
        self.processes, self.nodes, self.origin_port = [], {}, free_port()

    def start(self):
        if self.with_redis:
            self.start_redis()
        origin = self.run("origin", sys.executable, HERE / "small_origin.py", str(self.origin_port))
        wait_for(lambda: socket.create_connection(("127.0.0.1", self.origin_port)).close(), origin, "the origin")
        say(f"  {'origin':<10}http://127.0.0.1:{self.origin_port}   takes 300 ms for each answer and counts its calls")
        for name in ("edge-1", "edge-2") if self.with_redis else ("edge-1",):
            self.start_weir(name)

    def start_redis(self):
        path = self.directory / "redis.sock"
        redis = self.run("redis", "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
                         "--appendonly", "no", "--dir", self.directory)
        wait_for(lambda: connect_unix(path), redis, "redis-server")
        say(f"  {'redis':<10}unix://{path}   private, nothing on disk")

    def start_weir(self, name):
        port = self.nodes[name] = free_port()
        redis = f"redis:\n  url: unix://{self.directory}/redis.sock\n" if self.with_redis else ""
        file = self.directory / f"{name}.yaml"
        file.write_text(POLICY.format(name=name, port=port, directory=self.directory, redis=redis,
                                      origin=self.origin_port))
        node = self.run(name, self.weir, "-c", file)
        wait_for(lambda: socket.create_connection(("127.0.0.1", port)).close(), node, name)
        say(f"  {name:<10}http://127.0.0.1:{port}   policy {file}")

    def run(self, name, *words):
        with open(self.directory / f"{name}.log", "wb") as log:
            process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)     # Ctrl-C reaches only the tour, which ends them in order
        self.processes.append((name, process))
        return process

    def logs(self):
        return "".join(f"--- {name}\n{(self.directory / f'{name}.log').read_text(errors='replace')[-2000:]}"
                       for name, _ in self.processes)

    def stop(self):
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    # asking

    def ask(self, name, path):
        """(status, reason, fields, body, milliseconds) of one request."""
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.nodes[name], timeout=20)
        try:
            connection.request("GET", path, headers={"Host": HOST})
            response = connection.getresponse()
            body = response.read()
            return response.status, response.reason, response.getheaders(), body, (time.monotonic() - start) * 1000
        finally:
            connection.close()

    def calls(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.origin_port, timeout=20)
        try:
            connection.request("GET", "/calls")
            return json.loads(connection.getresponse().read()).get(path, 0)
        finally:
            connection.close()

    def show(self, name, path):
        """Ask, print the exchange as curl -i would, and return the answer."""
        status, reason, fields, body, spent = answer = self.ask(name, path)
        say(f"  $ curl -i -H 'Host: {HOST}' http://127.0.0.1:{self.nodes[name]}{path}")
        say(f"    HTTP/1.1 {status} {reason}")
        for field, value in fields:
            say(f"    {field}: {value}")
        say("\n" + textwrap.indent(body.decode().strip(), "    "))
        say(f"\n    {spent:.1f} ms; the origin has made {path} {times(self.calls(path))} so far")
        return answer


def times(count):
    return "once" if count == 1 else f"{count} times"


def cache_status(answer):
    return dict(answer[2]).get("Cache-Status", "")


def expect(true, what):
    if not true:
        raise Wrong(what)


# scenes

def miss(site):
    """A miss: the origin is asked"""
    answer = site.show("edge-1", "/hello")
    expect(answer[0] == 200 and "fwd=" in cache_status(answer), "a miss was expected")


def memory_hit(site):
    """A hit from memory: the origin is not asked again"""
    answer = site.show("edge-1", "/hello")
    expect("hit" in cache_status(answer) and site.calls("/hello") == 1, "a hit was expected")


def redis_hit(site):
    """A hit from Redis: the second node has never seen this page; the first node has stored it for both"""
    answer = site.show("edge-2", "/hello")
    expect("hit" in cache_status(answer) and site.calls("/hello") == 1, "a hit on the second node was expected")


def crowd(site):
    """{CROWD} clients at once ask for a page that is not stored yet: one request goes to the origin, all share its response"""
    nodes = list(site.nodes)
    gate = threading.Barrier(CROWD)

    def visit(number):
        gate.wait()
        return site.ask(nodes[number % len(nodes)], "/popular")

    with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(visit, range(CROWD)))
    statuses = collections.Counter(answer[0] for answer in answers)
    bodies = {answer[3] for answer in answers}
    say(f"  {CROWD} x GET /popular over {' and '.join(nodes)}")
    say("    " + ", ".join(f"{count} x {status}" for status, count in statuses.items()))
    say(f"    the slowest client waited {max(answer[4] for answer in answers):.0f} ms")
    say(f"    the origin made /popular {times(site.calls('/popular'))}")
    expect(statuses == {200: CROWD} and len(bodies) == 1, f"{CROWD} equal answers were expected")
    expect(site.calls("/popular") == 1, "one call of the origin was expected")


def limited(site):
    """A client that asks too often: ten requests a minute are allowed here, and it sends fifteen"""
    answers = [site.ask("edge-1", "/limited/page") for _ in range(15)]
    statuses = [answer[0] for answer in answers]
    say("  15 x GET /limited/page")
    say("    " + " ".join(str(status) for status in statuses))
    expect(statuses[:10] == [200] * 10 and statuses[-1] == 429, "ten answers and then refusals were expected")
    say()
    site.show("edge-1", "/limited/page")


def show_all(site):
    scenes = [miss, memory_hit, *([redis_hit] if site.with_redis else []), crowd, limited]
    for number, scene in enumerate(scenes, 1):
        say(f"\n{number}. {scene.__doc__.format(CROWD=CROWD)}\n")
        scene(site)


def stay_up(site):
    say("\nEverything stays up until Ctrl-C. Try, for example:\n")
    say(f"  curl -i -H 'Host: {HOST}' http://127.0.0.1:{site.nodes['edge-1']}/anything")
    say(f"  {site.weir.with_name('weirctl')} -s {site.directory}/edge-1.sock stats")
    if site.with_redis:
        say(f"  redis-cli -s {site.directory}/redis.sock --scan")
    say(f"  curl http://127.0.0.1:{site.origin_port}/calls")
    while True:
        time.sleep(1)
        for name, process in site.processes:
            expect(process.poll() is None, f"{name} ended with status {process.returncode}")


def main(weir, *options):
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    if not os.access(weir, os.X_OK):
        sys.exit(f"tour: there is no weir to run at {weir}")
    site = Site(pathlib.Path(os.path.relpath(weir)), "--no-redis" not in options)
    try:
        site.start()
        show_all(site)
        if "--once" not in options:
            stay_up(site)
    except Wrong as error:
        say(f"\nSomething went wrong: {error}.\n{site.logs()}")
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        site.stop()
    say("\nEverything that was started has ended.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
