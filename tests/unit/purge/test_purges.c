/* SPDX-License-Identifier: BSD-2-Clause */
/* purge/: the table of what has been purged, and the journal in a real redis-server. */
#include "redis/server.h"

#include <signal.h>
#include <stdlib.h>

#include "purge/feed.h"
#include "purge/journal_priv.h"
#include "redis/keys.h"

static struct wr_purges *purges;

/* Makes a response of example.com whose fetch begins now. */
static struct wr_object *response(const char *path, const char *tags)
{
    struct wr_buf key = { 0 };
    wr_buf_printf(&key, "example.com%s", path);
    struct wr_object like = { .key = wr_buf_slice(&key),
                              .host = WR_SLICE("example.com"),
                              .tags = wr_slice_str(tags),
                              .began = wr_purges_begin(purges) };
    struct wr_object *o = wr_object_new(&like, NULL);
    wr_buf_fini(&key);
    return o;
}

static struct wr_purge purge_of(enum wr_scope scope, const char *name, bool soft)
{
    struct wr_purge purge = { .scope = scope, .name = wr_slice_str(name), .soft = soft };
    if (scope == WR_SCOPE_URL)
        purge.primary = purge.other = wr_hash_of(purge.name);
    return purge;
}

static void purge(enum wr_scope scope, const char *name, bool soft)
{
    const struct wr_purge p = purge_of(scope, name, soft);
    wr_purges_here(purges, &p);
}

static void is(struct wr_object *o, enum wr_purge_state state)
{
    assert_int_equal(wr_purges_check(purges, o), state);
}

static void is_and_ends(struct wr_object *o, enum wr_purge_state state)
{
    is(o, state);
    wr_object_unref(o);
}

static int here_begin(void **state)
{
    (void) state;
    purges = wr_purges_new(false);
    return 0;
}

static int here_end(void **state)
{
    (void) state;
    wr_purges_free(purges);
    return 0;
}

/* --- without Redis --- */

static const struct case_ {
    enum wr_scope scope;
    const char *name;
    bool hits;
} cases[] = {
    { WR_SCOPE_URL, "example.com/page?x=1", true },
    { WR_SCOPE_URL, "example.com/page?x=2", false },
    { WR_SCOPE_TAG, "a", true },
    { WR_SCOPE_TAG, "b", true },
    { WR_SCOPE_TAG, "c", false },
    { WR_SCOPE_TAG, "\tb", false },
    { WR_SCOPE_GROUP, "example.com b", true },
    { WR_SCOPE_GROUP, "example.com a", false },
    { WR_SCOPE_GROUP, "example.org b", false },
    { WR_SCOPE_HOST, "example.com", true },
    { WR_SCOPE_HOST, "example.org", false },
    { WR_SCOPE_PREFIX, "example.com/", true },
    { WR_SCOPE_PREFIX, "example.com/pa", true },
    { WR_SCOPE_PREFIX, "example.com/page?x", true },
    { WR_SCOPE_PREFIX, "example.com/page?x=1", true },
    { WR_SCOPE_PREFIX, "example.com/page?x=12", false },
    { WR_SCOPE_PREFIX, "example.com/b", false },
    { WR_SCOPE_PREFIX, "example.org/", false },
    { WR_SCOPE_ALL, "", true },
};

static void each_scope(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int soft = 0; soft < 2; soft++) {
            here_begin(state);
            struct wr_object *o = response("/page?x=1", "a\nb\n\tb\n");
            is(o, WR_PURGE_CURRENT);
            purge(cases[i].scope, cases[i].name, soft);
            is(o, !cases[i].hits ? WR_PURGE_CURRENT : soft ? WR_PURGE_SOFT : WR_PURGE_GONE);
            purge(WR_SCOPE_ALL, "", false);
            is(o, WR_PURGE_GONE);
            purge(cases[i].scope, cases[i].name, true);
            is_and_ends(o, WR_PURGE_GONE); /* a soft purge doesn't undo a hard one */
            is_and_ends(response("/page?x=1", "a\nb\n\tb\n"), WR_PURGE_CURRENT);
            here_end(state);
        }
}

