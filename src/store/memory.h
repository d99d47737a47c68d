/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory store: stored responses within one byte budget over all threads.
 *
 * Sharded by hash, each shard under its own lock held for nanoseconds. Eviction by SIEVE (Zhang et al., NSDI
 * 2024). What it counts is what malloc took: texts, contents, its own tables. Thread: any. */
#pragma once

#include "cache/object.h"
#include "store/variants.h"

struct wr_memory;

struct wr_memory *wr_memory_new(uint64_t size, uint64_t max_object);
void wr_memory_free(struct wr_memory *m);
/* Other bounds: of a smaller size, what is too much gives way with the next put. */
void wr_memory_resize(struct wr_memory *m, uint64_t size, uint64_t max_object);
/* The largest content that it takes at present, with a head of that many octets. */
uint64_t wr_memory_most(const struct wr_memory *m, size_t head);
/* For who is about to look up several: what wr_memory_get() will read of this one is on its way into the
 * processor's caches, and comes together with that of the others. */
void wr_memory_ahead(struct wr_memory *m, struct wr_hash hash);
/* A reference to the object under this key (text compared), or NULL. Freshness is the caller's question. */
struct wr_object *wr_memory_get(struct wr_memory *m, struct wr_hash hash, struct wr_slice key);
/* The same without comparing the text, and without counting as a use. */
struct wr_object *wr_memory_peek(struct wr_memory *m, struct wr_hash hash);
enum wr_memory_put {
    WR_MEMORY_PUT,   /* it is there: a reference of the store's own has been taken */
    WR_MEMORY_NOT,   /* it is not: its content is larger than max_object */
    WR_MEMORY_OLDER, /* what is there was fetched later (object->began), and stays */
};

/* Replaces what was there. The flow must be WHOLE. expires: monotonic, when it is worth nothing any more.
 * present: no fetch has begun later (wr_purges_present()). */
enum wr_memory_put wr_memory_put(struct wr_memory *m, struct wr_object *object, struct wr_mono expires,
                                 struct wr_instant present);
/* Only where nothing is. false: something is, or it is too large. */
bool wr_memory_put_new(struct wr_memory *m, struct wr_object *object, struct wr_mono expires);
/* `variant`, which has been put, is found through this VARY marker: it is dropped with the marker. Where
 * there are more than `most`, or where they take more than an eighth of the store, those go that haven't been
 * used since they were stored or spared the last time, the oldest first. Nothing happens if the marker isn't
 * here. */
void wr_memory_add_variant(struct wr_memory *m, const struct wr_object *marker, struct wr_hash variant,
                           const struct wr_variants_bound *most);
/* Drops by hash (any key text). A marker takes its variants with it. */
bool wr_memory_drop(struct wr_memory *m, struct wr_hash hash);
/* Drops only if it is still this very object. */
bool wr_memory_drop_if(struct wr_memory *m, const struct wr_object *object);
/* Puts another object under the same key in its place, if it is still this very one. */
bool wr_memory_swap(struct wr_memory *m, const struct wr_object *old, struct wr_object *object);
void wr_memory_clear(struct wr_memory *m);
/* Frees what has expired in one of the 64 shards, in turn: 64 calls go over the whole store. For a timer.
 * now: monotonic. */
void wr_memory_sweep(struct wr_memory *m, struct wr_mono now);
uint64_t wr_memory_bytes(const struct wr_memory *m);
uint64_t wr_memory_count(const struct wr_memory *m);
