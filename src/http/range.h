/* SPDX-License-Identifier: BSD-2-Clause */
/* Range and Content-Range in bytes (RFC 9110 14). Thread: any. */
#pragma once

#include "base/bytes.h"

#define WR_MAX_RANGES 16 /* a request for more parts is an attack (RFC 9110 17.15): the field is ignored */

struct wr_range {
    uint64_t first, last; /* both inclusive */
};

enum wr_range_result {
    WR_RANGE_IGNORE,        /* another unit, malformed, or abusive: answer with the whole representation
                             * (RFC 9110 14.2) */
    WR_RANGE_UNSATISFIABLE, /* answer 416 */
    WR_RANGE_OK,
};

/* Reads a Range field for a representation of `length` bytes. OK: ranges[0..*count) are cut to the length
 * and in the order of the request. If any of them overlap or touch, all are sorted and joined (15.3.7.2). */
enum wr_range_result wr_range_parse(struct wr_slice value, uint64_t length,
                                    struct wr_range ranges[WR_MAX_RANGES], size_t *count) WR_MUST_USE;

#define WR_CONTENT_RANGE_MAX 80

/* Writes "bytes first-last/length", or "bytes *" "/length" if r is NULL (for a 416), and a NUL. Returns a
 * slice of `out` without the NUL. */
struct wr_slice wr_content_range_format(const struct wr_range *r, uint64_t length,
                                        char out[WR_CONTENT_RANGE_MAX]);

struct wr_content_range {
    struct wr_range range; /* satisfied only */
    bool satisfied;        /* false: "bytes *" "/length" */
    bool length_known;
    uint64_t length;
};

/* Reads a Content-Range field. Returns false if it is malformed, has another unit, or contradicts itself
 * (14.4). */
bool wr_content_range_parse(struct wr_slice value, struct wr_content_range *out) WR_MUST_USE;
