/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts the memory in flight: one sum for the process, and for each thread what it hasn't added yet. */
#include "net/budget.h"

#include "stats/stats.h"

#define OWED_MOST (128 * 1024) /* a thread keeps so many bytes to itself ... */
#define OWED_SHARE 64          /* ... and at most this share (1/n) of the budget */

static struct {
    _Alignas(64) int64_t used; /* atomic: without what threads owe, which may be negative */
    int64_t most;              /* atomic */
    int64_t owed_most;         /* atomic */
} budget = { .most = INT64_MAX, .owed_most = OWED_MOST };

static _Thread_local int64_t owed;

void wr_budget_set(uint64_t most)
{
    int64_t bound = most < INT64_MAX ? (int64_t) most : INT64_MAX;
    int64_t share = bound / OWED_SHARE;
    __atomic_store_n(&budget.most, bound, __ATOMIC_RELAXED);
    __atomic_store_n(&budget.owed_most, share < OWED_MOST ? share : OWED_MOST, __ATOMIC_RELAXED);
}

static int64_t most_of(void)
{
    return __atomic_load_n(&budget.most, __ATOMIC_RELAXED);
}

uint64_t wr_budget_most(void)
{
    return (uint64_t) most_of();
}

/* Threads are summed one after another, so what one took and another gave back may be missing for a moment.
 */
uint64_t wr_budget_used(void)
{
    int64_t used = (int64_t) wr_stats_sum(WR_STAT_in_flight);
    return used > 0 ? (uint64_t) used : 0;
}

enum wr_budget_state wr_budget_state(void)
{
    int64_t used = __atomic_load_n(&budget.used, __ATOMIC_RELAXED) + owed, most = most_of();
    return used <= most / 2 ? WR_BUDGET_EASY : used < most ? WR_BUDGET_TIGHT : WR_BUDGET_SPENT;
}

void wr_budget_settle(void)
{
    __atomic_add_fetch(&budget.used, owed, __ATOMIC_RELAXED);
    owed = 0;
}

void wr_budget_move(int64_t change)
{
    int64_t bound = __atomic_load_n(&budget.owed_most, __ATOMIC_RELAXED);
    wr_stats_add(WR_STAT_in_flight, (uint64_t) change);
    owed += change;
    if (owed > bound || owed < -bound)
        wr_budget_settle();
}

/* Reservations of all threads at once must not all find room: so each is added before it is judged. */
bool wr_charge_reserve(struct wr_charge *c, size_t bytes)
{
    WR_CHECK(bytes >= c->bytes);
    int64_t more = (int64_t) (bytes - c->bytes);
    wr_budget_settle();
    if (__atomic_add_fetch(&budget.used, more, __ATOMIC_RELAXED) > most_of() / 2) {
        __atomic_sub_fetch(&budget.used, more, __ATOMIC_RELAXED);
        return false;
    }
    wr_stats_add(WR_STAT_in_flight, (uint64_t) more);
    c->bytes = bytes;
    return true;
}
