/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads Range and Content-Range fields, and writes Content-Range. Ranges that overlap are joined. */
#include "http/range.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/chars.h"

enum range_part { PART_OK, PART_BEYOND, PART_MALFORMED };

/* Reads digits. A number that is too large becomes UINT64_MAX: any position past the end means the same. */
static bool read_position(struct wr_slice s, uint64_t *out)
{
    if (!wr_chars_all(s, WR_CHAR_DIGIT))
        return false;
    if (!wr_slice_u64(s, UINT64_MAX, out))
        *out = UINT64_MAX;
    return true;
}

/* Reads one of first-last, first-, -suffix (14.1.1, 14.1.2). */
static enum range_part read_part(struct wr_slice item, uint64_t length, struct wr_range *out)
{
    struct wr_slice last = item, first = wr_slice_cut(&last, '-');
    if (last.at == NULL)
        return PART_MALFORMED;
    if (first.len == 0) {
        uint64_t suffix;
        if (!read_position(last, &suffix))
            return PART_MALFORMED;
        if (suffix == 0 || length == 0)
            return PART_BEYOND;
        *out = (struct wr_range){ suffix < length ? length - suffix : 0, length - 1 };
        return PART_OK;
    }
    out->last = UINT64_MAX;
    if (!read_position(first, &out->first) || (last.len > 0 && !read_position(last, &out->last)) ||
        out->last < out->first)
        return PART_MALFORMED;
    if (out->first >= length)
        return PART_BEYOND;
    if (out->last >= length)
        out->last = length - 1;
    return PART_OK;
}

static int by_first(const void *a, const void *b)
{
    const struct wr_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static bool meet(const struct wr_range *a, const struct wr_range *b)
{
    return a->first <= b->last + 1 && b->first <= a->last + 1;
}

static bool any_meet(const struct wr_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (meet(&ranges[i], &ranges[j]))
                return true;
    return false;
}

static size_t join(struct wr_range *ranges, size_t count)
{
    size_t kept = 0;
    qsort(ranges, count, sizeof *ranges, by_first);
    for (size_t i = 1; i < count; i++) {
        if (!meet(&ranges[kept], &ranges[i]))
            ranges[++kept] = ranges[i];
        else if (ranges[i].last > ranges[kept].last)
            ranges[kept].last = ranges[i].last;
    }
    return kept + 1;
}

enum wr_range_result wr_range_parse(struct wr_slice value, uint64_t length,
                                    struct wr_range ranges[WR_MAX_RANGES], size_t *count)
{
    struct wr_slice rest = value, unit = wr_slice_cut(&rest, '='), item;
    struct wr_list list;
    size_t parts = 0;
    *count = 0;
    if (rest.at == NULL || !wr_slice_eq_nocase(unit, WR_SLICE("bytes")))
        return WR_RANGE_IGNORE;
    for (list = wr_list(rest); wr_list_next(&list, &item);) {
        struct wr_range r;
        enum range_part part = read_part(item, length, &r);
        if (part == PART_MALFORMED || ++parts > WR_MAX_RANGES)
            return WR_RANGE_IGNORE;
        if (part == PART_OK)
            ranges[(*count)++] = r;
    }
    if (parts == 0)
        return WR_RANGE_IGNORE;
    if (*count == 0)
        return WR_RANGE_UNSATISFIABLE;
    if (any_meet(ranges, *count))
        *count = join(ranges, *count);
    return WR_RANGE_OK;
}

struct wr_slice wr_content_range_format(const struct wr_range *r, uint64_t length,
                                        char out[WR_CONTENT_RANGE_MAX])
{
    int len = r ? snprintf(out, WR_CONTENT_RANGE_MAX, "bytes %llu-%llu/%llu", (unsigned long long) r->first,
                           (unsigned long long) r->last, (unsigned long long) length)
                : snprintf(out, WR_CONTENT_RANGE_MAX, "bytes */%llu", (unsigned long long) length);
    return wr_slice(out, (size_t) len);
}

bool wr_content_range_parse(struct wr_slice value, struct wr_content_range *out)
{
    *out = (struct wr_content_range){ 0 };
    struct wr_slice length = value, unit = wr_slice_cut(&length, ' ');
    struct wr_slice last = wr_slice_cut(&length, '/');
    if (!wr_slice_eq_nocase(unit, WR_SLICE("bytes")) || length.at == NULL)
        return false;
    out->length_known = !wr_slice_eq(length, WR_SLICE("*"));
    if (out->length_known && !wr_slice_u64(length, INT64_MAX, &out->length))
        return false;
    if (wr_slice_eq(last, WR_SLICE("*")))
        return out->length_known;
    struct wr_slice first = wr_slice_cut(&last, '-');
    out->satisfied = wr_slice_u64(first, INT64_MAX, &out->range.first) && last.at &&
                     wr_slice_u64(last, INT64_MAX, &out->range.last) && out->range.first <= out->range.last &&
                     (!out->length_known || out->range.last < out->length);
    return out->satisfied;
}
