/* SPDX-License-Identifier: BSD-2-Clause */
/* Structured fields (RFC 9651): reads the members of a dictionary or a list one by one, without memory of
 * its own.
 *
 * Strict: an error anywhere makes the whole field invalid (4.2). So a caller must read to the end before it
 * uses what it has read. Parameters and inner lists are checked and skipped. Thread: any. */
#pragma once

#include "base/bytes.h"

enum wr_sf_type {
    WR_SF_INTEGER,
    WR_SF_DECIMAL,
    WR_SF_STRING,
    WR_SF_TOKEN,
    WR_SF_BYTES,
    WR_SF_BOOLEAN,
    WR_SF_DATE,
    WR_SF_DISPLAY,
    WR_SF_INNER_LIST,
};

struct wr_sf_member {
    struct wr_slice key; /* dictionaries only */
    enum wr_sf_type type;
    int64_t number;       /* INTEGER, DATE; BOOLEAN: 0 or 1 */
    struct wr_slice text; /* as written, without quotes; STRING: \" and \\ are still escaped */
};

enum wr_sf_status { WR_SF_MEMBER, WR_SF_END, WR_SF_INVALID };

struct wr_sf_reader { /* initialise with { .rest = value } */
    struct wr_slice rest;
    bool begun;
};

/* Read the next member. A key may come twice, and then the last one counts (RFC 9651 4.2.2). The slices
 * point into the field's value. */
enum wr_sf_status wr_sf_dictionary_next(struct wr_sf_reader *r, struct wr_sf_member *m) WR_MUST_USE;
enum wr_sf_status wr_sf_list_next(struct wr_sf_reader *r, struct wr_sf_member *m) WR_MUST_USE;

/* Appends a string (RFC 9651 3.3.3) with its quotes. A character that a string can't hold becomes a
 * question mark. */
void wr_sf_write_string(struct wr_buf *out, struct wr_slice s);
