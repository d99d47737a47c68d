/* SPDX-License-Identifier: BSD-2-Clause */
/* Purges that a request of a client causes: an unsafe method has changed what is stored. Nobody waits until
 * other nodes have read them. Thread: the one that owns the link. */
#pragma once

#include "purge/journal.h"
#include "store/redis_store.h"

/* Writes into the journal what wr_purges_here() has purged at the instant `at`, and drops the URL's objects
 * in Redis. link and redis_store: NULL without Redis. Returns how often `said` will be called, not before
 * this returns, when Redis has confirmed or refused; 0: there is no Redis, or it is away. */
unsigned wr_purge_tell_fleet(struct wr_purges *purges, struct wr_link *link,
                             struct wr_redis_store *redis_store, const struct wr_purge *purge,
                             struct wr_instant at,
                             void (*said)(void *ctx, enum wr_err err, struct wr_instant at), void *ctx);
/* Purges here, and in the fleet as above. */
unsigned wr_purge_invalidate(struct wr_purges *purges, struct wr_link *link,
                             struct wr_redis_store *redis_store, const struct wr_purge *what,
                             void (*said)(void *ctx, enum wr_err err, struct wr_instant at), void *ctx);
