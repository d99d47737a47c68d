/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps one block of counters per thread. Sums the blocks on demand. */
#include "stats/stats.h"

#include <pthread.h>
#include <stdlib.h>

static struct wr_stats spare; /* for threads without a block: start-up code and tests */
static struct wr_stats *all = &spare;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

_Thread_local struct wr_stats *wr_stats_mine = &spare;

void wr_stats_join(void)
{
    struct wr_stats *mine = aligned_alloc(_Alignof(struct wr_stats), sizeof *mine);
    WR_CHECK(mine != NULL);
    memset(mine, 0, sizeof *mine);
    pthread_mutex_lock(&all_lock);
    mine->next = all;
    all = mine;
    pthread_mutex_unlock(&all_lock);
    wr_stats_mine = mine;
}

uint64_t wr_stats_sum(enum wr_stat stat)
{
    uint64_t sum = 0;
    pthread_mutex_lock(&all_lock);
    for (const struct wr_stats *s = all; s; s = s->next)
        sum += __atomic_load_n(&s->value[stat], __ATOMIC_RELAXED);
    pthread_mutex_unlock(&all_lock);
    return sum;
}

void wr_stats_observe(enum wr_stat first, struct wr_span took)
{
    static const int64_t edges_us[] = { 1000, 5000, 25000, 100000, 1000000, INT64_MAX };
    const unsigned count = sizeof edges_us / sizeof edges_us[0];
    unsigned i = 0;
    while (took.us > edges_us[i])
        i++;
    for (; i < count; i++) /* a bucket includes the narrower ones */
        wr_stats_add((enum wr_stat)(first + i), 1);
    wr_stats_add((enum wr_stat)(first + count), took.us > 0 ? (uint64_t) took.us : 0);
}
