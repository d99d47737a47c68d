/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks Redis for all limits of a request, or the process's own counters. Applies on_failure when Redis
 * doesn't answer. */
#include "limit/limit.h"

#include <stdlib.h>

#include "limit/local.h"
#include "limit/shared.h"
#include "stats/stats.h"

struct wr_limiter {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_link *link;
    struct wr_local_limits *local;
    size_t refs; /* the owner's, and one for each ask under way */
};

struct wr_limiter *wr_limiter_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link,
                                  struct wr_local_limits *local)
{
    struct wr_limiter *l = calloc(1, sizeof *l);
    WR_CHECK(l != NULL);
    *l = (struct wr_limiter){ loop, wr_policy_ref(policy), link, local, 1 };
    return l;
}

static void unref(struct wr_limiter *l)
{
    if (--l->refs > 0)
        return;
    wr_policy_unref(l->policy);
    free(l);
}

void wr_limiter_free(struct wr_limiter *l)
{
    if (l != NULL)
        unref(l);
}

static void decided(struct wr_limit_ask *ask, size_t i, const struct wr_limit_decision *d)
{
    const struct wr_limit_policy *limit = ask->limits[i];
    ask->verdicts[i] = (struct wr_limit_verdict){
        .allowed = d->allowed || limit->observe,
        .over = !d->allowed,
        .quota = limit->rate.count,
        .window = limit->rate.window,
        .remaining = (uint64_t) d->remaining,
        .reset = { d->reset_us },
        .retry_after = { d->retry_after_us },
    };
    if (d->allowed)
        WR_COUNT(limit_allowed);
    else if (limit->observe)
        WR_COUNT(limit_observed);
    else
        WR_COUNT(limit_refused);
}

static void all_decided(struct wr_limit_ask *ask, const struct wr_limit_decision *decisions)
{
    for (size_t i = 0; i < ask->count; i++)
        decided(ask, i, &decisions[i]);
}

static void ask_local(struct wr_limiter *l, struct wr_limit_ask *ask)
{
    struct wr_limit_decision decisions[WR_MAX_ROUTE_LIMITS];
    wr_local_limits_decide(l->local, ask->count, ask->limits, ask->identities, l->loop->mono, decisions);
    WR_COUNT_N(limit_local, ask->count);
    all_decided(ask, decisions);
}

/* Sets the verdict of a limit that nobody has counted: only the policy is known. */
static void not_checked(struct wr_limit_ask *ask, size_t i, bool closes)
{
    const struct wr_limit_policy *limit = ask->limits[i];
    bool closed = closes && !limit->observe;
    ask->verdicts[i] = (struct wr_limit_verdict){
        .allowed = !closed,
        .quota = limit->rate.count,
        .window = limit->rate.window,
        .remaining = closed ? 0 : limit->rate.count,
    };
    ask->closed |= closed;
    WR_COUNT(limit_unchecked);
}

/* Applies on_failure: Redis has not answered. */
static void fall_back(struct wr_limiter *l, struct wr_limit_ask *ask)
{
    enum wr_on_failure on_failure = l->policy->redis.on_failure;
    if (on_failure == WR_ON_FAILURE_LOCAL) {
        ask_local(l, ask);
        return;
    }
    for (size_t i = 0; i < ask->count; i++)
        not_checked(ask, i, on_failure == WR_ON_FAILURE_CLOSED);
}

static void on_limits_answered(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_limit_ask *ask = WR_CONTAINER(call, struct wr_limit_ask, call);
    struct wr_limiter *l = ask->limiter;
    struct wr_limit_decision decisions[WR_MAX_ROUTE_LIMITS];
    ask->late = err == WR_ERR_TIMEOUT;
    if (err == WR_OK && wr_shared_limits_read(reply, ask->count, decisions))
        all_decided(ask, decisions);
    else
        fall_back(l, ask);
    ask->limiter = NULL;
    unref(l);
    ask->done(ask);
}

enum wr_limit_answer wr_limiter_ask(struct wr_limiter *l, struct wr_limit_ask *ask)
{
    WR_CHECK(ask->count <= WR_MAX_ROUTE_LIMITS && ask->limiter == NULL);
    ask->closed = ask->late = false;
    ask->call = (struct wr_call){ .done = on_limits_answered };
    if (ask->count == 0)
        return WR_LIMIT_NOW;
    if (l->link == NULL) {
        ask_local(l, ask);
        return WR_LIMIT_NOW;
    }
    if (!wr_link_ready(l->link) || wr_shared_limits_ask(l->link, &ask->call, &l->policy->redis, ask->count,
                                                        ask->limits, ask->identities) != WR_OK) {
        fall_back(l, ask);
        return WR_LIMIT_NOW;
    }
    ask->limiter = l;
    l->refs++;
    return WR_LIMIT_LATER;
}

void wr_limit_cancel(struct wr_limit_ask *ask)
{
    if (ask->limiter == NULL)
        return;
    wr_call_cancel(&ask->call);
    unref(ask->limiter);
    ask->limiter = NULL;
}

int wr_limit_refused_by(const struct wr_limit_ask *ask)
{
    int hardest = -1;
    for (size_t i = 0; i < ask->count; i++) {
        const struct wr_limit_verdict *v = &ask->verdicts[i];
        if (!v->allowed && (hardest < 0 || v->retry_after.us > ask->verdicts[hardest].retry_after.us))
            hardest = (int) i;
    }
    return hardest;
}
