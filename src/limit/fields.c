/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes RateLimit-Policy and RateLimit: lists of quoted policy names with parameters (RFC 9651 structured
 * fields). */
#include "http/structured.h"
#include "limit/limit.h"

/* Returns whole seconds, rounded up, so that no client is told to come back too early. */
static int64_t seconds(struct wr_span d)
{
    return (d.us + WR_US_PER_S - 1) / WR_US_PER_S;
}

/* Appends the name of limit i, after a comma unless it is the first. Returns false if the client isn't told
 * of this limit. */
static bool open_item(const struct wr_limit_ask *ask, size_t i, bool *first, struct wr_buf *out)
{
    if (ask->limits[i]->observe)
        return false;
    if (!*first)
        wr_buf_add(out, ", ", 2);
    *first = false;
    wr_sf_write_string(out, wr_slice_str(ask->limits[i]->name));
    return true;
}

static void add_pair(struct wr_buf *out, const char *count, uint64_t n, const char *span, int64_t s)
{
    wr_buf_add_str(out, count);
    wr_buf_add_number(out, (int64_t) n);
    wr_buf_add_str(out, span);
    wr_buf_add_number(out, s);
}

void wr_limit_write_policy(const struct wr_limit_ask *ask, struct wr_buf *out)
{
    bool first = true;
    for (size_t i = 0; i < ask->count; i++) {
        const struct wr_limit_verdict *v = &ask->verdicts[i];
        if (open_item(ask, i, &first, out))
            add_pair(out, ";q=", v->quota, ";w=", seconds(v->window));
    }
}

void wr_limit_write_state(const struct wr_limit_ask *ask, struct wr_buf *out)
{
    bool first = true;
    for (size_t i = 0; i < ask->count; i++) {
        const struct wr_limit_verdict *v = &ask->verdicts[i];
        if (open_item(ask, i, &first, out))
            add_pair(out, ";r=", v->remaining, ";t=", seconds(v->reset));
    }
}
