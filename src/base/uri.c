/* SPDX-License-Identifier: BSD-2-Clause */
/* Decodes percent-encoding and resolves dot segments. The output may overwrite the input. */
#include "base/uri.h"

static size_t decode(char *to, struct wr_slice s, char plus, bool *broken)
{
    size_t n = 0;
    if (broken)
        *broken = false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i] == '+' ? plus : s.at[i];
        int octet = c == '%' ? wr_percent_octet(wr_slice_from(s, i)) : -1;
        if (broken && c == '%' && octet < 0)
            *broken = true;
        to[n++] = octet >= 0 ? (char) octet : c;
        i += octet >= 0 ? 2 : 0;
    }
    return n;
}

size_t wr_percent_decode(char *to, struct wr_slice s, bool *broken)
{
    return decode(to, s, '+', broken);
}

size_t wr_form_decode(char *to, struct wr_slice s, bool *broken)
{
    return decode(to, s, ' ', broken);
}

size_t wr_path_resolve(char *to, struct wr_slice path, bool drop_empty)
{
    size_t n = 0;
    for (size_t i = 0, end; i < path.len; i = end) {
        for (end = i + 1; end < path.len && path.at[end] != '/';)
            end++;
        struct wr_slice segment = wr_slice(path.at + i + 1, end - i - 1);
        bool up = wr_slice_eq(segment, WR_SLICE("..")), dots = up || wr_slice_eq(segment, WR_SLICE("."));
        bool dropped = dots || (drop_empty && segment.len == 0);
        while (up && n > 0 && to[--n] != '/')
            ;
        if (!dropped || end == path.len)
            to[n++] = '/';
        if (!dropped) {
            memmove(to + n, segment.at, segment.len);
            n += segment.len;
        }
    }
    return n;
}
