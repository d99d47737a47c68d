/* SPDX-License-Identifier: BSD-2-Clause */
/* The hot table: what one worker has found in the memory store more than once lately. The worker finds it
 * again without a lock, and without writing to memory that other workers read. So a popular object costs the
 * same on every core, however many cores there are.
 *
 * For each object the table holds a stock of references, taken at once, which transactions draw and give
 * back. The object itself says whether the memory store still holds it (`stored`), so a purge takes effect
 * here as soon as it does there. Thread: the worker's. */
#pragma once

#include "cache/object.h"

struct wr_hot;

/* The caller owns the table. free gives back all references. */
struct wr_hot *wr_hot_new(void);
void wr_hot_free(struct wr_hot *n);
/* Will wr_hot_get() find the object, as far as the hash alone can tell? now: monotonic, here as in the
 * functions below. */
bool wr_hot_has(struct wr_hot *n, struct wr_hash hash, struct wr_mono now);
/* Returns a reference to the object that the memory store holds under this key (text compared), or NULL: then
 * look in the memory store. Give the reference back by wr_hot_give(). */
struct wr_object *wr_hot_get(struct wr_hot *n, struct wr_hash hash, struct wr_slice key, struct wr_mono now);
/* Call this when the object has just been found in the memory store. Takes references of its own, if it keeps
 * the object. */
void wr_hot_found(struct wr_hot *n, struct wr_object *object, struct wr_mono now);
/* Takes back a reference to an object, whether wr_hot_get() gave it or somebody else. NULL: does nothing. */
void wr_hot_give(struct wr_hot *n, struct wr_object *object);
/* Drops the references to objects that the memory store no longer holds. Call it from a timer. */
void wr_hot_sweep(struct wr_hot *n);
