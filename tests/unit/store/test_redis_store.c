/* SPDX-License-Identifier: BSD-2-Clause */
/* store/redis_store with a real redis-server: whatever Redis holds, a look-up gives a whole object or
 * nothing. */
#include "redis/server.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/redis_store.h"

static struct test_redis server;
static struct wr_policy policy;
static struct wr_loop loop;
static struct wr_link *link_;
static struct wr_redis_store *redis_store;

#define KEY "example.com/x"
#define KEEP WR_SPAN_S(100)

static int set_up(void **state)
{
    (void) state;
    server_set_up(&server, &policy, &loop, 0);
    policy.redis.timeout = WR_SPAN_S(5);
    policy.redis.chunk = 100000;
    policy.redis.max_object = 10 << 20;
    policy.memory = true;
    policy.memory_max_object = 2 << 20;
    link_ = wr_link_new(&loop, &policy, NULL, "weir:edge:0");
    redis_store = wr_redis_store_new(&loop, &policy, link_);
    turn_until(&loop, wr_link_ready(link_));
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    wr_redis_store_free(redis_store);
    wr_link_free(link_);
    server_tear_down(&server, &policy, &loop);
    return 0;
}

/* --- helpers --- */

static char byte_at(uint64_t i)
{
    return (char) ('a' + (i * 31 + i / 1000) % 26);
}

static struct wr_object *object(size_t length, uint64_t version)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nETag: \"v\"\r\n";
    struct wr_object like = {
        .key = WR_SLICE(KEY),
        .host = WR_SLICE("example.com"),
        .head = wr_slice(head, sizeof head - 1),
        .etag = wr_slice(strstr(head, "\"v\""), 3),
        .tags = WR_SLICE("t\n"),
        .meta = { .status = 200,
                  .lifetime = WR_SPAN_S(60),
                  .swr = WR_SPAN_NONE,
                  .sie = WR_SPAN_NONE,
                  .length = length,
                  .version = version },
    };
    char *bytes = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        bytes[i] = byte_at(i);
    struct wr_flow *flow = wr_flow_of(wr_slice(bytes, length));
    struct wr_object *o = wr_object_new(&like, flow);
    wr_flow_unref(flow);
    free(bytes);
    return o;
}

struct put_outcome {
    int ended;
    enum wr_err err;
};

static void on_outcome(void *ctx, enum wr_err err)
{
    struct put_outcome *o = ctx;
    o->ended++;
    o->err = err;
}

static enum wr_err put(struct wr_object *o)
{
    struct put_outcome out = { 0 };
    wr_redis_store_put(redis_store, o, KEEP, NULL, on_outcome, &out);
    assert_int_equal(out.ended, 0);
    wr_object_unref(o);
    turn_until(&loop, out.ended);
    return out.err;
}

struct look {
    struct wr_redis_store_read read;
    int ended;
    enum wr_err err;
    struct wr_object *object;
};

static void on_look(struct wr_redis_store_read *read, enum wr_err err, struct wr_object *o)
{
    struct look *l = (struct look *) read;
    l->ended++;
    l->err = err;
    l->object = o;
}

static struct wr_object *look_for(const char *key, struct wr_object *held)
{
    struct look l = { .read = { .done = on_look, .early = true, .held = held } };
    assert_int_equal(wr_redis_store_get(redis_store, &l.read, WR_SLICE("example.com"),
                                        wr_hash_of(WR_SLICE(KEY)), wr_slice_str(key)),
                     WR_OK);
    assert_int_equal(l.ended, 0);
    turn_until(&loop, l.ended);
    assert_int_equal(l.err, WR_OK);
    return l.object;
}

static struct wr_object *get_key(const char *key)
{
    return look_for(key, NULL);
}

static struct wr_object *get(void)
{
    return get_key(KEY);
}

static void woken(struct wr_flow_reader *r)
{
    (void) r;
}

/* Reads the content to its end and compares it. Returns how the flow ended. */
static enum wr_flow_state read_all(struct wr_object *o, uint64_t *length)
{
    struct wr_flow_reader r;
    enum wr_flow_state state = WR_FLOW_ARRIVING;
    struct iovec iov[4];
    assert_true(wr_flow_reader_open(&r, o->flow, &loop, 0, woken));
    struct wr_mono start = wr_time_monotonic();
    for (;;) {
        int n = wr_flow_reader_peek(&r, iov, 4, 70000, &state);
        for (int i = 0; i < n; i++) {
            const char *at = iov[i].iov_base;
            for (size_t k = 0; k < iov[i].iov_len; k++)
                if (at[k] != byte_at(r.at + k))
                    fail_msg("byte %llu", (unsigned long long) (r.at + k));
            wr_flow_reader_advance(&r, iov[i].iov_len);
        }
        if (n == 0 && state != WR_FLOW_ARRIVING)
            break;
        if (n == 0)
            turn(&loop);
        assert_true(wr_time_since(wr_time_monotonic(), start).us < MAX_WAIT.us);
    }
    *length = r.at;
    wr_flow_reader_close(&r);
    return state;
}

