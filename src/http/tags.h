/* SPDX-License-Identifier: BSD-2-Clause */
/* The tags of a response: Cache-Groups (RFC 9875), Cache-Tag and Surrogate-Key, three spellings of one thing.
 * Applications send a thousand of them, so nothing bounds their number but the size of a head. Thread: any.
 */
#pragma once

#include "http/head.h"

/* Tags, each once, in the order in which they came. Zeroed but for the arena it is empty. */
struct wr_tags {
    struct wr_arena *arena;
    struct wr_slice *of; /* in the arena */
    size_t count;
    /* private from here */
    size_t room;
    uint32_t *slots; /* a hash table of positions in `of`, each plus one; 2 * room of them */
};

/* Adds what the field `id` names (CACHE_GROUPS, CACHE_GROUP_INVALIDATION: a structured list of strings, where
 * anything else is passed over and a malformed list is no list; CACHE_TAG: commas; SURROGATE_KEY: spaces).
 * The slices point into the head, or into the arena where an escape had to be taken out. */
void wr_tags_add(struct wr_tags *tags, const struct wr_head *h, enum wr_field_id id);
