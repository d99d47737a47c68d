/* SPDX-License-Identifier: BSD-2-Clause */
/* May a request be sent to another server? That depends on the request, on the servers, and on the origin's
 * retry budget: a share of its requests. A fleet that is sick because it has too much to do would be finished
 * off by retries without a bound, as each request would be sent several times. */
#include "origin/origin_priv.h"

/* Retries that may be made whatever the share, so that an origin with few requests has retries, too. One more
 * comes each second. */
#define RESERVE 10.0
/* What can be saved up, in retries. */
#define MOST 100.0

void wr_retry_init(struct wr_origin *origin)
{
    origin->budget = (struct wr_retry_budget){ RESERVE, origin->origins->loop->mono };
}

void wr_retry_earn(struct wr_origin *origin)
{
    struct wr_retry_budget *b = &origin->budget;
    if (b->left < MOST)
        b->left += origin->policy->retry_budget;
}

static bool spend(struct wr_retry_budget *b, struct wr_mono mono)
{
    double since = (double) wr_time_since(mono, b->filled).us / WR_US_PER_S;
    if (b->left < RESERVE)
        b->left = b->left + since < RESERVE ? b->left + since : RESERVE;
    b->filled = mono;
    if (b->left < 1) {
        WR_COUNT(origin_retries_refused);
        return false;
    }
    b->left--;
    return true;
}

bool wr_retry_may(const struct wr_exchange_run *run)
{
    return run->stage == WR_RUN_ASKING && (run->x->idempotent || run->asking) &&
           run->resends < run->patience->retries && wr_send_rewindable(run);
}

bool wr_retry_elsewhere(struct wr_exchange_run *run)
{
    return !run->pinned && wr_retry_may(run) && wr_balance_pick(run, NULL) == WR_PICK_PEER &&
           spend(&run->origin->budget, run->origins->loop->mono);
}