static char name[128];

static void name_cache(void)
{
    char hex[WR_HASH_HEX + 1];
    wr_hash_hex(wr_hash_of(WR_SLICE(KEY)), hex);
    snprintf(name, sizeof name, "weir:v1:cache:example.com:{%s}", hex);
}

static void expect_whole(size_t length)
{
    struct wr_object *o = get();
    uint64_t got;
    assert_non_null(o);
    assert_int_equal(read_all(o, &got), WR_FLOW_WHOLE);
    assert_int_equal(got, length);
    assert_true(wr_slice_eq(o->etag, WR_SLICE("\"v\"")));
    assert_true(wr_slice_eq(o->tags, WR_SLICE("t\n")));
    assert_true(wr_slice_eq(o->host, WR_SLICE("example.com")));
    wr_object_unref(o);
}

static void expect_miss(void)
{
    assert_null(get());
}

/* --- the tests --- */

static void what_was_put_is_got(void **state)
{
    (void) state;
    static const size_t lengths[] = { 0, 1, 99999, 100000, 100001, 200000, 1234567, 5000000 };
    expect_miss();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(put(object(lengths[i], i + 1)), WR_OK);
        expect_whole(lengths[i]);
    }
    assert_null(get_key("example.com/other")); /* the same hash with another text */
}

static void markers_are_kept(void **state)
{
    (void) state;
    struct wr_object like = { .key = WR_SLICE(KEY),
                              .host = WR_SLICE("example.com"),
                              .head = WR_SLICE("accept,foo"),
                              .meta = { .kind = WR_OBJECT_VARY, .version = 7 } };
    assert_int_equal(put(wr_object_new(&like, NULL)), WR_OK);
    struct wr_object *o = get();
    assert_non_null(o);
    assert_true(o->meta.kind == WR_OBJECT_VARY && o->meta.version == 7 && o->flow == NULL);
    assert_true(wr_slice_eq(o->head, WR_SLICE("accept,foo")));
    wr_object_unref(o);
}

static void every_key_has_its_time_and_no_value_is_large(void **state)
{
    (void) state;
    policy.redis.chunk = 8 << 20; /* more than the store allows */
    assert_int_equal(put(object(3 << 20, 1)), WR_OK);
    policy.redis.chunk = 100000;
    assert_int_equal(put(object(250000, 2)), WR_OK);
    expect_whole(250000);
    redisReply *keys = server_ask(&server, "KEYS *");
    assert_int_equal(keys->elements, 1 + 3 + 3);
    for (size_t i = 0; i < keys->elements; i++) {
        long long ttl = server_int(&server, "PTTL %s", keys->element[i]->str);
        assert_true(ttl > 50000 && ttl <= 160000);
        if (strstr(keys->element[i]->str, "}:"))
            assert_true(server_int(&server, "STRLEN %s", keys->element[i]->str) <= 1 << 20);
    }
    freeReplyObject(keys);
}

static void whatever_stands_there_is_a_miss_and_heals(void **state)
{
    (void) state;
    name_cache();
    server_do(&server, "SET %s nonsense", name);
    expect_miss();
    assert_int_equal(put(object(10, 1)), WR_OK);
    expect_whole(10);
    static const char *const spoils[] = {
        "HSET %s body 0123456789", "HSET %s body short", "HSET %s head HTTP/1.1", "HSET %s meta x",
        "HSET %s key other",       "HDEL %s meta",       "HDEL %s body",          "DEL %s"
    };
    for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
        server_do(&server, spoils[i], name);
        expect_miss();
        assert_int_equal(put(object(10, i + 2)), WR_OK);
        expect_whole(10);
    }
}

static void a_missing_or_broken_piece_is_never_served(void **state)
{
    (void) state;
    name_cache();
    assert_int_equal(put(object(250000, 0xabc)), WR_OK);
    server_do(&server, "RENAME %s:0000000000000abc:1 away", name);
    expect_miss();
    server_do(&server, "RENAME away %s:0000000000000abc:1", name);
    expect_whole(250000);
    server_do(&server, "SETRANGE %s:0000000000000abc:1 500 XXXX", name);
    struct wr_object *o = get();
    uint64_t got;
    assert_non_null(o);
    /* The content ends before the damaged piece, with an error. */
    assert_int_equal(read_all(o, &got), WR_FLOW_BROKEN);
    assert_int_equal(got, 100000);
    wr_object_unref(o);
    assert_int_equal(put(object(250000, 0xabd)), WR_OK); /* another put has pieces of its own */
    expect_whole(250000);
}