static void an_instant_is_never_shared(void **state)
{
    (void) state;
    for (int i = 0; i < 1000; i++) { /* fetches and purges within the same microsecond */
        struct wr_object *before = response("/p", "t\n");
        purge(WR_SCOPE_TAG, "t", i % 2);
        struct wr_object *after = response("/p", "t\n");
        is_and_ends(before, i % 2 ? WR_PURGE_SOFT : WR_PURGE_GONE);
        is_and_ends(after, WR_PURGE_CURRENT);
    }
}

static void what_has_been_compared_is_compared_again_only_after_a_purge(void **state)
{
    (void) state;
    struct wr_object *o = response("/p", "t\n");
    is(o, WR_PURGE_CURRENT);
    assert_int_equal(o->purge_epoch, wr_purges_epoch(purges));
    purge(WR_SCOPE_TAG, "another", false);
    assert_int_not_equal(o->purge_epoch, wr_purges_epoch(purges));
    is_and_ends(o, WR_PURGE_CURRENT);
}

static void a_variant_goes_with_its_url(void **state)
{
    (void) state;
    struct wr_object like = { .key = WR_SLICE("example.com/v\nvary:0123456789abcdef\naccept=x"),
                              .host = WR_SLICE("example.com"),
                              .vary_values = WR_SLICE("\naccept=x"),
                              .began = wr_purges_begin(purges) };
    struct wr_object *variant = wr_object_new(&like, NULL);
    like.key = WR_SLICE("example.com/v");
    like.meta.kind = WR_OBJECT_VARY;
    like.vary_values = wr_slice(NULL, 0);
    struct wr_object *marker = wr_object_new(&like, NULL);
    purge(WR_SCOPE_URL, "example.com/v", false);
    is_and_ends(variant, WR_PURGE_GONE);
    is_and_ends(marker, WR_PURGE_CURRENT); /* the marker is still true */
}

static void a_key_without_host_lies_below_prefixes_of_any(void **state)
{
    (void) state;
    struct wr_object like = { .key = WR_SLICE("/static/a.css"),
                              .host = WR_SLICE(""),
                              .began = wr_purges_begin(purges) };
    struct wr_object *o = wr_object_new(&like, NULL);
    purge(WR_SCOPE_PREFIX, "example.com/other/", false);
    is(o, WR_PURGE_CURRENT);
    purge(WR_SCOPE_PREFIX, "example.com/static/", false);
    is_and_ends(o, WR_PURGE_GONE);
}

static void prefixes_that_are_longer_than_is_looked_at(void **state)
{
    (void) state;
    struct wr_buf name = { 0 };
    wr_buf_add_str(&name, "example.com/");
    while (name.len < WR_PREFIX_LONGEST + 100)
        wr_buf_add_char(&name, 'x');
    wr_buf_add_char(&name, '\0');
    struct wr_object *o = response(name.at + strlen("example.com"), "");
    purge(WR_SCOPE_PREFIX, name.at, false);
    is_and_ends(o, WR_PURGE_GONE);
    wr_buf_fini(&name);
}

/* Of the purges before the latest ones, those that a later purge of the same name replaced are dropped.
 * However many purges there are, all that was purged stays purged. */
static void more_than_is_remembered(void **state)
{
    (void) state;
    char name[32];
    struct wr_object *early = response("/p", "t7\n"), *other = response("/o", "none\n");
    for (int i = 0; i < 3 * WR_PURGES_RECENT; i++) {
        snprintf(name, sizeof name, "t%d", i % 100);
        purge(WR_SCOPE_TAG, name, false);
    }
    assert_int_equal(wr_purges_count(purges), 100);
    assert_int_equal(purges->log_count, WR_PURGES_RECENT);
    is_and_ends(early, WR_PURGE_GONE);
    is_and_ends(other, WR_PURGE_CURRENT);
    is_and_ends(response("/p", "t7\n"), WR_PURGE_CURRENT);
}

/* A much later purge makes the process drop the older entry. Nothing proves any more that a response fetched
 * before that entry wasn't purged. */
