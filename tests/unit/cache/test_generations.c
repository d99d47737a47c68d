/* cache/generations: purges by tag, group, prefix, host and all, here and with a real redis-server. */
#include "redis/server.h"

#include <signal.h>

#include "cache/generations_priv.h"
#include "redis/keys.h"

#define NOW wr_time_monotonic()

static struct wr_gens *gens;
static struct wr_slice nothing = WR_SLICE_INIT("");

/* One response of example.com, with what it carries when its fetch began at `began`. */
static struct wr_object *response(const char *path, const char *tags, struct wr_time began)
{
    struct wr_buf key = { 0 }, stamp = { 0 };
    wr_buf_printf(&key, "example.com%s", path);
    struct wr_object like = { .key = wr_buf_slice(&key), .host = WR_SLICE("example.com"), .tags = wr_slice_str(tags) };
    struct wr_object *bare = wr_object_new(&like, NULL);
    wr_gens_stamp(gens, bare, began, &stamp);
    like.generations = wr_buf_slice(&stamp);
    struct wr_object *o = wr_object_new(&like, NULL);
    wr_object_unref(bare);
    wr_buf_fini(&key);
    wr_buf_fini(&stamp);
    return o;
}

/* What counts as known now. */
static struct wr_time horizon(void)
{
    return gens->herald ? wr_herald_horizon(gens->herald, NOW) : (struct wr_time){ 0 };
}

static void is(struct wr_object *o, enum wr_gens_state state)
{
    assert_int_equal(wr_gens_check(gens, o, horizon()), state);
}

static const struct purge {
    enum wr_scope scope;
    const char *name;
    bool hits;
} purges[] = {
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
    { WR_SCOPE_PREFIX, "example.com/page?x=12", false },
    { WR_SCOPE_PREFIX, "example.com/b", false },
    { WR_SCOPE_PREFIX, "example.org/", false },
    { WR_SCOPE_ALL, "", true },
};

static void here_begin(void)
{
    gens = wr_gens_new(NULL);
}

static void here_each_scope(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof purges / sizeof purges[0]; i++)
        for (int soft = 0; soft < 2; soft++) {
            here_begin();
            struct wr_object *o = response("/page?x=1", "a\nb\n\tb\n", NOW);
            is(o, WR_GENS_CURRENT);
            wr_gens_purge(gens, purges[i].scope, wr_slice_str(purges[i].name), soft);
            is(o, !purges[i].hits ? WR_GENS_CURRENT : soft ? WR_GENS_SOFT : WR_GENS_GONE);
            wr_gens_purge(gens, WR_SCOPE_ALL, nothing, false);
            is(o, WR_GENS_GONE); /* a soft purge doesn't bring it back */
            wr_object_unref(o);
            o = response("/page?x=1", "a\nb\n\tb\n", NOW);
            is(o, WR_GENS_CURRENT);
            wr_object_unref(o);
            wr_gens_free(gens);
        }
}

static void here_a_fetch_that_began_before(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof purges / sizeof purges[0]; i++) {
        here_begin();
        struct wr_buf stamp = { 0 };
        struct wr_time before = NOW;
        struct wr_object *o = response("/page?x=1", "a\nb\n\tb\n", before);
        wr_gens_purge(gens, purges[i].scope, wr_slice_str(purges[i].name), false);
        assert_int_equal(wr_gens_stamp(gens, o, before, &stamp), purges[i].hits ? WR_GENS_GONE : WR_GENS_CURRENT);
        assert_int_equal(wr_gens_stamp(gens, o, wr_time_add(NOW, WR_SPAN_MS(1)), &stamp), WR_GENS_CURRENT);
        wr_object_unref(o);
        wr_buf_fini(&stamp);
        wr_gens_free(gens);
    }
}