static void a_large_content_waits_for_its_reader(void **state)
{
    (void) state;
    size_t length = 5000000; /* over memory.max_object, so it isn't kept */
    assert_int_equal(put(object(length, 5)), WR_OK);
    struct wr_object *o = get();
    assert_non_null(o);
    turn_for(&loop, WR_SPAN_MS(100));
    assert_true(wr_flow_length(o->flow) < 1000000);
    uint64_t got;
    assert_int_equal(read_all(o, &got), WR_FLOW_WHOLE);
    assert_int_equal(got, length);
    wr_object_unref(o);
    o = get(); /* nobody reads: freeing the store ends the fill */
    struct wr_flow *flow = wr_flow_ref(o->flow);
    wr_object_unref(o);
    wr_redis_store_free(redis_store);
    assert_int_equal(wr_flow_state(flow), WR_FLOW_BROKEN);
    wr_flow_unref(flow);
    redis_store = wr_redis_store_new(&loop, &policy, link_);
}

static void dropped_is_gone(void **state)
{
    (void) state;
    assert_int_equal(put(object(250000, 1)), WR_OK);
    wr_redis_store_drop(redis_store, WR_SLICE("example.com"), wr_hash_of(WR_SLICE(KEY)));
    expect_miss();
}

static void a_copy_that_is_held_is_only_confirmed(void **state)
{
    (void) state;
    static const uint64_t sizes[] = { 10, 250000 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(put(object(sizes[i], 7)), WR_OK);
        struct wr_object *held = object(sizes[i], 7), *other = object(sizes[i], 8);
        held->checked = (struct wr_mono){ 1 };
        server_do(&server, "CONFIG RESETSTAT");
        struct wr_object *o = look_for(KEY, held);
        assert_true(o && o != held && o->flow == held->flow && o->checked.us > 1 && held->checked.us == 1);
        wr_object_unref(o);
        redisReply *stats = server_ask(&server, "INFO commandstats");
        assert_null(strstr(stats->str, "cmdstat_hmget"));
        assert_null(strstr(stats->str, "cmdstat_get"));
        freeReplyObject(stats);
        o = look_for(KEY, other); /* Redis has another version */
        assert_true(o && o->flow != other->flow && o->meta.version == 7);
        wr_object_unref(o);
        wr_redis_store_drop(redis_store, WR_SLICE("example.com"), held->hash);
        assert_null(look_for(KEY, held));
        wr_object_unref(held);
        wr_object_unref(other);
    }
}

struct compared {
    struct wr_redis_store_check check;
    int ended;
    bool same;
};

static void on_compared(struct wr_redis_store_check *check, bool same)
{
    struct compared *c = (struct compared *) check;
    c->ended++;
    c->same = same;
}

static bool still_there(const struct wr_object *o)
{
    struct compared c = { .check.done = on_compared };
    assert_int_equal(wr_redis_store_compare(redis_store, &c.check, o), WR_OK);
    assert_int_equal(c.ended, 0);
    turn_until(&loop, c.ended);
    return c.same;
}

static void a_copy_knows_whether_it_is_the_one_in_redis(void **state)
{
    (void) state;
    struct wr_object *o = object(10, 0xfedcba9876543210);
    assert_false(still_there(o));
    assert_int_equal(put(wr_object_ref(o)), WR_OK);
    assert_true(still_there(o));
    assert_int_equal(put(object(10, 2)), WR_OK);
    assert_false(still_there(o));
    name_cache();
    server_do(&server, "SET %s nonsense", name);
    assert_false(still_there(o));
    wr_object_unref(o);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void) state;
    assert_int_equal(put(object((10 << 20) + 1, 1)), WR_ERR_CANCELLED);
    struct wr_object like = { .key = WR_SLICE(KEY),
                              .head = WR_SLICE("HTTP/1.1 200 OK\r\n"),
                              .meta.status = 200 };
    struct wr_flow *flow = wr_flow_new(UINT64_MAX, true, UINT64_MAX);
    struct wr_object *o = wr_object_new(&like, flow); /* still arriving */
    assert_int_equal(put(o), WR_ERR_CANCELLED);
    wr_flow_end(flow, WR_OK, wr_slice(NULL, 0));
    wr_flow_unref(flow);
    expect_miss();
}

static void looks_can_be_cancelled(void **state)
{
    (void) state;
    static const size_t lengths[] = { 10, 250000 };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(put(object(lengths[i], i + 1)), WR_OK);
        for (int turns = 0; turns < 3; turns++) {
            struct look l = { .read.done = on_look };
            assert_int_equal(wr_redis_store_get(redis_store, &l.read, WR_SLICE("example.com"),
                                                wr_hash_of(WR_SLICE(KEY)), WR_SLICE(KEY)),
                             WR_OK);
            for (int t = 0; t < turns; t++)
                turn(&loop);
            wr_redis_store_cancel(&l.read);
            if (l.ended)
                wr_object_unref(l.object);
            int ended = l.ended;
            turn_for(&loop, WR_SPAN_MS(20));
            assert_int_equal(l.ended, ended);
        }
    }
}

