# SPDX-License-Identifier: BSD-2-Clause
"""Asking a running weir: its admin listener and weirctl."""

import json
import re
import subprocess

from .client import ask


class Admin:
    def __init__(self, socket, weirctl, env):
        self.socket, self._weirctl, self._env = socket, weirctl, env

    def get(self, path, **options):
        return ask(self.socket, path, host="admin", **options)

    def post(self, path, body=b"", **options):
        return ask(self.socket, path, "POST", host="admin", body=body, **options)

    def metrics(self):
        """Returns {"name{labels}": value} of every sample."""
        samples = {}
        for line in self.get("/metrics").text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples

    def metric(self, name):
        """Returns a metric, summed over its labels."""
        found = [v for k, v in self.metrics().items() if re.fullmatch(re.escape(name) + r"(\{.*\})?", k)]
        assert found, f"no metric {name}"
        return sum(found)

    def ctl(self, *words, status=0):
        """Returns weirctl's output. Its exit status must be `status`."""
        done = subprocess.run([self._weirctl, "-s", str(self.socket), *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20, env=self._env)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def ctl_json(self, *words):
        return json.loads(self.ctl("--json", *words))
