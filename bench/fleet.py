# SPDX-License-Identifier: BSD-2-Clause
"""The servers of the benchmark: starts each on its core, and reads the CPU time and memory of its processes."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../tests/conformance"))

from launch import Broken, free_port, program, start_redis, wait_listening  # noqa: E402
from peers import own, start_trafficserver  # noqa: E402

PACKAGES = {"nginx": "nginx", "haproxy": "haproxy", "varnishd": "varnish", "traffic_server": "trafficserver",
            "wrk": "wrk", "redis-server": "redis-server", "taskset": "util-linux", "cc": "gcc"}
LUA_MODULE = "/usr/lib/nginx/modules/ngx_http_lua_module.so"
LUA_REDIS = "/usr/share/lua/5.1/nginx/redis.lua"
TICK = os.sysconf("SC_CLK_TCK")


def missing_packages():
    missing = []
    for name, package in PACKAGES.items():
        try:
            program(name, package)
        except Broken:
            missing.append(package)
    if not (os.path.exists(LUA_MODULE) and os.path.exists(LUA_REDIS)):
        missing += ["libnginx-mod-http-lua", "lua-nginx-redis"]
    return missing


def install():
    """Installs missing packages, without letting Debian start their services."""
    missing = missing_packages()
    if not missing:
        return
    print("installing " + " ".join(missing), file=sys.stderr)
    policy = "/usr/sbin/policy-rc.d"
    ours = not os.path.exists(policy)
    if ours:
        with open(policy, "w") as file:
            file.write("#!/bin/sh\nexit 101\n")
        os.chmod(policy, 0o755)
    try:
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], check=True,
                       stdout=sys.stderr, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    finally:
        if ours:
            os.unlink(policy)


def build(name, *parts):
    """Compiles a program of the benchmark from its file and others; gives its path."""
    directory = os.path.join(HERE, "build")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name)
    sources = [os.path.join(HERE, source) for source in (name + ".c", *parts)]
    if not os.path.exists(path) or os.path.getmtime(path) < max(map(os.path.getmtime, sources)):
        subprocess.run([program("cc", "gcc"), "-O2", "-std=gnu11", "-o", path,
                        *(source for source in sources if source.endswith(".c"))], check=True)
    return path


# ---- processes ----

def stat_fields(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()


def process_tree(roots):
    """The pids of the processes and all that they started, their threads being part of them."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(stat_fields(name)[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = set(roots)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def cpu_seconds(roots):
    """utime + stime of the whole tree so far."""
    total = 0
    for pid in process_tree(roots):
        try:
            fields = stat_fields(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_bytes(roots):
    """The memory of the tree, what processes share counted once (proportional set size)."""
    total = 0
    for pid in process_tree(roots):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total * 1024


# ---- servers ----

class Server:
    """A server under test: its port and the processes that answer there."""

    def __init__(self, name, port, children):
        self.name = name
        self.port = port
        self.pids = [child.pid for child in children]

    def cpu(self):
        return cpu_seconds(self.pids)

    def memory(self):
        return resident_bytes(self.pids)


class Fleet:
    """Starts servers on one core, with access logs to files or without, all in front of one origin and one Redis.

    connections: how many clients the servers are configured for; some allocate memory for each at the start.
    """

    def __init__(self, running, weir, core, other_core, logs=False, connections=4000):
        self.running = running
        self.weir = weir
        self.connections = connections
        self.pin = [program("taskset", "util-linux"), "-c", str(core)]
        self.logs = logs
        self.servers = {}
        beside = [program("taskset", "util-linux"), "-c", str(other_core)]
        self.origin = free_port()
        origin = running.start(beside + [build("origin", "loop.c", "loop.h"), str(self.origin)], "bench-origin")
        wait_listening(origin, ("127.0.0.1", self.origin))
        redis, self.redis = start_redis(running, "--maxmemory", "512mb")
        subprocess.run([*beside[:1], "-cp", str(other_core), str(redis.pid)], check=True, stdout=subprocess.DEVNULL)

    def has(self, name):
        return not name.startswith("weir") or os.access(self.weir, os.X_OK)

    def get(self, name):
        """The server of that name, started when it is first asked for."""
        if name not in self.servers:
            port = free_port()
            kind = name.partition(":")[0]
            children = getattr(self, "start_" + kind.replace("-", "_"))(name, port)
            for child in children[:1]:
                wait_listening(child, ("127.0.0.1", port))
            if kind == "varnish" and self.logs:
                children.append(self.start_varnishncsa())
            self.servers[name] = Server(name, port, children)
        return self.servers[name]

    def log_path(self, name):
        return self.running.path(f"access-{name}.log")

    def config(self, name, port):
        """The template servers/NAME with this run's values in it."""
        path = self.log_path(name)
        values = {
            "PORT": port, "ORIGIN": self.origin, "DIR": self.running.dir, "REDIS": self.redis,
            "LUA": os.path.join(HERE, "servers"),
            "CONNECTIONS": self.connections + 200,
            "HAPROXY_CONNECTIONS": min(self.connections + 200, 9900),  # two file descriptors each, of 20,000
            "NGINX_LOG": f"{path} combined" if self.logs else "off",
            "HAPROXY_LOG": "log stdout format raw local0" if self.logs else "",
            "HAPROXY_LOG_OPTION": "option httplog\n    log global" if self.logs else "",
            "ATS_LOG": 1 if self.logs else 0,
            "WEIR_LOG": f"{{ format: combined, to: {path} }}" if self.logs else "off",
        }
        with open(os.path.join(HERE, "servers", name)) as file:
            text = file.read()
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        return self.running.write(name, text)

    def start(self, command, name):
        return self.running.start(self.pin + command, name)

    def start_ceiling(self, name, port):
        return [self.start([build("ceiling", "loop.c", "loop.h"), str(port), name.partition(":")[2]], name.replace(":", "-"))]

    def start_nginx(self, name, port):
        own(self.running.path(name + "-cache"), "www-data")
        config = self.config(name + ".conf", port)
        return [self.start([program("nginx", "nginx"), "-p", self.running.dir, "-c", config], name)]

    start_nginx_lua = start_nginx

    def start_haproxy(self, name, port):
        config = self.config("haproxy.cfg", port)
        return [self.start([program("haproxy", "haproxy"), "-db", "-f", config], name)]

    def start_varnish(self, name, port):
        parameters = ["thread_pools=1", "thread_pool_min=100", "thread_pool_max=2000", "timeout_idle=600"]
        options = [word for parameter in parameters for word in ("-p", parameter)]
        config = self.config("varnish.vcl", port)
        return [self.start([program("varnishd", "varnish"), "-F", "-j", "none", "-n", self.running.path("varnish"),
                            "-a", f"127.0.0.1:{port}", "-f", config, "-s", "malloc,512m", *options], name)]

    def start_varnishncsa(self):
        return self.start([program("varnishncsa", "varnish"), "-n", self.running.path("varnish"), "-w",
                           self.log_path("varnish")], "varnishncsa")

    def start_trafficserver(self, name, port):
        for file in os.listdir(os.path.join(HERE, "servers", name)):
            source = os.path.dirname(self.config(f"{name}/{file}", port))
        return [start_trafficserver(self.running, port, self.origin, source, self.pin)]

    def start_weir(self, name, port):
        return [self.start([self.weir, "-c", self.config(name + ".yaml", port)], name)]

    start_weir_redis = start_weir
    start_weir_limit = start_weir


def versions(weir):
    """Describes the programs and the machine of this run."""
    asked = {"nginx": ["nginx", "-v"], "haproxy": ["haproxy", "-v"], "varnish": ["varnishd", "-V"],
             "trafficserver": ["traffic_server", "--version"], "redis": ["redis-server", "--version"]}
    if os.access(weir, os.X_OK):
        asked["weir"] = [weir, "-V"]
    found = {}
    for name, command in asked.items():
        path = command[0] if os.path.sep in command[0] else program(command[0], name)
        result = subprocess.run([path, *command[1:]], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        lines = (result.stdout + result.stderr).strip().splitlines()
        found[name] = lines[0] if lines else "unknown"
    return found