/* --- while a response is arriving --- */

#define LENGTH 250000 /* three pieces */

struct arriving {
    struct wr_object *object; /* its flow isn't filled yet */
    struct wr_redis_store_arrival *arrival;
    int alive, lost;
};

static void on_alive(void *ctx)
{
    ((struct arriving *) ctx)->alive++;
}

static void on_lost(void *ctx)
{
    ((struct arriving *) ctx)->lost++;
}

/* Appends content to the flow, up to this many bytes. */
static void arrived(struct arriving *a, size_t until)
{
    struct wr_flow *flow = a->object->flow;
    for (uint64_t i = wr_flow_length(flow); i < until; i++) {
        char c = byte_at(i);
        wr_flow_append(flow, wr_slice(&c, 1));
    }
    if (until == LENGTH)
        wr_flow_end(flow, WR_OK, wr_slice(NULL, 0));
}

static long long pieces(void)
{
    redisReply *keys = server_ask(&server, "KEYS *}:*:[0-9]*");
    long long count = (long long) keys->elements;
    freeReplyObject(keys);
    return count;
}

/* Begins an arrival with this token, while the fetch lock holds the token `holder`. */
static void begin(struct arriving *a, uint64_t version, const char *token, const char *holder)
{
    struct wr_object *whole = object(0, version);
    struct wr_object like = wr_object_facts(whole);
    struct wr_flow *flow = wr_flow_new(LENGTH, true, UINT64_MAX);
    struct wr_redis_store_lock lock = { WR_SLICE("lock"), wr_slice_str(token), WR_SPAN_S(2) };
    like.meta.length = LENGTH;
    *a = (struct arriving){ .object = wr_object_new(&like, flow) };
    wr_flow_unref(flow);
    wr_object_unref(whole);
    name_cache();
    server_do(&server, "SET lock %s", holder);
    a->arrival = wr_redis_store_arrive(redis_store, a->object, &lock, KEEP, on_alive, on_lost, a);
    assert_non_null(a->arrival);
    assert_int_equal(a->alive, 0);
}

static void begin_visibly(struct arriving *a, uint64_t version)
{
    begin(a, version, "ours", "ours");
    turn_until(&loop, a->alive);
}

static void end_arriving(struct arriving *a)
{
    wr_redis_store_arrival_free(a->arrival);
    if (wr_flow_state(a->object->flow) == WR_FLOW_ARRIVING)
        wr_flow_end(a->object->flow, WR_ERR_CANCELLED, wr_slice(NULL, 0));
    wr_object_unref(a->object);
}

static enum wr_err put_arrived(struct arriving *a)
{
    struct put_outcome out = { 0 };
    wr_redis_store_put(redis_store, a->object, KEEP, a->arrival, on_outcome, &out);
    turn_until(&loop, out.ended);
    return out.err;
}

static void what_arrives_is_read_before_it_is_whole(void **state)
{
    (void) state;
    struct arriving a;
    begin_visibly(&a, 7);
    struct look late = { .read.done = on_look }, l = { .read = { .done = on_look, .early = true } };
    assert_int_equal(wr_redis_store_get(redis_store, &late.read, WR_SLICE("example.com"),
                                        wr_hash_of(WR_SLICE(KEY)), WR_SLICE(KEY)),
                     WR_OK);
    assert_int_equal(wr_redis_store_get(redis_store, &l.read, WR_SLICE("example.com"),
                                        wr_hash_of(WR_SLICE(KEY)), WR_SLICE(KEY)),
                     WR_OK);
    turn_until(&loop, l.ended && late.ended);
    assert_true(l.object && l.read.arriving && late.object == NULL && late.err == WR_OK);
    arrived(&a, 200000);
    turn_until(&loop, wr_flow_length(l.object->flow) == 200000);
    assert_int_equal(wr_flow_state(l.object->flow), WR_FLOW_ARRIVING);
    assert_true(still_there(l.object)); /* the same version, arriving or whole */
    long long ttl = server_int(&server, "PTTL %s", name);
    assert_true(ttl > 0 && ttl <= 2000);
    arrived(&a, LENGTH);
    assert_int_equal(put_arrived(&a), WR_OK);
    assert_int_equal(pieces(), 3);
    uint64_t got;
    assert_int_equal(read_all(l.object, &got), WR_FLOW_WHOLE);
    assert_int_equal(got, LENGTH);
    wr_object_unref(l.object);
    end_arriving(&a);
    expect_whole(LENGTH); /* the end of the arrival doesn't remove the response that was put */
    assert_int_equal(server_int(&server, "HEXISTS %s arriving", name), 0);
    assert_true(server_int(&server, "PTTL %s", name) > 50000);
}

