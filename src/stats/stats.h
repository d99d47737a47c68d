/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of what the daemon does. Each thread writes a block of its own; the blocks are summed on demand.
 *
 * counters.def: C(name, metric, labels, help) is a counter, G(...) a gauge. Counting costs one plain
 * addition: no lock, and no cache line that other threads write. */
#pragma once

#include "base/units.h"

enum wr_stat {
#define C(name, metric, labels, help) WR_STAT_##name,
#define G(name, metric, labels, help) WR_STAT_##name,
#include "stats/counters.def"
#undef C
#undef G
    WR_STAT_COUNT
};

struct wr_stats {
    _Alignas(64) uint64_t value[WR_STAT_COUNT];
    struct wr_stats *next;
};

extern _Thread_local struct wr_stats *wr_stats_mine;

/* Gives the calling thread a block of its own. Every thread calls this first: threads without a block share
 * a spare one, where counts may get lost. The block lives until the process ends. Thread: any, once. */
void wr_stats_join(void);
/* Returns the sum over all threads. Thread: any. */
uint64_t wr_stats_sum(enum wr_stat stat);

/* Adds n to the calling thread's counter. Only the owner writes a block, so it needs no atomic addition. */
static inline void wr_stats_add(enum wr_stat stat, uint64_t n)
{
    uint64_t *at = &wr_stats_mine->value[stat];
    __atomic_store_n(at, __atomic_load_n(at, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/* Counts a duration in a histogram. first: the row of its narrowest bucket (1 ms). The rows after it in
 * counters.def are the other buckets (5 ms, 25 ms, 100 ms, 1 s, all) and the sum in microseconds. Thread:
 * any. */
void wr_stats_observe(enum wr_stat first, struct wr_span took);

#define WR_COUNT(name) wr_stats_add(WR_STAT_##name, 1)
#define WR_COUNT_N(name, n) wr_stats_add(WR_STAT_##name, (n))
#define WR_GAUGE_UP(name) wr_stats_add(WR_STAT_##name, 1)
#define WR_GAUGE_DOWN(name) wr_stats_add(WR_STAT_##name, (uint64_t) -1)
