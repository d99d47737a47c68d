# SPDX-License-Identifier: BSD-2-Clause
"""Bodies of any size that need no memory: a sequence of blocks, each with its own number in it."""

import hashlib

BLOCK = 64 * 1024
_FILL = bytes(range(256)) * (BLOCK // 256)


class Pattern:
    """`size` bytes, the same for the same size and seed. No two blocks are equal, so that a swap or a gap shows."""

    def __init__(self, size, seed=0):
        self.size, self.seed = size, seed

    def __len__(self):
        return self.size

    def blocks(self):
        left, number = self.size, 0
        while left > 0:
            block = b"%08x%08x" % (self.seed, number) + _FILL[16:]
            yield block if left >= BLOCK else block[:left]
            left -= BLOCK
            number += 1

    def bytes(self):
        return b"".join(self.blocks())

    def digest(self):
        tally = Tally()
        for block in self.blocks():
            tally.add(block)
        return tally.digest()


class Tally:
    """The length and the digest of a body that is seen piece by piece. It keeps the first 64 KB to look at."""

    KEEP = 64 * 1024

    def __init__(self):
        self.length, self.start, self._hash = 0, b"", hashlib.sha1()

    def add(self, data):
        self.length += len(data)
        self._hash.update(data)
        if len(self.start) < self.KEEP:
            self.start += bytes(data[:self.KEEP - len(self.start)])

    def digest(self):
        return self._hash.hexdigest()


def digest_of(data):
    return data.digest() if isinstance(data, Pattern) else hashlib.sha1(data).hexdigest()