static void the_put_writes_only_the_pieces_that_are_missing(void **state)
{
    (void) state;
    struct arriving a;
    begin_visibly(&a, 8);
    arrived(&a, 200001);
    turn_until(&loop, pieces() == 2);
    turn_for(&loop, WR_SPAN_MS(20));
    server_do(&server, "CONFIG RESETSTAT");
    arrived(&a, LENGTH);
    assert_int_equal(put_arrived(&a), WR_OK);
    redisReply *stats = server_ask(&server, "INFO commandstats");
    assert_non_null(strstr(stats->str, "cmdstat_set:calls=2,")); /* one piece, and the checksums */
    freeReplyObject(stats);
    end_arriving(&a);
    expect_whole(LENGTH);
}

/* Lets the content arrive as an origin's response does: no faster than it is read. */
static size_t arrived_as_read(struct arriving *a)
{
    struct wr_flow *flow = a->object->flow;
    size_t most = 0;
    while (wr_flow_length(flow) < LENGTH) {
        turn_until(&loop, wr_flow_room(flow) > 0);
        arrived(a, (size_t) wr_flow_length(flow) + 1);
        most = wr_flow_bytes(flow) > most ? wr_flow_bytes(flow) : most;
    }
    return most;
}

static void what_there_is_no_memory_for_is_stored_as_it_arrives(void **state)
{
    (void) state;
    struct arriving a;
    struct wr_charge others = { 0 };
    wr_budget_set(2 * LENGTH);
    wr_charge_set(&others, 2 * LENGTH);
    begin(&a, 8, "ours", "ours");
    assert_false(wr_flow_kept(a.object->flow));
    assert_true(wr_redis_store_arrival_streams(a.arrival));
    assert_true(arrived_as_read(&a) < 100000);
    assert_int_equal(put_arrived(&a), WR_OK);
    assert_int_equal(pieces(), 3);
    end_arriving(&a);
    wr_charge_set(&others, 0);
    wr_budget_set(UINT64_MAX);
    expect_whole(LENGTH);
    assert_int_equal(server_int(&server, "HEXISTS %s arriving", name), 0);
}

static void memory_that_becomes_scarce_frees_what_is_in_redis(void **state)
{
    (void) state;
    struct arriving a;
    struct wr_charge others = { 0 };
    wr_budget_set(4 * LENGTH);
    begin_visibly(&a, 8);
    assert_true(wr_flow_kept(a.object->flow));
    wr_charge_set(&others, 3 * LENGTH);
    arrived(&a, 100000);
    turn_until(&loop, !wr_flow_kept(a.object->flow));
    (void) arrived_as_read(&a);
    assert_int_equal(put_arrived(&a), WR_OK);
    end_arriving(&a);
    wr_charge_set(&others, 0);
    wr_budget_set(UINT64_MAX);
    expect_whole(LENGTH);
}

/* Redis refuses, so nobody stores it: the owner hears of it, and the flow goes on for its readers. */
static void who_cannot_be_stored_hears_it(void **state)
{
    (void) state;
    struct arriving a;
    wr_budget_set(LENGTH);
    begin(&a, 8, "ours", "theirs");
    turn_until(&loop, a.lost);
    assert_false(wr_redis_store_arrival_streams(a.arrival));
    arrived(&a, LENGTH);
    assert_int_equal(put_arrived(&a), WR_ERR_CANCELLED);
    end_arriving(&a);
    wr_budget_set(UINT64_MAX);
    expect_miss();
}

/* Expects that the flow breaks after this many bytes. */
static void expect_broken(struct wr_object *o, uint64_t length)
{
    uint64_t got;
    assert_int_equal(read_all(o, &got), WR_FLOW_BROKEN);
    assert_int_equal(got, length);
    wr_object_unref(o);
}

static void who_reads_what_does_not_come_is_cut_off(void **state)
{
    (void) state;
    static const char *const ends[] = { NULL, "UNLINK %s:0000000000000009:sums",
                                        "PEXPIRE %s:0000000000000009:sums 1" };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct arriving a;
        begin_visibly(&a, 9);
        arrived(&a, 100000);
        struct wr_object *o = get();
        assert_non_null(o);
        turn_until(&loop, wr_flow_length(o->flow) == 100000);
        if (ends[i])
            server_do(&server, ends[i], name);
        else
            wr_flow_end(a.object->flow, WR_ERR_TIMEOUT, wr_slice(NULL, 0)); /* the fetch fails */
        expect_broken(o, 100000);
        /* The fetch notices it at its next beat. */
        turn_until(&loop, server_int(&server, "EXISTS %s", name) == 0);
        end_arriving(&a);
        turn_until(&loop, pieces() == 0);
    }
}

