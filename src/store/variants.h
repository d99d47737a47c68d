/* SPDX-License-Identifier: BSD-2-Clause */
/* The variants that lie under one VARY marker in memory, least recently stored first. Their number and their
 * bytes are bounded, so that whoever sends a new value of a varying field with each request pushes out
 * variants of that response, and not the rest of the store; and among those first what nobody has used since
 * (memory.c). Thread: whoever holds the lock of the marker's shard. */
#pragma once

#include "base/hash.h"

/* How many variants one URL may have, and how large they may be together: in each store. */
struct wr_variants_bound {
    unsigned count;
    uint64_t bytes;
};

struct wr_variants {
    unsigned count, room;
    uint64_t bytes; /* of all of them */
    struct wr_variant {
        struct wr_hash hash; /* of its key */
        uint64_t bytes;
    } of[];
};

/* Makes it the newest of *v (NULL: none yet; grows). */
void wr_variants_add(struct wr_variants **v, struct wr_hash hash, uint64_t bytes);
/* Are there too many, and others than the newest? *oldest is taken out. v may be NULL. */
bool wr_variants_over(struct wr_variants *v, const struct wr_variants_bound *most, struct wr_variant *oldest);