static void what_is_older_than_the_oldest_purge_is_unproven(void **state)
{
    (void) state;
    struct wr_object *o = response("/p", "t\n");
    struct wr_purge one = purge_of(WR_SCOPE_TAG, "another", false);
    struct wr_instant at = wr_purges_here(purges, &one);
    struct wr_object *later = response("/p", "t\n");
    wr_purges_add(purges, &one, wr_instant_of_us(wr_instant_us(at) + WR_PURGES_KEPT.us + 1000000), false,
                  NULL, 0);
    assert_int_equal(purges->log_count, 1);
    is_and_ends(o, WR_PURGE_UNPROVEN);
    is_and_ends(later, WR_PURGE_CURRENT);
    assert_int_equal(wr_purges_count(purges), 1);
}

static void names_come_and_go(void **state)
{
    (void) state;
    char name[32];
    struct wr_instant at[500];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "n%d", i);
        const struct wr_purge p = purge_of(WR_SCOPE_TAG, name, false);
        at[i] = wr_purges_here(purges, &p);
    }
    for (int i = 0; i < 500; i += 3) {
        snprintf(name, sizeof name, "n%d", i);
        const struct wr_purge p = purge_of(WR_SCOPE_TAG, name, false);
        wr_purges_forget(purges, &p, at[i]);
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "n%d", i);
        struct wr_purge p = purge_of(WR_SCOPE_TAG, name, false);
        assert_int_equal(wr_purges_is_replaced(purges, &p, (struct wr_instant){ at[i].n - 1 }), i % 3 != 0);
    }
    assert_int_equal(wr_purges_count(purges), 333);
}

/* Entries of the journal come in any order, and several times. */
static void any_order(void **state)
{
    (void) state;
    const struct wr_purge t = purge_of(WR_SCOPE_TAG, "t", false),
                          u = purge_of(WR_SCOPE_URL, "example.com/u", true);
    struct wr_arena arena = { 0 };
    struct wr_purge next;
    struct wr_instant at = WR_INSTANT_NONE;
    static const uint64_t order[] = { 50, 10, 30, 20, 40, 30, 10, 50, 60 };
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        wr_purges_add(purges, order[i] == 30 ? &u : &t, (struct wr_instant){ order[i] }, true, NULL, 0);
    for (uint64_t want = 10; want <= 60; want += 10) {
        assert_true(wr_purge_log_after(purges, at, &arena, &next, &at));
        assert_int_equal(at.n, want);
        assert_int_equal(next.scope, want == 30 ? WR_SCOPE_URL : WR_SCOPE_TAG);
        assert_true(want != 30 || wr_hash_eq(next.primary, u.primary));
    }
    assert_false(wr_purge_log_after(purges, at, &arena, &next, &at));
    wr_arena_fini(&arena);
}

