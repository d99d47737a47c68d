/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash table of one shard of the memory store, entries linked into it and into the queue that SIEVE
 * needs.
 *
 * It grows by linear hashing (Litwin, 1980): one bucket is split per insertion, so no insertion ever moves
 * the whole table while a lock is held. No locks in here; it owns its buckets, not the entries. */
#pragma once

#include <sys/queue.h>

#include "cache/object.h"
#include "store/variants.h"

struct wr_memory_entry {
    struct wr_memory_entry *chain; /* the next one in its bucket */
    uint64_t hash_lo; /* of object->hash: most that isn't meant is passed over without touching the object */
    struct wr_object *object; /* counted */
    union {
        const void *flow; /* object->flow, to have it fetched before the object has told where it is */
        struct wr_variants *variants; /* of a VARY marker, which has none: those found through it; or NULL */
    };
    struct wr_mono expires;             /* monotonic */
    TAILQ_ENTRY(wr_memory_entry) queue; /* newest first */
    size_t bytes : 63;                  /* of all that dies with it; variants have entries of their own */
    size_t visited : 1;                 /* used since the hand came by */
};
TAILQ_HEAD(wr_entry_queue, wr_memory_entry);

struct wr_memory_table {
    struct wr_memory_entry ***segments; /* buckets by WR_MEMORY_TABLE_SEGMENT */
    size_t segment_room;                /* of the directory */
    size_t buckets;                     /* in use */
    size_t entries;
    size_t bytes; /* of directory and segments */
};

#define WR_MEMORY_TABLE_SEGMENT 64

void wr_memory_table_init(struct wr_memory_table *t);
void wr_memory_table_fini(struct wr_memory_table *t);
/* See wr_memory_ahead(). */
void wr_memory_table_ahead(const struct wr_memory_table *t, uint64_t hash_lo);
struct wr_memory_entry *wr_memory_table_find(const struct wr_memory_table *t, struct wr_hash hash);
/* hash must not be in it yet. */
void wr_memory_table_add(struct wr_memory_table *t, struct wr_memory_entry *e);
/* e must be in it. */
void wr_memory_table_remove(struct wr_memory_table *t, struct wr_memory_entry *e);
/* The first entry of a bucket (chained), for walking over all: index < buckets. */
struct wr_memory_entry *wr_memory_table_bucket(const struct wr_memory_table *t, size_t index);
