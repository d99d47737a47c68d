/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of what the daemon does: one block per thread, written only by its owner, summed when someone
 * asks.
 *
 * counters.def: C(name, metric, labels, help) a counter, G(...) a gauge. Writing costs one plain add: no
 * lock, no shared cache line. */
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

/* Gives the calling thread a block of its own (a thread that has none counts into a shared spare one, racily
 * exact enough for no one: so every thread calls this first). Thread: any, once. */
void wr_stats_join(void);
/* Sum over all threads. Thread: any. */
uint64_t wr_stats_sum(enum wr_stat stat);

static inline void wr_stats_add(enum wr_stat stat, uint64_t n)
{
    uint64_t *at = &wr_stats_mine->value[stat];
    __atomic_store_n(at, __atomic_load_n(at, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/* Counts a duration in a histogram: `first` is the row of its narrowest bucket, and in counters.def follow
 * the others (5 ms, 25 ms, 100 ms, 1 s, all) and the sum in microseconds. Thread: any. */
void wr_stats_observe(enum wr_stat first, struct wr_span took);

#define WR_COUNT(name) wr_stats_add(WR_STAT_##name, 1)
#define WR_COUNT_N(name, n) wr_stats_add(WR_STAT_##name, (n))
#define WR_GAUGE_UP(name) wr_stats_add(WR_STAT_##name, 1)
#define WR_GAUGE_DOWN(name) wr_stats_add(WR_STAT_##name, (uint64_t) -1)