static void instants(void **state)
{
    (void) state;
    struct wr_instant a;
    char text[WR_INSTANT_TEXT];
    assert_true(wr_instant_parse(WR_SLICE("1700000000000-1024"), &a));
    assert_int_equal(wr_instant_us(a), INT64_C(1700000000000001));
    assert_true(wr_slice_eq(wr_instant_text(a, text), WR_SLICE("1700000000000-1024")));
    assert_int_equal(wr_instant_of_us(INT64_C(1700000000000001)).n, a.n);
    assert_int_equal(wr_instant_of_us(-5).n, 0);
    assert_true(wr_instant_parse(WR_SLICE("5-18446744073709551615"), &a) &&
                (a.n & WR_INSTANT_MOST) == WR_INSTANT_MOST);
    static const char *const wrong[] = { "", "-", "1", "1-", "-1", "1-x", "x-1", "99999999999999999-0" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(wr_instant_parse(wr_slice_str(wrong[i]), &a));
}

/* --- the journal --- */

static struct test_redis server;
static struct wr_policy policy;
static struct wr_loop loop;

/* The parts of a node that purging needs. */
struct node {
    struct wr_link *link;
    struct wr_subscriber *subscriber;
    struct wr_purges *purges;
    struct wr_feed *feed;
    const char *name;
};
static struct node a, b;

static void on_change(void *ctx, enum wr_subscriber_event event, struct wr_slice key)
{
    struct node *n = ctx;
    if (event != WR_SUBSCRIBER_KEY || wr_slice_eq(key, WR_SLICE("weir:v1:purges")))
        wr_feed_heard(n->feed, event != WR_SUBSCRIBER_KEY);
}

static void node_begin(struct node *n, const char *name)
{
    n->name = name;
    n->link = wr_link_new(&loop, &policy, NULL, name);
    n->subscriber = wr_subscriber_new(&loop, &policy, NULL, name, on_change, n);
    n->purges = wr_purges_new(true);
    wr_purges_share(n->purges, &policy.redis, n->subscriber, n->name);
    n->feed = wr_feed_new(&loop, &policy, n->purges, n->link);
}

static void node_end(struct node *n)
{
    wr_subscriber_free(n->subscriber);
    wr_feed_free(n->feed);
    wr_link_free(n->link);
    wr_purges_free(n->purges);
}

static bool knows_all(struct node *n)
{
    struct wr_mono as_of;
    return wr_link_ready(n->link) && wr_subscriber_hears(n->subscriber) && n->purges->clock.known &&
           wr_purges_known(n->purges, wr_time_monotonic(), &as_of);
}

static int redis_begin(void **state)
{
    (void) state;
    server_set_up(&server, &policy, &loop, 0);
    node_begin(&a, "a");
    node_begin(&b, "b");
    turn_until(&loop, knows_all(&a) && knows_all(&b));
    return 0;
}

static int redis_end(void **state)
{
    (void) state;
    node_end(&a);
    node_end(&b);
    server_tear_down(&server, &policy, &loop);
    return 0;
}

struct saying {
    bool over;
    enum wr_err err;
    struct wr_instant at;
};

static void on_said(void *ctx, enum wr_err err, struct wr_instant at)
{
    *(struct saying *) ctx = (struct saying){ true, err, at };
}

static struct saying say(struct node *n, enum wr_scope scope, const char *name, bool soft)
{
    struct saying s = { false };
    const struct wr_purge p = purge_of(scope, name, soft);
    struct wr_instant here = wr_purges_here(n->purges, &p);
    s.err = wr_purges_say(n->purges, n->link, &p, "test", here, on_said, &s);
    if (s.err == WR_OK)
        turn_until(&loop, s.over);
    else
        assert_false(s.over);
    assert_true(s.err != WR_OK || !wr_instant_before(s.at, here));
    return s;
}

static bool purged(struct node *n, enum wr_scope scope, const char *name, struct wr_instant at)
{
    const struct wr_purge p = purge_of(scope, name, false);
    return wr_purges_is_replaced(n->purges, &p, (struct wr_instant){ at.n - 1 });
}

static void what_one_says_the_other_hears(void **state)
{
    (void) state;
    purges = b.purges;
    struct wr_object *o = response("/u", "t\n"), *p = response("/other", "");
    struct saying s = say(&a, WR_SCOPE_TAG, "t", false);
    assert_int_equal(s.err, WR_OK);
    turn_until(&loop, wr_purges_check(purges, o) == WR_PURGE_GONE);
    is(p, WR_PURGE_CURRENT);
    s = say(&a, WR_SCOPE_URL, "example.com/other", true);
    turn_until(&loop, wr_purges_check(purges, p) == WR_PURGE_SOFT);
    wr_object_unref(o);
    wr_object_unref(p);
    is_and_ends(response("/other", "t\n"), WR_PURGE_CURRENT);
    assert_int_equal(server_int(&server, "XLEN weir:v1:purges"), 2);
    assert_true(server_int(&server, "PTTL weir:v1:purges") > 86400000);
    turn_until(&loop, server_int(&server, "DBSIZE") == 3); /* the keys of the nodes' entries */
}

static void count_answer(void *ctx, enum wr_err err, struct wr_instant at)
{
    (void) err;
    (void) at;
    ++*(int *) ctx;
}

/* Node a purges tags: "n0", "n1" and so on, or always "n0". It sends few purges at once, so that a busy Redis
 * answers in time. */
static void say_many(int count, bool numbered)
{
    int answers = 0;
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%d", numbered ? i : 0);
        const struct wr_purge p = purge_of(WR_SCOPE_TAG, name, false);
        turn_until(&loop, wr_link_ready(a.link));
        assert_int_equal(
            wr_purges_say(a.purges, a.link, &p, "test", wr_purges_here(a.purges, &p), count_answer, &answers),
            WR_OK);
        if (i % 100 == 99 || i + 1 == count)
            turn_until(&loop, answers == i + 1);
    }
}

