/* SPDX-License-Identifier: BSD-2-Clause */
/* The request for the rest of a content, and where the rest begins in the response to it. */
#include "txn/rest_request.h"

#include "cache/build.h"
#include "http/conditional.h"
#include "http/range.h"

static void add_field(struct wr_head *h, enum wr_field_id id, struct wr_slice name, struct wr_slice value)
{
    h->fields[h->field_count++] = (struct wr_field){ .name = name, .value = value, .id = (uint16_t) id };
    h->known |= UINT64_C(1) << (id % 64);
}

struct wr_head wr_rest_request(const struct wr_head *request, uint64_t from, uint64_t until,
                               struct wr_slice etag, struct wr_arena *arena)
{
    struct wr_head ask = *request;
    ask.fields = wr_arena_alloc(arena, (request->field_count + 2) * sizeof *ask.fields);
    ask.field_count = 0;
    for (size_t i = 0; i < request->field_count; i++)
        if ((wr_field_flags((enum wr_field_id) request->fields[i].id) & WR_FF_CONDITION) == 0)
            ask.fields[ask.field_count++] = request->fields[i];
    struct wr_slice range = until == UINT64_MAX
                                ? wr_arena_printf(arena, "bytes=%llu-", (unsigned long long) from)
                                : wr_arena_printf(arena, "bytes=%llu-%llu", (unsigned long long) from,
                                                  (unsigned long long) until - 1);
    add_field(&ask, WR_F_RANGE, WR_SLICE("Range"), range);
    add_field(&ask, WR_F_IF_RANGE, WR_SLICE("If-Range"), etag);
    return ask;
}

bool wr_rest_begins(const struct wr_object *o, struct wr_slice etag, uint64_t from, struct wr_arena *arena,
                    uint64_t *at)
{
    struct wr_head head;
    wr_build_head(o, arena, &head);
    const struct wr_field *sent = wr_head_get(&head, WR_F_ETAG),
                          *range = wr_head_get(&head, WR_F_CONTENT_RANGE);
    struct wr_content_range part;
    *at = from;
    if (sent == NULL || !wr_etag_equal_strong(sent->value, etag))
        return false;
    if (o->meta.status == 200)
        return true;
    *at = 0;
    return o->meta.status == 206 && range && wr_content_range_parse(range->value, &part) && part.satisfied &&
           part.range.first == from;
}
