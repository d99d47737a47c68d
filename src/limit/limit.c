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

static void ask_local(struct wr_limiter *l, struct wr_limit_ask *ask, size_t i)
{
    struct wr_limit_decision d = wr_local_limits_decide(l->local, ask->limits[i], ask->identities[i], l->loop->mono);
    WR_COUNT(limit_local);
    decided(ask, i, &d);
}

/* Redis did not say: what on_failure says. Without counting, all that is known is the policy. */
static void understudy(struct wr_limiter *l, struct wr_limit_ask *ask, size_t i)
{
    const struct wr_limit_policy *limit = ask->limits[i];
    enum wr_on_failure on_failure = l->policy->redis.on_failure;
    if (on_failure == WR_ON_FAILURE_LOCAL) {
        ask_local(l, ask, i);
        return;
    }
    bool closed = on_failure == WR_ON_FAILURE_CLOSED && !limit->observe;
    ask->verdicts[i] = (struct wr_limit_verdict){
        .allowed = !closed,
        .quota = limit->rate.count,
        .window = limit->rate.window,
        .remaining = closed ? 0 : limit->rate.count,
    };
    ask->closed |= closed;
    WR_COUNT(limit_unchecked);
}

static void on_reply(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_limit_call *mine = WR_CONTAINER(call, struct wr_limit_call, call);
    struct wr_limit_ask *ask = mine->ask;
    struct wr_limiter *l = ask->limiter;
    size_t i = (size_t) (mine - ask->calls);
    struct wr_limit_decision d;
    ask->late |= err == WR_ERR_TIMEOUT;
    if (err == WR_OK && wr_shared_limit_read(reply, &d))
        decided(ask, i, &d);
    else
        understudy(l, ask, i);
    if (--ask->open_calls > 0)
        return;
    ask->limiter = NULL;
    unref(l);
    ask->done(ask);
}

enum wr_limit_answer wr_limiter_ask(struct wr_limiter *l, struct wr_limit_ask *ask)
{
    WR_CHECK(ask->count <= WR_MAX_ROUTE_LIMITS && ask->open_calls == 0);
    ask->closed = ask->late = false;
    bool ready = l->link != NULL && wr_link_ready(l->link);
    for (size_t i = 0; i < ask->count; i++) {
        ask->calls[i] = (struct wr_limit_call){ .call.done = on_reply, .ask = ask };
        if (l->link == NULL)
            ask_local(l, ask, i);
        else if (ready && wr_shared_limit_ask(l->link, &ask->calls[i].call, &l->policy->redis, ask->limits[i],
                                              ask->identities[i]) == WR_OK)
            ask->open_calls++;
        else
            understudy(l, ask, i);
    }
    if (ask->open_calls == 0)
        return WR_LIMIT_NOW;
    ask->limiter = l;
    l->refs++;
    return WR_LIMIT_LATER;
}

void wr_limit_cancel(struct wr_limit_ask *ask)
{
    if (ask->open_calls == 0)
        return;
    for (size_t i = 0; i < ask->count; i++)
        wr_call_cancel(&ask->calls[i].call);
    ask->open_calls = 0;
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
