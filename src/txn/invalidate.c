/* SPDX-License-Identifier: BSD-2-Clause */
/* Invalidation after an unsafe method (RFC 9111 4.4): what is stored under its target, and under what
 * Location and Content-Location name on the same host, is purged here, in Redis and on every node.
 *
 * The answer waits until Redis has confirmed this, redis.timeout at most. So a client that has been told of
 * its change doesn't see the old state on its next request, whichever worker takes it. Other nodes have been
 * sent word by then. If Redis was late already with the request's limit, the answer doesn't wait again. */
#include <stdlib.h>

#include "http/tags.h"
#include "http/target.h"
#include "log/log.h"
#include "purge/invalidate.h"
#include "txn/txn.h"

#define MAX_GROUPS 128 /* RFC 9875 5 asks for 128 at least */

/* Purges that Redis has yet to confirm. They may outlive the transaction. */
struct wr_invalidation {
    struct wr_txn *txn; /* NULL: no transaction waits any more */
    unsigned open;      /* how many confirmations are still to come */
    struct wr_timer patience;
    struct wr_redis_store_check check;
};

void wr_txn_leave_invalidation(struct wr_txn *t)
{
    struct wr_invalidation *i = t->invalidation;
    if (i == NULL)
        return;
    t->invalidation = NULL;
    i->txn = NULL;
    wr_timer_fini(&i->patience);
    if (i->open == 0)
        free(i);
}

static void stop_waiting(struct wr_txn *t)
{
    wr_txn_leave_invalidation(t);
    wr_txn_wake(t);
}

/* One confirmation has come, or failed. If Redis is away, it is told when it is back. */
static void answered(struct wr_invalidation *i)
{
    if (--i->open > 0)
        return;
    if (i->txn)
        stop_waiting(i->txn);
    else
        free(i);
}

static void on_confirmed(void *ctx, enum wr_err err, struct wr_instant at)
{
    (void) err;
    (void) at;
    answered(ctx);
}

static void on_check(struct wr_redis_store_check *check, bool same)
{
    (void) same;
    answered(WR_CONTAINER(check, struct wr_invalidation, check));
}

/* The response to a POST replaces what is stored for the target. Its flight has told Redis of the purge on
 * this same link, so the answer to a question that is asked there now comes after that. */
static void wait_for_flight(struct wr_txn *t)
{
    struct wr_invalidation *i = t->invalidation;
    struct wr_redis_store *redis_store = t->worker->redis_store;
    i->check.done = on_check;
    i->open += redis_store && wr_redis_store_compare(redis_store, &i->check, t->object) == WR_OK;
}

static void on_patience(struct wr_timer *timer)
{
    stop_waiting(WR_CONTAINER(timer, struct wr_invalidation, patience)->txn);
}

static struct wr_invalidation *invalidation_new(struct wr_txn *t)
{
    struct wr_invalidation *i = calloc(1, sizeof *i);
    WR_CHECK(i != NULL);
    i->txn = t;
    wr_timer_init(&i->patience, &t->worker->loop, on_patience);
    wr_timer_set(&i->patience,
                 wr_txn_redis_was_late(t) ? WR_SPAN_MS(0) : t->worker_policy->policy->redis.timeout);
    return t->invalidation = i;
}

/* Purges one target. spared: the response that has just been stored under the target's own key stays. */
static void purge_target(struct wr_txn *t, struct wr_slice path, struct wr_slice query, bool spared)
{
    struct wr_head get = t->head;
    get.method = WR_METHOD_GET;
    get.method_text = WR_SLICE("GET");
    get.path = path;
    get.query = query;
    struct wr_purge purges[WR_MAX_URL_PURGES];
    size_t count = wr_purges_of_url(t->worker_policy->policy, t->host, &get, &t->arena, purges);
    for (size_t i = 0; i < count; i++) {
        if (spared)
            purges[i].primary = purges[i].other;
        t->invalidation->open += wr_purge_invalidate(t->worker->shared->purges, t->worker->link,
                                                     t->worker->redis_store, &purges[i], on_confirmed,
                                                     t->invalidation);
    }
}

static void drop_named(struct wr_txn *t, const struct wr_head *response, enum wr_field_id id)
{
    const struct wr_field *f = wr_head_get(response, id);
    struct wr_slice path, query;
    /* it has no say over the responses of other hosts */
    if (f && f->value.len > 0 && wr_target_resolve(&t->head, f->value, &t->arena, &path, &query))
        purge_target(t, path, query, false);
}

/* Purges the groups of this origin that the answer names (RFC 9875 3). */
static void drop_groups(struct wr_txn *t, const struct wr_head *response)
{
    struct wr_tags groups = { .arena = &t->arena };
    if (wr_head_get(response, WR_F_CACHE_GROUP_INVALIDATION) == NULL || t->route == NULL)
        return;
    wr_tags_add(&groups, response, WR_F_CACHE_GROUP_INVALIDATION);
    if (groups.count > MAX_GROUPS)
        wr_info("more than %d groups in one Cache-Group-Invalidation: the others are ignored", MAX_GROUPS);
    struct wr_slice host = wr_key_build(&t->route->cache, &t->head, &t->arena).host;
    for (size_t i = 0; i < groups.count && i < MAX_GROUPS; i++) {
        const struct wr_purge purge = {
            .scope = WR_SCOPE_GROUP,
            .name = wr_arena_printf(&t->arena, "%.*s %.*s", WR_SLICE_ARG(host), WR_SLICE_ARG(groups.of[i])),
        };
        t->invalidation->open += wr_purge_invalidate(t->worker->shared->purges, t->worker->link,
                                                     t->worker->redis_store, &purge, on_confirmed,
                                                     t->invalidation);
    }
}

bool wr_txn_invalidate(struct wr_txn *t)
{
    if (!wr_rules_invalidates(&t->head, t->object->meta.status))
        return false;
    struct wr_head response;
    wr_build_head(t->object, &t->arena, &response);
    struct wr_invalidation *i = invalidation_new(t);
    purge_target(t, t->head.path, t->head.query, t->stored);
    if (t->stored) /* then Content-Location names the target itself */
        wait_for_flight(t);
    else
        drop_named(t, &response, WR_F_CONTENT_LOCATION);
    drop_named(t, &response, WR_F_LOCATION);
    drop_groups(t, &response);
    if (i->open == 0)
        wr_txn_leave_invalidation(t);
    return t->invalidation != NULL;
}
