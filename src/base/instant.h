/* SPDX-License-Identifier: BSD-2-Clause */
/* An instant on the clock of the journal of purges. With Redis the journal is a stream, and its ids are the
 * instants: milliseconds of Redis's clock and a number within them, which never go back. Without Redis they
 * are this process's own, off its monotonic clock.
 *
 * A type of its own, so that the compiler refuses to compare it with any other clock. Thread: any. */
#pragma once

#include "base/units.h"

struct wr_instant {
    uint64_t n; /* milliseconds << WR_INSTANT_BITS, and the number within them; 0: before anything */
};

#define WR_INSTANT_BITS 20
#define WR_INSTANT_MOST                                                                 \
    (((uint64_t) 1 << WR_INSTANT_BITS) - 1) /* the greatest number within a millisecond \
                                             */
#define WR_INSTANT_TEXT 48                  /* octets for wr_instant_text() */
#define WR_INSTANT_NONE ((struct wr_instant){ 0 })
#define WR_INSTANT_LAST ((struct wr_instant){ UINT64_MAX })

static inline bool wr_instant_before(struct wr_instant a, struct wr_instant b)
{
    return a.n < b.n;
}
static inline struct wr_instant wr_instant_later(struct wr_instant a, struct wr_instant b)
{
    return a.n < b.n ? b : a;
}
/* `held` is later than `at`, so what came at `at` doesn't take its place. An instant later than the present
 * is no reason: the clock has been set back since, and which of the two is later isn't known. */
static inline bool wr_instant_holds(struct wr_instant held, struct wr_instant at, struct wr_instant present)
{
    return wr_instant_before(at, held) && !wr_instant_before(present, held);
}
static inline struct wr_instant wr_instant_next(struct wr_instant a)
{
    return (struct wr_instant){ a.n + 1 };
}

/* us: microseconds of the clock that the instants are of; negative ones count as 0. */
struct wr_instant wr_instant_of_us(int64_t us);
int64_t wr_instant_us(struct wr_instant at);
/* "ms-number", as a stream's ids. false: no such thing. */
bool wr_instant_parse(struct wr_slice text, struct wr_instant *out) WR_MUST_USE;
/* Writes it to `out`; the slice lies there. */
struct wr_slice wr_instant_text(struct wr_instant at, char out[WR_INSTANT_TEXT]);
