/* SPDX-License-Identifier: BSD-2-Clause */
/* Converts instants of the journal of purges from and to microseconds and text. */
#include "base/instant.h"

#include <inttypes.h>
#include <stdio.h>

#define PER_US 1024 /* numbers within a microsecond; 1000 * 1024 fit into WR_INSTANT_BITS */

struct wr_instant wr_instant_of_us(int64_t us)
{
    uint64_t t = us > 0 ? (uint64_t) us : 0;
    return (struct wr_instant){ (t / 1000) << WR_INSTANT_BITS | t % 1000 * PER_US };
}

int64_t wr_instant_us(struct wr_instant at)
{
    uint64_t number = (at.n & WR_INSTANT_MOST) / PER_US;
    return (int64_t) ((at.n >> WR_INSTANT_BITS) * 1000 + (number < 1000 ? number : 999));
}

bool wr_instant_parse(struct wr_slice text, struct wr_instant *out)
{
    struct wr_slice ms_text = wr_slice_cut(&text, '-');
    uint64_t ms, number;
    if (ms_text.at == NULL || text.at == NULL || !wr_slice_u64(ms_text, UINT64_MAX >> WR_INSTANT_BITS, &ms) ||
        !wr_slice_u64(text, UINT64_MAX, &number))
        return false;
    out->n = ms << WR_INSTANT_BITS | (number < WR_INSTANT_MOST ? number : WR_INSTANT_MOST);
    return true;
}

struct wr_slice wr_instant_text(struct wr_instant at, char out[WR_INSTANT_TEXT])
{
    int len = snprintf(out, WR_INSTANT_TEXT, "%" PRIu64 "-%" PRIu64, at.n >> WR_INSTANT_BITS,
                       at.n & WR_INSTANT_MOST);
    return wr_slice(out, (size_t) len);
}
