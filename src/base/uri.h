/* SPDX-License-Identifier: BSD-2-Clause */
/* Percent-encoding and dot segments (RFC 3986 2.1, 5.2.4). Pure. Thread: any. */
#pragma once

#include "base/bytes.h"

/* Writes a byte as "%XX", in upper case (RFC 3986 2.1). Returns to + 3. */
static inline char *wr_percent_write(char *to, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    *to++ = '%';
    *to++ = digits[byte >> 4];
    *to++ = digits[byte & 15];
    return to;
}
/* Returns the byte that the "%XX" at the front of s stands for, or -1 if there is none. */
static inline int wr_percent_octet(struct wr_slice s)
{
    int high = s.len > 2 && s.at[0] == '%' ? wr_hex_value(s.at[1]) : -1,
        low = high >= 0 ? wr_hex_value(s.at[2]) : -1;
    return low >= 0 ? high << 4 | low : -1;
}

/* Decodes each %XX of s. Any other '%' stays. `to` has room for s.len bytes and may be s.at. Returns how
 * many bytes it wrote. *broken (may be NULL): true if a '%' was not followed by two hexadecimal digits. */
size_t wr_percent_decode(char *to, struct wr_slice s, bool *broken);
/* The same for a form or a query (WHATWG URL, application/x-www-form-urlencoded): '+' is a space. */
size_t wr_form_decode(char *to, struct wr_slice s, bool *broken);
/* Removes the dot segments from a path that begins with '/'. drop_empty: removes empty segments too, so
 * that several slashes become one. `to` has room for path.len bytes and may be path.at. Returns how many
 * bytes it wrote. */
size_t wr_path_resolve(char *to, struct wr_slice path, bool drop_empty);
