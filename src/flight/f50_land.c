/* SPDX-License-Identifier: BSD-2-Clause */
/* LAND: the response is whole. Puts it into the stores, tells the other nodes and releases the lock. */
#include <stdlib.h>

#include "flight/flight_priv.h"
#include "stats/stats.h"

/* Makes the object that is to be stored: its length is known, its memory has no slack, and fields for one
 * client are left out. Returns a reference for the caller. */
static struct wr_object *final_object(struct wr_flight *f)
{
    struct wr_object like = wr_object_facts(f->built);
    struct wr_flow *tight = wr_flow_kept(like.flow) ? wr_flow_compact(like.flow) : wr_flow_ref(like.flow);
    like.meta.length = wr_flow_length(like.flow);
    like.first_only = wr_slice(NULL, 0);
    struct wr_object *final = wr_object_new(&like, tight);
    wr_flow_unref(tight);
    final->purge_epoch = __atomic_load_n(&f->built->purge_epoch, __ATOMIC_RELAXED);
    final->checked = wr_flight_began(f);
    final->own = f->worker_policy->worker->redis_store != NULL;
    return final;
}

/* Ends a write to Redis; takes over the reference. OK: from now on this node hears of changes to the object
 * there. CANCELLED: the object isn't for the Redis store (it is too large), so it can't change there. PURGED:
 * Redis holds an object that was fetched later, so this one is dropped from memory. */
static void on_redis_put(struct wr_memory *memory, struct wr_object *o, enum wr_err err)
{
    if (err == WR_OK || err == WR_ERR_CANCELLED)
        __atomic_store_n(&o->in_redis, true, __ATOMIC_RELAXED);
    if (err == WR_ERR_PURGED && memory)
        wr_memory_drop_if(memory, o);
    wr_object_unref(o);
}

struct alone {
    struct wr_memory *memory;
    struct wr_object *object;
};

static void on_stored_alone(void *ctx, enum wr_err err)
{
    struct alone *a = ctx;
    on_redis_put(a->memory, a->object, err);
    free(a);
}

/* The marker that leads to the object, or NULL if the object isn't a variant. */
static const struct wr_object *marker_of(const struct wr_flight *f, const struct wr_object *o)
{
    return o->vary_values.at ? f->order.marker : NULL;
}

enum wr_memory_put wr_flight_put_here(struct wr_flight *f, struct wr_object *o)
{
    struct wr_shared *shared = f->worker_policy->worker->shared;
    struct wr_span keep = wr_flight_keep_time(f, o);
    struct wr_variants_bound bound;
    if (shared->memory == NULL || keep.us <= 0)
        return WR_MEMORY_NOT;
    enum wr_memory_put put = wr_memory_put(shared->memory, o, wr_time_add(f->loop->mono, keep),
                                           wr_purges_present(shared->purges));
    if (put == WR_MEMORY_PUT && marker_of(f, o))
        wr_memory_add_variant(shared->memory, marker_of(f, o), o->hash, wr_flight_bound(f, &bound));
    return put;
}

/* Writes the object to Redis. Returns false if there is no Redis or nothing to keep; then written() is never
 * called. */
static bool share(struct wr_flight *f, struct wr_object *o, void (*written)(void *, enum wr_err), void *ctx)
{
    struct wr_redis_store *redis_store = f->worker_policy->worker->redis_store;
    struct wr_span keep = wr_flight_keep_time(f, o);
    struct wr_variants_bound bound;
    if (redis_store == NULL || keep.us <= 0)
        return false;
    wr_redis_store_put(redis_store, o, keep, f->arrival, written, ctx);
    if (marker_of(f, o))
        wr_redis_store_add_variant(redis_store, marker_of(f, o), o, keep, wr_flight_bound(f, &bound));
    return true;
}

void wr_flight_put(struct wr_flight *f, struct wr_object *o)
{
    if (wr_flight_put_here(f, o) == WR_MEMORY_OLDER || f->worker_policy->worker->redis_store == NULL)
        return;
    struct alone *a = malloc(sizeof *a);
    WR_CHECK(a != NULL);
    *a = (struct alone){ f->worker_policy->worker->shared->memory, wr_object_ref(o) };
    if (!share(f, o, on_stored_alone, a))
        on_stored_alone(a, WR_ERR_CANCELLED);
}

static bool is_shared(const struct wr_flight *f)
{
    const struct wr_worker *w = f->worker_policy->worker;
    return w->redis_store && wr_link_ready(w->link);
}

