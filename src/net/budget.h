/* SPDX-License-Identifier: BSD-2-Clause */
/* The budget of memory in flight: what requests under way hold in all threads together. That is bodies,
 * buffers, trailers and what waits to be sent; not what the memory store counts as its own.
 *
 * Each holder has a charge, embedded in it, and sets the charge to what it holds. The sum of all charges is
 * compared with the budget. Over half of it (TIGHT) nothing large is begun to be kept whole. Over all of it
 * (SPENT) no fetch begins, and bodies under way hold as little as they can.
 *
 * A thread adds up small changes for itself before the others see them, so that a charge costs no shared
 * write. So the state may be wrong by a small share of the budget. The sum in the metrics is exact.
 * Thread: any; the owner of a charge guards it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* The bytes that one holder holds. All zero is valid: it holds nothing. */
struct wr_charge {
    size_t bytes;
};

enum wr_budget_state {
    WR_BUDGET_EASY,  /* at most half of the budget is used */
    WR_BUDGET_TIGHT, /* more than half */
    WR_BUDGET_SPENT, /* all of it, or more */
};

/* Sets the budget in bytes. Before the first call there is no bound. */
void wr_budget_set(uint64_t most);
uint64_t wr_budget_most(void);
/* Returns how many bytes are charged now. Sums over all threads, so it isn't for the way of a request. */
uint64_t wr_budget_used(void);
/* How much of the budget is used? Costs one load. */
enum wr_budget_state wr_budget_state(void);

/* Adds what this thread has added up for itself. Each thread that charges calls it before it ends. */
void wr_budget_settle(void);

/* Changes what the process holds by `change` bytes. For wr_charge_set(). */
void wr_budget_move(int64_t change);

/* The holder holds `bytes` from now on. Before its end it sets 0. */
static inline void wr_charge_set(struct wr_charge *c, size_t bytes)
{
    if (c->bytes == bytes)
        return;
    wr_budget_move((int64_t) bytes - (int64_t) c->bytes);
    c->bytes = bytes;
}

/* Raises the charge to `bytes`, which will be needed later, if no more than half of the budget is used then.
 * Returns false and changes nothing otherwise. */
bool wr_charge_reserve(struct wr_charge *c, size_t bytes) WR_MUST_USE;
