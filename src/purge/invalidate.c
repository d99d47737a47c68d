/* SPDX-License-Identifier: BSD-2-Clause */
/* Purges that a client's request causes: at once in this process, then in the journal. A response that
 * is purged by its URL is also dropped in Redis. */
#include "purge/invalidate.h"

#include "stats/stats.h"

unsigned wr_purge_tell_fleet(struct wr_purges *purges, struct wr_link *link,
                             struct wr_redis_store *redis_store, const struct wr_purge *purge,
                             struct wr_instant at,
                             void (*said)(void *ctx, enum wr_err err, struct wr_instant at), void *ctx)
{
    if (redis_store == NULL || wr_purges_say(purges, link, purge, "", at, said, ctx) != WR_OK)
        return 0;
    if (purge->scope == WR_SCOPE_URL && !wr_hash_eq(purge->primary, purge->other)) {
        wr_redis_store_drop(redis_store, purge->host, purge->primary);
        wr_redis_store_drop(redis_store, purge->host, purge->other);
    }
    return 1;
}

unsigned wr_purge_invalidate(struct wr_purges *purges, struct wr_link *link,
                             struct wr_redis_store *redis_store, const struct wr_purge *what,
                             void (*said)(void *ctx, enum wr_err err, struct wr_instant at), void *ctx)
{
    struct wr_purge purge = *what;
    purge.implied = true;
    struct wr_instant at = wr_purges_here(purges, &purge);
    WR_COUNT(invalidations);
    return wr_purge_tell_fleet(purges, link, redis_store, &purge, at, said, ctx);
}
