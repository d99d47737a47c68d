/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes stored responses and VARY markers from what the origin sent. It also updates a stored response by a
 * 304. */
#include "cache/build.h"

#include "base/rand.h"
#include "cache/fields.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/directives.h"
#include "http/chars.h"
#include "http/serialise.h"
#include "http/tags.h"

/* --- fields for the first client only: those that private="..." and no-cache="..." name (RFC 9111 5.2.2.4,
 * 5.2.2.7), Set-Cookie and the like --- */

/* Which fields of a response are for the first client only. */
struct reserved {
    uint8_t named[WR_MAX_FIELDS / 8]; /* a bit per field: a directive names it */
    bool shared_client;               /* fields that change a client's state are for everybody */
};

static unsigned flags_of(const struct wr_field *f)
{
    return f->id == WR_F_OTHER ? 0 : wr_field_flags((enum wr_field_id) f->id);
}

static void reserve_named(const struct wr_head *response, const struct wr_sorted_fields *sorted,
                          struct wr_slice names, struct reserved *r)
{
    struct wr_list list = wr_list(names);
    struct wr_slice name;
    size_t count;
    while (wr_list_next(&list, &name)) {
        struct wr_field *const *alike = wr_sorted_find(sorted, name, &count);
        for (size_t i = 0; i < count; i++) {
            size_t at = (size_t) (alike[i] - response->fields);
            r->named[at / 8] |= (uint8_t) (1u << at % 8);
        }
    }
}

/* Reads the directives of all fields, targeted or not: a field that any of them names is reserved, because
 * sharing less than is allowed is never wrong. */
static void find_reserved(const struct wr_head *response, const struct wr_meta *meta, struct reserved *r)
{
    static const enum wr_field_id targeted[] = { WR_F_WEIR_CACHE_CONTROL, WR_F_CDN_CACHE_CONTROL };
    struct wr_response_directives of[3];
    struct wr_sorted_fields sorted;
    size_t count = 0, named = 0;
    wr_directives_of_response(response, &of[count++]);
    for (size_t i = 0; i < 2; i++)
        if (wr_directives_of_targeted(response, targeted[i], &of[count]))
            count++;
    *r = (struct reserved){ .shared_client = meta->flags & WR_OF_SET_COOKIE };
    for (size_t i = 0; i < count; i++)
        named += of[i].private_fields.len + of[i].no_cache_fields.len;
    if (named == 0)
        return;
    wr_head_sort(response, &sorted);
    for (size_t i = 0; i < count; i++) {
        reserve_named(response, &sorted, of[i].private_fields, r);
        reserve_named(response, &sorted, of[i].no_cache_fields, r);
    }
}

static bool is_reserved(const struct reserved *r, const struct wr_head *response, const struct wr_field *f)
{
    unsigned flags = flags_of(f);
    size_t at = (size_t) (f - response->fields);
    if ((flags & WR_FF_EXCHANGE) || ((flags & WR_FF_CLIENT) && !r->shared_client))
        return true;
    return r->named[at / 8] >> at % 8 & 1;
}

/* --- tags --- */

static void write_tag(struct wr_buf *out, const char *mark, struct wr_slice tag)
{
    wr_buf_add_str(out, mark);
    wr_buf_add_slice(out, tag);
    wr_buf_add_char(out, '\n');
}

static void write_tags(struct wr_buf *out, const struct wr_head *response, struct wr_slice key)
{
    struct wr_arena arena = { 0 };
    struct wr_tags tags = { .arena = &arena };
    wr_tags_add(&tags, response, WR_F_CACHE_GROUPS);
    size_t groups = tags.count;
    wr_tags_add(&tags, response, WR_F_CACHE_TAG);
    wr_tags_add(&tags, response, WR_F_SURROGATE_KEY);
    for (size_t i = 0; i < tags.count; i++)
        write_tag(out, "", tags.of[i]);
    for (size_t i = 0; i < groups; i++) /* RFC 9875 2: a group belongs to the origin that sent it */
        write_tag(out, "\t", tags.of[i]);
    struct wr_slice url = wr_key_url_of_more(key);
    if (url.at)
        write_tag(out, " ", url); /* as wr_key_tag() */
    wr_arena_fini(&arena);
}

