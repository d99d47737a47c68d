/* What Redis's clock showed at an instant of ours, from its answers to TIME. Two clocks compared over a wire are known to within the
 * time that question and answer took; this gives the earliest that it can have been. Pure arithmetic. Thread: the owner's. */
#pragma once

#include <stdbool.h>

#include "base/units.h"

struct wr_clock {
    bool known;
    int64_t ahead_us;     /* Redis's clock is so far ahead of our monotonic one, or further */
    struct wr_time taken; /* monotonic: how old that is */
};

/* Redis told this, in microseconds of its wall clock; sent, received: monotonic. */
void wr_clock_told(struct wr_clock *c, struct wr_time sent, struct wr_time received, int64_t told_us);
/* Redis's clock at `at` (monotonic), in microseconds, or less. 0: nothing is known. */
int64_t wr_clock_at(const struct wr_clock *c, struct wr_time at);
