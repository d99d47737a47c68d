/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests that need a fetch wait while all memory for requests in flight is used (net/budget.h). Those that
 * a stored response answers don't come here. Each worker has its own queue, and looks at it again after a
 * pause, because memory is given back on any thread. */
#include "stats/stats.h"
#include "txn/txn.h"

#define LOOK WR_SPAN_MS(10)
#define PATIENCE WR_SPAN_S(1)
#define AT_ONCE 16 /* requests that go on after one pause: what they will hold isn't charged yet */

static void leave_queue(struct wr_txn *t, enum wr_memory_wait outcome)
{
    struct wr_conns *conns = t->worker->conns;
    TAILQ_REMOVE(&conns->memory_waiters, t, memory_entry);
    t->memory_wait = outcome;
    if (TAILQ_EMPTY(&conns->memory_waiters))
        wr_timer_fini(&conns->memory_timer); /* it may outlive the loop */
}

void wr_txn_leave_memory_wait(struct wr_txn *t)
{
    if (t->memory_wait == WR_MEMORY_WAITS)
        leave_queue(t, WR_MEMORY_UNASKED);
}

bool wr_txn_wait_for_memory(struct wr_txn *t)
{
    struct wr_conns *conns = t->worker->conns;
    bool goes_on = t->stage != WR_TXN_LOOKUP || t->memory_wait == WR_MEMORY_GRANTED;
    if (goes_on || (TAILQ_EMPTY(&conns->memory_waiters) && wr_budget_state() != WR_BUDGET_SPENT))
        return false;
    if (TAILQ_EMPTY(&conns->memory_waiters))
        wr_timer_set(&conns->memory_timer, LOOK);
    TAILQ_INSERT_TAIL(&conns->memory_waiters, t, memory_entry);
    t->memory_wait = WR_MEMORY_WAITS;
    t->memory_since = t->worker->loop.mono;
    WR_COUNT(memory_waits);
    return true;
}

/* Returns the request that waits longest if it need not wait any more. */
static struct wr_txn *next_to_go(struct wr_conns *conns, unsigned granted, struct wr_mono now)
{
    struct wr_txn *t = TAILQ_FIRST(&conns->memory_waiters);
    if (t && wr_time_since(now, t->memory_since).us > PATIENCE.us) {
        WR_COUNT(memory_refused);
        leave_queue(t, WR_MEMORY_REFUSED);
        return t;
    }
    if (t == NULL || granted == AT_ONCE || wr_budget_state() == WR_BUDGET_SPENT)
        return NULL;
    leave_queue(t, WR_MEMORY_GRANTED);
    return t;
}

void wr_txn_on_memory_timer(struct wr_timer *timer)
{
    struct wr_conns *conns = WR_CONTAINER(timer, struct wr_conns, memory_timer);
    struct wr_txn *t;
    unsigned granted = 0;
    while ((t = next_to_go(conns, granted, timer->loop->mono)) != NULL) {
        granted += t->memory_wait == WR_MEMORY_GRANTED;
        wr_txn_wake(t);
    }
    if (!TAILQ_EMPTY(&conns->memory_waiters))
        wr_timer_set(timer, LOOK);
}