static void who_starts_reads_it_backwards(void **state)
{
    (void) state;
    purges = a.purges;
    struct wr_object *old = response("/old", "n7\n"), *other = response("/o", "none\n");
    say_many(2 * WR_JOURNAL_PAGE + 10, true);
    /* Purges whose confirmation was late are written twice. */
    turn_until(&loop, server_int(&server, "XLEN weir:v1:purges") >= 2 * WR_JOURNAL_PAGE + 10);
    struct node c;
    node_begin(&c, "c");
    turn_until(&loop, knows_all(&c) && c.purges->log_count >= 2 * WR_JOURNAL_PAGE + 10);
    purges = c.purges;
    old->purge_epoch = other->purge_epoch = 0;
    is_and_ends(old, WR_PURGE_GONE);
    is_and_ends(other, WR_PURGE_CURRENT); /* the journal began earlier */
    node_end(&c);
}

static void a_journal_that_is_gone_is_written_again(void **state)
{
    (void) state;
    struct saying s = say(&a, WR_SCOPE_TAG, "t", false), u = say(&b, WR_SCOPE_URL, "example.com/u", true);
    turn_until(&loop, purged(&b, WR_SCOPE_TAG, "t", s.at));
    server_do(&server, "FLUSHALL");
    turn_until(&loop, server_int(&server, "XLEN weir:v1:purges") == 2);
    turn_until(&loop, knows_all(&a) && knows_all(&b));
    char text[WR_INSTANT_TEXT];
    struct wr_slice id = wr_instant_text(s.at, text);
    redisReply *r = server_ask(&server, "XRANGE weir:v1:purges %b %b", id.at, id.len, id.at, id.len);
    assert_int_equal(r->elements, 1); /* the same instant */
    freeReplyObject(r);
    struct node c;
    node_begin(&c, "c");
    turn_until(&loop, knows_all(&c) && purged(&c, WR_SCOPE_TAG, "t", s.at));
    assert_true(c.purges->floor < u.at.n);
    node_end(&c);
}

struct again {
    struct wr_call call;
    bool over, missing;
    struct wr_instant since;
};

static void on_again(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct again *g = WR_CONTAINER(call, struct again, call);
    assert_int_equal(err, WR_OK);
    assert_true(wr_instant_parse(wr_reply_slice(wr_reply_at(reply, 0)), &g->since));
    g->missing = wr_reply_int(wr_reply_at(reply, 3)) == 1;
    g->over = true;
}

/* Makes the call of a node that knows all purges since 5-0 and writes these purges again. */
static struct again say_again(const char *journal, bool rewriting, bool done, int first, int last)
{
    struct again g = { .call = { .done = on_again } };
    const struct wr_slice key = wr_slice_str(journal);
    struct wr_slice args[5 + 2 * 8] = { WR_SLICE("0-0"), WR_SLICE("60000"), WR_SLICE("5-0"),
                                        wr_slice_str(done ? "1" : "0"), wr_slice_str(rewriting ? "1" : "0") };
    char ids[2][8], names[2][8];
    size_t count = 5;
    for (int i = first; i <= last; i++) {
        snprintf(ids[i - first], sizeof ids[0], "%d-0", i);
        snprintf(names[i - first], sizeof names[0], "t%d", i);
        const struct wr_slice purge[] = { wr_slice_str(ids[i - first]),
                                          WR_SLICE("6"),
                                          WR_SLICE("what"),
                                          WR_SLICE("tag"),
                                          WR_SLICE("name"),
                                          wr_slice_str(names[i - first]),
                                          WR_SLICE("soft"),
                                          WR_SLICE("0") };
        memcpy(args + count, purge, sizeof purge);
        count += 8;
    }
    assert_int_equal(
        wr_link_script(a.link, &g.call, WR_SPAN_S(2), WR_SCRIPT_JOURNAL_AGAIN, 1, &key, count, args), WR_OK);
    turn_until(&loop, g.over);
    return g;
}

