/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the head of an answer. Stored fields are sent as stored; the fields that belong to this request are
 * written after it. */
#include "http/serialise.h"
#include "txn/txn.h"

/* --- fields of this hop and this cache --- */

static void write_connection(struct wr_txn *t)
{
    if (t->close)
        wr_buf_add_str(&t->out, "Connection: close\r\n");
    else if (t->head.minor == 0)
        wr_buf_add_str(&t->out, "Connection: keep-alive\r\n");
}

static void write_limits(struct wr_txn *t)
{
    if (!wr_txn_limits_known(t) || t->ask.closed)
        return;
    size_t start = t->out.len;
    wr_buf_add_str(&t->out, "RateLimit-Policy: ");
    size_t before = t->out.len;
    wr_limit_write_policy(&t->ask, &t->out);
    if (t->out.len == before) { /* there are only limits in observe mode, which tell clients nothing */
        t->out.len = start;
        return;
    }
    wr_buf_add_str(&t->out, "\r\nRateLimit: ");
    wr_limit_write_state(&t->ask, &t->out);
    wr_buf_add(&t->out, "\r\n", 2);
}

void wr_txn_write_common(struct wr_txn *t)
{
    bool finishing = wr_shared_life(t->worker->shared) == WR_LIFE_FINISHING;
    /* The rest of a body that comes after its answer must not be read as a request: so LOG closes the
     * connection, and this field says it (RFC 9112 9.6). */
    t->close = t->close || finishing || t->body_open;
    write_limits(t);
    write_connection(t);
}

/* The key, its lines joined by spaces. NULL if the policy doesn't show it, or if the request has none. */
static struct wr_slice shown_key(struct wr_txn *t)
{
    if (!t->route->cache.show_key || t->key.text.at == NULL)
        return wr_slice(NULL, 0);
    struct wr_slice text = wr_arena_copy(&t->arena, t->key.text);
    for (char *c = (char *) (uintptr_t) text.at; c < text.at + text.len; c++)
        if (*c == '\n')
            *c = ' ';
    return text;
}

/* Does a store take the response? If its length wasn't announced, that is known only once it is whole. */
static bool is_stored(const struct wr_txn *t)
{
    const struct wr_object *o = t->object;
    return t->stored && (o->meta.length != UINT64_MAX ||
                         (wr_flow_state(o->flow) == WR_FLOW_WHOLE && wr_flow_kept(o->flow)));
}

void wr_txn_write_cache_status(struct wr_txn *t)
{
    if (!t->route->cache.enabled) {
        t->detail = NULL;
        t->fwd = WR_FWD_BYPASS;
    }
    struct wr_cache_status s = {
        .fwd = t->fwd,
        .fwd_status = t->fwd_status,
        .stored = is_stored(t),
        .key = shown_key(t),
        .detail = wr_slice_str(t->detail),
    };
    wr_result_tell(t->result, wr_object_freshness(t->object, t->worker->loop.now), t->stored, &s);
    wr_buf_add_str(&t->out, "Cache-Status: ");
    wr_cache_status_write(&t->out, t->worker->shared->name, &s);
    wr_buf_add(&t->out, "\r\n", 2);
}

static void write_age(struct wr_txn *t)
{
    /* a response that the origin has made or validated for this very request has no age (RFC 9111 5.1),
     * unless a cache before us says so */
    if (!wr_result_is(t->result, WR_RF_OWN) || t->object->meta.flags & WR_OF_AGED)
        wr_head_write_number(&t->out, WR_SLICE("Age"),
                             wr_span_s(wr_object_age(t->object, t->worker->loop.now)));
}

/* --- heads that are not sent as stored --- */

/* Does a 304 carry this field (RFC 9110 15.4.5)? */
static bool in_not_modified(const struct wr_field *f)
{
    switch (f->id) {
    case WR_F_CACHE_CONTROL:
    case WR_F_CDN_CACHE_CONTROL:
    case WR_F_CONTENT_LOCATION:
    case WR_F_DATE:
    case WR_F_ETAG:
    case WR_F_EXPIRES:
    case WR_F_VARY:
    case WR_F_LAST_MODIFIED:
    case WR_F_VIA:
        return true;
    default:
        return false;
    }
}

static bool in_partial(const struct wr_txn *t, const struct wr_field *f)
{
    if (f->id == WR_F_CONTENT_RANGE)
        return false;
    return !(t->answer.part_count > 1 && f->id == WR_F_CONTENT_TYPE);
}

/* Does a 416 carry this field? The freshness of the stored response doesn't apply to it: a cache behind us
 * could give a stored 416 to requests for the whole. */
static bool in_unsatisfiable(const struct wr_field *f)
{
    return f->id == WR_F_DATE || f->id == WR_F_ETAG || f->id == WR_F_VARY || f->id == WR_F_VIA;
}

static bool goes_along(const struct wr_txn *t, const struct wr_field *f)
{
    switch (t->status) {
    case 206:
        return in_partial(t, f);
    case 416:
        return in_unsatisfiable(f);
    default:
        return in_not_modified(f);
    }
}

static struct wr_slice reason_of(int status)
{
    switch (status) {
    case 206:
        return WR_SLICE("Partial Content");
    case 304:
        return WR_SLICE("Not Modified");
    case 412:
        return WR_SLICE("Precondition Failed");
    default:
        return WR_SLICE("Range Not Satisfiable");
    }
}

static void write_changed_head(struct wr_txn *t)
{
    struct wr_head stored;
    wr_build_head(t->object, &t->arena, &stored);
    wr_head_write_status_line(&t->out, t->status, reason_of(t->status));
    for (size_t i = 0; i < stored.field_count; i++) {
        const struct wr_field *f = &stored.fields[i];
        if (goes_along(t, f))
            wr_head_write_field(&t->out, f->name, f->value);
    }
}