/* However many tags and prefixes are purged, what was purged stays purged and memory stays bounded. */
static void here_more_than_is_remembered(void **state)
{
    (void) state;
    here_begin();
    struct wr_object *purged = response("/p", "t7\n", NOW), *other = response("/o", "none\n", NOW);
    struct wr_buf name = { 0 };
    wr_gens_purge(gens, WR_SCOPE_PREFIX, WR_SLICE("example.com/p"), false);
    for (int i = 0; i < WR_PREFIXES_MOST; i++) {
        wr_buf_clear(&name);
        wr_buf_printf(&name, "example.com/x/%d", i);
        wr_gens_purge(gens, WR_SCOPE_PREFIX, wr_buf_slice(&name), false);
    }
    is(purged, WR_GENS_GONE);
    is(other, WR_GENS_GONE); /* older than the oldest that is remembered */
    assert_int_equal(gens->prefixes.count, WR_PREFIXES_MOST);
    wr_object_unref(purged);
    purged = response("/p", "t7\n", NOW);
    for (int i = 0; i < 300000; i++) {
        wr_buf_clear(&name);
        wr_buf_printf(&name, "t%d", i);
        wr_gens_purge(gens, WR_SCOPE_TAG, wr_buf_slice(&name), false);
    }
    is(purged, WR_GENS_GONE);
    wr_object_unref(purged);
    purged = response("/p", "t7\n", NOW);
    is(purged, WR_GENS_CURRENT);
    wr_object_unref(purged);
    wr_object_unref(other);
    wr_buf_fini(&name);
    wr_gens_free(gens);
}

static void instants(void **state)
{
    (void) state;
    struct wr_generation g;
    assert_true(wr_generation_parse(WR_SLICE("10"), &g) && g.hard == 10 && g.soft == 10);
    assert_true(wr_generation_parse(WR_SLICE("10.31"), &g) && g.hard == 10 && g.soft == 31);
    assert_int_equal(wr_generation_state(g, 9), WR_GENS_GONE);
    assert_int_equal(wr_generation_state(g, 10), WR_GENS_SOFT);
    assert_int_equal(wr_generation_state(g, 31), WR_GENS_CURRENT);
    assert_int_equal(wr_generation_state(g, 32), WR_GENS_GONE); /* of a history that was lost */
    static const char *const wrong[] = { "", "x", "1x", "1.", ".1", "2.1", "1.2.3", "-1", "99999999999999999999" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(wr_generation_parse(wr_slice_str(wrong[i]), &g));
    assert_true(wr_generation_next(0) % 10 == 1);
    assert_true(wr_generation_next((uint64_t) 1 << 60) > (uint64_t) 1 << 60);
}

/* --- with Redis --- */

static struct server server;
static struct wr_policy policy;
static struct wr_loop loop;
static struct wr_link *link_;
static bool learnt;

static int redis_begin(void **state)
{
    (void) state;
    server = (struct server){ 0 };
    server_start(&server);
    policy_for(&policy, server.sock);
    policy.redis.timeout = WR_SPAN_S(5);
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    link_ = wr_link_new(&loop, &policy, "weir:edge:0");
    gens = wr_gens_new(&policy.redis);
    turn_until(&loop, wr_link_ready(link_));
    return 0;
}

static int redis_end(void **state)
{
    (void) state;
    wr_gens_free(gens);
    wr_link_free(link_);
    turn(&loop);
    wr_loop_fini(&loop);
    server_stop(&server);
    return 0;
}

static void on_learnt(struct wr_gens_ask *ask)
{
    (void) ask;
    learnt = true;
}

static bool learn(struct wr_object *o, struct wr_span keep, struct wr_time since)
{
    struct wr_gens_ask ask = { .done = on_learnt };
    learnt = false;
    if (!wr_gens_learn(gens, link_, o, keep, since, &ask))
        return false;
    turn_until(&loop, learnt);
    return true;
}

static struct wr_object *stored(const char *path, const char *tags)
{
    struct wr_time began = NOW;
    struct wr_object *o = response(path, tags, began);
    learn(o, WR_SPAN_S(60), began);
    wr_object_unref(o);
    o = response(path, tags, began);
    is(o, WR_GENS_CURRENT);
    return o;
}

static void redis_learns_once(void **state)
{
    (void) state;
    struct wr_object *o = stored("/page", "a\nb\n\tb\n");
    assert_false(learn(o, WR_SPAN_S(60), NOW));
    assert_int_equal(server_int(&server, "EXISTS weir:v1:gen:tag:a weir:v1:gen:tag:b weir:v1:gen:all: weir:v1:gen:prefixes"), 4);
    assert_true(server_int(&server, "PTTL weir:v1:gen:tag:a") > 86400000);
    wr_object_unref(o);
}

static void redis_changed_by_hand(void **state)
{
    static const char *const deeds[] = { "INCR weir:v1:gen:tag:a", "DEL weir:v1:gen:tag:a", "SET weir:v1:gen:tag:a nonsense",
                                         "DEL weir:v1:gen:prefixes", "SET weir:v1:gen:tag:a 5" };
    (void) state;
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        struct wr_object *o = stored("/page", "a\n");
        server_do(&server, deeds[i]);
        is(o, WR_GENS_CURRENT); /* nobody has told */
        wr_gens_changed(gens, link_, WR_SLICE("weir:v1:gen:tag:a"));
        wr_gens_changed(gens, link_, WR_SLICE("weir:v1:gen:prefixes"));
        wr_gens_changed(gens, link_, WR_SLICE("weir:v1:gen:tag:nobody knows"));
        assert_int_equal(wr_gens_unsettled(gens), 2);
        turn_until(&loop, wr_gens_unsettled(gens) == 0);
        is(o, WR_GENS_GONE);
        wr_object_unref(o);
    }
}

