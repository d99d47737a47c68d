/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal's clock as this process knows it: Redis's clock, between two bounds. Before that is known, and
 * without Redis, it is our own monotonic clock, which is behind any real one. */
#include "purge/purges_priv.h"

#define MARGIN_US 1000 /* microseconds between an answer and its being worked on */
/* How far a purge's instant, which fetches take over, may be ahead of the clock; microseconds. */
#define AHEAD_US WR_US_PER_S
#define DRIFT 2000 /* clocks drift by at most one part in so many: as fast as NTP slews */

/* How far the clocks may have drifted since they were compared, in microseconds. */
static int64_t drift(const struct wr_purge_clock *c, struct wr_mono now)
{
    return c->known ? wr_time_since(now, c->taken).us / DRIFT : 0;
}

/* Joins two readings. Both are right, unless the clock has been set: then only the new one is. */
static struct wr_purge_clock both(struct wr_purge_clock old, struct wr_purge_clock new)
{
    old.least_us -= drift(&old, new.taken);
    old.most_us += drift(&old, new.taken);
    if (!old.known || new.most_us < old.least_us || new.least_us > old.most_us)
        return new;
    new.least_us = old.least_us > new.least_us ? old.least_us : new.least_us;
    new.most_us = old.most_us < new.most_us ? old.most_us : new.most_us;
    return new;
}

bool wr_purge_clock_learn(struct wr_purges *p, struct wr_mono sent, struct wr_mono received,
                          struct wr_redis_time clock, struct wr_instant *was)
{
    *was = wr_purge_clock_most(p);
    const struct wr_purge_clock now = { clock.us - received.us, clock.us - sent.us, received, true };
    pthread_mutex_lock(&p->clock_lock);
    const struct wr_purge_clock old = p->clock;
    p->clock = both(old, now);
    pthread_mutex_unlock(&p->clock_lock);
    return !old.known || now.most_us >= old.least_us - drift(&old, received);
}

static struct wr_instant reading(struct wr_purges *p, bool most)
{
    struct wr_mono now = wr_time_monotonic();
    pthread_mutex_lock(&p->clock_lock);
    const struct wr_purge_clock c = p->clock;
    pthread_mutex_unlock(&p->clock_lock);
    struct wr_instant least = wr_instant_of_us(now.us + c.least_us - drift(&c, now));
    if (!most)
        return least;
    if (!c.known)
        return wr_instant_next(least);
    return wr_instant_of_us(now.us + c.most_us + drift(&c, now) + MARGIN_US);
}

struct wr_instant wr_purge_clock_least(struct wr_purges *p)
{
    return reading(p, false);
}

struct wr_instant wr_purge_clock_most(struct wr_purges *p)
{
    return reading(p, true);
}

struct wr_instant wr_purges_begin(struct wr_purges *p)
{
    const struct wr_instant confirmed = { p->confirmed };
    return wr_instant_later(wr_purge_clock_least(p), confirmed);
}

/* While the clock isn't known, it isn't known either what would be later. */
struct wr_instant wr_purges_present(struct wr_purges *p)
{
    const struct wr_instant confirmed = { p->confirmed };
    pthread_mutex_lock(&p->clock_lock);
    bool known = p->clock.known;
    pthread_mutex_unlock(&p->clock_lock);
    if (p->shared && !known)
        return WR_INSTANT_LAST;
    struct wr_instant most = wr_instant_of_us(wr_instant_us(wr_purge_clock_most(p)) + AHEAD_US);
    return wr_instant_later(most, confirmed);
}