static void a_damaged_piece_of_it_is_not_believed(void **state)
{
    (void) state;
    static const char *const damages[] = { "SETRANGE %s:0000000000000009:1 500 XXXX",
                                           "UNLINK %s:0000000000000009:1" };
    for (size_t i = 0; i < 2; i++) {
        struct arriving a;
        begin_visibly(&a, 9);
        arrived(&a, 200000);
        turn_until(&loop, pieces() == 2);
        server_do(&server, damages[i], name);
        struct wr_object *o = get();
        assert_non_null(o);
        expect_broken(o, 100000);
        arrived(&a, LENGTH);
        /* Its checksums are gone, so it gives up. */
        turn_until(&loop, server_int(&server, "EXISTS %s", name) == 0);
        expect_miss();
        assert_int_equal(put_arrived(&a), WR_OK);
        end_arriving(&a);
        expect_whole(LENGTH);
        server_do(&server, "FLUSHALL");
    }
}

static void another_storing_is_never_mixed_in(void **state)
{
    (void) state;
    struct arriving a;
    begin_visibly(&a, 10);
    arrived(&a, 100000);
    struct wr_object *o = get();
    turn_until(&loop, wr_flow_length(o->flow) == 100000);
    assert_int_equal(put(object(LENGTH, 11)), WR_OK);
    arrived(&a, LENGTH);
    uint64_t got;
    assert_int_equal(read_all(o, &got), WR_FLOW_WHOLE); /* the response that the reader began with */
    assert_int_equal(got, LENGTH);
    wr_object_unref(o);
    expect_whole(LENGTH);
    end_arriving(&a);
    expect_whole(LENGTH); /* the node doesn't remove another node's response */
    turn_until(&loop, pieces() == 3);
}

static void who_reads_what_is_purged_gets_all_of_it(void **state)
{
    (void) state;
    for (int whole_by_then = 0; whole_by_then < 2; whole_by_then++) {
        struct arriving a;
        uint64_t got;
        begin_visibly(&a, 19);
        arrived(&a, 100000);
        struct wr_object *o = get();
        turn_until(&loop, wr_flow_length(o->flow) == 100000);
        if (whole_by_then)
            arrived(&a, LENGTH);
        wr_redis_store_arrival_let_go(a.arrival);
        a.arrival = NULL;
        expect_miss(); /* new readers don't find it */
        int alive = a.alive;
        if (!whole_by_then)
            arrived(&a, LENGTH);
        assert_int_equal(read_all(o, &got), WR_FLOW_WHOLE);
        assert_int_equal(got, LENGTH);
        turn_until(&loop, server_int(&server, "PTTL %s:0000000000000013:sums", name) > 50000);
        assert_true(pieces() == 3 && a.alive == alive);
        wr_object_unref(o);
        end_arriving(&a);
        server_do(&server, "FLUSHALL");
    }
}

static void what_is_purged_and_fails_cuts_who_reads_it(void **state)
{
    (void) state;
    struct arriving a;
    begin_visibly(&a, 20);
    arrived(&a, 100000);
    struct wr_object *o = get();
    turn_until(&loop, wr_flow_length(o->flow) == 100000);
    wr_redis_store_arrival_let_go(a.arrival);
    a.arrival = NULL;
    wr_flow_end(a.object->flow, WR_ERR_TIMEOUT, wr_slice(NULL, 0));
    expect_broken(o, 100000);
    turn_until(&loop, server_int(&server, "DBSIZE") <= 1); /* the lock is left */
    end_arriving(&a);
}

#define MANY 40

static void count_ended(void *ctx, enum wr_err err)
{
    assert_int_equal(err, WR_OK);
    ++*(int *) ctx;
}

static void who_asks_does_not_stand_behind_the_pieces_of_all(void **state)
{
    (void) state;
    int written = 0;
    struct look l = { .read = { .done = on_look } };
    for (uint64_t i = 0; i < MANY; i++) {
        struct wr_object *o = object(250000, i + 1);
        wr_redis_store_put(redis_store, o, KEEP, NULL, count_ended, &written);
        wr_object_unref(o);
    }
    assert_int_equal(wr_redis_store_get(redis_store, &l.read, WR_SLICE("example.com"),
                                        wr_hash_of(WR_SLICE(KEY)), WR_SLICE(KEY)),
                     WR_OK);
    turn_until(&loop, l.ended);
    assert_true(pieces() < MANY / 2);
    wr_object_unref(l.object);
    turn_until(&loop, written == MANY);
    assert_int_equal(pieces(), 3 * MANY);
}

static void pieces_that_wait_for_their_turn_end_with_the_link(void **state)
{
    (void) state;
    struct put_outcome out[MANY] = { { 0 } };
    for (uint64_t i = 0; i < MANY; i++) {
        struct wr_object *o = object(250000, i + 1);
        wr_redis_store_put(redis_store, o, KEEP, NULL, on_outcome, &out[i]);
        wr_object_unref(o);
    }
    server_kill(&server);
    for (size_t i = 0; i < MANY; i++)
        turn_until(&loop, out[i].ended);
    server_start(&server);
    turn_until(&loop, wr_link_ready(link_));
    assert_int_equal(put(object(250000, 1)), WR_OK);
}

