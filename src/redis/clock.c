/* SPDX-License-Identifier: BSD-2-Clause */
/* Estimates Redis's clock from replies to TIME, as the earliest time that it may show. */
#include "redis/clock.h"

#define LASTS WR_SPAN_S(5) /* clocks drift apart: after that a less exact reply is better than an old one */

/* Keeps the earlier estimate if it says more than this reply, unless it is old or contradicted by this
 * reply (the clock was set, or it is another server's). */
void wr_clock_learn(struct wr_clock *c, struct wr_mono sent, struct wr_mono received,
                    struct wr_redis_time clock)
{
    int64_t least = clock.us - received.us, most = clock.us - sent.us;
    bool stands = c->known && c->ahead_us > least && c->ahead_us <= most &&
                  wr_time_since(received, c->taken).us <= LASTS.us;
    if (stands)
        return;
    *c = (struct wr_clock){ true, least, received };
}

struct wr_redis_time wr_clock_at(const struct wr_clock *c, struct wr_mono at)
{
    return (struct wr_redis_time){ c->known ? at.us + c->ahead_us : 0 };
}
