/* SPDX-License-Identifier: BSD-2-Clause */
/* txn/result: the log's word, the counter and the Cache-Status of each result. */
#include "test.h"

#include "txn/result.h"

static void what_a_flight_brings(void **state)
{
    static const enum wr_result expected[2][2][2] = {
        /* leader, stale, validated */
        { { WR_RESULT_COLLAPSED, WR_RESULT_VALIDATED_COLLAPSED },
          { WR_RESULT_STALE_INSTEAD_COLLAPSED, WR_RESULT_STALE_INSTEAD_COLLAPSED } },
        { { WR_RESULT_FETCHED, WR_RESULT_VALIDATED }, { WR_RESULT_STALE_INSTEAD, WR_RESULT_STALE_INSTEAD } },
    };
    (void) state;
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(wr_result_of_fetch(i & 4, i & 2, i & 1), expected[i / 4][i / 2 % 2][i % 2]);
}

static void what_a_store_holds(void **state)
{
    (void) state;
    assert_int_equal(wr_result_of_find(false, false), WR_RESULT_HIT);
    assert_int_equal(wr_result_of_find(false, true), WR_RESULT_HIT_REDIS);
    assert_int_equal(wr_result_of_find(true, false), WR_RESULT_STALE);
    assert_int_equal(wr_result_of_find(true, true), WR_RESULT_STALE_REDIS);
}

/* The consequences of each result. The response is fresh for 1.5 s more, and was requested because the stored
 * one was stale. */
static void each_result_has_one_word_one_counter_one_status(void **state)
{
    static const struct {
        const char *word; /* NULL: miss or pass */
        enum wr_stat counter;
        const char *status, *to_be_stored;
        bool own;
    } expected[] = {
        [WR_RESULT_NONE] = { NULL, WR_STAT_misses, "w; fwd=stale", "w; fwd=stale; ttl=2", false },
        [WR_RESULT_FETCHED] = { NULL, WR_STAT_misses, "w; fwd=stale", "w; fwd=stale; ttl=2", true },
        [WR_RESULT_COLLAPSED] = { "collapsed", WR_STAT_misses, "w; fwd=stale; collapsed",
                                  "w; fwd=stale; ttl=2; collapsed", false },
        [WR_RESULT_COLLAPSED_REDIS] = { "collapsed", WR_STAT_misses, "w; fwd=stale; collapsed; detail=REDIS",
                                        "w; fwd=stale; ttl=2; collapsed; detail=REDIS", false },
        [WR_RESULT_VALIDATED] = { "validated", WR_STAT_misses, "w; fwd=stale; ttl=2", "w; fwd=stale; ttl=2",
                                  true },
        [WR_RESULT_VALIDATED_COLLAPSED] = { "validated", WR_STAT_misses, "w; fwd=stale; ttl=2; collapsed",
                                            "w; fwd=stale; ttl=2; collapsed", false },
        [WR_RESULT_HIT] = { "hit", WR_STAT_hits, "w; hit; ttl=2", "w; hit; ttl=2", false },
        [WR_RESULT_HIT_REDIS] = { "hit-redis", WR_STAT_hits, "w; hit; ttl=2; detail=REDIS",
                                  "w; hit; ttl=2; detail=REDIS", false },
        [WR_RESULT_STALE] = { "stale", WR_STAT_hits, "w; hit; detail=SOFT_PURGED",
                              "w; hit; detail=SOFT_PURGED", false },
        [WR_RESULT_STALE_REDIS] = { "stale", WR_STAT_hits, "w; hit; detail=SOFT_PURGED",
                                    "w; hit; detail=SOFT_PURGED", false },
        [WR_RESULT_STALE_INSTEAD] = { "stale", WR_STAT_hits, "w; fwd=stale; ttl=2", "w; fwd=stale; ttl=2",
                                      false },
        [WR_RESULT_STALE_INSTEAD_COLLAPSED] = { "stale", WR_STAT_hits, "w; fwd=stale; ttl=2; collapsed",
                                                "w; fwd=stale; ttl=2; collapsed", false },
    };
    (void) state;
    assert_int_equal(sizeof expected / sizeof expected[0], WR_RESULT_COUNT);
    for (unsigned i = 0; i < WR_RESULT_COUNT; i++) {
        const char *word = expected[i].word;
        assert_string_equal(wr_result_word(i, false), word ? word : "miss");
        assert_string_equal(wr_result_word(i, true), word ? word : "pass");
        assert_int_equal(wr_result_counter(i, false), expected[i].counter);
        assert_int_equal(wr_result_counter(i, true),
                         expected[i].counter == WR_STAT_hits ? WR_STAT_hits : WR_STAT_passes);
        assert_int_equal(wr_result_is(i, WR_RF_OWN), expected[i].own);
        for (int stored = 0; stored < 2; stored++) {
            struct wr_cache_status s = { .fwd = WR_FWD_STALE };
            struct wr_buf out = { 0 };
            wr_result_tell(i, (struct wr_span){ WR_US_PER_S * 3 / 2 }, stored, &s);
            wr_cache_status_write(&out, WR_SLICE("w"), &s);
            wr_buf_add_char(&out, '\0');
            assert_string_equal(out.at, stored ? expected[i].to_be_stored : expected[i].status);
            wr_buf_fini(&out);
        }
    }
}

static void seconds_are_rounded_up_while_fresh(void **state)
{
    const struct {
        int64_t us, ttl;
    } cases[] = { { 1, 1 }, { WR_US_PER_S, 1 }, { WR_US_PER_S + 1, 2 },
                  { 0, 0 }, { -1, 0 },          { -WR_US_PER_S, -1 } };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_cache_status s = { 0 };
        wr_result_tell(WR_RESULT_HIT, (struct wr_span){ cases[i].us }, false, &s);
        assert_true(s.has_ttl);
        assert_int_equal(s.ttl, cases[i].ttl);
    }
}

static void by_its_age_stale_it_says_since_when(void **state)
{
    struct wr_cache_status s = { 0 };
    (void) state;
    wr_result_tell(WR_RESULT_STALE, (struct wr_span){ -3 * WR_US_PER_S }, false, &s);
    assert_true(s.hit && s.has_ttl && s.detail.at == NULL);
    assert_int_equal(s.ttl, -3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_flight_brings),
        cmocka_unit_test(what_a_store_holds),
        cmocka_unit_test(each_result_has_one_word_one_counter_one_status),
        cmocka_unit_test(seconds_are_rounded_up_while_fresh),
        cmocka_unit_test(by_its_age_stale_it_says_since_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
