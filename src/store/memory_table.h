/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash table of one shard of the memory store. Its entries are linked into the table and into the queue
 * that SIEVE needs.
 *
 * It grows by linear hashing (Litwin, 1980): each insertion splits at most two buckets, so no insertion moves
 * the whole table while the lock is held. The table owns its buckets; the caller owns the entries. Thread:
 * the one that holds the shard's lock. */
#pragma once

#include <sys/queue.h>

#include "cache/object.h"
#include "store/variants.h"

/* One stored object. */
struct wr_memory_entry {
    struct wr_memory_entry *chain; /* the next entry in its bucket */
    uint64_t place; /* of object->hash, so that most other entries are passed over without reading their
                       objects */
    struct wr_object *object; /* a counted reference */
    union {
        const void *flow; /* object->flow: it can be loaded ahead before the object itself has been read */
        /* Of a VARY marker, which has no flow: the variants found through it; or NULL. */
        struct wr_variants *variants;
    };
    struct wr_mono expires;             /* monotonic */
    TAILQ_ENTRY(wr_memory_entry) queue; /* the newest entry first */
    size_t bytes : 63;  /* of all that is freed with the entry; variants have entries of their own */
    size_t visited : 1; /* used since SIEVE's hand last passed */
};
TAILQ_HEAD(wr_entry_queue, wr_memory_entry);

struct wr_memory_table {
    struct wr_memory_entry ***segments; /* arrays of WR_MEMORY_TABLE_SEGMENT buckets */
    size_t segment_room;                /* room for so many segments */
    size_t buckets;                     /* buckets in use */
    size_t entries;
    size_t bytes; /* of the array of segments and the segments */
};

#define WR_MEMORY_TABLE_SEGMENT 64

/* init allocates the first buckets; fini frees all buckets, but no entries. */
void wr_memory_table_init(struct wr_memory_table *t);
void wr_memory_table_fini(struct wr_memory_table *t);
/* See wr_memory_ahead(). */
void wr_memory_table_ahead(const struct wr_memory_table *t, uint64_t place);
/* Returns the entry of the object with this hash, or NULL. place: wr_hash_place() of the hash. Borrowed. */
struct wr_memory_entry *wr_memory_table_find(const struct wr_memory_table *t, struct wr_hash hash,
                                             uint64_t place);
/* Adds an entry. None with the same hash may be in the table. */
void wr_memory_table_add(struct wr_memory_table *t, struct wr_memory_entry *e);
/* Takes out an entry, which must be in the table. */
void wr_memory_table_remove(struct wr_memory_table *t, struct wr_memory_entry *e);
/* Returns the first entry of a bucket (the others follow by `chain`), or NULL. For walking over all entries:
 * index < buckets. */
struct wr_memory_entry *wr_memory_table_bucket(const struct wr_memory_table *t, size_t index);
