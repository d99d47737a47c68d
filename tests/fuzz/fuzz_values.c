/* SPDX-License-Identifier: BSD-2-Clause */
/* Field values. The input becomes the value of each field that a parser reads. Each parser must keep its
 * results within their bounds. */
#include "fuzz.h"

#include "http/accept.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/directives.h"
#include "http/range.h"
#include "http/tags.h"
#include "http/target.h"
#include "net/proxy.h"

const char fuzz_corpus[] = "values";

static const struct wr_wall now = { INT64_C(1700000000) * WR_US_PER_S };

static const enum wr_field_id ids[] = {
    WR_F_CACHE_CONTROL,       WR_F_PRAGMA,    WR_F_CDN_CACHE_CONTROL,
    WR_F_CACHE_GROUPS,        WR_F_CACHE_TAG, WR_F_SURROGATE_KEY,
    WR_F_IF_NONE_MATCH,       WR_F_IF_MATCH,  WR_F_IF_MODIFIED_SINCE,
    WR_F_IF_UNMODIFIED_SINCE, WR_F_IF_RANGE,  WR_F_ACCEPT,
};
#define FIELDS (sizeof ids / sizeof ids[0])

static void check_delta(int64_t seconds)
{
    WR_CHECK(seconds >= WR_DELTA_NONE && seconds <= WR_DELTA_MAX);
}

static void try_directives(const struct wr_head *h)
{
    struct wr_request_directives q;
    struct wr_response_directives r;
    wr_directives_of_request(h, &q);
    check_delta(q.max_age), check_delta(q.max_stale), check_delta(q.min_fresh);
    wr_directives_of_response(h, &r);
    check_delta(r.max_age), check_delta(r.s_maxage), check_delta(r.stale_if_error);
    bool counts = wr_directives_of_targeted(h, WR_F_CDN_CACHE_CONTROL, &r);
    WR_CHECK(counts || (r.max_age == WR_DELTA_NONE && !r.no_store));
    check_delta(r.max_age), check_delta(r.stale_while_revalidate);
}

static void try_tags(const struct wr_head *h)
{
    struct wr_arena arena = { 0 };
    struct wr_tags tags = { .arena = &arena };
    wr_tags_add(&tags, h, WR_F_CACHE_TAG);
    wr_tags_add(&tags, h, WR_F_SURROGATE_KEY);
    wr_tags_add(&tags, h, WR_F_CACHE_GROUPS);
    for (size_t i = 0; i < tags.count; i++)
        WR_CHECK(tags.of[i].len > 0);
    wr_arena_fini(&arena);
}

static void try_conditions(const struct wr_head *h, struct wr_slice value)
{
    const struct wr_date dated = wr_date_by_wall(now);
    struct wr_date t;
    char text[WR_DATE_LEN + 1];
    struct wr_date *modified = wr_date_parse(value, now, &t) ? &t : NULL;
    if (modified && t.us >= 0) {
        struct wr_date back;
        wr_date_format((struct wr_wall){ t.us }, text);
        WR_CHECK(wr_date_parse(wr_slice_str(text), now, &back) &&
                 back.us / WR_US_PER_S == t.us / WR_US_PER_S);
    }
    WR_CHECK(wr_if_match(h, wr_slice(NULL, 0)) != WR_CONDITION_NONE);
    if (wr_etag_valid(value))
        WR_CHECK(wr_if_none_match(h, value) == WR_CONDITION_FALSE);
    wr_if_range(h, value, modified, &dated, now);
    wr_if_unmodified_since(h, modified, now);
    wr_not_modified(h, value, modified, now);
    int quality = wr_accept_quality(h, WR_SLICE("text"), WR_SLICE("plain"));
    WR_CHECK(quality >= 0 && quality <= 1000);
    wr_accept_prefers_json(h);
}

static void try_ranges(struct wr_slice value)
{
    struct wr_range ranges[WR_MAX_RANGES];
    struct wr_content_range c;
    size_t count;
    if (wr_range_parse(value, 1000, ranges, &count) == WR_RANGE_OK) {
        WR_CHECK(count > 0 && count <= WR_MAX_RANGES);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j <= i; j++)
                WR_CHECK(ranges[i].first <= ranges[i].last && ranges[i].last < 1000 &&
                         (i == j || ranges[j].last < ranges[i].first || ranges[i].last < ranges[j].first));
    }
    if (wr_content_range_parse(value, &c) && c.satisfied)
        WR_CHECK(c.range.first <= c.range.last && (!c.length_known || c.range.last < c.length));
}

/* Parses a PROXY header. If it is accepted, its parse doesn't depend on the bytes after it, and without its
 * last byte it is incomplete. */
static void try_proxy(struct wr_slice in)
{
    struct wr_proxy header, again;
    if (wr_proxy_parse(in, &header) != WR_PROXY_DONE)
        return;
    WR_CHECK(header.length <= in.len);
    WR_CHECK(wr_proxy_parse(wr_slice(in.at, header.length), &again) == WR_PROXY_DONE &&
             again.length == header.length);
    WR_CHECK(wr_proxy_parse(wr_slice(in.at, header.length - 1), &again) == WR_PROXY_MORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wr_slice value = wr_slice_trim(wr_slice((const char *) data, size));
    struct wr_field fields[FIELDS];
    struct wr_head h = { .fields = fields, .field_count = FIELDS, .known = UINT64_MAX, .minor = 1 };
    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = (struct wr_field){ .name = wr_field_name(ids[i]),
                                       .value = value,
                                       .id = (uint16_t) ids[i] };
    try_directives(&h);
    try_tags(&h);
    try_conditions(&h, value);
    try_ranges(value);
    try_proxy(wr_slice((const char *) data, size));
    struct wr_head target = { .method = WR_METHOD_GET, .target = value };
    WR_CHECK(wr_target_split(&target) || (target.path.len > 0 && target.path.at[0] == '/'));
    if (wr_authority_valid(value))
        WR_CHECK(!memchr(value.at, '@', value.len) && !memchr(value.at, '/', value.len));
    return 0;
}
