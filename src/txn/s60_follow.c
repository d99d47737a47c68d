/* SPDX-License-Identifier: BSD-2-Clause */
/* FOLLOW: waits aboard a flight until the flight has something to deliver. It decides whether this request
 * may have the flight's response, or must look up again or fetch for itself. */
#include "txn/share.h"
#include "txn/txn.h"

static enum wr_txn_stage look_up_again(struct wr_txn *t)
{
    wr_waiter_leave(&t->waiter);
    t->again++;
    return wr_txn_look_up(t);
}

/* Does this request's own Vary choice fit? Otherwise the variant is for other requests. */
static bool variant_fits(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    return fetched->leader || fetched->marker == NULL ||
           wr_vary_fits(&t->route->cache, fetched->object->vary_values, &t->head, &t->arena);
}

static enum wr_txn_stage learn_marker(struct wr_txn *t, struct wr_object *marker)
{
    wr_object_unref(t->marker);
    t->marker = wr_object_ref(marker);
    t->key = wr_key_variant(&t->route->cache, &t->primary, marker, &t->head, &t->arena, &t->vary_values);
    return look_up_again(t);
}

static struct wr_asker asker(const struct wr_txn *t)
{
    return (struct wr_asker){ &t->route->cache, &t->rules, t->started, t->worker->loop.now };
}

/* Takes a response that came out of Redis. Either it was stored before this request was made, or another node
 * fetched it while this request waited, and so this request takes part in that fetch. */
static enum wr_txn_stage take_stored(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    const struct wr_asker a = asker(t);
    struct wr_object *object = wr_object_ref(fetched->object);
    wr_waiter_leave(&t->waiter);
    if (!wr_share_was_waited_for(&a, fetched))
        return wr_txn_consider(t, object,
                               object != t->copy); /* Redis didn't answer, so it is the copy in memory */
    wr_txn_answer_with(t, object, WR_RESULT_COLLAPSED_REDIS);
    return WR_TXN_DELIVER;
}

/* Was this response purged after its fetch began and before this request boarded? Its tags weren't known
 * then. A soft purge counts too: what was fetched since may be stored already. */
static bool is_purged(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    return fetched->after_purge &&
           wr_purge_ends_fetch(wr_purges_check(t->worker->shared->purges, fetched->object));
}

static enum wr_txn_stage take_object(struct wr_txn *t, struct wr_flight_result *fetched)
{
    const struct wr_asker a = asker(t);
    if (is_purged(t, fetched))
        return look_up_again(t);
    if (!variant_fits(t, fetched))
        return learn_marker(t, fetched->marker);
    if (fetched->from_store)
        return take_stored(t, fetched);
    if (!wr_share_suits(&a, fetched)) {
        wr_waiter_leave(&t->waiter);
        t->detail = "NOT_SHAREABLE";
        if (!wr_rules_is_for(&t->route->cache, &t->rules, fetched->object))
            return wr_txn_fetch_alone(t, WR_FWD_REQUEST);
        return wr_txn_fetch_apart(t, t->fwd);
    }
    wr_txn_answer_with(t, wr_object_ref(fetched->object),
                       wr_result_of_fetch(fetched->leader, fetched->stale, fetched->validated));
    t->stored = fetched->stored;
    t->fwd_status = fetched->fwd_status;
    if (fetched->server)
        t->server = wr_arena_copy(&t->arena, wr_slice_str(fetched->server));
    return WR_TXN_DELIVER;
}

/* Is what is stored good enough for this request, although not for the flight? Then it needn't wait for the
 * origin. */
static bool found_will_do(const struct wr_txn *t, const struct wr_object *found)
{
    const struct wr_asker a = asker(t);
    return t->fetch != WR_FETCH_ALONE && wr_share_found_will_do(&a, found);
}

/* Must what is stored be validated for each request by itself? Then the flight's response is of no use here.
 */
static bool found_is_for_each(const struct wr_txn *t, const struct wr_flight_result *fetched)
{
    return fetched->found && !fetched->leader && t->fetch != WR_FETCH_ALONE &&
           !wr_rules_collapses(fetched->found);
}

/* Keeps what is stored for this request's own fetch: to serve it if the origin fails, or to compare it with
 * the answer to HEAD. */
static void keep_found(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    if (t->stale == NULL && fetched->found)
        t->stale = wr_object_ref(fetched->found);
}

