/* SPDX-License-Identifier: BSD-2-Clause */
/* An instant on the clock of the journal of purges. With Redis the journal is a stream, and its ids are the
 * instants: milliseconds of Redis's clock and a number within the millisecond. They never go back. Without
 * Redis the instants come from this process's monotonic clock.
 *
 * The instant has a type of its own, so the compiler refuses to compare it with any other clock. Thread:
 * any. */
#pragma once

#include "base/units.h"

struct wr_instant {
    uint64_t n; /* milliseconds << WR_INSTANT_BITS | the number within them; 0: before all others */
};

#define WR_INSTANT_BITS 20
#define WR_INSTANT_MOST (((uint64_t) 1 << WR_INSTANT_BITS) - 1) /* greatest number within a millisecond */
#define WR_INSTANT_TEXT 48                                      /* room for wr_instant_text() */
#define WR_INSTANT_NONE ((struct wr_instant){ 0 })
#define WR_INSTANT_LAST ((struct wr_instant){ UINT64_MAX })

static inline bool wr_instant_before(struct wr_instant a, struct wr_instant b)
{
    return a.n < b.n;
}
/* Returns the later of the two. */
static inline struct wr_instant wr_instant_later(struct wr_instant a, struct wr_instant b)
{
    return a.n < b.n ? b : a;
}
/* Must a value from `held` stay although one from `at` has come? Yes if `held` is later than `at`, unless
 * it is later than the present too: then the clock has been set back since, and it isn't known which of the
 * two is newer. */
static inline bool wr_instant_holds(struct wr_instant held, struct wr_instant at, struct wr_instant present)
{
    return wr_instant_before(at, held) && !wr_instant_before(present, held);
}
/* Returns the smallest instant after a. */
static inline struct wr_instant wr_instant_next(struct wr_instant a)
{
    return (struct wr_instant){ a.n + 1 };
}

/* Converts microseconds of the journal's clock. A negative number counts as 0. */
struct wr_instant wr_instant_of_us(int64_t us);
/* Returns the microseconds, rounded down. */
int64_t wr_instant_us(struct wr_instant at);
/* Reads "ms-number", the form of a stream's ids. A number over WR_INSTANT_MOST is read as that. Returns
 * false if the text has another form. */
bool wr_instant_parse(struct wr_slice text, struct wr_instant *out) WR_MUST_USE;
/* Writes the instant as "ms-number" to `out` and returns a slice of `out`. */
struct wr_slice wr_instant_text(struct wr_instant at, char out[WR_INSTANT_TEXT]);
