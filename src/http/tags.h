/* SPDX-License-Identifier: BSD-2-Clause */
/* The tags of a response, from Cache-Groups (RFC 9875), Cache-Tag and Surrogate-Key. Applications may send
 * a thousand tags, so only the size of a head limits their number. Thread: any. */
#pragma once

#include "http/head.h"

/* A set of tags in the order in which they came. Zeroed except for the arena, it is empty. */
struct wr_tags {
    struct wr_arena *arena;
    struct wr_slice *of; /* array in the arena */
    size_t count;
    /* private from here */
    size_t room;
    uint32_t *slots; /* a hash table of positions in `of`, each plus one; 2 * room of them */
};

/* Adds the tags of the field `id`. CACHE_GROUPS and CACHE_GROUP_INVALIDATION: a structured list of strings;
 * members of another type are skipped, and a malformed list counts as none. CACHE_TAG: separated by commas.
 * SURROGATE_KEY: separated by spaces. The slices point into the head, or into the arena if an escape had to
 * be removed. */
void wr_tags_add(struct wr_tags *tags, const struct wr_head *h, enum wr_field_id id);
