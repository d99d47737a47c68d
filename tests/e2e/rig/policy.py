# SPDX-License-Identifier: BSD-2-Clause
"""Makes a policy file from a Python dict: the least that runs, overlaid with what the test is about."""

import yaml

PATIENT = "2s"      # redis.timeout: under a sanitizer 50 ms can pass although nothing is wrong
CACHE = {"ttl": "60s", "jitter": "0%", "grace": "0s"}


def origin(*servers, **more):
    """Returns an origin's entry, from Origin objects or "host:port" texts."""
    return {"servers": [getattr(server, "address", server) for server in servers], **more}


def route(path=None, to="app", cache="off", limits=None, **match):
    """Returns a route's entry. cache=True takes CACHE; a dict is used as it is."""
    if path:
        match["path"] = path
    entry = {"match": match, "origin": to, "cache": dict(CACHE) if cache is True else cache}
    if limits:
        entry["limits"] = limits
    return entry


def merge(base, over):
    """Returns `base` with `over` laid on top: dicts merge, None removes, anything else replaces."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result


def text(policy):
    return yaml.safe_dump(policy, sort_keys=False, default_flow_style=False)
