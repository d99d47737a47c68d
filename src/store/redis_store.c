/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads stored responses from Redis: one HMGET for a small one, and a fill for the pieces of a large one. It
 * also holds what reading and writing share: pieces, turns on the link, and telling Redis that an object is
 * used. */
#include "store/redis_store_priv.h"

#include <stdio.h>
#include <stdlib.h>

struct wr_redis_store *wr_redis_store_new(struct wr_loop *loop, struct wr_policy *policy,
                                          struct wr_link *link)
{
    struct wr_redis_store *s = calloc(1, sizeof *s);
    WR_CHECK(s != NULL);
    s->loop = loop;
    s->policy = wr_policy_ref(policy);
    s->link = link;
    TAILQ_INIT(&s->jobs);
    TAILQ_INIT(&s->fills);
    TAILQ_INIT(&s->arrivals);
    TAILQ_INIT(&s->turns);
    return s;
}

void wr_redis_store_free(struct wr_redis_store *s)
{
    if (s == NULL)
        return;
    s->ending = true;
    wr_redis_store_end_jobs(s);
    wr_redis_store_end_arrivals(s);
    struct wr_redis_store_fill *f;
    while ((f = TAILQ_FIRST(&s->fills)) != NULL)
        wr_redis_store_fill_free(f);
    wr_policy_unref(s->policy);
    free(s);
}

void wr_redis_store_adopt(struct wr_redis_store *s, struct wr_policy *policy)
{
    struct wr_policy *old = s->policy;
    s->policy = wr_policy_ref(policy);
    wr_policy_unref(old);
}

uint64_t wr_redis_store_most(const struct wr_redis_store *s, size_t head)
{
    return head <= WR_REDIS_STORE_VALUE_MOST ? s->policy->redis.max_object : 0;
}

struct wr_span wr_redis_store_patience(const struct wr_redis_store *s)
{
    struct wr_span p = { s->policy->redis.timeout.us * 10 };
    return p.us > WR_SPAN_S(2).us ? p : WR_SPAN_S(2);
}

struct wr_slice wr_redis_store_decimal(char out[24], int64_t n)
{
    return wr_slice(out, (size_t) snprintf(out, 24, "%lld", (long long) n));
}

/* --- pieces --- */

uint64_t wr_redis_store_chunk(const struct wr_redis_store *s)
{
    uint64_t chunk = s->policy->redis.chunk ? s->policy->redis.chunk : WR_REDIS_STORE_CHUNK;
    return chunk < WR_REDIS_STORE_VALUE_MOST ? chunk : WR_REDIS_STORE_VALUE_MOST;
}

struct wr_span wr_redis_store_piece_life(struct wr_span keep)
{
    return (struct wr_span){ keep.us + WR_SPAN_S(60).us };
}

struct wr_slice wr_redis_store_read_piece(struct wr_flow_reader *reader, char *into, size_t len)
{
    size_t have = 0;
    while (have < len) {
        struct iovec iov[16];
        enum wr_flow_state state;
        int n = wr_flow_reader_peek(reader, iov, 16, len - have, &state);
        WR_CHECK(n > 0); /* a kept flow holds all the bytes that it has counted */
        size_t before = have;
        for (int i = 0; i < n; i++) {
            memcpy(into + have, iov[i].iov_base, iov[i].iov_len);
            have += iov[i].iov_len;
        }
        wr_flow_reader_advance(reader, have - before);
    }
    return wr_slice(into, len);
}

enum wr_err wr_redis_store_ask_pieces(struct wr_redis_store *s, struct wr_call *call, struct wr_slice verb,
                                      struct wr_slice host, struct wr_hash hash, uint64_t version,
                                      size_t count)
{
    struct wr_slice *argv = malloc((count + 1) * sizeof *argv);
    struct wr_buf *names = calloc(count, sizeof *names);
    enum wr_err err = WR_OK;
    WR_CHECK(argv != NULL && names != NULL);
    argv[0] = verb;
    for (size_t i = 0; i < count; i++) {
        wr_keys_chunk(&names[i], &s->policy->redis, host, hash, version, i);
        argv[i + 1] = wr_buf_slice(&names[i]);
    }
    if (call)
        err = wr_link_send(s->link, call, s->policy->redis.timeout, count + 1, argv);
    else
        wr_link_tell(s->link, count + 1, argv);
    for (size_t i = 0; i < count; i++)
        wr_buf_fini(&names[i]);
    free(names);
    free(argv);
    return err;
}

/* --- turns --- */

/* Pieces on the link at once: while Redis works on one, the next is already on its way. */
#define TURNS_MOST 2

bool wr_redis_store_turn_take(struct wr_redis_store *s, struct wr_redis_store_turn *turn)
{
    if (turn->state == WR_TURN_NONE && s->turns_taken == TURNS_MOST) {
        turn->state = WR_TURN_AWAITED;
        TAILQ_INSERT_TAIL(&s->turns, turn, entry);
    } else if (turn->state == WR_TURN_NONE) {
        turn->state = WR_TURN_TAKEN;
        s->turns_taken++;
    }
    return turn->state == WR_TURN_TAKEN;
}

