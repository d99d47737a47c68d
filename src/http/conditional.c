/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares entity tags and dates for conditional requests. Decides whether a stored response answers with
 * 304. */
#include "http/conditional.h"

#include "http/date.h"
#include "http/chars.h"

static bool is_weak(struct wr_slice tag)
{
    return wr_slice_starts(tag, WR_SLICE("W/"));
}

static struct wr_slice opaque(struct wr_slice tag)
{
    return is_weak(tag) ? wr_slice_from(tag, 2) : tag;
}

bool wr_etag_valid(struct wr_slice tag)
{
    struct wr_slice o = opaque(tag);
    return o.len >= 2 && o.at[0] == '"' && o.at[o.len - 1] == '"' &&
           wr_char_span(wr_slice(o.at + 1, o.len - 2), WR_CHAR_ETAG) == o.len - 2;
}

bool wr_asks_whether_modified(const struct wr_head *request)
{
    return wr_head_get(request, WR_F_IF_NONE_MATCH) || wr_head_get(request, WR_F_IF_MODIFIED_SINCE);
}

bool wr_etag_equal_strong(struct wr_slice a, struct wr_slice b)
{
    return !is_weak(a) && !is_weak(b) && wr_slice_eq(a, b);
}

bool wr_etag_equal_weak(struct wr_slice a, struct wr_slice b)
{
    return wr_slice_eq(opaque(a), opaque(b));
}

/* Takes the next entity tag of a list. Unlike a quoted string, an entity tag has no escapes with a
 * backslash; it may contain commas. */
static bool next_tag(struct wr_slice *rest, struct wr_slice *tag)
{
    while (rest->len > 0) {
        size_t i = 0;
        bool quoted = false;
        for (; i < rest->len && (quoted || rest->at[i] != ','); i++)
            quoted ^= rest->at[i] == '"';
        *tag = wr_slice_trim(wr_slice(rest->at, i));
        size_t eaten = i < rest->len ? i + 1 : i;
        *rest = wr_slice_from(*rest, eaten);
        if (tag->len > 0)
            return true;
    }
    return false;
}

typedef bool equal_fn(struct wr_slice a, struct wr_slice b);

/* Does the field list the tag, or is it `*`? A tag that the origin wrote without quotes is compared as it
 * wrote it. */
static bool lists(const struct wr_head *h, enum wr_field_id id, struct wr_slice etag, equal_fn *equal)
{
    for (const struct wr_field *f = wr_head_get(h, id); f; f = wr_head_next(h, id, f)) {
        struct wr_slice rest = f->value, tag;
        if (wr_slice_eq(rest, WR_SLICE("*")))
            return true;
        while (next_tag(&rest, &tag))
            if (etag.at && equal(tag, etag))
                return true;
    }
    return false;
}

static enum wr_condition condition(bool holds)
{
    return holds ? WR_CONDITION_TRUE : WR_CONDITION_FALSE;
}

enum wr_condition wr_if_none_match(const struct wr_head *request, struct wr_slice etag)
{
    if (!wr_head_get(request, WR_F_IF_NONE_MATCH))
        return WR_CONDITION_NONE;
    return condition(!lists(request, WR_F_IF_NONE_MATCH, etag, wr_etag_equal_weak));
}

enum wr_condition wr_if_match(const struct wr_head *request, struct wr_slice etag)
{
    if (!wr_head_get(request, WR_F_IF_MATCH))
        return WR_CONDITION_NONE;
    return condition(lists(request, WR_F_IF_MATCH, etag, wr_etag_equal_strong));
}

/* Reads a field that must stand once and hold a date. Returns false otherwise. */
static bool date_of(const struct wr_head *h, enum wr_field_id id, struct wr_wall now, struct wr_date *out)
{
    const struct wr_field *f = wr_head_get(h, id);
    return f && !wr_head_next(h, id, f) && wr_date_parse(f->value, now, out);
}

enum wr_condition wr_if_modified_since(const struct wr_head *request, const struct wr_date *last_modified,
                                       struct wr_wall now)
{
    struct wr_date since;
    if (!last_modified || !date_of(request, WR_F_IF_MODIFIED_SINCE, now, &since))
        return WR_CONDITION_NONE;
    return condition(wr_time_before(since, *last_modified));
}

enum wr_condition wr_if_unmodified_since(const struct wr_head *request, const struct wr_date *last_modified,
                                         struct wr_wall now)
{
    struct wr_date since;
    if (!last_modified || !date_of(request, WR_F_IF_UNMODIFIED_SINCE, now, &since))
        return WR_CONDITION_NONE;
    return condition(!wr_time_before(since, *last_modified));
}

enum wr_condition wr_if_range(const struct wr_head *request, struct wr_slice etag,
                              const struct wr_date *last_modified, const struct wr_date *date,
                              struct wr_wall now)
{
    const struct wr_field *f = wr_head_get(request, WR_F_IF_RANGE);
    struct wr_date asked;
    if (f == NULL)
        return WR_CONDITION_NONE;
    if (wr_head_next(request, WR_F_IF_RANGE, f))
        return WR_CONDITION_FALSE;
    if (wr_etag_valid(f->value) || (etag.at && wr_slice_eq(f->value, etag)))
        return condition(etag.at && wr_etag_equal_strong(f->value, etag));
    if (!last_modified || !date || !wr_date_parse(f->value, now, &asked))
        return WR_CONDITION_FALSE;
    bool strong = wr_time_since(*date, *last_modified).us >= WR_SPAN_S(60).us;
    return condition(strong && asked.us == last_modified->us);
}

bool wr_not_modified(const struct wr_head *request, struct wr_slice etag, const struct wr_date *last_modified,
                     struct wr_wall now)
{
    enum wr_condition match = wr_if_none_match(request, etag);
    if (match != WR_CONDITION_NONE)
        return match == WR_CONDITION_FALSE;
    return wr_if_modified_since(request, last_modified, now) == WR_CONDITION_FALSE;
}