/* --- the head --- */

/* Writes the fields that follow those of the origin. */
static void write_added(struct wr_buf *kept, const struct wr_head *response, const struct wr_meta *meta,
                        struct wr_slice via)
{
    if (wr_head_get(response, WR_F_DATE) == NULL) { /* RFC 9110 6.6.1 */
        char date[WR_DATE_LEN + 1];
        wr_date_format(meta->response_time, date);
        wr_head_write_field(kept, WR_SLICE("Date"), wr_slice(date, WR_DATE_LEN));
    }
    if (via.len) {
        wr_buf_add(kept, "Via: ", 5);
        wr_buf_add_slice(kept, via);
        wr_buf_add(kept, "\r\n", 2);
    }
}

/* Is a field that changes a client's state among those that are kept for everybody? */
static bool keeps_client_field(const struct wr_head *response, const struct reserved *r)
{
    for (size_t i = 0; i < response->field_count; i++) {
        const struct wr_field *f = &response->fields[i];
        if ((flags_of(f) & WR_FF_CLIENT) && wr_field_is_stored(f) && !is_reserved(r, response, f))
            return true;
    }
    return false;
}

/* Writes the stored head into kept and the reserved fields into first_only. Takes SET_COOKIE out of meta's
 * flags if no field changes a client's state. */
static void write_head(struct wr_buf *kept, struct wr_buf *first_only, const struct wr_head *response,
                       struct wr_meta *meta, struct wr_slice via)
{
    struct reserved reserved;
    find_reserved(response, meta, &reserved);
    if (!keeps_client_field(response, &reserved))
        meta->flags &= ~(unsigned) WR_OF_SET_COOKIE;
    wr_head_write_status_line(kept, response->status, response->reason);
    for (size_t i = 0; i < response->field_count; i++) {
        const struct wr_field *f = &response->fields[i];
        if (wr_field_is_stored(f))
            wr_head_write_field(is_reserved(&reserved, response, f) ? first_only : kept, f->name, f->value);
    }
    write_added(kept, response, meta, via);
}

static unsigned aged(const struct wr_head *response)
{
    return wr_head_get(response, WR_F_AGE) ? WR_OF_AGED : 0;
}

/* Returns an upper bound for the size of the head, in bytes: a status line, each field with its colon, space
 * and CR LF, Date and Via. */
static size_t room_for(const struct wr_head *response, struct wr_slice via)
{
    size_t room = 64 + response->reason.len + WR_DATE_LEN + via.len;
    for (size_t i = 0; i < response->field_count; i++)
        room += response->fields[i].name.len + response->fields[i].value.len + 4;
    return room;
}

struct wr_object *wr_build_passed(const struct wr_meta *meta, const struct wr_head *response,
                                  struct wr_slice via, struct wr_flow *flow)
{
    size_t room = room_for(response, via);
    struct wr_object *o = wr_object_new_passed(meta, room, flow);
    o->meta.flags |= aged(response);
    struct wr_buf head = { .at = (char *) (o + 1), .cap = room };
    wr_head_write_status_line(&head, response->status, response->reason);
    for (size_t i = 0; i < response->field_count; i++)
        if (wr_field_is_stored(&response->fields[i]))
            wr_head_write_field(&head, response->fields[i].name, response->fields[i].value);
    write_added(&head, response, meta, via);
    WR_CHECK(head.cap == room); /* the room was enough, so the buffer was never reallocated */
    o->head.len = head.len;
    return o;
}

