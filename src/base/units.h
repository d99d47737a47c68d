/* SPDX-License-Identifier: BSD-2-Clause */
/* Parsers for spans of time, sizes, rates and shares. Thread: any. */
#pragma once

#include "base/bytes.h"
#include "base/time.h"

struct wr_rate {
    uint64_t count;        /* at most so many ... */
    struct wr_span window; /* ... in this time */
};

/* Each parses the whole slice. Returns NULL, or the reason for the error in short English (static text);
 * *out is undefined then. */
const char *wr_span_parse(struct wr_slice s, struct wr_span *out) WR_MUST_USE; /* 500ms 60s 5m 1h 1d */
const char *wr_size_parse(struct wr_slice s,
                          uint64_t *out) WR_MUST_USE; /* 512B 512KB 256MB 2GB (powers of 1024) */
const char *wr_rate_parse(struct wr_slice s,
                          struct wr_rate *out) WR_MUST_USE;             /* 100/s 1000/m 5/h 10/d 100/10s */
const char *wr_share_parse(struct wr_slice s, double *out) WR_MUST_USE; /* 10% -> 0.1, from 0% to 100% */

/* Append the quantity as it would be written, in the largest unit that gives a whole number. A span is cut to
 * whole milliseconds. */
void wr_span_write(struct wr_buf *out, struct wr_span span);
void wr_size_write(struct wr_buf *out, uint64_t size);