/* --- reading at the same time --- */

#define READ_LENGTH 1900000 /* bytes: 19 pieces, and memory keeps it, so it is read without a reader */

static struct look looks[MANY];

/* Begins to read the same content many times. */
static void begin_reading(void)
{
    assert_int_equal(put(object(READ_LENGTH, 1)), WR_OK);
    for (int i = 0; i < MANY; i++) {
        looks[i] = (struct look){ .read = { .done = on_look } };
        assert_int_equal(wr_redis_store_get(redis_store, &looks[i].read, WR_SLICE("example.com"),
                                            wr_hash_of(WR_SLICE(KEY)), WR_SLICE(KEY)),
                         WR_OK);
    }
    for (int i = 0; i < MANY; i++)
        turn_until(&loop, looks[i].object);
}

static uint64_t bytes_read(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < MANY; i++)
        sum += wr_flow_length(looks[i].object->flow);
    return sum;
}

/* Waits until all readers have ended, and expects this end. */
static void end_reading(enum wr_flow_state how)
{
    for (int i = 0; i < MANY; i++) {
        turn_until(&loop, wr_flow_state(looks[i].object->flow) != WR_FLOW_ARRIVING);
        assert_int_equal(wr_flow_state(looks[i].object->flow), how);
        wr_object_unref(looks[i].object);
    }
}

struct asked_while_reading {
    struct wr_redis_store_check check;
    uint64_t read; /* bytes that had been read when the answer came; 0: it hasn't come */
};

static void on_answer(struct wr_redis_store_check *check, bool same)
{
    struct asked_while_reading *a = (struct asked_while_reading *) check;
    assert_true(same);
    a->read = bytes_read();
}

static void who_asks_does_not_stand_behind_the_pieces_that_all_read(void **state)
{
    (void) state;
    struct asked_while_reading a = { .check.done = on_answer };
    begin_reading();
    uint64_t before = bytes_read();
    assert_true(before < (uint64_t) MANY * READ_LENGTH / 2);
    assert_int_equal(wr_redis_store_compare(redis_store, &a.check, looks[0].object), WR_OK);
    turn_until(&loop, a.read);
    assert_true(a.read - before <= 2 * policy.redis.chunk);
    end_reading(WR_FLOW_WHOLE);
}

static void who_waits_for_a_turn_to_read_ends_with_the_link_or_the_store(void **state)
{
    (void) state;
    begin_reading();
    wr_redis_store_free(redis_store);
    end_reading(WR_FLOW_BROKEN);
    redis_store = wr_redis_store_new(&loop, &policy, link_);
    begin_reading();
    server_kill(&server);
    end_reading(WR_FLOW_BROKEN);
    server_start(&server);
    turn_until(&loop, wr_link_ready(link_));
    begin_reading(); /* no turn has been lost */
    end_reading(WR_FLOW_WHOLE);
}

/* --- arriving and already there --- */

static void it_becomes_visible_only_where_it_may(void **state)
{
    (void) state;
    struct arriving a;
    assert_int_equal(put(object(10, 1)), WR_OK);
    begin(&a, 12, "ours", "ours"); /* something is already stored */
    turn_for(&loop, WR_SPAN_MS(30));
    expect_whole(10);
    end_arriving(&a);
    server_do(&server, "FLUSHALL");
    begin(&a, 14, "ours", "another");
    turn_for(&loop, WR_SPAN_MS(30));
    expect_miss();
    assert_int_equal(a.alive, 0);
    end_arriving(&a);
    begin_visibly(&a, 15); /* the response that a dead node has left is replaced */
    struct arriving b;
    begin(&b, 16, "another", "another");
    turn_until(&loop, b.alive);
    arrived(&a, 100000);
    turn_until(&loop, pieces() == 1); /* for those that already read it */
    end_arriving(&a);
    turn_until(&loop, pieces() == 0);
    struct wr_object *o = get();
    assert_int_equal(o->meta.version, 16);
    wr_object_unref(o);
    end_arriving(&b);
}

static void it_is_renewed_while_it_arrives(void **state)
{
    (void) state;
    struct arriving a;
    begin_visibly(&a, 17);
    server_do(&server, "PEXPIRE %s 1500", name);
    turn_until(&loop, server_int(&server, "PTTL %s", name) > 1600 && a.alive > 2);
    server_do(&server, "UNLINK %s", name);
    arrived(&a, LENGTH);
    turn_for(&loop, WR_SPAN_MS(50));
    int alive = a.alive;
    turn_for(&loop, WR_SPAN_MS(600));
    assert_int_equal(a.alive, alive); /* the HASH isn't its own any more */
    end_arriving(&a);
}

