/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory store: stored responses of all threads within one budget of bytes.
 *
 * It is sharded by hash; each shard has a lock of its own, held for nanoseconds. It evicts by SIEVE (Zhang et
 * al., NSDI 2024). It counts what malloc really took: texts, contents and its own tables. Thread: any. */
#pragma once

#include "cache/object.h"
#include "store/variants.h"

struct wr_memory;

/* size: the budget; max_object: the largest content; both in bytes. The caller owns the store. free: NULL is
 * fine; no other thread may use the store any more. */
struct wr_memory *wr_memory_new(uint64_t size, uint64_t max_object);
void wr_memory_free(struct wr_memory *m);
/* Changes both bounds. If the store is now too large, the next put evicts what is too much. */
void wr_memory_resize(struct wr_memory *m, uint64_t size, uint64_t max_object);
/* Returns the largest content that the store takes at present, in bytes. head: the size of the response's
 * head, in bytes. */
uint64_t wr_memory_most(const struct wr_memory *m, size_t head);
/* For a caller that is about to look up several objects: begins to load what wr_memory_get() will read of
 * this one into the processor's caches, so that the waits for memory overlap. */
void wr_memory_ahead(struct wr_memory *m, struct wr_hash hash);
/* Returns a reference to the object under this key (text compared), or NULL. Doesn't look at its freshness.
 */
struct wr_object *wr_memory_get(struct wr_memory *m, struct wr_hash hash, struct wr_slice key);
/* The same without comparing the text, and without counting as a use for the eviction. */
struct wr_object *wr_memory_peek(struct wr_memory *m, struct wr_hash hash);
/* The result of a put. */
enum wr_memory_put {
    WR_MEMORY_PUT,   /* it is stored; the store has taken a reference of its own */
    WR_MEMORY_NOT,   /* it is not stored: its content is larger than the store takes */
    WR_MEMORY_OLDER, /* it is not stored: the object there was fetched later (object->began), and stays */
};

/* Stores the object in place of what was there. Its flow must be WHOLE. expires: monotonic; from then on the
 * object is worth nothing. present: wr_purges_present(); no fetch has begun later. */
enum wr_memory_put wr_memory_put(struct wr_memory *m, struct wr_object *object, struct wr_mono expires,
                                 struct wr_instant present);
/* Stores the object only if nothing is stored under its key. Returns false if something is, or if the object
 * is too large. */
bool wr_memory_put_new(struct wr_memory *m, struct wr_object *object, struct wr_mono expires);
/* Tells the store that `variant`, which has been put, is found through this VARY marker. So it is dropped
 * with the marker. If the marker has more than `most` variants, or they take more than an eighth of the
 * store, variants are dropped, the oldest first. A variant that was used since it was stored, or since it was
 * last spared, is spared. Does nothing if the marker isn't in the store. */
void wr_memory_add_variant(struct wr_memory *m, const struct wr_object *marker, struct wr_hash variant,
                           const struct wr_variants_bound *most);
/* Drops the object with this hash, whatever the text of its key. A marker takes its variants with it. Returns
 * whether there was one. */
bool wr_memory_drop(struct wr_memory *m, struct wr_hash hash);
/* Drops the object only if the store still holds this very one. Returns whether it did. */
bool wr_memory_drop_if(struct wr_memory *m, const struct wr_object *object);
/* Puts `object` in the place of `old`, if the store still holds this very one under the same key. Takes a
 * reference of its own. Returns whether it did. */
bool wr_memory_swap(struct wr_memory *m, const struct wr_object *old, struct wr_object *object);
/* Drops everything. */
void wr_memory_clear(struct wr_memory *m);
/* Frees what has expired in one of the 64 shards, in turn, so 64 calls go through the whole store. Call it
 * from a timer. now: monotonic. */
void wr_memory_sweep(struct wr_memory *m, struct wr_mono now);
/* Return the bytes that the store takes, and the number of its objects. */
uint64_t wr_memory_bytes(const struct wr_memory *m);
uint64_t wr_memory_count(const struct wr_memory *m);
