/* SPDX-License-Identifier: BSD-2-Clause */
/* Lets other nodes read a large response out of Redis while it arrives here. The lock's owner writes each
 * piece as it comes, and says so on the flight's channel. */
#include "flight/flight_priv.h"

/* Waiting nodes begin to read only when they hear this word. So nothing that a node left in Redis when it
 * died is read. */
static void on_alive(void *ctx)
{
    wr_flight_publish(ctx, WR_OUTCOME_ARRIVING);
}

/* Redis takes no more of it. It may have been fetched for Redis only. */
static void on_lost(void *ctx)
{
    struct wr_flight *f = ctx;
    wr_note_post(&f->nudge);
}

bool wr_flight_may_arrive(const struct wr_object *built, const struct wr_object *stale)
{
    return built->meta.length != UINT64_MAX && wr_rules_collapses(built) &&
           wr_flow_state(built->flow) == WR_FLOW_ARRIVING && (stale == NULL || stale->flow != built->flow);
}

void wr_flight_arrive(struct wr_flight *f)
{
    struct wr_worker *worker = f->worker_policy->worker;
    if (f->lock_state != WR_LOCK_HELD || f->storing != WR_STORE || f->arrival != NULL ||
        !wr_flight_may_arrive(f->built, f->order.stale))
        return;
    if (wr_flight_is_purged(f) || __atomic_load_n(&f->spoiled, __ATOMIC_ACQUIRE))
        return;
    const struct wr_redis_store_lock lock = { wr_buf_slice(&f->lock_key), wr_slice(f->token, WR_LOCK_TOKEN),
                                              f->worker_policy->policy->redis.lock_ttl };
    f->arrival = wr_redis_store_arrive(worker->redis_store, f->built, &lock, wr_flight_keep_time(f, f->built),
                                       on_alive, on_lost, f);
}