static enum wr_txn_stage hear(struct wr_txn *t, struct wr_flight_result *fetched)
{
    t->fwd = wr_share_fwd(t->fwd, fetched);
    switch (fetched->verdict) {
    case WR_VERDICT_NONE:
        if (found_will_do(t, fetched->found) || found_is_for_each(t, fetched)) {
            wr_waiter_leave(&t->waiter);
            return wr_txn_consider(t, wr_object_ref(fetched->found), true);
        }
        if (t->fetch == WR_FETCH_ALONE || !fetched->looked || wr_txn_may_fetch(t))
            return WR_TXN_WAIT;
        wr_waiter_leave(&t->waiter); /* Redis has nothing that will do either */
        keep_found(t, fetched);
        return wr_txn_fetch_alone(t, t->fwd);
    case WR_VERDICT_OBJECT:
        return take_object(t, fetched);
    case WR_VERDICT_AGAIN:
        return learn_marker(t, fetched->object);
    case WR_VERDICT_NOT_SHAREABLE:
        if (!fetched->leader && !wr_rules_concerns(fetched->apart, &t->rules))
            return look_up_again(
                t); /* it was for a request with a cookie or a password: the next fetch may be for all */
        wr_waiter_leave(&t->waiter);
        t->detail = "NOT_SHAREABLE";
        keep_found(t, fetched);
        return wr_txn_fetch_apart(t, t->fwd);
    case WR_VERDICT_PRIVATE: /* wr_waiter_result() never gives it */
        break;
    case WR_VERDICT_FAILED:
        if (fetched->server)
            t->server = wr_arena_copy(&t->arena, wr_slice_str(fetched->server));
        return wr_txn_refuse(t, fetched->err, fetched->why);
    }
    return WR_TXN_WAIT;
}

/* Is the fetch over, and only Redis yet to confirm it? A request that comes then hasn't waited for the fetch:
 * it is a hit. */
static bool landed(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    return fetched->verdict == WR_VERDICT_OBJECT && fetched->stored && !fetched->leader &&
           wr_flow_state(fetched->object->flow) == WR_FLOW_WHOLE && !is_purged(t, fetched) &&
           variant_fits(t, fetched) && found_will_do(t, fetched->object);
}

/* Takes the flight's result. If the flight found a stored response that has been purged since, that response
 * is dropped: the flight brings a newer one. */
static void take_result(struct wr_txn *t, struct wr_flight_result *fetched)
{
    wr_waiter_result(&t->waiter, fetched);
    if (fetched->found && wr_purges_check(t->worker->shared->purges, fetched->found) > WR_PURGE_SOFT) {
        wr_object_unref(fetched->found);
        fetched->found = NULL;
    }
}

enum wr_txn_stage wr_txn_follow_enter(struct wr_txn *t)
{
    if (t->fetch == WR_FETCH_ALONE)
        return WR_TXN_WAIT;
    struct wr_flight_result fetched;
    enum wr_txn_stage next = WR_TXN_WAIT;
    take_result(t, &fetched);
    if (landed(t, &fetched)) {
        wr_waiter_leave(&t->waiter);
        next = wr_txn_consider(t, wr_object_ref(fetched.object), false);
    }
    wr_flight_result_fini(&fetched);
    return next;
}

enum wr_txn_stage wr_txn_follow_resume(struct wr_txn *t)
{
    if (t->err != WR_OK)
        return wr_txn_refuse(t, t->err, t->why);
    if (t->limit == WR_LIMIT_REFUSED)
        return wr_txn_refuse_limited(t);
    if (t->limit == WR_LIMIT_PENDING)
        return WR_TXN_WAIT; /* the flight keeps its result */
    if (wr_result_is(t->result, WR_RF_FOUND))
        return WR_TXN_DELIVER; /* a hit: only the limit was waited for */
    if (t->waiter.flight == NULL)
        return wr_txn_fetch_alone(t, t->fwd);
    if (wr_txn_may_fetch(t))
        wr_waiter_admit(&t->waiter, wr_txn_redis_was_late(t));
    struct wr_flight_result fetched;
    take_result(t, &fetched);
    enum wr_txn_stage next = hear(t, &fetched);
    wr_flight_result_fini(&fetched);
    return next;
}
