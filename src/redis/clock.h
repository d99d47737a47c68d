/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimates Redis's clock from its replies to TIME. Two clocks compared over a network are known to within
 * a round trip; this gives the earliest time that Redis's clock may show. Pure arithmetic. Thread: the
 * owner's. */
#pragma once

#include <stdbool.h>

#include "base/units.h"

struct wr_clock {
    bool known;
    int64_t ahead_us;     /* Redis's clock is at least so far ahead of our monotonic clock */
    struct wr_mono taken; /* monotonic: when that was learned */
};

/* Learns from a reply to TIME. sent, received: monotonic times of question and reply. */
void wr_clock_learn(struct wr_clock *c, struct wr_mono sent, struct wr_mono received,
                    struct wr_redis_time clock);
/* Returns Redis's clock at `at`, or an earlier time. Not set if nothing is known. */
struct wr_redis_time wr_clock_at(const struct wr_clock *c, struct wr_mono at);
