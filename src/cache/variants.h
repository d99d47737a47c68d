/* The variants that lie under one VARY marker in memory, oldest first, and at most WR_MAX_VARIANTS of them: whoever sends
 * a new value of a varying field with each request pushes out variants of that response, not the rest of the store.
 * Thread: whoever holds the lock of the marker's shard. */
#pragma once

#include "base/hash.h"

#define WR_MAX_VARIANTS 32

struct wr_variants {
    unsigned count, room;
    struct wr_hash of[]; /* of their keys */
};

/* Makes `variant` the newest of *v (NULL: none yet; grows). true: *oldest had to give way for it. */
bool wr_variants_add(struct wr_variants **v, struct wr_hash variant, struct wr_hash *oldest);
