/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of the variants under one VARY marker in memory, the one that was stored longest ago first. Their
 * number and their bytes are bounded. So a client that sends a new value of a varying field with each request
 * pushes out variants of that response only, not the rest of the store. Variants that nobody has used since
 * give way first (memory.c). Thread: the one that holds the lock of the marker's shard. */
#pragma once

#include "base/hash.h"

/* How many variants one URL may have in each store, and how many bytes they may take together. */
struct wr_variants_bound {
    unsigned count;
    uint64_t bytes;
};

struct wr_variants {
    unsigned count, room;
    uint64_t bytes; /* of all variants */
    struct wr_variant {
        struct wr_hash hash; /* of its key */
        uint64_t bytes;
    } of[];
};

/* Puts the variant at the end of *v, as the newest. *v is NULL at first, grows as needed, and is the caller's
 * to free(). */
void wr_variants_add(struct wr_variants **v, struct wr_hash hash, uint64_t bytes);
/* Are there too many variants, or too many bytes? If so, takes out the oldest and gives it in *oldest. Never
 * takes the only one. v may be NULL. */
bool wr_variants_over(struct wr_variants *v, const struct wr_variants_bound *most, struct wr_variant *oldest);
