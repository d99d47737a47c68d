/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes and reads records. The reader believes nothing: each length, number and text is checked before it is
 * used. */
#include "store/record.h"

#include "policy/policy.h"
#include "store/crc32c.h"

/* The format of meta. All numbers are little-endian:
 *
 * - "WR", version u8, kind u8
 * - length of the key u32, length of the head u32
 * - flags u32, status u32
 * - i64: request_time, response_time, initial_age, lifetime, swr, sie, fetch_time, in microseconds
 * - length u64, version u64, began u64
 * - chunk u64, chunk_count u32
 * - etag and last_modified: each its offset in the head u32, its length u32
 * - vary_values and tags: the length u32 of each, then the two texts
 * - the checksum u32 of each piece
 * - the checksum u32 of the key, the head and all that stands before it
 *
 * A length of NONE says that the slice is absent (at NULL). While the content is arriving, the record begins
 * with "WA" and has no checksums of pieces. */
/* Version 1 may hold Set-Cookie for everybody; version 2 doesn't know when its fetch began. */
#define VERSION 3
#define NONE 0xffffffffu

/* --- writing --- */

static void put32(struct wr_buf *b, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        wr_buf_add_char(b, (char) (n >> 8 * i));
}

static void put64(struct wr_buf *b, uint64_t n)
{
    put32(b, (uint32_t) n);
    put32(b, (uint32_t) (n >> 32));
}

static void put_inner(struct wr_buf *b, struct wr_slice inner, struct wr_slice head)
{
    put32(b, inner.at ? (uint32_t) (inner.at - head.at) : 0);
    put32(b, inner.at ? (uint32_t) inner.len : NONE);
}

static uint32_t whole_sum(struct wr_slice key, struct wr_slice head, struct wr_slice meta)
{
    return wr_crc32c(wr_crc32c(wr_crc32c(0, key), head), meta);
}

void wr_record_add_sum(struct wr_buf *out, uint32_t sum)
{
    put32(out, sum);
}

void wr_record_encode(struct wr_buf *out, const struct wr_object *o, uint64_t length, uint64_t chunk,
                      size_t chunk_count, const uint32_t *sums, struct wr_span ahead)
{
    const struct wr_meta *m = &o->meta;
    const struct wr_redis_time asked = wr_redis_time_by_wall(m->request_time, ahead),
                               answered = wr_redis_time_by_wall(m->response_time, ahead);
    const int64_t times[] = { asked.us,  answered.us, m->initial_age.us, m->lifetime.us,
                              m->swr.us, m->sie.us,   m->fetch_time.us };
    const struct wr_slice texts[] = { o->vary_values, o->tags };
    size_t start = out->len;
    wr_buf_add(out, sums ? "WR" : "WA", 2);
    wr_buf_add_char(out, VERSION);
    wr_buf_add_char(out, (char) m->kind);
    put32(out, (uint32_t) o->key.len);
    put32(out, (uint32_t) o->head.len);
    put32(out, m->flags);
    put32(out, (uint32_t) m->status);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        put64(out, (uint64_t) times[i]);
    put64(out, length);
    put64(out, m->version);
    put64(out, o->began.n);
    put64(out, chunk);
    put32(out, (uint32_t) chunk_count);
    put_inner(out, o->etag, o->head);
    put_inner(out, o->last_modified, o->head);
    for (size_t i = 0; i < 2; i++)
        put32(out, texts[i].at ? (uint32_t) texts[i].len : NONE);
    for (size_t i = 0; i < 2; i++)
        wr_buf_add_slice(out, texts[i]);
    for (size_t i = 0; sums && i < (chunk_count ? chunk_count : 1); i++)
        wr_record_add_sum(out, sums[i]);
    put32(out, whole_sum(o->key, o->head, wr_slice_from(wr_buf_slice(out), start)));
}

/* --- reading --- */

static uint32_t number32(const char *at)
{
    const unsigned char *a = (const unsigned char *) at;
    return (uint32_t) a[0] | (uint32_t) a[1] << 8 | (uint32_t) a[2] << 16 | (uint32_t) a[3] << 24;
}

/* Takes numbers and texts off the front. Once something is missing, broken is set and everything reads as 0.
 */
struct record_input {
    struct wr_slice rest;
    bool broken;
};

static struct wr_slice take_bytes(struct record_input *in, uint64_t len)
{
    if (in->broken || in->rest.len < len) {
        in->broken = true;
        return wr_slice("", 0);
    }
    struct wr_slice s = wr_slice(in->rest.at, (size_t) len);
    in->rest = wr_slice_from(in->rest, len);
    return s;
}

static uint32_t take32(struct record_input *in)
{
    struct wr_slice s = take_bytes(in, 4);
    return s.len ? number32(s.at) : 0;
}

static uint64_t take64(struct record_input *in)
{
    uint64_t low = take32(in);
    return low | (uint64_t) take32(in) << 32;
}

/* Takes an instant or a span, small enough that a sum of two can't overflow. */
static int64_t take_time(struct record_input *in)
{
    int64_t n = (int64_t) take64(in);
    if (n < INT64_MIN / 4 || n > INT64_MAX / 4)
        in->broken = true;
    return in->broken ? 0 : n;
}

