/* SPDX-License-Identifier: BSD-2-Clause */
/* LOOK: asks Redis whether it holds the object. GATE: waits until a waiter may cause a fetch; then the origin
 * is asked next. */
#include "flight/flight_priv.h"
#include "stats/stats.h"

/* Has the object come while this flight waited for another node, so that its waiters have a share in that
 * fetch? A request that wants it validated accepts only what was asked for since the flight began. Times out
 * of Redis are right to within a round trip, so they say nothing to a flight that has not waited. */
static bool came_meanwhile(const struct wr_flight *f, const struct wr_object *object)
{
    return f->has_waited && !f->rules.no_store &&
           wr_rules_came_since(object, f->rules.revalidate ? WR_CAME_REQUESTED : WR_CAME_RECEIVED,
                               f->started);
}

/* Is this an answer for the flight's waiters, or does the origin have to be asked first? */
static bool good_enough(const struct wr_flight *f, enum wr_reuse reuse, const struct wr_object *object)
{
    switch (reuse) {
    case WR_REUSE_FRESH:
        return true;
    case WR_REUSE_EARLY:
    case WR_REUSE_STALE_SERVE:
    case WR_REUSE_STALE_ASKED:
        return f->mode != WR_MODE_BACKGROUND;
    default:
        return came_meanwhile(f, object);
    }
}

static enum wr_flight_stage found_response(struct wr_flight *f, struct wr_object *object,
                                           enum wr_flight_stage miss)
{
    const struct wr_object *stale = f->order.stale;
    if (!f->order.look_first && stale && stale->meta.version == object->meta.version) {
        wr_object_unref(object); /* this is what is to be refreshed: only another object is a result */
        return miss;
    }
    if (!wr_vary_fits(&f->order.route->cache, object->vary_values, &f->request, &f->arena)) {
        wr_object_unref(object); /* it was stored when its marker named other fields */
        return miss;
    }
    enum wr_reuse reuse = wr_rules_reuse(&f->order.route->cache, &f->rules, object, f->loop->now, 1.0);
    if (reuse == WR_REUSE_NOT) { /* the response to this request must not take its place */
        wr_object_unref(object);
        wr_flight_tell_not_shareable(f, wr_rules_apart(&f->rules));
        return WR_FLIGHT_DONE;
    }
    if (f->read.arriving && reuse != WR_REUSE_FRESH && !came_meanwhile(f, object)) {
        wr_object_unref(object); /* it isn't whole, so it can't be validated yet */
        return miss;
    }
    if (!good_enough(f, reuse, object)) {
        wr_object_unref(f->order.stale);
        f->order.stale = object;
        wr_flight_tell_found(f, object);
        return miss;
    }
    struct wr_flight_result result = { .verdict = WR_VERDICT_OBJECT, .object = object, .from_store = true };
    if (f->order.marker)
        result.marker = wr_object_ref(f->order.marker);
    wr_flight_tell(f, result);
    return wr_flight_worth_keeping(f, object) ? WR_FLIGHT_KEEP : WR_FLIGHT_DONE;
}

/* Chooses between what Redis holds and what the memory store holds under the same key. Redis may have lost
 * the newer object (after a failover, or when it was full) and hold an older one: then the newer one is
 * written to Redis again. Takes over the reference, and returns a reference to the newer of the two. */
static struct wr_object *newer_of_both(struct wr_flight *f, struct wr_object *found)
{
    struct wr_shared *shared = f->worker_policy->worker->shared;
    struct wr_object *held = shared->memory ? wr_memory_get(shared->memory, found->hash, found->key) : NULL;
    if (held == NULL && f->order.copy && !f->read_marker)
        held = wr_object_ref(f->order.copy); /* if another node had written since, this node would have heard
                                                of it and dropped it */
    if (held == NULL || !wr_instant_holds(held->began, found->began, wr_purges_present(shared->purges)) ||
        wr_purges_check(shared->purges, held) > WR_PURGE_SOFT) {
        wr_object_unref(held);
        return found;
    }
    struct wr_object like = wr_object_facts(held);
    like.checked = found->checked;
    like.own = true;
    struct wr_object *again = wr_object_new(&like, held->flow);
    wr_flight_put(f, again);
    wr_object_unref(held);
    wr_object_unref(found);
    return again;
}

enum wr_flight_stage wr_flight_found(struct wr_flight *f, struct wr_object *object, enum wr_flight_stage miss)
{
    object = newer_of_both(f, object);
    wr_flight_remember(f, object);
    switch (object->meta.kind) {
    case WR_OBJECT_VARY:
        wr_flight_tell(f, (struct wr_flight_result){ .verdict = WR_VERDICT_AGAIN, .object = object });
        return WR_FLIGHT_DONE;
    default:
        WR_COUNT(redis_hits);
        return found_response(f, object, miss);
    }
}

