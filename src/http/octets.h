/* SPDX-License-Identifier: BSD-2-Clause */
/* Which octets may stand where, and walking comma-separated lists: the letters of HTTP's grammar. Thread:
 * any. */
#pragma once

#include "base/bytes.h"

enum wr_octet_class {
    WR_OC_TOKEN = 1, /* tchar (RFC 9110 5.6.2) */
    WR_OC_TARGET =
        2, /* may stand in a request target: every visible octet but '#', and 0x80-0xFF. RFC 3986 has less,
              but browsers send the rest as it is, and no reader can mistake it for the end of the target */
    WR_OC_REGNAME = 4, /* may stand in a registered name, '%' included (RFC 3986 3.2.2) */
    WR_OC_FIELD = 8,   /* may stand in a field value: VCHAR, obs-text, SP, HTAB (RFC 9110 5.5) */
    WR_OC_HEX = 16,
    WR_OC_DIGIT = 32,
    WR_OC_ETAG = 64, /* etagc (RFC 9110 8.8.3) */
    WR_OC_KEY =
        128, /* may stand in the key of a structured field: lower case, digits, "_-.*" (RFC 9651 3.1.2) */
};

extern const uint8_t wr_octets[256];

static inline bool wr_octet_is(char c, enum wr_octet_class class)
{
    return wr_octets[(unsigned char) c] & class;
}

/* How many octets at the front are of the class. */
static inline size_t wr_octet_span(struct wr_slice s, enum wr_octet_class class)
{
    size_t n = 0;
    while (n < s.len && wr_octet_is(s.at[n], class))
        n++;
    return n;
}

/* All of it, and not empty. */
static inline bool wr_octets_all(struct wr_slice s, enum wr_octet_class class)
{
    return s.len > 0 && wr_octet_span(s, class) == s.len;
}

/* The next element of a #list (RFC 9110 5.6.1), trimmed, empty ones skipped; a comma inside a quoted string
 * does not separate. Starts with *rest as the field's value; false: there are no more. */
bool wr_list_next(struct wr_slice *rest, struct wr_slice *item);
/* Length of the quoted string at the front, both quotes included; 0: none, or it does not end. */
size_t wr_quoted_span(struct wr_slice s);