/* Gives free turns to those that wait. come() may end its turn at once, which must not call this again and
 * again on a growing stack. */
static void pass_on(struct wr_redis_store *s)
{
    struct wr_redis_store_turn *next;
    if (s->passing_on || s->ending)
        return;
    s->passing_on = true;
    while (s->turns_taken < TURNS_MOST && (next = TAILQ_FIRST(&s->turns)) != NULL) {
        TAILQ_REMOVE(&s->turns, next, entry);
        next->state = WR_TURN_TAKEN;
        s->turns_taken++;
        next->come(next);
    }
    s->passing_on = false;
}

void wr_redis_store_turn_end(struct wr_redis_store *s, struct wr_redis_store_turn *turn)
{
    if (turn->state == WR_TURN_AWAITED)
        TAILQ_REMOVE(&s->turns, turn, entry);
    else if (turn->state == WR_TURN_TAKEN)
        s->turns_taken--;
    turn->state = WR_TURN_NONE;
    pass_on(s);
}

/* --- eviction --- */

/* for each object */
#define SHOW_EVERY WR_SPAN_S(5)
#define SHOW_MOST 1000 /* objects in one second */

void wr_redis_store_show(struct wr_redis_store *s, struct wr_object *o)
{
    struct wr_mono now = s->loop->mono, shown = { __atomic_load_n(&o->shown_us, __ATOMIC_RELAXED) };
    if (wr_time_since(now, shown).us < SHOW_EVERY.us)
        return;
    if (wr_time_since(now, s->showing).us >= WR_US_PER_S) {
        s->showing = now;
        s->shown = 0;
    }
    if (s->shown == SHOW_MOST)
        return;
    s->shown++;
    __atomic_store_n(&o->shown_us, now.us, __ATOMIC_RELAXED);
    if (shown.us == 0)
        return; /* the object has only just been read from Redis */
    struct wr_buf name = { 0 };
    wr_keys_cache(&name, &s->policy->redis, o->host, o->hash);
    wr_link_tell(s->link, 2, (struct wr_slice[]){ WR_SLICE("TOUCH"), wr_buf_slice(&name) });
    wr_buf_fini(&name);
    size_t pieces = o->flow ? wr_redis_store_chunk_count(o->meta.length, wr_redis_store_chunk(s)) : 0;
    if (pieces > 0)
        (void) wr_redis_store_ask_pieces(s, NULL, WR_SLICE("TOUCH"), o->host, o->hash, o->meta.version,
                                         pieces);
}

/* --- a look-up --- */

static void finish_read(struct wr_redis_store_read *read, enum wr_err err, struct wr_object *object)
{
    read->object = NULL;
    read->fill = NULL;
    read->done(read, err, object);
}

static void begin_fill(struct wr_redis_store_read *read)
{
    wr_redis_store_fill_start(read->fill);
    finish_read(read, WR_OK, read->object);
}

/* An error of Redis itself says nothing about what it holds, so it is reported as an error. A value of the
 * wrong type is a miss, because the next put replaces it. */
static enum wr_err heed(enum wr_err err, const struct wr_reply *reply)
{
    bool refuses = err == WR_OK && wr_reply_kind(reply) == WR_REPLY_ERROR &&
                   !wr_reply_is_error(reply, "WRONGTYPE");
    return refuses ? WR_ERR_REDIS_ERROR : err;
}

static void on_pieces(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_read *read = WR_CONTAINER(call, struct wr_redis_store_read, call);
    struct wr_object *object = read->object;
    struct wr_redis_store_fill *fill = read->fill;
    err = heed(err, reply);
    if (err == WR_OK && wr_reply_kind(reply) == WR_REPLY_INTEGER &&
        wr_reply_int(reply) == (int64_t) wr_redis_store_fill_count(fill)) {
        begin_fill(read);
        return;
    }
    wr_redis_store_fill_free(fill);
    wr_object_unref(object);
    finish_read(read, err, NULL);
}

static bool read_fields(const struct wr_redis_store_read *read, const struct wr_reply *reply,
                        struct wr_record *record, struct wr_slice *body)
{
    for (size_t i = 0; i < 4; i++)
        if (wr_reply_kind(wr_reply_at(reply, i)) != WR_REPLY_STRING)
            return false;
    struct wr_slice key = wr_reply_slice(wr_reply_at(reply, 0));
    *body = wr_reply_slice(wr_reply_at(reply, 3));
    return wr_slice_eq(key, read->key) && wr_record_decode(read->key, wr_reply_slice(wr_reply_at(reply, 1)),
                                                           wr_reply_slice(wr_reply_at(reply, 2)),
                                                           wr_link_ahead(read->redis_store->link), record);
}

static struct wr_object *object_of(const struct wr_redis_store_read *read, struct wr_record *record,
                                   struct wr_flow *flow)
{
    record->like.host = read->host;
    record->like.checked = read->redis_store->loop->mono;
    struct wr_object *o = wr_object_new(&record->like, flow);
    o->in_redis = true;
    return o;
}