/* Returns the value of the first field of that name; at NULL: there is none, or its value is empty. */
static struct wr_slice validator_in(struct wr_slice head, struct wr_slice name)
{
    struct wr_slice line;
    wr_stored_line(&head, &line);
    while (wr_stored_line(&head, &line)) {
        struct wr_slice value = line, have = wr_slice_cut(&value, ':');
        if (wr_slice_eq_nocase(have, name))
            return (value = wr_slice_trim(value)).len ? value : wr_slice(NULL, 0);
    }
    return wr_slice(NULL, 0);
}

static struct wr_object *finish_object(struct wr_object *like, const struct wr_head *response,
                                       struct wr_slice via, struct wr_flow *flow)
{
    struct wr_buf kept = { 0 }, first_only = { 0 }, tags = { 0 };
    write_head(&kept, &first_only, response, &like->meta, via);
    write_tags(&tags, response, like->key);
    like->meta.flags |= aged(response);
    like->head = wr_buf_slice(&kept);
    like->first_only = wr_buf_slice(&first_only);
    like->tags = wr_buf_slice(&tags);
    if (wr_head_get(response, WR_F_ETAG))
        like->etag = validator_in(like->head, WR_SLICE("ETag"));
    if (wr_head_get(response, WR_F_LAST_MODIFIED))
        like->last_modified = validator_in(like->head, WR_SLICE("Last-Modified"));
    if (like->meta.version == 0)
        like->meta.version = wr_rand_u64();
    struct wr_object *o = wr_object_new(like, flow);
    wr_buf_fini(&kept);
    wr_buf_fini(&first_only);
    wr_buf_fini(&tags);
    return o;
}

struct wr_object *wr_build_object(const struct wr_key *key, struct wr_slice vary_values,
                                  const struct wr_meta *meta, const struct wr_head *response,
                                  struct wr_slice via, struct wr_flow *flow)
{
    struct wr_object like = {
        .key = key->text, .host = key->host, .meta = *meta, .vary_values = vary_values
    };
    return finish_object(&like, response, via, flow);
}

struct wr_object *wr_build_vary(const struct wr_key *primary, struct wr_slice names, const struct wr_meta *of,
                                const struct wr_object *before)
{
    struct wr_buf head = { 0 };
    if (before)
        wr_buf_add_slice(&head, wr_vary_lineage(before));
    else
        wr_buf_printf(&head, "%016llx", (unsigned long long) wr_rand_u64());
    wr_buf_add_char(&head, ' ');
    wr_buf_add_slice(&head, names);
    struct wr_object like = {
        .key = primary->text, .host = primary->host, .meta = *of, .head = wr_buf_slice(&head)
    };
    like.meta.kind = WR_OBJECT_VARY;
    like.meta.length = 0;
    like.meta.version = wr_rand_u64();
    struct wr_object *marker = wr_object_new(&like, NULL);
    wr_buf_fini(&head);
    return marker;
}

/* --- a 304 --- */

/* The fate of fields that change a client's state. */
enum client_fields {
    CLIENT_NONE, /* none are kept: the response is judged by what every client may get */
    CLIENT_NEW,  /* those of the 304 are kept, for the client whose request it answers */
    CLIENT_ALL,  /* the stored ones are kept too, if the 304 doesn't have them */
};

/* Does this field of the stored response stay? It does if the 304 doesn't have it. Date never stays, because
 * it says when the response was last confirmed. */
static bool survives(const struct wr_field *f, const struct wr_head *not_modified, enum client_fields clients)
{
    unsigned flags = flags_of(f);
    if ((flags & WR_FF_CLIENT) && clients != CLIENT_ALL)
        return false;
    return (flags & WR_FF_NO_UPDATE) ||
           (f->id != WR_F_DATE && wr_head_named(not_modified, f->name, NULL) == NULL);
}

static bool is_updated(const struct wr_field *f, enum client_fields clients)
{
    unsigned flags = flags_of(f);
    return !f->hidden && !(flags & WR_FF_NO_UPDATE) && !((flags & WR_FF_CLIENT) && clients == CLIENT_NONE);
}