static void redis_may_die_while_it_arrives(void **state)
{
    (void) state;
    struct arriving a;
    begin_visibly(&a, 18);
    arrived(&a, 100000);
    struct wr_object *o = get();
    turn_until(&loop, wr_flow_length(o->flow) == 100000);
    server_kill(&server);
    arrived(&a, LENGTH);
    expect_broken(o, 100000);
    assert_int_equal(put_arrived(&a), WR_ERR_REDIS_AWAY);
    end_arriving(&a);
}

static void redis_may_die(void **state)
{
    (void) state;
    struct look l = { .read.done = on_look };
    struct put_outcome out = { 0 }, more = { 0 };
    assert_int_equal(put(object(250000, 1)), WR_OK);
    kill(server.pid, SIGSTOP);
    assert_int_equal(wr_redis_store_get(redis_store, &l.read, WR_SLICE("example.com"),
                                        wr_hash_of(WR_SLICE(KEY)), WR_SLICE(KEY)),
                     WR_OK);
    struct wr_object *o = object(250000, 2);
    wr_redis_store_put(redis_store, o, KEEP, NULL, on_outcome, &out);
    server_kill(&server);
    turn_until(&loop, l.ended && out.ended);
    assert_true(l.err != WR_OK && l.object == NULL && out.err != WR_OK);
    turn_until(&loop, !wr_link_ready(link_));
    wr_redis_store_put(redis_store, o, KEEP, NULL, on_outcome, &more);
    assert_int_equal(more.ended, 0);
    turn_until(&loop, more.ended);
    assert_int_equal(more.err, WR_ERR_REDIS_AWAY);
    wr_object_unref(o);
    assert_true(wr_redis_store_get(redis_store, &l.read, WR_SLICE("example.com"), wr_hash_of(WR_SLICE(KEY)),
                                   WR_SLICE(KEY)) != WR_OK);
    assert_int_equal(l.ended, 1);
}

/* A node was stopped for longer than its lock lived, and then puts its response. */
static void what_was_fetched_before_does_not_replace_what_was_fetched_later(void **state)
{
    (void) state;
    struct wr_object *before = object(100, 1), *later = object(100, 2), *large = object(250000, 3);
    before->began.n = 10;
    later->began.n = large->began.n = 11;
    assert_int_equal(put(later), WR_OK);
    assert_int_equal(put(before), WR_ERR_PURGED);
    struct wr_object *o = get();
    assert_int_equal(o->meta.version, 2);
    assert_int_equal(o->began.n, 11);
    wr_object_unref(o);
    assert_int_equal(put(large), WR_OK);
    expect_whole(250000);
}

/* The stored response says that it was fetched in the future: its clock has been set back since. */
static void a_clock_that_went_back_makes_nothing_unstorable(void **state)
{
    (void) state;
    struct wr_object *ahead = object(100, 1), *after = object(100, 2), *before = object(100, 3);
    int64_t now = wr_time_wall().us;
    ahead->began = wr_instant_of_us(now + 60 * WR_US_PER_S);
    after->began = wr_instant_of_us(now);
    before->began = wr_instant_of_us(now - 1);
    assert_int_equal(put(ahead), WR_OK);
    assert_int_equal(put(after), WR_OK);
    assert_int_equal(put(before), WR_ERR_PURGED);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_was_put_is_got),
        T(markers_are_kept),
        T(every_key_has_its_time_and_no_value_is_large),
        T(whatever_stands_there_is_a_miss_and_heals),
        T(a_missing_or_broken_piece_is_never_served),
        T(a_large_content_waits_for_its_reader),
        T(dropped_is_gone),
        T(a_copy_that_is_held_is_only_confirmed),
        T(who_asks_does_not_stand_behind_the_pieces_of_all),
        T(pieces_that_wait_for_their_turn_end_with_the_link),
        T(who_asks_does_not_stand_behind_the_pieces_that_all_read),
        T(who_waits_for_a_turn_to_read_ends_with_the_link_or_the_store),
        T(a_copy_knows_whether_it_is_the_one_in_redis),
        T(what_does_not_fit_is_refused),
        T(looks_can_be_cancelled),
        T(what_was_fetched_before_does_not_replace_what_was_fetched_later),
        T(a_clock_that_went_back_makes_nothing_unstorable),
        T(redis_may_die),
        T(what_arrives_is_read_before_it_is_whole),
        T(the_put_writes_only_the_pieces_that_are_missing),
        T(what_there_is_no_memory_for_is_stored_as_it_arrives),
        T(memory_that_becomes_scarce_frees_what_is_in_redis),
        T(who_cannot_be_stored_hears_it),
        T(who_reads_what_does_not_come_is_cut_off),
        T(a_damaged_piece_of_it_is_not_believed),
        T(another_storing_is_never_mixed_in),
        T(who_reads_what_is_purged_gets_all_of_it),
        T(what_is_purged_and_fails_cuts_who_reads_it),
        T(it_becomes_visible_only_where_it_may),
        T(it_is_renewed_while_it_arrives),
        T(redis_may_die_while_it_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
