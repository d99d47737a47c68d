# SPDX-License-Identifier: BSD-2-Clause
"""Many clients at the same instant: all connect first, then all ask at the same time."""

import asyncio
import time

from .wire import Fields


class Visit:
    """What one client of a crowd got. `error` is the exception's text if it got no whole response."""

    def __init__(self, error=None, status=0, fields=None, body=b"", seconds=0.0):
        self.error, self.status, self.fields = error, status, fields or Fields()
        self.body, self.seconds = body, seconds

    def __repr__(self):
        return f"<Visit {self.error or self.status} {len(self.body)} bytes in {self.seconds:.3f} s>"


async def _read_body(reader, fields):
    if fields.get("Transfer-Encoding", "").lower() == "chunked":
        pieces = []
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            piece = await reader.readexactly(size + 2)
            if size == 0:
                return b"".join(pieces)
            pieces.append(piece[:-2])
    if "Content-Length" in fields:
        return await reader.readexactly(int(fields["Content-Length"]))
    return await reader.read()


async def _answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    fields = Fields([tuple(part.strip() for part in line.split(":", 1)) for line in head[1:] if line])
    body = b"" if status in (204, 304) else await _read_body(reader, fields)
    return status, fields, body


async def _visit(address, request, gate, arrived):
    writer = None
    try:
        if isinstance(address, tuple):
            reader, writer = await asyncio.open_connection(*address, limit=1 << 20)
        else:
            reader, writer = await asyncio.open_unix_connection(str(address), limit=1 << 20)
    except OSError as error:
        arrived()
        return Visit(error=repr(error))
    arrived()
    await gate.wait()
    start = time.monotonic()
    try:
        writer.write(request)
        status, fields, body = await _answer(reader)
        return Visit(None, status, fields, body, time.monotonic() - start)
    except (OSError, EOFError, ValueError, IndexError) as error:
        return Visit(error=repr(error), seconds=time.monotonic() - start)
    finally:
        writer.close()


async def _gather(visits, timeout):
    gate, waiting = asyncio.Event(), len(visits)

    def arrived():
        nonlocal waiting
        waiting -= 1
        if waiting == 0:
            gate.set()

    tasks = [asyncio.ensure_future(_visit(address, request, gate, arrived)) for address, request in visits]
    await asyncio.wait(tasks, timeout=timeout)
    late = Visit(error=f"no answer within {timeout} s")
    answers = [task.result() if task.done() else late for task in tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return answers


def get(target, fields=(), host="test.example", method="GET"):
    """The bytes of one request without a body, for visit()."""
    fields = Fields([("Host", host), ("Connection", "close"), *Fields(fields)])
    return f"{method} {target} HTTP/1.1\r\n".encode() + fields.encode() + b"\r\n"


def visit(visits, timeout=30):
    """visits: [(address, request bytes)]. All connect before the first one asks. Returns [Visit] in the same order."""
    return asyncio.run(_gather(list(visits), timeout))


def crowd(addresses, count, target, timeout=30, **request):
    """`count` clients, spread evenly over the addresses, all ask for the same target."""
    addresses = addresses if isinstance(addresses, list) else [addresses]
    return visit([(addresses[n % len(addresses)], get(target, **request)) for n in range(count)], timeout)