/* --- asking Redis --- */

static void on_redis_read(struct wr_redis_store_read *read, enum wr_err err, struct wr_object *object)
{
    struct wr_flight *f = WR_CONTAINER(read, struct wr_flight, read);
    if (object && f->read_marker && object->meta.kind != WR_OBJECT_VARY) {
        wr_object_unref(object);
        object = NULL;
    }
    f->unanswered = err != WR_OK;
    f->redis_late |= err == WR_ERR_TIMEOUT;
    wr_flight_verify(f, object, f->read_done);
}

/* Does the request want one range only? Several ranges need the whole, as they may stand in any order. */
static bool wants_part(const struct wr_flight *f)
{
    const struct wr_field *range = wr_head_get(&f->request, WR_F_RANGE);
    return range && memchr(range->value.at, ',', range->value.len) == NULL;
}

bool wr_flight_reading(const struct wr_flight *f)
{
    return wr_call_pending(&f->read.call) || wr_flight_verifying(f);
}

void wr_flight_read_cancel(struct wr_flight *f)
{
    wr_redis_store_cancel(&f->read);
    wr_flight_verify_cancel(f);
}

static bool read_key(struct wr_flight *f, const struct wr_key *key,
                     void (*done)(struct wr_flight *f, struct wr_object *object))
{
    f->read_done = done;
    f->read.done = on_redis_read;
    f->look_sent = f->loop->mono;
    return wr_redis_store_get(f->worker_policy->worker->redis_store, &f->read, key->host, key->hash,
                              key->text) == WR_OK;
}

bool wr_flight_read(struct wr_flight *f, bool early, struct wr_object *held,
                    void (*done)(struct wr_flight *f, struct wr_object *object))
{
    wr_flight_read_cancel(f);
    f->read_marker = false;
    f->read.early = early;
    f->read.part = wants_part(f);
    f->read.held = held;
    return read_key(f, &f->order.key, done);
}

bool wr_flight_read_marker(struct wr_flight *f, void (*known)(struct wr_flight *f, struct wr_object *marker))
{
    wr_flight_read_cancel(f);
    f->read_marker = true;
    f->read.early = f->read.part = false;
    f->read.held = NULL;
    return read_key(f, &f->order.primary, known);
}

/* --- the stages --- */

/* Decides what to do when Redis doesn't answer. That counts as a miss, unless there is a copy in memory that
 * Redis should have confirmed: by redis.away the copy is used, so that an outage of Redis costs the origin
 * nothing. Returns the next stage. */
static enum wr_flight_stage unanswered(struct wr_flight *f)
{
    struct wr_object *copy = f->order.copy;
    if (copy == NULL || f->worker_policy->policy->redis.away != WR_REDIS_AWAY_SERVE ||
        wr_purges_check(f->worker_policy->worker->shared->purges, copy) > WR_PURGE_SOFT)
        return WR_FLIGHT_GATE;
    return found_response(f, wr_object_ref(copy), WR_FLIGHT_GATE);
}

static void on_known(struct wr_flight *f, struct wr_object *object)
{
    enum wr_flight_stage next = WR_FLIGHT_GATE;
    if (object)
        next = wr_flight_found(f, object, WR_FLIGHT_GATE);
    else if (f->unanswered)
        next = unanswered(f);
    wr_flight_wake(f, WR_FLIGHT_LOOK, next);
}

/* The copy in memory, if it is whole: then Redis need only confirm it. Else NULL. */
static struct wr_object *whole_copy(const struct wr_flight *f)
{
    struct wr_object *copy = f->order.copy;
    return copy && wr_flow_state(copy->flow) == WR_FLOW_WHOLE ? copy : NULL;
}

enum wr_flight_stage wr_flight_look(struct wr_flight *f)
{
    if (f->worker_policy->worker->redis_store == NULL)
        return WR_FLIGHT_GATE;
    return wr_flight_read(f, false, whole_copy(f), on_known)
               ? WR_FLIGHT_WAIT
               : unanswered(f); /* if the flight has to fetch, LOCK looks again */
}

void wr_flight_look_leave(struct wr_flight *f)
{
    wr_flight_read_cancel(f);
}

enum wr_flight_stage wr_flight_gate(struct wr_flight *f)
{
    wr_flight_tell_looked(f);
    if (wr_flight_has_admitted(f))
        return WR_FLIGHT_LOCK;
    return wr_flight_has_waiter(f) ? WR_FLIGHT_WAIT : WR_FLIGHT_DONE;
}
