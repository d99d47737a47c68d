# SPDX-License-Identifier: BSD-2-Clause
"""Reads Cache-Status (RFC 9211): the members of the list, with their parameters as a dict."""

import re


def parse(value):
    """Returns [(cache, {parameter: value or True})], the cache nearest to the origin first."""
    members = []
    for member in re.findall(r'(?:"[^"]*"|[^,"])+', value or ""):
        name, *rest = [part.strip() for part in re.findall(r'(?:"[^"]*"|[^;"])+', member)]
        parameters = {}
        for part in rest:
            key, equals, text = part.partition("=")
            parameters[key] = text.strip('"') if equals else True
        members.append((name.strip('"'), parameters))
    return members


def of(response, cache="edge-1"):
    """Returns the parameters that `cache` put on a response. Fails if it said nothing, or spoke twice."""
    mine = [parameters for name, parameters in parse(response.fields.get("Cache-Status")) if name == cache]
    assert len(mine) == 1, f"Cache-Status of {cache} in {response.fields!r}"
    return mine[0]


def hit(response, cache="edge-1"):
    return "hit" in of(response, cache)


def from_memory(node, path="/page", **request):
    """Asks the node. Is the answer a hit that Redis was not asked for?"""
    before = node.admin.metric("weir_redis_hits_total")
    answer = node.ask(path, **request)
    return hit(answer, node.name) and node.admin.metric("weir_redis_hits_total") == before