static void on_fields(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_read *read = WR_CONTAINER(call, struct wr_redis_store_read, call);
    struct wr_record record;
    struct wr_slice body;
    err = heed(err, reply);
    if (err != WR_OK || !read_fields(read, reply, &record, &body)) {
        finish_read(read, err, NULL);
        return;
    }
    if (record.like.meta.kind != WR_OBJECT_RESPONSE) {
        finish_read(read, WR_OK, object_of(read, &record, NULL));
        return;
    }
    if (record.arriving && !read->early) {
        finish_read(read, WR_OK, NULL);
        return;
    }
    if (record.chunk_count == 0) {
        struct wr_flow *flow = wr_record_fits(&record, 0, body) ? wr_flow_of(body) : NULL;
        finish_read(read, WR_OK, flow ? object_of(read, &record, flow) : NULL);
        wr_flow_unref(flow);
        return;
    }
    read->fill = wr_redis_store_fill_new(read->redis_store, read->host, read->hash, &record, read->part);
    read->object = object_of(read, &record, wr_redis_store_fill_flow(read->fill));
    read->arriving = record.arriving;
    if (record.arriving) {
        begin_fill(read);
        return;
    }
    read->call = (struct wr_call){ .done = on_pieces };
    err = wr_redis_store_fill_ask(read->fill, &read->call);
    if (err != WR_OK) {
        wr_redis_store_fill_free(read->fill);
        wr_object_unref(read->object);
        finish_read(read, err, NULL);
    }
}

static enum wr_err ask_fields(struct wr_redis_store_read *read)
{
    struct wr_redis_store *s = read->redis_store;
    struct wr_buf name = { 0 };
    wr_keys_cache(&name, &s->policy->redis, read->host, read->hash);
    const struct wr_slice argv[] = { WR_SLICE("HMGET"), wr_buf_slice(&name), WR_SLICE("key"),
                                     WR_SLICE("meta"),  WR_SLICE("head"),    WR_SLICE("body") };
    read->call = (struct wr_call){ .done = on_fields };
    enum wr_err err = wr_link_send(s->link, &read->call, s->policy->redis.timeout, 6, argv);
    wr_buf_fini(&name);
    return err;
}

/* Asks only for meta, of which the version is read. */
static enum wr_err ask_meta(struct wr_redis_store *s, struct wr_call *call, struct wr_slice host,
                            struct wr_hash hash)
{
    struct wr_buf name = { 0 };
    wr_keys_cache(&name, &s->policy->redis, host, hash);
    const struct wr_slice argv[] = { WR_SLICE("HGET"), wr_buf_slice(&name), WR_SLICE("meta") };
    enum wr_err err = wr_link_send(s->link, call, s->policy->redis.timeout, 3, argv);
    wr_buf_fini(&name);
    return err;
}

static bool is_version(enum wr_err err, const struct wr_reply *reply, uint64_t version)
{
    uint64_t there;
    return err == WR_OK && wr_reply_kind(reply) == WR_REPLY_STRING &&
           wr_record_version(wr_reply_slice(reply), &there) && there == version;
}

/* Makes a new object of the same facts and content as the held copy. Others hold that copy, so it must not
 * change. */
static struct wr_object *confirmed(const struct wr_redis_store_read *read)
{
    struct wr_object like = wr_object_facts(read->held);
    like.checked = read->redis_store->loop->mono;
    struct wr_object *o = wr_object_new(&like, read->held->flow);
    o->in_redis = true;
    return o;
}

static void on_held(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_read *read = WR_CONTAINER(call, struct wr_redis_store_read, call);
    err = heed(err, reply);
    if (is_version(err, reply, read->held->meta.version)) {
        finish_read(read, WR_OK, confirmed(read));
        return;
    }
    if (err == WR_OK)
        err = ask_fields(read);
    if (err != WR_OK)
        finish_read(read, err, NULL);
}

enum wr_err wr_redis_store_get(struct wr_redis_store *s, struct wr_redis_store_read *read,
                               const struct wr_slice host, struct wr_hash hash, struct wr_slice key)
{
    read->redis_store = s;
    read->hash = hash;
    read->key = key;
    read->host = host;
    read->arriving = false;
    read->object = NULL;
    read->fill = NULL;
    wr_link_learn_clock(s->link); /* for the instants of the record */
    if (read->held == NULL)
        return ask_fields(read);
    read->call = (struct wr_call){ .done = on_held };
    return ask_meta(s, &read->call, host, hash);
}

void wr_redis_store_cancel(struct wr_redis_store_read *read)
{
    if (read->redis_store == NULL)
        return;
    wr_call_cancel(&read->call);
    wr_redis_store_fill_free(read->fill);
    wr_object_unref(read->object);
    read->fill = NULL;
    read->object = NULL;
}

/* --- a comparison --- */

static void on_meta(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_check *check = WR_CONTAINER(call, struct wr_redis_store_check, call);
    check->done(check, is_version(err, reply, check->version));
}

enum wr_err wr_redis_store_compare(struct wr_redis_store *s, struct wr_redis_store_check *check,
                                   const struct wr_object *object)
{
    check->call = (struct wr_call){ .done = on_meta };
    check->version = object->meta.version;
    return ask_meta(s, &check->call, object->host, object->hash);
}
