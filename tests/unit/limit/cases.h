/* SPDX-License-Identifier: BSD-2-Clause */
/* One table of cases for both implementations, limit/algorithm.c and the scripts in Redis.
 *
 * Times are microseconds from an arbitrary start. A step with cost 0 ends the steps. */
#pragma once

#include "limit/algorithm.h"

#define S WR_US_PER_S

struct limit_step {
    int64_t at, cost;
    struct wr_limit_decision want; /* allowed, remaining, reset, retry_after */
};

struct limit_case {
    const char *name;
    struct wr_limit_rule rule;
    struct limit_step steps[16];
};

static const struct limit_case limit_cases[] = {
    { "a fixed window opens with its first request and closes on time",
      { WR_FIXED_WINDOW, 3, 10 * S, 3 },
      { { 0, 1, { true, 2, 10 * S, 0 } },
        { 1 * S, 1, { true, 1, 9 * S, 0 } },
        { 9 * S, 1, { true, 0, 1 * S, 0 } },
        { 9 * S + 1, 1, { false, 0, S - 1, S - 1 } },
        { 10 * S - 1, 1, { false, 0, 1, 1 } },
        { 10 * S, 1, { true, 2, 10 * S, 0 } },
        { 25 * S, 2, { true, 1, 10 * S, 0 } },
        { 25 * S, 2, { false, 1, 10 * S, 10 * S } },
        { 25 * S, 1, { true, 0, 10 * S, 0 } } } },
    { "a fixed window outlives no clock that goes back",
      { WR_FIXED_WINDOW, 1, 10 * S, 1 },
      { { 1000 * S, 1, { true, 0, 10 * S, 0 } },
        { 900 * S, 1, { false, 0, 10 * S, 10 * S } },
        { 909 * S, 1, { false, 0, 1 * S, 1 * S } },
        { 910 * S, 1, { true, 0, 10 * S, 0 } } } },
    { "a sliding window counts (now - window, now]",
      { WR_SLIDING_WINDOW, 3, 10 * S, 3 },
      { { 0, 1, { true, 2, 10 * S, 0 } },
        { 0, 1, { true, 1, 10 * S, 0 } },
        { 4 * S, 1, { true, 0, 10 * S, 0 } },
        { 5 * S, 1, { false, 0, 9 * S, 5 * S } },
        { 10 * S - 1, 1, { false, 0, 4 * S + 1, 1 } },
        { 10 * S, 2, { true, 0, 10 * S, 0 } },
        { 12 * S, 1, { false, 0, 8 * S, 2 * S } },
        { 12 * S, 2, { false, 0, 8 * S, 8 * S } },
        { 14 * S, 1, { true, 0, 10 * S, 0 } },
        { 100 * S, 3, { true, 0, 10 * S, 0 } } } },
    { "a sliding window's future is drawn to the present",
      { WR_SLIDING_WINDOW, 2, 10 * S, 2 },
      { { 1000 * S, 1, { true, 1, 10 * S, 0 } },
        { 1004 * S, 1, { true, 0, 10 * S, 0 } },
        { 500 * S, 1, { false, 0, 10 * S, 10 * S } },
        { 509 * S, 1, { false, 0, 1 * S, 1 * S } },
        { 510 * S, 2, { true, 0, 10 * S, 0 } } } },
    { "many in one microsecond are as many entries",
      { WR_SLIDING_WINDOW, 4, S, 4 },
      { { 7, 1, { true, 3, S, 0 } },
        { 7, 1, { true, 2, S, 0 } },
        { 7, 2, { true, 0, S, 0 } },
        { 7, 1, { false, 0, S, S } },
        { 7 + S, 1, { true, 3, S, 0 } } } },
    { "a bucket is refilled one by one",
      { WR_TOKEN_BUCKET, 2, 1 * S, 4 },
      { { 0, 1, { true, 3, S / 2, 0 } },
        { 0, 3, { true, 0, 2 * S, 0 } },
        { 0, 1, { false, 0, 2 * S, S / 2 } },
        { S / 2 - 1, 1, { false, 0, 3 * S / 2 + 1, 1 } },
        { S / 2, 1, { true, 0, 2 * S, 0 } },
        { S, 2, { false, 1, 3 * S / 2, S / 2 } },
        { S, 1, { true, 0, 2 * S, 0 } },
        { 60 * S, 9, { true, 0, 2 * S, 0 } } } },
    { "gcra keeps the same promise in time",
      { WR_GCRA, 2, 1 * S, 4 },
      { { 0, 1, { true, 3, S / 2, 0 } },
        { 0, 3, { true, 0, 2 * S, 0 } },
        { 0, 1, { false, 0, 2 * S, S / 2 } },
        { S / 2 - 1, 1, { false, 0, 3 * S / 2 + 1, 1 } },
        { S / 2, 1, { true, 0, 2 * S, 0 } },
        { S, 2, { false, 1, 3 * S / 2, S / 2 } },
        { S, 1, { true, 0, 2 * S, 0 } },
        { 60 * S, 9, { true, 0, 2 * S, 0 } } } },
    { "thirds of a second never add up wrong in a bucket",
      { WR_TOKEN_BUCKET, 3, 1 * S, 1 },
      { { 0, 1, { true, 0, 333334, 0 } },
        { 333333, 1, { false, 0, 1, 1 } },
        { 333334, 1, { true, 0, 333334, 0 } },
        { 666667, 1, { false, 0, 1, 1 } },
        { 666668, 1, { true, 0, 333334, 0 } } } },
    { "thirds of a second accumulate exactly: three are one second",
      { WR_GCRA, 3, 1 * S, 3 },
      { { 0, 3, { true, 0, 1 * S, 0 } },
        { 333333, 1, { false, 0, 666667, 1 } },
        { 333334, 1, { true, 0, 1 * S, 0 } },
        { 666666, 1, { false, 0, 666668, 1 } },
        { 666667, 1, { true, 0, 1 * S, 0 } },
        { 999999, 1, { false, 0, 666668, 1 } },
        { 1000000, 1, { true, 0, 1 * S, 0 } } } },
    { "a bucket and a clock that goes back: nothing lost, nothing won",
      { WR_TOKEN_BUCKET, 1, 1 * S, 2 },
      { { 100 * S, 2, { true, 0, 2 * S, 0 } },
        { 50 * S, 1, { false, 0, 2 * S, 1 * S } },
        { 51 * S, 1, { true, 0, 2 * S, 0 } },
        { 51 * S, 1, { false, 0, 2 * S, 1 * S } } } },
    { "gcra and a clock that goes back: at worst an empty quota from now",
      { WR_GCRA, 1, 1 * S, 2 },
      { { 100 * S, 1, { true, 1, 1 * S, 0 } },
        { 50 * S, 1, { false, 0, 2 * S, 1 * S } },
        { 51 * S, 1, { true, 0, 2 * S, 0 } },
        { 60 * S, 1, { true, 1, 1 * S, 0 } } } },
    { "a thousand million a second: a thousand a microsecond",
      { WR_TOKEN_BUCKET, 1000000000, 1 * S, 1000000000 },
      { { 0, 1000000000, { true, 0, 1 * S, 0 } },
        { 1, 1001, { false, 1000, 999999, 1 } },
        { 1, 1000, { true, 0, 1 * S, 0 } },
        { 500001, 1, { true, 499999999, 500001, 0 } } } },
    { "the same by gcra",
      { WR_GCRA, 1000000000, 1 * S, 1000000000 },
      { { 0, 1000000000, { true, 0, 1 * S, 0 } },
        { 1, 1001, { false, 1000, 999999, 1 } },
        { 1, 1000, { true, 0, 1 * S, 0 } },
        { 500001, 1, { true, 499999999, 500001, 0 } } } },
    { "one a day",
      { WR_GCRA, 1, 86400 * S, 1 },
      { { 0, 1, { true, 0, 86400 * S, 0 } },
        { 86400 * S - 1, 1, { false, 0, 1, 1 } },
        { 86400 * S, 1, { true, 0, 86400 * S, 0 } } } },
    { "a prime number a year: products far beyond 2^53",
      { WR_TOKEN_BUCKET, 999999937, WR_LIMIT_MAX_SPAN, 999999937 },
      { { 0, 999999937, { true, 0, WR_LIMIT_MAX_SPAN, 0 } },
        { WR_LIMIT_MAX_SPAN - 1, 999999937, { false, 999999936, 1, 1 } },
        { WR_LIMIT_MAX_SPAN, 999999937, { true, 0, WR_LIMIT_MAX_SPAN, 0 } } } },
    { "the same prime by gcra",
      { WR_GCRA, 999999937, WR_LIMIT_MAX_SPAN, 999999937 },
      { { 0, 999999937, { true, 0, WR_LIMIT_MAX_SPAN, 0 } },
        { WR_LIMIT_MAX_SPAN - 1, 999999937, { false, 999999936, 1, 1 } },
        { WR_LIMIT_MAX_SPAN, 999999937, { true, 0, WR_LIMIT_MAX_SPAN, 0 } } } },
    { "what costs more than the whole quota takes the whole quota",
      { WR_FIXED_WINDOW, 5, 1 * S, 5 },
      { { 0, 50, { true, 0, 1 * S, 0 } }, { 0, 1, { false, 0, 1 * S, 1 * S } } } },
};