/* One node writes in two calls, and another node writes in between. The node that began the journal still
 * says that the journal is complete. */
static void two_say_a_lost_journal_again(void **state)
{
    (void) state;
    struct again first = say_again("one", false, false, 10, 11);
    assert_true(first.missing && first.since.n > wr_instant_of_us(5000).n);
    assert_false(say_again("one", false, true, 12, 13).missing);
    assert_int_equal(say_again("one", true, true, 12, 13).since.n, wr_instant_of_us(5000).n);
    assert_int_equal(server_int(&server, "XLEN one"), 5); /* four purges, each once */
    say_again("two", false, false, 10, 11);
    assert_int_equal(say_again("two", true, true, 12, 13).since.n, wr_instant_of_us(5000).n);
    assert_int_equal(server_int(&server, "XLEN two"), 4);
}

/* A replica that lagged has taken over. It lacks the latest purge, and has received another purge since. */
static void a_lost_end_is_said_again(void **state)
{
    (void) state;
    struct saying first = say(&a, WR_SCOPE_TAG, "first", false), lost = say(&a, WR_SCOPE_TAG, "lost", false);
    char text[WR_INSTANT_TEXT];
    struct wr_slice id = wr_instant_text(lost.at, text);
    turn_until(&loop, purged(&b, WR_SCOPE_TAG, "lost", lost.at));
    server_do(&server, "XDEL weir:v1:purges %b", id.at, id.len);
    server_do(&server, "CLIENT KILL TYPE normal SKIPME yes");
    server_do(&server, "CLIENT KILL TYPE pubsub");
    struct node c;
    node_begin(&c, "c");
    turn_until(&loop, knows_all(&c) && purged(&c, WR_SCOPE_TAG, "lost", lost.at) &&
                          purged(&c, WR_SCOPE_TAG, "first", first.at));
    turn_until(&loop, knows_all(&a) && knows_all(&b));
    assert_int_equal(server_int(&server, "XLEN weir:v1:purges"), 2); /* once, whichever node writes it */
    node_end(&c);
}

/* Another server takes over whose clock is behind. A purge there still gets a later instant than all earlier
 * fetches. */
static void a_clock_that_goes_back(void **state)
{
    (void) state;
    purges = b.purges;
    struct wr_instant was;
    struct wr_object *o = response("/p", "t\n");
    o->began = wr_instant_of_us(wr_instant_us(o->began) + 3600 * 1000000LL); /* an hour ahead */
    struct wr_mono now = wr_time_monotonic();
    int64_t ahead = wr_instant_us(o->began);
    assert_true(wr_purge_clock_learn(a.purges, now, now, (struct wr_redis_time){ ahead }, &was));
    /* The feed has asked for the time again. */
    turn_until(&loop, wr_instant_us(wr_purge_clock_least(a.purges)) < ahead - 1000000);
    turn_for(&loop, WR_SPAN_MS(50));
    struct saying s = say(&b, WR_SCOPE_TAG, "t", false);
    assert_true(wr_instant_before(o->began, s.at));
    is_and_ends(o, WR_PURGE_GONE);
    is_and_ends(response("/p", "t\n"), WR_PURGE_CURRENT);
}

struct beginning {
    struct wr_call call;
    struct wr_instant last;
};

static void on_begun(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct beginning *begun = (struct beginning *) call;
    assert_int_equal(err, WR_OK);
    assert_true(wr_instant_parse(wr_reply_slice(wr_reply_at(reply, 1)), &begun->last));
}

/* The journal was lost with a server whose clock was ahead. The new one begins at an instant that is later
 * than any fetch, so all further purges count. */
