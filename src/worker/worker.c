/* SPDX-License-Identifier: BSD-2-Clause */
/* Worker policies: making, counting and freeing them. Also the two questions that all rooms below ask of a
 * worker: may its copies be used without asking Redis, and has it nothing left to do? */
#include "worker/worker.h"

#include <stdlib.h>

static const struct wr_word lives[] = {
#define X(ID, word) [WR_LIFE_##ID] = { .text = #word },
#include "worker/life.def"
#undef X
};
const struct wr_words wr_words_life = WR_WORDS(lives);

struct wr_worker_policy *wr_worker_policy_new(struct wr_worker *worker, struct wr_policy *policy)
{
    struct wr_worker_policy *t = calloc(1, sizeof *t);
    WR_CHECK(t != NULL);
    t->refs = 1;
    t->worker = worker;
    t->policy = wr_policy_ref(policy);
    t->origins = wr_origins_new(&worker->loop, policy, worker->shared->backends);
    t->limiter = wr_limiter_new(&worker->loop, policy, worker->link, worker->shared->local);
    return t;
}

struct wr_worker_policy *wr_worker_policy_ref(struct wr_worker_policy *t)
{
    t->refs++;
    return t;
}

void wr_worker_policy_unref(struct wr_worker_policy *t)
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
    const struct wr_subscriber *subscriber = worker->shared->subscriber;
    bool serves = worker->worker_policy->policy->redis.away == WR_REDIS_AWAY_SERVE;
    if (subscriber == NULL || (serves && !wr_link_ready(worker->link)))
        return (struct wr_mono){ 0 };
    return wr_subscriber_horizon(subscriber, worker->loop.mono);
}

void wr_worker_check_idle(struct wr_worker *worker)
{
    if (worker->idle && worker->conn_count == 0 && worker->flight_count == 0)
        worker->idle(worker);
}
