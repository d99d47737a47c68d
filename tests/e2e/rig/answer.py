# SPDX-License-Identifier: BSD-2-Clause
"""The answers of a scripted origin: one value per answer, which says everything about it."""

import threading
from dataclasses import dataclass, field
from typing import Any

from .pattern import Pattern
from .wire import Fields


@dataclass
class Answer:
    status: int = 200
    fields: Any = ()                 # dict or pairs
    body: Any = b""                  # bytes, a Pattern, or a list of bytes written one by one
    framing: str = "length"          # length | chunked | close | none
    reason: str = "Scripted"
    version: str = "HTTP/1.1"
    interim: list = field(default_factory=list)      # [(status, fields)] sent before the head
    trailers: Any = ()               # chunked only
    delay: float = 0.0               # seconds before the head
    pause: float = 0.0               # seconds between two parts of the body
    gate: threading.Event = None     # nothing is sent before this is set
    body_gate: threading.Event = None    # the rest of the body, after its first part, waits until this is set
    abort_after: int = None          # cut the connection after so many bytes of body
    raw: bytes = None                # exactly these bytes instead of all of the above; then the connection closes unless keep
    keep: bool = True                # keep the connection open afterwards
    read_body: bool = True           # read the request's body before answering

    def parts(self):
        if isinstance(self.body, Pattern):
            return self.body.blocks()
        return iter(self.body if isinstance(self.body, list) else [self.body])

    def length(self):
        return sum(map(len, self.body)) if isinstance(self.body, list) else len(self.body)

    def head(self):
        fields = Fields(self.fields)
        if self.framing == "chunked":
            fields.pairs.append(("Transfer-Encoding", "chunked"))
        elif self.framing == "length" and "Content-Length" not in fields and self.status not in (204, 304):
            fields.pairs.append(("Content-Length", self.length()))
        if self.framing == "close" or not self.keep:
            fields.pairs.append(("Connection", "close"))
        return f"{self.version} {self.status} {self.reason}\r\n".encode() + fields.encode() + b"\r\n"


def holds(request, etag):
    """Does the client have this already (If-None-Match), so that a 304 will do? etag: None if the response has none."""
    return etag is not None and etag in request.fields.get("If-None-Match", "")
