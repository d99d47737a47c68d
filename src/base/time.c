/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads our two clocks. Both give microseconds. */
#include "base/time.h"

#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t) ts.tv_sec * WR_US_PER_S + ts.tv_nsec / 1000;
}

struct wr_wall wr_time_wall(void)
{
    return (struct wr_wall){ read_us(CLOCK_REALTIME) };
}

struct wr_mono wr_time_monotonic(void)
{
    return (struct wr_mono){ read_us(CLOCK_MONOTONIC) };
}