static void merge(const struct wr_object *stored, const struct wr_head *not_modified,
                  enum client_fields clients, struct wr_arena *arena, struct wr_head *out)
{
    struct wr_head old;
    wr_build_head(stored, arena, &old);
    *out = old;
    out->fields = wr_arena_alloc(arena, (old.field_count + not_modified->field_count) * sizeof *out->fields);
    out->field_count = 0;
    for (size_t i = 0; i < old.field_count; i++)
        if (survives(&old.fields[i], not_modified, clients))
            out->fields[out->field_count++] = old.fields[i];
    for (size_t i = 0; i < not_modified->field_count; i++) {
        const struct wr_field *f = &not_modified->fields[i];
        if (!is_updated(f, clients))
            continue;
        out->fields[out->field_count++] = *f;
        out->known |= UINT64_C(1) << (f->id % 64);
    }
}

void wr_build_merged_head(const struct wr_object *stored, const struct wr_head *not_modified,
                          struct wr_arena *arena, struct wr_head *out)
{
    merge(stored, not_modified, CLIENT_NONE, arena, out);
}

/* Does a field of the head agree with the stored value? A field that the head doesn't have agrees with
 * anything. */
static bool agrees(const struct wr_head *head, enum wr_field_id id, struct wr_slice stored)
{
    const struct wr_field *f = wr_head_get(head, id);
    return f == NULL || (stored.at && wr_slice_eq(f->value, stored));
}

static struct wr_slice line_but_date(struct wr_slice *rest)
{
    struct wr_slice line;
    while (wr_stored_line(rest, &line)) {
        struct wr_slice value = line;
        if (!wr_slice_eq_nocase(wr_slice_cut(&value, ':'), WR_SLICE("Date")))
            return line;
    }
    return wr_slice(NULL, 0);
}

bool wr_build_same(const struct wr_object *a, const struct wr_object *b)
{
    struct wr_slice rest_a = a->head, rest_b = b->head, line;
    do {
        line = line_but_date(&rest_a);
        if (!wr_slice_eq(line, line_but_date(&rest_b)))
            return false;
    } while (line.at);
    return true;
}

bool wr_build_confirms(const struct wr_head *not_modified, const struct wr_object *stored)
{
    const struct wr_field *etag = wr_head_get(not_modified, WR_F_ETAG);
    if (etag && stored->etag.at)
        return wr_etag_equal_weak(etag->value, stored->etag);
    return stored->last_modified.at == NULL ||
           agrees(not_modified, WR_F_LAST_MODIFIED, stored->last_modified);
}

bool wr_build_describes(const struct wr_head *head, const struct wr_object *stored)
{
    const struct wr_field *f = wr_head_get(head, WR_F_CONTENT_LENGTH);
    uint64_t length;
    return agrees(head, WR_F_ETAG, stored->etag) && agrees(head, WR_F_LAST_MODIFIED, stored->last_modified) &&
           (f == NULL || (wr_slice_u64(f->value, INT64_MAX, &length) && length == stored->meta.length));
}

struct wr_object *wr_build_updated(const struct wr_object *stored, const struct wr_key *key,
                                   struct wr_slice vary_values, const struct wr_meta *meta,
                                   const struct wr_head *not_modified, struct wr_slice via)
{
    struct wr_arena arena = { 0 };
    struct wr_head merged;
    merge(stored, not_modified, meta->flags & WR_OF_SET_COOKIE ? CLIENT_ALL : CLIENT_NEW, &arena, &merged);
    struct wr_object like = {
        .key = key->text,
        .host = key->host,
        .hash = key->hash,
        .meta = *meta,
        .vary_values = vary_values,
        .began = stored->began,
    };
    like.meta.length = stored->meta.length;
    /* the stored Via has our own element already, unless the 304 brought another Via */
    struct wr_slice own = wr_head_get(not_modified, WR_F_VIA) ? via : wr_slice(NULL, 0);
    struct wr_object *o = finish_object(&like, &merged, own, stored->flow);
    wr_arena_fini(&arena);
    return o;
}