/* Several limits of one request: if one refuses, none has counted. */
struct several_step {
    int64_t at;
    struct wr_limit_decision want[3];
};

struct several_case {
    const char *name;
    size_t count;
    struct wr_limit_rule rules[3];
    bool observe[3];
    size_t step_count;
    struct several_step steps[8];
};

static const struct several_case several_cases[] = {
    { "what the first refuses the second hasn't counted, and the other way round",
      2,
      { { WR_FIXED_WINDOW, 1, 10 * S, 1 }, { WR_SLIDING_WINDOW, 2, 60 * S, 2 } },
      { false, false },
      5,
      { { 0, { { true, 0, 10 * S, 0 }, { true, 1, 60 * S, 0 } } },
        { 1 * S, { { false, 0, 9 * S, 9 * S }, { true, 1, 59 * S, 0 } } },
        { 2 * S, { { false, 0, 8 * S, 8 * S }, { true, 1, 58 * S, 0 } } },
        { 10 * S, { { true, 0, 10 * S, 0 }, { true, 0, 60 * S, 0 } } },
        { 30 * S, { { true, 1, 0, 0 }, { false, 0, 40 * S, 30 * S } } } } },
    { "a window isn't opened, nor a quota touched, by who is refused",
      3,
      { { WR_TOKEN_BUCKET, 1, 1 * S, 1 }, { WR_GCRA, 2, 10 * S, 2 }, { WR_FIXED_WINDOW, 9, 10 * S, 9 } },
      { false, false, false },
      5,
      { { 0, { { true, 0, 1 * S, 0 }, { true, 1, 5 * S, 0 }, { true, 8, 10 * S, 0 } } },
        { 1, { { false, 0, S - 1, S - 1 }, { true, 1, 5 * S - 1, 0 }, { true, 8, 10 * S - 1, 0 } } },
        { 1 * S, { { true, 0, 1 * S, 0 }, { true, 0, 9 * S, 0 }, { true, 7, 9 * S, 0 } } },
        { 3 * S, { { true, 1, 0, 0 }, { false, 0, 7 * S, 2 * S }, { true, 7, 7 * S, 0 } } },
        { 12 * S, { { true, 0, 1 * S, 0 }, { true, 1, 5 * S, 0 }, { true, 8, 10 * S, 0 } } } } },
    { "one that observes never refuses, and counts what is admitted only",
      2,
      { { WR_FIXED_WINDOW, 1, 100 * S, 1 }, { WR_TOKEN_BUCKET, 1, 10 * S, 2 } },
      { true, false },
      4,
      { { 0, { { true, 0, 100 * S, 0 }, { true, 1, 10 * S, 0 } } },
        { 0, { { false, 0, 100 * S, 100 * S }, { true, 0, 20 * S, 0 } } },
        { 0, { { false, 0, 100 * S, 100 * S }, { false, 0, 20 * S, 10 * S } } },
        { 100 * S, { { true, 0, 100 * S, 0 }, { true, 1, 10 * S, 0 } } } } },
};

#define SEVERAL_CASES (sizeof several_cases / sizeof several_cases[0])
#define LIMIT_CASES (sizeof limit_cases / sizeof limit_cases[0])
#undef S

static inline void decisions_equal(const struct wr_limit_decision *got, const struct wr_limit_decision *want,
                                   const char *name, size_t step)
{
    if (got->allowed == want->allowed && got->remaining == want->remaining &&
        got->reset_us == want->reset_us && got->retry_after_us == want->retry_after_us)
        return;
    fail_msg("%s, step %zu: got %d %lld %lld %lld, want %d %lld %lld %lld", name, step, got->allowed,
             (long long) got->remaining, (long long) got->reset_us, (long long) got->retry_after_us,
             want->allowed, (long long) want->remaining, (long long) want->reset_us,
             (long long) want->retry_after_us);
}
