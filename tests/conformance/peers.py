# SPDX-License-Identifier: BSD-2-Clause
"""The peers as caches in front of the suite's origin, each as its manual suggests for a reverse proxy that caches.

A peer's configuration is a template in peers/ with @PORT@, @ORIGIN@ (the origin's port) and @DIR@ (the run's directory).
"""

import os
import pwd
import shutil

from launch import program, wait_listening

HERE = os.path.dirname(os.path.abspath(__file__))

PACKAGES = {name: name for name in ("nginx", "varnish", "trafficserver", "squid", "haproxy")}


def fill(path, port, origin, directory):
    with open(path) as file:
        text = file.read()
    return text.replace("@PORT@", str(port)).replace("@ORIGIN@", str(origin)).replace("@DIR@", directory)


def configure(running, name, port, origin):
    template = os.path.join(HERE, "peers", name)
    return running.write(name, fill(template, port, origin, running.dir))


def own(path, user):
    entry = pwd.getpwnam(user)
    os.makedirs(path, exist_ok=True)
    os.chown(path, entry.pw_uid, entry.pw_gid)
    return path


def start_nginx(running, port, origin):
    own(running.path("nginx-cache"), "www-data")
    config = configure(running, "nginx.conf", port, origin)
    return running.start([program("nginx", "nginx"), "-p", running.dir, "-c", config], "nginx")


def start_haproxy(running, port, origin):
    config = configure(running, "haproxy.cfg", port, origin)
    return running.start([program("haproxy", "haproxy"), "-db", "-f", config], "haproxy")


def start_varnish(running, port, origin):
    config = configure(running, "varnish.vcl", port, origin)
    return running.start([program("varnishd", "varnish"), "-F", "-j", "none", "-n", running.path("varnish"), "-a",
                          f"127.0.0.1:{port}", "-f", config, "-s", "malloc,64m"], "varnish")


def start_squid(running, port, origin):
    own(running.path("squid"), "proxy")
    config = configure(running, "squid.conf", port, origin)
    return running.start([program("squid", "squid"), "-N", "-f", config], "squid")


ATS_LAYOUT = """\
prefix: /usr
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
sysconfdir: {root}/etc
datadir: {root}/cache
localstatedir: {root}/var
runtimedir: {root}/run
logdir: {root}/log
cachedir: {root}/cache
"""


def start_trafficserver(running, port, origin, source=os.path.join(HERE, "peers", "trafficserver"), prefix=()):
    """Traffic Server finds everything through the layout of a run root: the package's files, ours (from source) over them.

    prefix: words before the command, as taskset's.
    """
    root = running.path("ats")
    for name in ("cache", "var", "run", "log"):
        os.makedirs(os.path.join(root, name))
    shutil.copytree("/etc/trafficserver", os.path.join(root, "etc"))
    for name in os.listdir(source):
        running.write(f"ats/etc/{name}", fill(os.path.join(source, name), port, origin, running.dir))
    layout = running.write("ats/runroot.yaml", ATS_LAYOUT.format(root=root))
    give_away(root, "trafficserver")
    command = [program("traffic_server", "trafficserver"), f"--run-root={layout}"]
    return running.start([*prefix, *command], "trafficserver")


def give_away(root, user):
    entry = pwd.getpwnam(user)
    for directory, _, files in os.walk(root):
        for name in [".", *files]:
            os.chown(os.path.join(directory, name), entry.pw_uid, entry.pw_gid, follow_symlinks=False)


STARTERS = {"nginx": start_nginx, "haproxy": start_haproxy, "varnish": start_varnish, "squid": start_squid,
            "trafficserver": start_trafficserver}


def start_peer(running, name, port, origin):
    child = STARTERS[name](running, port, origin)
    wait_listening(child, ("127.0.0.1", port))
    return child