/* A fetch that began before a purge of a tag that was not known here until it landed. */
static void redis_a_purge_before_the_tag_was_known(void **state)
{
    (void) state;
    struct wr_buf stamp = { 0 };
    struct wr_slice key = WR_SLICE("weir:v1:gen:tag:late");
    struct wr_time began = NOW;
    struct wr_object *o = response("/page", "late\n", began);
    const struct wr_slice args[] = { WR_SLICE("0"), WR_SLICE("100000") };
    wr_link_tell_script(link_, WR_SCRIPT_GENERATION_PURGE, 1, &key, 2, args);
    assert_true(learn(o, WR_SPAN_S(60), began));
    assert_int_equal(wr_gens_stamp(gens, o, began, &stamp), WR_GENS_GONE);
    wr_object_unref(o);
    wr_object_unref(stored("/page", "late\n"));
    wr_buf_fini(&stamp);
}

static void redis_gone_while_asked(void **state)
{
    (void) state;
    struct wr_object *o = response("/page", "a\n", NOW);
    struct wr_gens_ask ask = { .done = on_learnt };
    learnt = false;
    kill(server.pid, SIGSTOP);
    assert_true(wr_gens_learn(gens, link_, o, WR_SPAN_S(60), NOW, &ask));
    wr_gens_cancel(&ask);
    assert_false(wr_gens_pending(&ask));
    assert_true(wr_gens_learn(gens, link_, o, WR_SPAN_S(60), NOW, &ask));
    kill(server.pid, SIGCONT);
    server_kill(&server);
    turn_until(&loop, learnt);
    assert_int_not_equal(wr_gens_check(gens, o, horizon()), WR_GENS_CURRENT);
    assert_false(learn(o, WR_SPAN_S(60), NOW));
    server_start(&server);
    wr_object_unref(o);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants),
        cmocka_unit_test(here_each_scope),
        cmocka_unit_test(here_a_fetch_that_began_before),
        cmocka_unit_test(here_more_than_is_remembered),
        cmocka_unit_test_setup_teardown(redis_learns_once, redis_begin, redis_end),
        cmocka_unit_test_setup_teardown(redis_changed_by_hand, redis_begin, redis_end),
        cmocka_unit_test_setup_teardown(redis_a_purge_before_the_tag_was_known, redis_begin, redis_end),
        cmocka_unit_test_setup_teardown(redis_gone_while_asked, redis_begin, redis_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
