/* SPDX-License-Identifier: BSD-2-Clause */
/* txn/share: who may have a response that was fetched for somebody else. */
#include "test.h"

#include "cache/heads.h"
#include "txn/share.h"

static const struct wr_cache_policy policy = { .enabled = true };

/* A response that was asked for at 0 s, came at 5 s and is fresh for `lifetime` seconds. */
static struct wr_object *response(double lifetime, unsigned flags, bool arriving)
{
    const struct wr_object like = {
        .key = WR_SLICE("k"),
        .head = WR_SLICE("HTTP/1.1 200 OK\r\n"),
        .meta = { .kind = WR_OBJECT_RESPONSE,
                  .status = 200,
                  .flags = flags,
                  .request_time = NOW,
                  .response_time = after(5),
                  .fetch_time = WR_SPAN_S(5),
                  .initial_age = WR_SPAN_S(5),
                  .lifetime = { (int64_t) (lifetime * WR_US_PER_S) },
                  .swr = WR_SPAN_NONE,
                  .sie = WR_SPAN_NONE },
    };
    struct wr_flow *flow = arriving ? wr_flow_new(10, true, UINT64_MAX) : wr_flow_of(WR_SLICE("0123456789"));
    struct wr_object *o = wr_object_new(&like, flow);
    wr_flow_unref(flow);
    return o;
}

struct share_case {
    const char *asked; /* fields of the request */
    double made, now;  /* seconds: when the request was made, and when it gets the flight's result */
    double lifetime;   /* of the response */
    unsigned flags;    /* enum wr_object_flag */
    bool arriving;     /* its content is still coming */
    bool from_store, leader, stale;
    int fwd_status;
    bool suits, waited_for;
};

static void check(const struct share_case *c)
{
    struct wr_arena arena = { 0 };
    struct wr_head request;
    struct wr_request_rules rules;
    get_with(&arena, c->asked, &request);
    wr_rules_request(&policy, &request, &rules);
    const struct wr_asker a = { &policy, &rules, after(c->made), after(c->now) };
    struct wr_object *o = response(c->lifetime, c->flags, c->arriving);
    const struct wr_flight_result fetched = { .verdict = WR_VERDICT_OBJECT,
                                              .object = o,
                                              .from_store = c->from_store,
                                              .leader = c->leader,
                                              .stale = c->stale,
                                              .fwd_status = c->fwd_status };
    if (wr_share_suits(&a, &fetched) != c->suits || wr_share_was_waited_for(&a, &fetched) != c->waited_for)
        fail_msg("\"%s\" made at %g, result taken at %g, fresh for %g", c->asked, c->made, c->now,
                 c->lifetime);
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void a_fetch_is_shared_by_those_who_waited(void **state)
{
    static const struct share_case cases[] = {
        { "", 1, 6, 60, .suits = true }, /* the request could have the response from the store */
        { "", 1, 20, 6, .suits = true, .waited_for = true }, /* stale by now, but it came meanwhile */
        { "", 6, 20, 6, .suits = false },                    /* the response came before the request */
        { "", 1, 20, 0, .suits = false },                    /* each request validates it for itself */
        { "", 1, 20, 60, .flags = WR_OF_NO_CACHE },
        { "Cache-Control: no-cache", 1, 6, 60, .suits = true, .waited_for = true },
        { "Cache-Control: no-cache", 6, 6, 60, .suits = false },
        /* still arriving: it serves requests that don't ask for a newer one */
        { "", 6, 20, 6, .arriving = true, .suits = true, .waited_for = true },
        { "", 6, 20, 6, .arriving = true, .from_store = true },
        { "Cache-Control: max-age=1", 6, 20, 6, .arriving = true },
        { "", 6, 20, 0, .arriving = true },
        /* what sets a request apart */
        { "Authorization: x", 1, 6, 60, .suits = false },
        { "Authorization: x", 1, 6, 60, .flags = WR_OF_SHARED_AUTH, .suits = true },
        { "Authorization: x", 1, 6, 60, .leader = true, .suits = true },
        { "", 6, 20, 0, .leader = true, .suits = true },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i]);
}

static void a_stale_response_for_a_failed_fetch_is_judged_for_each(void **state)
{
    static const struct share_case cases[] = {
        { "", 6, 20, 6, .stale = true, .suits = true },
        { "", 6, 20, 6, .stale = true,
          .fwd_status = 503 }, /* neither the origin nor the policy allows stale-if-error */
        { "Cache-Control: no-cache", 6, 20, 6, .stale = true },
        { "", 6, 20, 6, .stale = true, .flags = WR_OF_MUST_REVALIDATE },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i]);
}

static void what_is_stored_may_do_for_the_request(void **state)
{
    static const struct {
        const char *asked;
        double now, lifetime;
        bool want;
    } cases[] = {
        { "", 6, 60, true },
        { "", 20, 6, false },
        { "Cache-Control: max-stale", 20, 6, true },
        { "Cache-Control: no-cache", 6, 60, false },
        { "Authorization: x", 6, 60, false },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_arena arena = { 0 };
        struct wr_head request;
        struct wr_request_rules rules;
        get_with(&arena, cases[i].asked, &request);
        wr_rules_request(&policy, &request, &rules);
        const struct wr_asker a = { &policy, &rules, after(6), after(cases[i].now) };
        struct wr_object *found = response(cases[i].lifetime, 0, false);
        if (wr_share_found_will_do(&a, found) != cases[i].want)
            fail_msg("\"%s\" at %g", cases[i].asked, cases[i].now);
        assert_false(wr_share_found_will_do(&a, NULL));
        wr_object_unref(found);
        wr_arena_fini(&arena);
    }
}

static void redis_turns_a_miss_into_something_better(void **state)
{
    const struct wr_flight_result nothing = { 0 }, stale = { .held = true },
                                  fresh = { .held = true, .held_fresh = true };
    (void) state;
    assert_int_equal(wr_share_fwd(WR_FWD_URI_MISS, &nothing), WR_FWD_URI_MISS);
    assert_int_equal(wr_share_fwd(WR_FWD_URI_MISS, &stale), WR_FWD_STALE);
    assert_int_equal(wr_share_fwd(WR_FWD_VARY_MISS, &stale), WR_FWD_STALE);
    assert_int_equal(wr_share_fwd(WR_FWD_VARY_MISS, &fresh), WR_FWD_REQUEST);
    assert_int_equal(wr_share_fwd(WR_FWD_BYPASS, &fresh), WR_FWD_BYPASS);
    assert_int_equal(wr_share_fwd(WR_FWD_METHOD, &stale), WR_FWD_METHOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fetch_is_shared_by_those_who_waited),
        cmocka_unit_test(a_stale_response_for_a_failed_fetch_is_judged_for_each),
        cmocka_unit_test(what_is_stored_may_do_for_the_request),
        cmocka_unit_test(redis_turns_a_miss_into_something_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