/* The write to Redis has ended. The other nodes are told only now, when they can read the object. */
static void on_stored(void *ctx, enum wr_err err)
{
    struct wr_flight *f = ctx;
    on_redis_put(f->memory, f->landed, err);
    f->landed = NULL;
    wr_flight_unlock(f, err == WR_OK           ? WR_OUTCOME_STORED
                        : err == WR_ERR_PURGED ? WR_OUTCOME_PURGED
                                               : WR_OUTCOME_UNSTORED);
    wr_flight_wake(f, WR_FLIGHT_LAND, WR_FLIGHT_DONE);
    wr_flight_unref(f);
}

/* Ends the flight without storing anything: what another flight fetched later has been stored and stays. That
 * can happen after a purge, or if a node didn't wait for the lock. */
static enum wr_flight_stage give_way(struct wr_flight *f)
{
    wr_flight_unlock(f, WR_OUTCOME_PURGED);
    return WR_FLIGHT_DONE;
}

/* Puts the response into the stores. softly: it was softly purged while under way; then another node may have
 * fetched it anew, which only Redis knows, so it isn't put into memory here: the memory store gets the newest
 * one from Redis. Returns the next stage. */
static enum wr_flight_stage store(struct wr_flight *f, bool softly)
{
    struct wr_object *final = final_object(f);
    if (f->new_marker)
        wr_flight_put(f, f->new_marker);
    enum wr_memory_put put = softly && is_shared(f) ? WR_MEMORY_NOT : wr_flight_put_here(f, final);
    if (put == WR_MEMORY_OLDER) {
        wr_object_unref(final);
        return give_way(f);
    }
    if (put == WR_MEMORY_PUT)
        WR_COUNT(stored);
    wr_flights_unlist(f->worker_policy->worker->shared->flights,
                      f); /* requests find it in the store from now on */
    f->landed = final;
    f->memory = f->worker_policy->worker->shared->memory;
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED); /* for the Redis store, which always calls back */
    if (share(f, final, on_stored, f))
        return WR_FLIGHT_WAIT;
    __atomic_sub_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    wr_object_unref(final);
    f->landed = NULL;
    wr_flight_unlock(f, WR_OUTCOME_UNSTORED);
    return WR_FLIGHT_DONE;
}

static void on_more(struct wr_flow_reader *keeper)
{
    struct wr_flight *f = WR_CONTAINER(keeper, struct wr_flight, keeper);
    if (wr_flow_state(keeper->flow) != WR_FLOW_ARRIVING)
        wr_flight_wake(f, WR_FLIGHT_LAND, WR_FLIGHT_LAND);
}

/* A 304 has confirmed a large object that is still coming out of Redis: LAND goes on when all has come. */
static enum wr_flight_stage wait_for_all(struct wr_flight *f)
{
    return wr_flow_reader_open(&f->keeper, f->built->flow, f->loop, 0, on_more) ? WR_FLIGHT_WAIT
                                                                                : WR_FLIGHT_DONE;
}

/* The content wasn't kept. It was too large for the stores, and the next one will be, too. Or memory was
 * scarce: then each node fetches it for itself, and the next one may be stored. */
static void pass_by_stores(struct wr_flight *f)
{
    if (wr_flow_length(f->built->flow) <= wr_flight_max_object(f)) {
        wr_flight_unlock(f, WR_OUTCOME_UNSTORED);
        return;
    }
    if (!wr_flight_is_alone(f) && (f->order.stale == NULL || f->order.stale->flow != f->built->flow))
        wr_flight_mark_too_large(f);
    wr_flight_unlock(f, WR_OUTCOME_PRIVATE);
}

enum wr_flight_stage wr_flight_land(struct wr_flight *f)
{
    if (f->storing != WR_STORE)
        return WR_FLIGHT_DONE;
    if (wr_flow_state(f->built->flow) == WR_FLOW_ARRIVING && wr_flow_kept(f->built->flow))
        return wait_for_all(f);
    if (wr_flow_state(f->built->flow) != WR_FLOW_WHOLE)
        return WR_FLIGHT_DONE;
    if (!wr_flow_kept(f->built->flow) && !wr_redis_store_arrival_streams(f->arrival)) {
        pass_by_stores(f);
        return WR_FLIGHT_DONE;
    }
    if (f->unconfirmed)
        return WR_FLIGHT_WAIT;
    enum wr_purge_state purged = wr_flight_purge_state(f);
    return purged == WR_PURGE_GONE ? give_way(f) : store(f, purged == WR_PURGE_SOFT);
}
