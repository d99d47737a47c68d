/* SPDX-License-Identifier: BSD-2-Clause */
/* KEEP: what was found in Redis comes in pieces. Once all have come, it is put into the memory store, where
 * the next hit finds it. */
#include "flight/flight_priv.h"
#include "redis/keys.h"

/* An object that another node is still fetching isn't put into memory: the next look finds it whole. */
void wr_flight_remember(struct wr_flight *f, struct wr_object *object)
{
    const struct wr_shared *shared = f->worker_policy->worker->shared;
    if (shared->memory == NULL || f->read.arriving ||
        (object->flow && wr_flow_state(object->flow) != WR_FLOW_WHOLE))
        return;
    if (wr_flight_put_here(f, object) == WR_MEMORY_PUT && object->vary_values.at && f->order.marker)
        wr_redis_store_use_variant(f->worker_policy->worker->redis_store, f->order.marker, object);
    struct wr_buf name = { 0 };
    wr_keys_cache(&name, &f->worker_policy->policy->redis, object->host, object->hash);
    if (wr_subscriber_changed_since(shared->subscriber, wr_buf_slice(&name), f->look_sent) ||
        __atomic_load_n(&f->spoiled, __ATOMIC_ACQUIRE))
        wr_memory_drop_if(shared->memory, object); /* it was changed or purged after it had been read */
    wr_buf_fini(&name);
}

bool wr_flight_worth_keeping(const struct wr_flight *f, const struct wr_object *object)
{
    return f->worker_policy->worker->shared->memory && !f->read.arriving &&
           wr_flow_state(object->flow) == WR_FLOW_ARRIVING && wr_flow_kept(object->flow);
}

static void on_keeper_more(struct wr_flow_reader *keeper)
{
    struct wr_flight *f = WR_CONTAINER(keeper, struct wr_flight, keeper);
    enum wr_flow_state state = wr_flow_state(keeper->flow);
    if (state == WR_FLOW_ARRIVING)
        return;
    if (state == WR_FLOW_WHOLE)
        wr_flight_remember(f, f->result.object);
    wr_flight_wake(f, WR_FLIGHT_KEEP, WR_FLIGHT_DONE);
}

enum wr_flight_stage wr_flight_keep(struct wr_flight *f)
{
    if (!wr_flow_reader_open(&f->keeper, f->result.object->flow, f->loop, 0, on_keeper_more))
        return WR_FLIGHT_DONE;
    wr_flights_close(f->worker_policy->worker->shared->flights, f);
    return WR_FLIGHT_WAIT;
}

void wr_flight_keep_leave(struct wr_flight *f)
{
    wr_flow_reader_close(&f->keeper);
}
