# SPDX-License-Identifier: BSD-2-Clause
"""weir schema: what a real validator says of right and of wrong policies."""

import json
import re

import jsonschema
import pytest
import yaml

from rig import daemon

SEPARATE = re.compile(r'"""\\\n(listen:.*?)"""', re.S)


@pytest.fixture(scope="module")
def schema():
    told = json.loads(daemon.run("schema").stdout)
    jsonschema.Draft7Validator.check_schema(told)
    return jsonschema.Draft7Validator(told)


def keys_as_text(value):
    """In JSON a key is text; PyYAML makes a number of 404, and of on a boolean."""
    if isinstance(value, dict):
        return {str(key): keys_as_text(one) for key, one in value.items()}
    return [keys_as_text(one) for one in value] if isinstance(value, list) else value


def mistakes(schema, text):
    return [f"{list(error.absolute_path)}: {error.message}" for error in schema.iter_errors(keys_as_text(yaml.safe_load(text)))]


def right_policies():
    sample = (daemon.TREE / "conf/weir.yaml").read_text()
    yield "the sample", sample
    options = sample.split("# Applications by name")[0]
    yield "the whole sample", re.sub(r"^#", "", re.sub(r"^# \S.*$", "", options, flags=re.M), flags=re.M)
    yield "shop.yaml", (daemon.TREE / "tests/unit/policy/shop.yaml").read_text()
    for file in sorted((daemon.TREE / "tests/e2e").glob("test_*.py")):
        for number, text in enumerate(SEPARATE.findall(file.read_text())):
            if not text.rstrip().endswith("tests:"):
                yield f"{file.name}, {number}", text


def test_policies_that_are_right(schema):
    count = 0
    for name, text in right_policies():
        assert mistakes(schema, text) == [], name
        count += 1
    assert count >= 4


WRONG = [
    "listn: 127.0.0.1:80", "workers: 0", "workers: many", "listen: [{adress: 127.0.0.1:80}]", "client: {header_timeout: 10}",
    "client: {max_head: 16k}", "memory: {size: [1GB]}", "memory: large", "origins: {app: {}}", "origins: {app: {servers: h:1, balance: random}}",
    "origins: {app: {servers: [{weight: 2}]}}", "origins: {a b: {servers: h:1}}", "limits: {few: {key: client, rate: 10}}",
    "limits: {few: {rate: 10/s}}", "routes: [{origin: app}]", "routes: [{match: {}, origin: app, cache: {ttl: 1 hour}}]",
    "routes: [{match: {}, origin: app, cache: {statuses: {999: 1s}}}]", "routes: [{match: {hosts: h}, origin: app}]",
    "routes: [{match: {}, redirect: {status: 301}}]", "defaults: {match: {}}", "caches: {a: {jitter: 0.1}}",
    "routes: [{match: {}, origin: app, maintenance: maybe}]", "admin: [{address: 127.0.0.1:80, allow: [all]}]",
    "listen: [{address: 127.0.0.1:80, tls: on}]", "tests: [{request: GET http://h/}]",
]


@pytest.mark.parametrize("text", WRONG)
def test_policies_that_are_wrong(schema, text):
    assert mistakes(schema, text)


def test_it_is_the_schema_that_is_installed():
    assert daemon.run("schema").stdout == (daemon.TREE / "conf/weir.schema.json").read_text()
    assert daemon.run("schema", "x").returncode == 2
