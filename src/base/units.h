/* Time and its spans, sizes, rates and shares, each with one parser.
 *
 * An instant and a span are different types so that the compiler refuses to mix them. Both count microseconds.
 * Thread: any. */
#pragma once

#include "base/bytes.h"

struct wr_time {
    int64_t us; /* since 1970-01-01 00:00 UTC, or since boot for the monotonic clock */
};

struct wr_span {
    int64_t us;
};

#define WR_US_PER_S INT64_C(1000000)
#define WR_SPAN_MS(n) ((struct wr_span){ (int64_t) (n) * 1000 })
#define WR_SPAN_S(n) ((struct wr_span){ (int64_t) (n) * WR_US_PER_S })
#define WR_SPAN_MAX ((struct wr_span){ INT64_MAX / 4 })

static inline struct wr_time wr_time_add(struct wr_time t, struct wr_span d)
{
    return (struct wr_time){ t.us + d.us };
}

/* a - b; negative when a is earlier. */
static inline struct wr_span wr_time_since(struct wr_time a, struct wr_time b)
{
    return (struct wr_span){ a.us - b.us };
}

static inline bool wr_time_before(struct wr_time a, struct wr_time b)
{
    return a.us < b.us;
}

/* Whole seconds, rounded down. */
static inline int64_t wr_span_s(struct wr_span d)
{
    return d.us / WR_US_PER_S;
}

static inline int64_t wr_span_ms(struct wr_span d)
{
    return d.us / 1000;
}

static inline int64_t wr_time_s(struct wr_time t)
{
    return t.us / WR_US_PER_S;
}

struct wr_time wr_time_wall(void);      /* CLOCK_REALTIME: what HTTP and Redis speak of */
struct wr_time wr_time_monotonic(void); /* CLOCK_MONOTONIC: for deadlines and durations */

struct wr_rate {
    uint64_t count; /* how many ... */
    struct wr_span window; /* ... in this time */
};

/* Each takes the whole slice and gives NULL, or a short reason in English (static text) why it isn't one. */
const char *wr_span_parse(struct wr_slice s, struct wr_span *out) WR_MUST_USE;   /* 500ms 60s 5m 1h 1d */
const char *wr_size_parse(struct wr_slice s, uint64_t *out) WR_MUST_USE;         /* 512B 512KB 256MB 2GB (powers of 1024) */
const char *wr_rate_parse(struct wr_slice s, struct wr_rate *out) WR_MUST_USE;   /* 100/s 1000/m 5/h 10/d 100/10s */
const char *wr_share_parse(struct wr_slice s, double *out) WR_MUST_USE;          /* 10% -> 0.1, from 0% to 100% */
