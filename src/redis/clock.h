/* SPDX-License-Identifier: BSD-2-Clause */
/* What Redis's clock showed at an instant of ours, from its answers to TIME. Two clocks compared over a wire
 * are known to within the time that question and answer took; this gives the earliest that it can have been.
 * Pure arithmetic. Thread: the owner's. */
#pragma once

#include <stdbool.h>

#include "base/units.h"

struct wr_clock {
    bool known;
    int64_t ahead_us;     /* Redis's clock is so far ahead of our monotonic one, or further */
    struct wr_mono taken; /* monotonic: how old that is */
};

/* Redis told this; sent, received: monotonic. */
void wr_clock_learn(struct wr_clock *c, struct wr_mono sent, struct wr_mono received,
                    struct wr_redis_time clock);
/* Redis's clock at `at`, or earlier. Not set: nothing is known. */
struct wr_redis_time wr_clock_at(const struct wr_clock *c, struct wr_mono at);
