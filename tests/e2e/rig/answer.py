# SPDX-License-Identifier: BSD-2-Clause
"""What a scripted origin answers: one value per answer, everything about it said up front."""

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
    gate: threading.Event = None     # nothing is sent before it is set
    body_gate: threading.Event = None    # after the first part of the body, the rest waits for it
    abort_after: int = None          # cut the connection after so many bytes of body
    raw: bytes = None                # these bytes verbatim instead of all of the above, then close unless keep
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
    """Does whoever asks hold this already (If-None-Match), so that 304 will do? etag: None for what has none."""
    return etag is not None and etag in request.fields.get("If-None-Match", "")
