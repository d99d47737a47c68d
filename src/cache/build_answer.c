/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes answers from stored responses. It reads the stored head into fields, and evaluates the conditions and
 * ranges of a client's request. */
#include "cache/build.h"

#include "cache/fields.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/range.h"

static void read_status_line(struct wr_slice line, struct wr_head *out)
{
    struct wr_slice rest = line;
    wr_slice_cut(&rest, ' ');
    wr_slice_cut(&rest, ' ');
    if (rest.at)
        out->reason = rest;
}

void wr_build_head(const struct wr_object *object, struct wr_arena *arena, struct wr_head *out)
{
    size_t lines = 1;
    for (size_t i = 0; i < object->head.len; i++)
        lines += object->head.at[i] == '\n';
    *out = (struct wr_head){ .minor = 1, .status = object->meta.status, .reason = WR_SLICE("") };
    out->framing = WR_FRAMING_LENGTH;
    out->content_length = object->meta.length;
    if (object->meta.length == UINT64_MAX)
        out->framing = WR_FRAMING_CLOSE;
    out->fields = wr_arena_alloc(arena, lines * sizeof *out->fields);
    struct wr_slice rest = object->head, line;
    if (wr_stored_line(&rest, &line))
        read_status_line(line, out);
    while (wr_stored_line(&rest, &line)) {
        struct wr_field *f = &out->fields[out->field_count++];
        struct wr_slice value = line;
        f->name = wr_slice_cut(&value, ':');
        f->value = wr_slice_trim(value);
        f->id = (uint16_t) wr_field_id_of(f->name);
        f->hidden = f->edited = 0;
        out->known |= UINT64_C(1) << (f->id % 64);
    }
}

void wr_build_conditions(const struct wr_object *stored, struct wr_buf *out)
{
    if (stored->etag.at) {
        wr_buf_add_str(out, "If-None-Match: ");
        wr_buf_add_slice(out, stored->etag);
        wr_buf_add(out, "\r\n", 2);
    }
    if (stored->last_modified.at) {
        wr_buf_add_str(out, "If-Modified-Since: ");
        wr_buf_add_slice(out, stored->last_modified);
        wr_buf_add(out, "\r\n", 2);
    }
}

/* --- conditions and ranges of a client --- */

struct validators {
    struct wr_slice etag;
    struct wr_date last_modified, date;
    bool has_last_modified;
};

static void read_validators(const struct wr_object *object, struct validators *v)
{
    struct wr_wall now = object->meta.response_time; /* only used to read two-digit years */
    struct wr_slice rest = object->head, line;
    *v = (struct validators){ .date = wr_date_by_wall(now) };
    if (object->etag.at)
        v->etag = object->etag;
    if (object->last_modified.at)
        v->has_last_modified = wr_date_parse(object->last_modified, now, &v->last_modified);
    wr_stored_line(&rest, &line);
    while (wr_stored_line(&rest, &line)) {
        struct wr_slice value = line, name = wr_slice_cut(&value, ':');
        if (wr_slice_eq_nocase(name, WR_SLICE("Date")) && !wr_date_parse(wr_slice_trim(value), now, &v->date))
            v->date = wr_date_by_wall(now);
    }
}

/* Evaluates If-None-Match, or If-Modified-Since if there is none. Without Last-Modified, If-Modified-Since is
 * compared with Date (RFC 9111 4.3.2). Only the origin evaluates If-Match and If-Unmodified-Since. */
static bool not_modified(const struct wr_head *request, const struct validators *v, struct wr_wall now)
{
    return wr_not_modified(request, v->etag, v->has_last_modified ? &v->last_modified : &v->date, now);
}

static void answer_range(const struct wr_head *request, const struct validators *v, struct wr_wall now,
                         struct wr_answer *out)
{
    const struct wr_field *f = wr_head_get(request, WR_F_RANGE);
    struct wr_range ranges[WR_MAX_RANGES];
    size_t count = 0;
    if (f == NULL || wr_head_next(request, WR_F_RANGE, f) != NULL)
        return;
    if (wr_if_range(request, v->etag, v->has_last_modified ? &v->last_modified : NULL, &v->date, now) ==
        WR_CONDITION_FALSE)
        return;
    switch (wr_range_parse(f->value, out->length, ranges, &count)) {
    case WR_RANGE_IGNORE:
        return;
    case WR_RANGE_UNSATISFIABLE:
        out->status = 416;
        return;
    case WR_RANGE_OK:
        break;
    }
    out->status = 206;
    for (size_t i = 0; i < count && i < WR_MAX_PARTS; i++)
        out->parts[out->part_count++] = (struct wr_part){ ranges[i].first,
                                                          ranges[i].last - ranges[i].first + 1 };
}

_Static_assert(WR_MAX_PARTS >= WR_MAX_RANGES, "every range has its part");

void wr_build_answer(const struct wr_object *object, const struct wr_head *request, bool complete,
                     struct wr_answer *out)
{
    out->status = object->meta.status;
    out->part_count = 0;
    out->length = complete && object->meta.length == UINT64_MAX ? wr_flow_length(object->flow)
                                                                : object->meta.length;
    bool get = request->method == WR_METHOD_GET;
    if (!get && request->method != WR_METHOD_HEAD)
        return;
    static const uint64_t asks = UINT64_C(1) << (WR_F_IF_NONE_MATCH % 64) |
                                 UINT64_C(1) << (WR_F_IF_MODIFIED_SINCE % 64) |
                                 UINT64_C(1) << (WR_F_RANGE % 64);
    if (out->status < 200 || out->status > 299 || !(request->known & asks))
        return;
    struct validators v;
    read_validators(object, &v);
    if (not_modified(request, &v, object->meta.response_time))
        out->status = 304;
    else if (get && complete && out->status == 200)
        answer_range(request, &v, object->meta.response_time, out);
}