static struct wr_slice take_inner(struct record_input *in, struct wr_slice head)
{
    uint64_t at = take32(in), len = take32(in);
    if (len == NONE)
        return wr_slice(NULL, 0);
    if (at > head.len || len > head.len - at) {
        in->broken = true;
        return wr_slice(NULL, 0);
    }
    return wr_slice(head.at + at, (size_t) len);
}

static bool is_mark(struct wr_slice mark)
{
    return (wr_slice_starts(mark, WR_SLICE("WR")) || wr_slice_starts(mark, WR_SLICE("WA"))) &&
           mark.at[2] == VERSION;
}

static void take_meta(struct record_input *in, struct wr_slice key, struct wr_slice head,
                      struct wr_span ahead, struct wr_meta *m)
{
    struct wr_slice mark = take_bytes(in, 4);
    if (!is_mark(mark) || (unsigned char) mark.at[3] > WR_OBJECT_VARY) {
        in->broken = true;
        return;
    }
    m->kind = (enum wr_object_kind) mark.at[3];
    if (take32(in) != key.len || take32(in) != head.len)
        in->broken = true;
    m->flags = take32(in);
    m->status = (int) (take32(in) & 0xffff);
    m->request_time = wr_wall_by_redis_time((struct wr_redis_time){ take_time(in) }, ahead);
    m->response_time = wr_wall_by_redis_time((struct wr_redis_time){ take_time(in) }, ahead);
    m->initial_age.us = take_time(in);
    m->lifetime.us = take_time(in);
    m->swr.us = take_time(in);
    m->sie.us = take_time(in);
    m->fetch_time.us = take_time(in);
    m->length = take64(in);
    m->version = take64(in);
}

static void take_texts(struct record_input *in, struct wr_object *o)
{
    struct wr_slice *texts[] = { &o->vary_values, &o->tags };
    uint32_t lengths[2];
    for (size_t i = 0; i < 2; i++)
        lengths[i] = take32(in);
    for (size_t i = 0; i < 2; i++)
        *texts[i] = lengths[i] == NONE ? wr_slice(NULL, 0) : take_bytes(in, lengths[i]);
}

/* Is it a status line and non-empty lines that all end with CR LF? The head goes to clients as it is, so it
 * must not contain the end of a head. */
static bool is_head(struct wr_slice head)
{
    if (!wr_slice_starts(head, WR_SLICE("HTTP/1.1 ")))
        return false;
    struct wr_slice line;
    while (head.len > 0) {
        const char *end = memchr(head.at, '\n', head.len);
        if (end == NULL)
            return false;
        line = wr_slice_cut(&head, '\n');
        if (line.len < 2 || line.at[line.len - 1] != '\r' || memchr(line.at, '\r', line.len - 1) ||
            memchr(line.at, '\0', line.len))
            return false;
    }
    return true;
}

static bool consistent(const struct wr_record *r)
{
    const struct wr_meta *m = &r->like.meta;
    if (m->kind == WR_OBJECT_RESPONSE && (m->status < 200 || m->status > 599 || !is_head(r->like.head)))
        return false;
    if (m->kind != WR_OBJECT_RESPONSE && (m->length != 0 || r->chunk_count != 0))
        return false;
    if (r->chunk_count == 0)
        return !r->arriving;
    return r->chunk > 0 && m->length > 0 && (m->length - 1) / r->chunk + 1 == r->chunk_count;
}

bool wr_record_decode(struct wr_slice key, struct wr_slice meta, struct wr_slice head, struct wr_span ahead,
                      struct wr_record *out)
{
    struct record_input in = { .rest = meta };
    memset(out, 0, sizeof *out);
    if (meta.len < 4 ||
        number32(meta.at + meta.len - 4) != whole_sum(key, head, wr_slice(meta.at, meta.len - 4)))
        return false;
    in.rest.len -= 4;
    out->like.key = key;
    out->like.head = head;
    out->arriving = meta.at[1] == 'A';
    take_meta(&in, key, head, ahead, &out->like.meta);
    out->like.began.n = take64(&in);
    out->chunk = take64(&in);
    out->chunk_count = take32(&in);
    out->like.etag = take_inner(&in, head);
    out->like.last_modified = take_inner(&in, head);
    take_texts(&in, &out->like);
    if (out->chunk_count > WR_MAX_PIECES)
        return false;
    out->sums = take_bytes(&in, out->arriving ? 0 : 4 * (out->chunk_count ? out->chunk_count : 1));
    return !in.broken && in.rest.len == 0 && consistent(out);
}

bool wr_record_version(struct wr_slice meta, uint64_t *version)
{
    struct record_input in = { .rest = meta };
    struct wr_slice mark = take_bytes(&in, 4);
    take_bytes(&in, 4 * 4 + 7 * 8 + 8);
    *version = take64(&in);
    return !in.broken && is_mark(mark);
}

bool wr_record_fits(const struct wr_record *r, size_t n, struct wr_slice bytes)
{
    size_t pieces = r->chunk_count ? r->chunk_count : 1;
    uint64_t length = r->like.meta.length, want = length;
    if (n >= pieces)
        return false;
    if (r->chunk_count)
        want = n + 1 < pieces ? r->chunk : length - r->chunk * (pieces - 1);
    return bytes.len == want && wr_crc32c(0, bytes) == number32(r->sums.at + 4 * n);
}
