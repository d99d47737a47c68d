/* SPDX-License-Identifier: BSD-2-Clause */
/* What one worker has found in the memory store more than once lately: found again without a lock, and
 * without writing to anything that other workers read. So an object that everybody asks for costs the same on
 * every core, however many there are.
 *
 * For each it holds a stock of references, taken at once, which transactions draw and give back. Whether the
 * store still holds the object is said by the object itself (`stored`), so a purge is seen as soon as by
 * looking it up. Thread: the worker's. */
#pragma once

#include "cache/object.h"

struct wr_hot;

struct wr_hot *wr_hot_new(void);
void wr_hot_free(struct wr_hot *n);
/* Will wr_hot_get() find it, as far as can be told without its text? now: monotonic, as everywhere here. */
bool wr_hot_has(struct wr_hot *n, struct wr_hash hash, struct wr_mono now);
/* A reference to what the memory store holds under this key (text compared); NULL: look there. */
struct wr_object *wr_hot_get(struct wr_hot *n, struct wr_hash hash, struct wr_slice key, struct wr_mono now);
/* It has just been found in the memory store. */
void wr_hot_found(struct wr_hot *n, struct wr_object *object, struct wr_mono now);
/* Takes a reference back, whoever it came from. NULL: nothing. */
void wr_hot_give(struct wr_hot *n, struct wr_object *object);
/* Lets go of what the store no longer holds. Now and then. */
void wr_hot_sweep(struct wr_hot *n);
