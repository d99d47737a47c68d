/* SPDX-License-Identifier: BSD-2-Clause */
/* Purges that a client's request causes, because an unsafe method has changed what is stored (RFC 9111 4.4).
 * Nobody waits until other nodes have read them. Thread: the one that owns the link. */
#pragma once

#include "purge/journal.h"
#include "store/redis_store.h"

/* Writes into the journal what wr_purges_here() has purged at the instant `at`, and drops the URL's objects
 * in Redis. link, redis_store: NULL without Redis. Returns how often `said` will be called: 1 if Redis has
 * been asked, once it has confirmed or refused, never before this function returns; 0 without Redis, or if it
 * is away. */
unsigned wr_purge_tell_fleet(struct wr_purges *purges, struct wr_link *link,
                             struct wr_redis_store *redis_store, const struct wr_purge *purge,
                             struct wr_instant at,
                             void (*said)(void *ctx, enum wr_err err, struct wr_instant at), void *ctx);
/* Purges `what` in this process, and in the fleet as above. */
unsigned wr_purge_invalidate(struct wr_purges *purges, struct wr_link *link,
                             struct wr_redis_store *redis_store, const struct wr_purge *what,
                             void (*said)(void *ctx, enum wr_err err, struct wr_instant at), void *ctx);
