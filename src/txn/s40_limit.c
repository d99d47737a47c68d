/* SPDX-License-Identifier: BSD-2-Clause */
/* LIMIT: asks the limits of the route. If Redis decides, the question leaves in the same write as the
 * look-up's, and the stages that could answer (LOOKUP, FOLLOW) wait for the verdict. */
#include "stats/stats.h"
#include "txn/txn.h"

static void take_decision(struct wr_txn *t)
{
    if (t->ask.closed || wr_limit_refused_by(&t->ask) >= 0)
        t->limit = WR_LIMIT_REFUSED;
    else
        t->limit = WR_LIMIT_PASSED;
}

static void on_done(struct wr_limit_ask *ask)
{
    struct wr_txn *t = WR_CONTAINER(ask, struct wr_txn, ask);
    take_decision(t);
    wr_txn_wake(t);
}

/* The next stage when the limits have admitted the request, or while they are asked. */
static enum wr_txn_stage next_stage(struct wr_txn *t)
{
    if (!wr_route_by_itself(t->route))
        return WR_TXN_LOOKUP;
    return t->limit == WR_LIMIT_PENDING ? WR_TXN_WAIT : wr_txn_answer_own(t);
}

enum wr_txn_stage wr_txn_limit_enter(struct wr_txn *t)
{
    const struct wr_route *route = t->route;
    if (route->limit_count == 0)
        return next_stage(t);
    char *text = wr_arena_alloc(&t->arena, WR_CIDR_TEXT);
    wr_cidr_client(t->client_addr, text);
    struct wr_slice client = wr_slice_str(text);
    t->ask = (struct wr_limit_ask){ .done = on_done, .count = route->limit_count };
    for (size_t i = 0; i < route->limit_count; i++) {
        t->ask.limits[i] = route->limits[i];
        t->ask.identities[i] = wr_limit_identity(route->limits[i], &t->head, client, &t->arena);
    }
    if (wr_limiter_ask(t->worker_policy->limiter, &t->ask) == WR_LIMIT_LATER) {
        t->limit = WR_LIMIT_PENDING;
        return next_stage(t);
    }
    take_decision(t);
    return t->limit == WR_LIMIT_REFUSED ? wr_txn_refuse_limited(t) : next_stage(t);
}

/* Only a route that answers by itself waits here. */
enum wr_txn_stage wr_txn_limit_resume(struct wr_txn *t)
{
    if (t->err != WR_OK)
        return wr_txn_refuse(t, t->err, t->why);
    return t->limit == WR_LIMIT_REFUSED ? wr_txn_refuse_limited(t) : next_stage(t);
}

enum wr_txn_stage wr_txn_refuse_limited(struct wr_txn *t)
{
    WR_COUNT(limited);
    return wr_txn_refuse(t, t->ask.closed ? WR_ERR_LIMITER_CLOSED : WR_ERR_LIMITED, NULL);
}