/* --- ranges --- */

static struct wr_slice stored_type(struct wr_txn *t)
{
    struct wr_head stored;
    wr_build_head(t->object, &t->arena, &stored);
    const struct wr_field *f = wr_head_get(&stored, WR_F_CONTENT_TYPE);
    return f ? f->value : WR_SLICE("application/octet-stream");
}

static void write_range(struct wr_buf *out, const struct wr_part *p, uint64_t length)
{
    wr_buf_printf(out, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long) p->from,
                  (unsigned long long) (p->from + p->length - 1), (unsigned long long) length);
}

/* Random, so that content can't contain it on purpose (RFC 2046 5.1.1), and the same for the whole answer. */
static void write_boundary(const struct wr_txn *t, struct wr_buf *out)
{
    wr_buf_printf(out, "weir-%016llx", (unsigned long long) t->object->meta.version);
}

/* index == part_count: writes the closing boundary. */
void wr_txn_write_part_head(struct wr_txn *t, struct wr_buf *out, size_t index)
{
    wr_buf_add_str(out, index > 0 ? "\r\n--" : "--");
    write_boundary(t, out);
    if (index == t->answer.part_count) {
        wr_buf_add_str(out, "--\r\n");
        return;
    }
    wr_buf_add_str(out, "\r\nContent-Type: ");
    wr_buf_add_slice(out, stored_type(t));
    wr_buf_add(out, "\r\n", 2);
    write_range(out, &t->answer.parts[index], t->answer.length);
    wr_buf_add(out, "\r\n", 2);
}

static uint64_t multipart_length(struct wr_txn *t)
{
    struct wr_buf scratch = { 0 };
    uint64_t sum = 0;
    for (size_t i = 0; i <= t->answer.part_count; i++) {
        wr_txn_write_part_head(t, &scratch, i);
        if (i < t->answer.part_count)
            sum += t->answer.parts[i].length;
    }
    sum += scratch.len;
    wr_buf_fini(&scratch);
    return sum;
}

static void write_ranges(struct wr_txn *t)
{
    const struct wr_answer *a = &t->answer;
    if (t->status == 416) {
        wr_buf_printf(&t->out, "Content-Range: bytes */%llu\r\nContent-Length: 0\r\n",
                      (unsigned long long) a->length);
    } else if (a->part_count == 1) {
        write_range(&t->out, &a->parts[0], a->length);
        wr_head_write_number(&t->out, WR_SLICE("Content-Length"), (int64_t) a->parts[0].length);
    } else {
        wr_buf_add_str(&t->out, "Content-Type: multipart/byteranges; boundary=");
        write_boundary(t, &t->out);
        wr_buf_printf(&t->out, "\r\nContent-Length: %llu\r\n", (unsigned long long) multipart_length(t));
    }
}

/* --- framing of the whole (RFC 9112 6) --- */

static void write_framing(struct wr_txn *t)
{
    const struct wr_meta *m = &t->object->meta;
    bool head = t->head.method == WR_METHOD_HEAD;
    bool never = t->status == 204 || t->status == 304;
    t->no_content = head || never;
    t->left = m->length;
    if (t->status == 101) {
        wr_buf_add_str(&t->out, "Connection: upgrade\r\n");
        wr_head_write_field(&t->out, WR_SLICE("Upgrade"), wr_slice_str(t->tunnel->protocol));
        return;
    }
    if (m->length != UINT64_MAX && !never) {
        wr_head_write_number(&t->out, WR_SLICE("Content-Length"), (int64_t) m->length);
    } else if (!t->no_content && t->head.minor >= 1) {
        t->chunked = true;
        wr_buf_add_str(&t->out, "Transfer-Encoding: chunked\r\n");
    } else if (!t->no_content) {
        t->close = true;
    }
}

void wr_txn_write_head(struct wr_txn *t)
{
    const struct wr_object *o = t->object;
    bool complete = o->meta.length != UINT64_MAX;
    t->answer.status = o->meta.status;
    t->answer.part_count = 0;
    if (t->fetch != WR_FETCH_ALONE)
        wr_build_answer(o, &t->head, complete, &t->answer);
    if (t->answer.part_count > 1 && !wr_flow_kept(o->flow)) /* its parts can't be read in any order */
        t->answer = (struct wr_answer){ .status = o->meta.status };
    t->status = t->answer.status;
    bool as_stored = t->status == o->meta.status && t->answer.part_count == 0;
    if (as_stored) {
        t->stored_head = o->head;
        write_framing(t);
    } else {
        write_changed_head(t);
        t->no_content = t->status != 206;
        if (t->status == 206 || t->status == 416)
            write_ranges(t);
        else if (t->status != 304)
            wr_buf_add_str(&t->out, "Content-Length: 0\r\n");
    }
    if (wr_result_is(t->result, WR_RF_OWN))
        wr_buf_add_slice(&t->out, o->first_only);
    t->wants_trailers = t->head.trailers_wanted;
    write_age(t);
    wr_txn_write_cache_status(t);
    wr_txn_write_common(t);
    wr_txn_edit_head(t);
    wr_buf_add(&t->out, "\r\n", 2);
}

void wr_txn_send_interim(struct wr_txn *t, const struct wr_head *head)
{
    struct wr_buf text = { 0 };
    wr_head_write_status_line(&text, head->status, head->reason);
    wr_txn_add_interim(t, head, &text);
    wr_buf_add(&text, "\r\n", 2);
    wr_conn_send_interim(t->conn, wr_buf_slice(&text));
    wr_buf_fini(&text);
}
