/* SPDX-License-Identifier: BSD-2-Clause */
#include "flight/worker.h"

#include <stdlib.h>

struct wr_tenure *wr_tenure_new(struct wr_worker *worker, struct wr_policy *policy)
{
    struct wr_tenure *t = calloc(1, sizeof *t);
    WR_CHECK(t != NULL);
    t->refs = 1;
    t->worker = worker;
    t->policy = wr_policy_ref(policy);
    t->origins = wr_origins_new(&worker->loop, policy, worker->shared->backends);
    t->limiter = wr_limiter_new(&worker->loop, policy, worker->link, worker->shared->local);
    return t;
}

struct wr_tenure *wr_tenure_ref(struct wr_tenure *t)
{
    t->refs++;
    return t;
}

void wr_tenure_unref(struct wr_tenure *t)
{
    if (t == NULL || --t->refs > 0)
        return;
    wr_limiter_free(t->limiter);
    wr_origins_free(t->origins);
    wr_policy_unref(t->policy);
    free(t);
}

struct wr_mono wr_worker_horizon(const struct wr_worker *worker)
{
    const struct wr_herald *herald = worker->shared->herald;
    bool serves = worker->tenure->policy->redis.away == WR_REDIS_AWAY_SERVE;
    if (herald == NULL || (serves && !wr_link_ready(worker->link)))
        return (struct wr_mono){ 0 };
    return wr_herald_horizon(herald, worker->loop.mono);
}

void wr_worker_check_idle(struct wr_worker *worker)
{
    if (worker->idle && worker->conn_count == 0 && worker->flight_count == 0)
        worker->idle(worker);
}
