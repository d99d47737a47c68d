/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash table of one shard: linear hashing over an array of segments. It also loads into the processor's
 * caches what a look-up is about to read. */
#include "store/memory_table.h"

#include <malloc.h>
#include <stdlib.h>

#define AHEAD_OBJECT 512 /* bytes loaded ahead of an object with its texts */
#define AHEAD_FLOW 1280  /* bytes loaded ahead of a flow and the beginning of its content */

/* Returns the bucket of a place. Its high bits choose the shard and its low bits the bucket, so the two
 * choices are independent. */
static size_t index_of(const struct wr_memory_table *t, uint64_t place)
{
    /* a power of two, larger than the number of buckets */
    size_t span = (size_t) 1 << (64 - __builtin_clzll(t->buckets | 1));
    size_t i = place & (span - 1);
    return i < t->buckets ? i : place & (span / 2 - 1);
}

static struct wr_memory_entry **slot(const struct wr_memory_table *t, size_t index)
{
    return &t->segments[index / WR_MEMORY_TABLE_SEGMENT][index % WR_MEMORY_TABLE_SEGMENT];
}

static void add_segment(struct wr_memory_table *t, size_t at)
{
    if (at == t->segment_room) {
        size_t room = t->segment_room ? t->segment_room * 2 : 4;
        if (t->segments)
            t->bytes -= malloc_usable_size(t->segments);
        t->segments = realloc(t->segments, room * sizeof *t->segments);
        WR_CHECK(t->segments != NULL);
        t->segment_room = room;
        t->bytes += malloc_usable_size(t->segments);
    }
    t->segments[at] = calloc(WR_MEMORY_TABLE_SEGMENT, sizeof **t->segments);
    WR_CHECK(t->segments[at] != NULL);
    t->bytes += malloc_usable_size(t->segments[at]);
}

void wr_memory_table_init(struct wr_memory_table *t)
{
    memset(t, 0, sizeof *t);
    add_segment(t, 0);
    t->buckets = WR_MEMORY_TABLE_SEGMENT;
}

void wr_memory_table_fini(struct wr_memory_table *t)
{
    for (size_t i = 0; i * WR_MEMORY_TABLE_SEGMENT < t->buckets; i++)
        free(t->segments[i]);
    free(t->segments);
}

/* An object, its head and the beginning of its content lie in a dozen cache lines, which a hit reads one
 * after the other. Loaded all at once, they take the time of one. Inlined by force: gcc takes a function that
 * only prefetches for one without effect and drops the calls. */
__attribute__((always_inline)) static inline void fetch_ahead(const struct wr_memory_entry *e)
{
    const char *object = (const char *) e->object, *flow = e->flow;
#pragma GCC unroll 8
    for (size_t at = 0; at < AHEAD_OBJECT; at += 64)
        __builtin_prefetch(object + at);
    if (flow == NULL)
        return;
#pragma GCC unroll 10
    for (size_t at = 0; at < AHEAD_FLOW; at += 64)
        __builtin_prefetch(flow + at);
}

void wr_memory_table_ahead(const struct wr_memory_table *t, uint64_t place)
{
    const struct wr_memory_entry *e = *slot(t, index_of(t, place));
    while (e && e->place != place)
        e = e->chain;
    if (e)
        fetch_ahead(e);
}

struct wr_memory_entry *wr_memory_table_find(const struct wr_memory_table *t, struct wr_hash hash,
                                             uint64_t place)
{
    struct wr_memory_entry *e = *slot(t, index_of(t, place));
    while (e && !(e->place == place && wr_hash_eq(e->object->hash, hash)))
        e = e->chain;
    return e;
}

/* Adds a bucket: the entries of its twin that belong to it move over. */
static void split_bucket(struct wr_memory_table *t)
{
    size_t fresh = t->buckets;
    size_t elder = fresh - ((size_t) 1 << (63 - __builtin_clzll(fresh)));
    if (fresh % WR_MEMORY_TABLE_SEGMENT == 0)
        add_segment(t, fresh / WR_MEMORY_TABLE_SEGMENT);
    t->buckets++;
    struct wr_memory_entry **at = slot(t, elder), **to = slot(t, fresh);
    while (*at) {
        struct wr_memory_entry *e = *at;
        if (index_of(t, e->place) == fresh) {
            *at = e->chain;
            e->chain = *to;
            *to = e;
        } else {
            at = &e->chain;
        }
    }
}

void wr_memory_table_add(struct wr_memory_table *t, struct wr_memory_entry *e)
{
    if (2 * t->entries >= t->buckets) { /* so chains longer than one are rare: each link is a cache miss */
        split_bucket(t);
        split_bucket(t);
    }
    struct wr_memory_entry **at = slot(t, index_of(t, e->place));
    e->chain = *at;
    *at = e;
    t->entries++;
}

void wr_memory_table_remove(struct wr_memory_table *t, struct wr_memory_entry *e)
{
    struct wr_memory_entry **at = slot(t, index_of(t, e->place));
    while (*at != e) {
        WR_CHECK(*at != NULL);
        at = &(*at)->chain;
    }
    *at = e->chain;
    t->entries--;
}

struct wr_memory_entry *wr_memory_table_bucket(const struct wr_memory_table *t, size_t index)
{
    return *slot(t, index);
}
