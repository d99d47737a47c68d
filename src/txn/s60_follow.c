/* SPDX-License-Identifier: BSD-2-Clause */
/* FOLLOW: aboard a flight, until it has something to deliver. */
#include "stats/stats.h"
#include "txn/txn.h"

static enum wr_txn_stage look_up_again(struct wr_txn *t)
{
    wr_waiter_leave(&t->waiter);
    t->again++;
    return wr_txn_look_up(t);
}

/* A variant is ours only if our own request chooses it. */
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

/* What isn't fresh, or not fresh enough for it: may it have that because it takes part in the fetch (RFC 9111
 * 4)? What has come since it asked is as good as validated for it, also where another node has fetched it and
 * it comes out of Redis. What was fresh when it was sent and is still coming from the origin is not yet out
 * of the store: it goes to whoever asks for nothing newer, however slow it is. */
static bool shares(const struct wr_txn *t, const struct wr_flight_result *fetched)
{
    const struct wr_request_rules *r = &t->rules;
    const struct wr_object *o = fetched->object;
    bool asks_for_newer = r->revalidate || r->max_age.us >= 0 || r->min_fresh.us >= 0;
    if (!wr_rules_collapses(o))
        return false;
    return !wr_time_before(o->meta.response_time, t->started) ||
           (!fetched->from_store && !asks_for_newer && wr_rules_sent_fresh(o) &&
            wr_flow_state(o->flow) == WR_FLOW_ARRIVING);
}

/* May it have what was fetched for somebody else? What it could have from the store, and what it has a share
 * in. */
static bool suits(const struct wr_txn *t, const struct wr_flight_result *fetched)
{
    const struct wr_cache_policy *policy = &t->route->cache;
    const struct wr_object *o = fetched->object;
    struct wr_wall now = t->worker->loop.now;
    if (fetched->leader)
        return true;
    if (fetched->stale)
        return fetched->fwd_status ? wr_rules_stale_if_error(policy, &t->rules, o, now)
                                   : wr_rules_stale_if_unreachable(policy, &t->rules, o, now);
    switch (wr_rules_reuse(policy, &t->rules, o, now, 1.0)) {
    case WR_REUSE_NOT: /* not meant for whom it knows by name */
        return false;
    case WR_REUSE_VALIDATE:
        return shares(t, fetched);
    default:
        return true;
    }
}

/* Out of Redis: stored there before it asked, or while it waited for another node's fetch, in which it then
 * has a share. */
static enum wr_txn_stage take_stored(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    struct wr_object *object = wr_object_ref(fetched->object);
    bool waited_for = wr_rules_reuse(&t->route->cache, &t->rules, object, t->worker->loop.now, 1.0) ==
                          WR_REUSE_VALIDATE &&
                      shares(t, fetched);
    wr_waiter_leave(&t->waiter);
    if (!waited_for)
        return wr_txn_consider(t, object,
                               object != t->copy); /* Redis wasn't there to confirm the copy in memory */
    wr_txn_answer_with(t, object, WR_RESULT_COLLAPSED_REDIS);
    return WR_TXN_DELIVER;
}

/* By something that nobody knew of when it boarded; softly counts, too: what has been fetched since may be
 * stored already. */
static bool is_purged(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    return fetched->after_purge &&
           wr_purge_ends_fetch(wr_purges_check(t->worker->shared->purges, fetched->object));
}

static enum wr_txn_stage take_object(struct wr_txn *t, struct wr_flight_result *fetched)
{
    if (is_purged(t, fetched))
        return look_up_again(t);
    if (!variant_fits(t, fetched))
        return learn_marker(t, fetched->marker);
    if (fetched->from_store)
        return take_stored(t, fetched);
    if (!suits(t, fetched)) {
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

/* It was Redis that held something, and not what was in memory here: the origin was asked in spite of that.
 */
static void learn_fwd(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    if (fetched->held && (t->fwd == WR_FWD_URI_MISS || t->fwd == WR_FWD_VARY_MISS))
        t->fwd = fetched->held_fresh ? WR_FWD_REQUEST : WR_FWD_STALE;
}

/* What is stored isn't good enough for the flight, but for us: need we wait for the origin? */
static bool found_will_do(struct wr_txn *t, const struct wr_object *found)
{
    if (found == NULL || t->alone)
        return false;
    switch (wr_rules_reuse(&t->route->cache, &t->rules, found, t->worker->loop.now, 1.0)) {
    case WR_REUSE_VALIDATE:
    case WR_REUSE_NOT:
        return false;
    default:
        return true;
    }
}

/* What is stored has to be validated for each by himself: what this flight gets is no answer to us. */
static bool found_is_for_each(const struct wr_txn *t, const struct wr_flight_result *fetched)
{
    return fetched->found && !fetched->leader && !t->alone && !wr_rules_collapses(fetched->found);
}

/* For a fetch by itself: to serve if the origin fails, or for what a HEAD tells of it. */
static void keep_found(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    if (t->stale == NULL && fetched->found)
        t->stale = wr_object_ref(fetched->found);
}

static enum wr_txn_stage hear(struct wr_txn *t, struct wr_flight_result *fetched)
{
    learn_fwd(t, fetched);
    switch (fetched->verdict) {
    case WR_VERDICT_NONE:
        if (found_will_do(t, fetched->found) || found_is_for_each(t, fetched)) {
            wr_waiter_leave(&t->waiter);
            return wr_txn_consider(t, wr_object_ref(fetched->found), true);
        }
        if (t->alone || !fetched->looked || wr_txn_may_fetch(t))
            return WR_TXN_WAIT;
        wr_waiter_leave(&t->waiter); /* Redis doesn't have it either, or nothing that will do */
        keep_found(t, fetched);
        return wr_txn_fetch_alone(t, t->fwd);
    case WR_VERDICT_OBJECT:
        return take_object(t, fetched);
    case WR_VERDICT_AGAIN:
        return learn_marker(t, fetched->object);
    case WR_VERDICT_NOT_SHAREABLE:
        if (!fetched->leader && !wr_rules_concerns(fetched->apart, &t->rules))
            return look_up_again(
                t); /* it was somebody's with a cookie or a password: the next fetch may be for all */
        wr_waiter_leave(&t->waiter);
        t->detail = "NOT_SHAREABLE";
        keep_found(t, fetched);
        return wr_txn_fetch_apart(t, t->fwd);
    case WR_VERDICT_PRIVATE: /* never notified as such */
        break;
    case WR_VERDICT_FAILED:
        if (fetched->server)
            t->server = wr_arena_copy(&t->arena, wr_slice_str(fetched->server));
        return wr_txn_refuse(t, fetched->err, fetched->why);
    }
    return WR_TXN_WAIT;
}

/* Who comes when the fetch is over, and only Redis's word is still out, has not waited for it: that is a hit.
 */
static bool landed(struct wr_txn *t, const struct wr_flight_result *fetched)
{
    return fetched->verdict == WR_VERDICT_OBJECT && fetched->stored && !fetched->leader &&
           wr_flow_state(fetched->object->flow) == WR_FLOW_WHOLE && variant_fits(t, fetched) &&
           found_will_do(t, fetched->object);
}

/* What the flight says. It may have found a stored response before that was purged: such a response answers
 * nobody any more, and the flight brings a newer one. */
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
    if (t->alone)
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
        return WR_TXN_WAIT; /* the result stays */
    if (wr_result_is(t->result, WR_RF_FOUND))
        return WR_TXN_DELIVER; /* it had landed: only the limit was waited for */
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