static void a_journal_that_is_lost_with_a_clock_ahead(void **state)
{
    (void) state;
    const struct wr_instant ahead = wr_instant_of_us(wr_time_wall().us + 3600 * WR_US_PER_S);
    const struct wr_slice stream = WR_SLICE("another");
    static const char *const known[] = { "", "5-0" };
    for (size_t i = 0; i < 2; i++) {
        char least[WR_INSTANT_TEXT];
        struct beginning begun = { .call = { .done = on_begun } };
        const struct wr_slice args[] = { wr_instant_text(ahead, least), WR_SLICE("1000000"),
                                         wr_slice_str(known[i]), WR_SLICE("1"), WR_SLICE("0") };
        server_do(&server, "DEL another");
        assert_int_equal(
            wr_link_script(a.link, &begun.call, WR_SPAN_S(5), WR_SCRIPT_JOURNAL_AGAIN, 1, &stream, 5, args),
            WR_OK);
        turn_until(&loop, begun.last.n > 0);
        assert_false(wr_instant_before(begun.last, ahead));
    }
}

static void what_is_purged_while_redis_is_away_is_said_later(void **state)
{
    (void) state;
    kill(server.pid, SIGKILL);
    turn_until(&loop, !wr_link_ready(a.link));
    struct saying s = { false };
    const struct wr_purge p = purge_of(WR_SCOPE_TAG, "away", false);
    assert_int_not_equal(
        wr_purges_say(a.purges, a.link, &p, "test", wr_purges_here(a.purges, &p), on_said, &s), WR_OK);
    purges = a.purges;
    struct wr_object *o = response("/p", "away\n");
    server_kill(&server);
    server_start(&server);
    turn_until(&loop, server_int(&server, "XLEN weir:v1:purges") == 1);
    turn_until(&loop, knows_all(&b) && purged(&b, WR_SCOPE_TAG, "away", (struct wr_instant){ 2 }));
    assert_false(s.over); /* the receiver that asked may have ended meanwhile */
    wr_object_unref(o);
}

/* Somebody has written another type of value under the journal's key. */
static void what_stands_in_its_place_is_swept_away(void **state)
{
    (void) state;
    struct saying s = say(&a, WR_SCOPE_TAG, "t", false);
    server_do(&server, "SET weir:v1:purges nonsense");
    turn_until(&loop, server_int(&server, "EXISTS weir:v1:purges") == 1 && knows_all(&a) && knows_all(&b));
    struct node c;
    node_begin(&c, "c");
    turn_until(&loop, knows_all(&c) && purged(&c, WR_SCOPE_TAG, "t", s.at));
    node_end(&c);
}

static void replaced_purges_leave_the_journal(void **state)
{
    (void) state;
    say_many(WR_PURGES_RECENT + 500, false);
    turn_until(&loop, a.purges->confirmed >= a.purges->last.n && knows_all(&a) &&
                          a.purges->log_count == WR_PURGES_RECENT);
    turn_until(&loop, server_int(&server, "XLEN weir:v1:purges") <= WR_PURGES_RECENT + 100);
}

#define R(f) cmocka_unit_test_setup_teardown(f, redis_begin, redis_end)
#define H(f) cmocka_unit_test_setup_teardown(f, here_begin, here_end)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants),
        cmocka_unit_test(each_scope),
        H(an_instant_is_never_shared),
        H(what_has_been_compared_is_compared_again_only_after_a_purge),
        H(a_variant_goes_with_its_url),
        H(a_key_without_host_lies_below_prefixes_of_any),
        H(prefixes_that_are_longer_than_is_looked_at),
        H(more_than_is_remembered),
        H(what_is_older_than_the_oldest_purge_is_unproven),
        H(names_come_and_go),
        H(any_order),
        R(what_one_says_the_other_hears),
        R(who_starts_reads_it_backwards),
        R(a_journal_that_is_gone_is_written_again),
        R(two_say_a_lost_journal_again),
        R(a_lost_end_is_said_again),
        R(a_clock_that_goes_back),
        R(a_journal_that_is_lost_with_a_clock_ahead),
        R(what_is_purged_while_redis_is_away_is_said_later),
        R(what_stands_in_its_place_is_swept_away),
        R(replaced_purges_leave_the_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
