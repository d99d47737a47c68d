/* SPDX-License-Identifier: BSD-2-Clause */
/* Instants of four clocks, and spans of time. All count microseconds.
 *
 * Each clock has a type of its own, so the compiler refuses to compare, subtract or assign instants of two
 * clocks (tests/check/clocks). The operations below choose the function by the type of their argument. A
 * few functions convert between two clocks on purpose: wr_wall_after_date() and those below it, and
 * redis/clock.h. The journal's clock is base/instant.h. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct wr_span {
    int64_t us;
};

#define WR_US_PER_S INT64_C(1000000)
#define WR_SPAN_MS(n) ((struct wr_span){ (int64_t) (n) *1000 })
#define WR_SPAN_S(n) ((struct wr_span){ (int64_t) (n) *WR_US_PER_S })
#define WR_SPAN_MAX ((struct wr_span){ INT64_MAX / 4 })

/* Whole seconds, rounded down. */
static inline int64_t wr_span_s(struct wr_span d)
{
    return d.us / WR_US_PER_S;
}

static inline int64_t wr_span_ms(struct wr_span d)
{
    return d.us / 1000;
}

/* us: 0 is the start of the clock's count. It stands for "not set" where the comment of a member says so. */
#define WR_CLOCK(clock)                                                        \
    struct clock {                                                             \
        int64_t us;                                                            \
    };                                                                         \
    static inline struct clock clock##_add(struct clock t, struct wr_span d)   \
    {                                                                          \
        return (struct clock){ t.us + d.us };                                  \
    }                                                                          \
    static inline struct wr_span clock##_since(struct clock a, struct clock b) \
    {                                                                          \
        return (struct wr_span){ a.us - b.us };                                \
    }                                                                          \
    static inline bool clock##_before(struct clock a, struct clock b)          \
    {                                                                          \
        return a.us < b.us;                                                    \
    }                                                                          \
    static inline bool clock##_is_set(struct clock t)                          \
    {                                                                          \
        return t.us != 0;                                                      \
    }                                                                          \
    static inline int64_t clock##_s(struct clock t)                            \
    {                                                                          \
        return t.us / WR_US_PER_S;                                             \
    }

WR_CLOCK(wr_wall) /* our wall clock, since 1970-01-01 00:00 UTC: for Date and the age of what is stored */
WR_CLOCK(wr_date) /* somebody else's wall clock: an HTTP date of an origin's response or of a client's
                   * condition */
WR_CLOCK(wr_mono) /* our monotonic clock, since boot: deadlines and durations */
WR_CLOCK(wr_redis_time) /* Redis's wall clock, since 1970: its reply to TIME and the instants in its data */

#define WR_OF_CLOCK(t, operation)                        \
    _Generic((t), struct wr_wall                         \
             : wr_wall_##operation, struct wr_date       \
             : wr_date_##operation, struct wr_mono       \
             : wr_mono_##operation, struct wr_redis_time \
             : wr_redis_time_##operation)

#define wr_time_add(t, span) WR_OF_CLOCK(t, add)(t, span)
#define wr_time_since(a, b) WR_OF_CLOCK(a, since)(a, b) /* a - b; negative when a is earlier */
#define wr_time_before(a, b) WR_OF_CLOCK(a, before)(a, b)
#define wr_time_is_set(t) WR_OF_CLOCK(t, is_set)(t)
#define wr_time_s(t) WR_OF_CLOCK(t, s)(t) /* whole seconds, rounded down */

/* Returns how far our clock is ahead of `theirs`, as if both were right (RFC 9111 4.2.3: apparent_age). The
 * caller must know that they may not be. */
static inline struct wr_span wr_wall_after_date(struct wr_wall ours, struct wr_date theirs)
{
    return (struct wr_span){ ours.us - theirs.us };
}

/* Returns the date of a response without Date: when it was received (RFC 9110 6.6.1). */
static inline struct wr_date wr_date_by_wall(struct wr_wall ours)
{
    return (struct wr_date){ ours.us };
}

/* Convert between our clock and Redis's. ahead: how far Redis's clock is ahead of ours (wr_link_ahead()). */
static inline struct wr_redis_time wr_redis_time_by_wall(struct wr_wall ours, struct wr_span ahead)
{
    return (struct wr_redis_time){ ours.us + ahead.us };
}

static inline struct wr_wall wr_wall_by_redis_time(struct wr_redis_time theirs, struct wr_span ahead)
{
    return (struct wr_wall){ theirs.us - ahead.us };
}

struct wr_wall wr_time_wall(void);      /* CLOCK_REALTIME */
struct wr_mono wr_time_monotonic(void); /* CLOCK_MONOTONIC */
