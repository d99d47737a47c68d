/* SPDX-License-Identifier: BSD-2-Clause */
/* limit/algorithm: the table of cases, and what each algorithm promises for any sequence of requests. */
#include "test.h"

#include "base/rand.h"
#include "cases.h"

#define START INT64_C(1700000000000000)

static struct wr_limit_decision decide(const struct wr_limit_rule *rule, struct wr_limit_tally *state,
                                       int64_t at, int64_t cost)
{
    return wr_limit_decide(rule, state, (struct wr_mono){ at }, cost, true);
}

static void every_case_of_the_table(void **unused)
{
    (void) unused;
    for (size_t i = 0; i < LIMIT_CASES; i++) {
        const struct limit_case *c = &limit_cases[i];
        struct wr_limit_tally state = { 0 };
        for (size_t n = 0; c->steps[n].cost; n++) {
            struct wr_limit_decision d = decide(&c->rule, &state, START + c->steps[n].at, c->steps[n].cost);
            decisions_equal(&d, &c->steps[n].want, c->name, n);
        }
        wr_limit_tally_fini(&c->rule, &state);
    }
}

/* Draws the times of requests: several at once, gaps near the rate's interval, and sometimes a long pause. */
static int64_t next_gap(const struct wr_limit_rule *rule)
{
    uint64_t interval = (uint64_t) (rule->window_us / rule->count) + 1;
    switch (wr_rand_below(8)) {
    case 0:
    case 1:
    case 2:
        return 0;
    case 3:
        return (int64_t) wr_rand_below((uint64_t) rule->window_us);
    default:
        return (int64_t) wr_rand_below(2 * interval);
    }
}

#define ASKED 3000

/* Sends ASKED requests of cost 1, and records the times of those that were admitted. */
static size_t admit(const struct wr_limit_rule *rule, int64_t *admitted)
{
    struct wr_limit_tally state = { 0 };
    int64_t now = START;
    size_t n = 0;
    for (int i = 0; i < ASKED; i++) {
        now += next_gap(rule);
        struct wr_limit_decision d = decide(rule, &state, now, 1);
        assert_true(d.remaining >= 0 && d.remaining <= rule->burst && d.reset_us >= 0);
        assert_true(d.allowed ? d.retry_after_us == 0
                              : d.retry_after_us > 0 && d.retry_after_us <= d.reset_us);
        if (d.allowed)
            admitted[n++] = now;
    }
    wr_limit_tally_fini(rule, &state);
    return n;
}

static struct wr_limit_rule random_rule(enum wr_algorithm algorithm)
{
    static const int64_t windows[] = { 1000, 999983, 1000000, 60000000, INT64_C(86400000000) };
    struct wr_limit_policy policy = {
        .algorithm = algorithm,
        .rate = { 1 + wr_rand_below(40), { windows[wr_rand_below(5)] } },
        .burst = 1 + wr_rand_below(60),
    };
    return wr_limit_rule_of(&policy, 1);
}

/* Checks that in no half-open span of one window more than `most` requests were admitted. */
static void no_window_holds_more(const struct wr_limit_rule *rule, const int64_t *admitted, size_t n,
                                 int64_t most)
{
    for (size_t first = 0, last = 0; last < n; last++) {
        while (admitted[last] - admitted[first] >= rule->window_us)
            first++;
        assert_true((int64_t) (last - first + 1) <= most);
    }
}

static void no_window_admits_more_than_promised(void **unused)
{
    (void) unused;
    static int64_t admitted[ASKED];
    for (int round = 0; round < 100; round++) {
        struct wr_limit_rule rule = random_rule(WR_SLIDING_WINDOW);
        no_window_holds_more(&rule, admitted, admit(&rule, admitted), rule.count);
        rule = random_rule(WR_FIXED_WINDOW); /* two windows may meet */
        no_window_holds_more(&rule, admitted, admit(&rule, admitted), 2 * rule.count);
    }
}

/* For token_bucket and gcra: checks that between any two admitted requests no more were admitted than burst
 * and what came back meanwhile. */
static void no_span_admits_more_than_burst_and_rate(void **unused)
{
    (void) unused;
    static int64_t admitted[ASKED];
    for (int round = 0; round < 40; round++) {
        struct wr_limit_rule rule = random_rule(round % 2 ? WR_GCRA : WR_TOKEN_BUCKET);
        size_t n = admit(&rule, admitted);
        for (size_t i = 0; i < n; i++)
            for (size_t j = i; j < n && j < i + 300; j++) {
                long double back = (long double) (admitted[j] - admitted[i]) * rule.count / rule.window_us;
                assert_true((long double) (j - i + 1) <= rule.burst + back + 1e-9L);
            }
    }
}

static void bucket_and_gcra_are_one_promise(void **unused)
{
    (void) unused;
    for (int round = 0; round < 200; round++) {
        struct wr_limit_rule bucket = random_rule(WR_TOKEN_BUCKET), gcra = bucket;
        gcra.algorithm = WR_GCRA;
        struct wr_limit_tally one = { 0 }, two = { 0 };
        int64_t now = START;
        for (size_t i = 0; i < 500; i++) {
            now += next_gap(&bucket);
            int64_t cost = 1 + (int64_t) wr_rand_below(3);
            struct wr_limit_decision a = decide(&bucket, &one, now, cost), b = decide(&gcra, &two, now, cost);
            decisions_equal(&a, &b, "bucket and gcra", i);
        }
    }
}

/* retry_after is exact to the microsecond: a request before it is refused, one at it is admitted. */
static void retry_after_is_exact(void **unused)
{
    (void) unused;
    for (int round = 0; round < 400; round++) {
        struct wr_limit_rule rule = random_rule((enum wr_algorithm)(round % WR_ALGORITHM_COUNT));
        struct wr_limit_tally state = { 0 };
        int64_t now = START;
        for (int i = 0; i < 200; i++) {
            struct wr_limit_decision d = decide(&rule, &state, now, 1);
            if (!d.allowed) {
                if (d.retry_after_us > 1)
                    assert_false(decide(&rule, &state, now + d.retry_after_us - 1, 1).allowed);
                now += d.retry_after_us;
                d = decide(&rule, &state, now, 1);
                assert_true(d.allowed);
            }
            now += next_gap(&rule) / 4;
        }
        struct wr_limit_decision last = decide(&rule, &state, now, 1);
        now += last.reset_us;
        assert_true(decide(&rule, &state, now, 1).remaining == rule.burst - 1);
        wr_limit_tally_fini(&rule, &state);
    }
}

/* The rate's interval isn't a whole number of microseconds. Over many windows admissions are lost only by
 * rounding, and none is added. */
static void nothing_drifts(void **unused)
{
    (void) unused;
    for (int i = 0; i < 2; i++) {
        struct wr_limit_rule rule = { i ? WR_GCRA : WR_TOKEN_BUCKET, 7, 1000003, 1 };
        struct wr_limit_tally state = { 0 };
        int64_t admitted = 0, windows = 20000, now = START, end = START + windows * rule.window_us;
        while (now < end) {
            struct wr_limit_decision d = decide(&rule, &state, now, 1);
            admitted += d.allowed;
            now += d.allowed ? 1 : d.retry_after_us;
        }
        /* With a burst of 1 an admission loses less than a microsecond, by rounding up. */
        assert_true(admitted <= windows * rule.count);
        assert_true(admitted >=
                    windows * rule.count - windows * rule.count * rule.count / rule.window_us - 1);

        rule.burst = 7; /* a larger burst loses nothing */
        state = (struct wr_limit_tally){ 0 };
        for (admitted = 0, now = START; now < end; now += 50000)
            admitted += decide(&rule, &state, now, 1).allowed;
        int64_t steps = (end - START + 49999) / 50000,
                flowed = (now - 50000 - START) * rule.count / rule.window_us;
        assert_true(steps > flowed + rule.burst);
        assert_int_equal(admitted, flowed + rule.burst);
    }
}

static void a_wild_clock_harms_nobody(void **unused)
{
    (void) unused;
    for (int round = 0; round < 400; round++) {
        struct wr_limit_rule rule = random_rule((enum wr_algorithm)(round % WR_ALGORITHM_COUNT));
        struct wr_limit_tally state = { 0 };
        for (int i = 0; i < 200; i++) {
            int64_t now = START + (int64_t) wr_rand_below(INT64_C(1) << (10 + wr_rand_below(35)));
            struct wr_limit_decision d = decide(&rule, &state, now, 1 + (int64_t) wr_rand_below(4));
            assert_true(d.remaining >= 0 && d.remaining <= rule.burst);
            /* no wait is longer than after an empty quota */
            struct wr_limit_tally empty = { 0 };
            struct wr_limit_decision worst = decide(&rule, &empty, now, rule.burst);
            wr_limit_tally_fini(&rule, &empty);
            assert_true(d.reset_us >= 0 && d.reset_us <= worst.reset_us);
            assert_true(d.retry_after_us >= 0 && d.retry_after_us <= worst.reset_us);
        }
        wr_limit_tally_fini(&rule, &state);
    }
}

static void a_rule_is_a_nodes_share_within_the_maxima(void **unused)
{
    (void) unused;
    struct wr_limit_policy policy = { .algorithm = WR_TOKEN_BUCKET,
                                      .rate = { 100, { 1000000 } },
                                      .burst = 200 };
    struct wr_limit_rule rule = wr_limit_rule_of(&policy, 4);
    assert_true(rule.count == 25 && rule.burst == 50 && rule.window_us == 1000000);
    rule = wr_limit_rule_of(&policy, 0);
    assert_true(rule.count == 100 && rule.burst == 200);
    rule = wr_limit_rule_of(&policy, 1000);
    assert_true(rule.count == 1 && rule.burst == 1);
    policy.burst = 0;
    assert_int_equal(wr_limit_rule_of(&policy, 1).burst, 100);
    policy.algorithm = WR_FIXED_WINDOW;
    policy.burst = 500; /* means nothing here */
    assert_int_equal(wr_limit_rule_of(&policy, 1).burst, 100);

    policy = (struct wr_limit_policy){ .algorithm = WR_GCRA,
                                       .rate = { UINT64_MAX, { INT64_MAX } },
                                       .burst = UINT64_MAX };
    rule = wr_limit_rule_of(&policy, 1);
    assert_true(rule.count == WR_LIMIT_MAX_COUNT && rule.window_us == WR_LIMIT_MAX_SPAN);
    policy.rate = (struct wr_rate){ 1,
                                    { INT64_C(86400000000) } }; /* 1/d, burst 1000: 366 come back in a year */
    policy.burst = 1000;
    assert_int_equal(wr_limit_rule_of(&policy, 1).burst, 366);
    policy.algorithm = WR_SLIDING_WINDOW;
    policy.rate.count = 1000000;
    assert_int_equal(wr_limit_rule_of(&policy, 1).count, WR_LIMIT_MAX_LOG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_the_table),
        cmocka_unit_test(no_window_admits_more_than_promised),
        cmocka_unit_test(no_span_admits_more_than_burst_and_rate),
        cmocka_unit_test(bucket_and_gcra_are_one_promise),
        cmocka_unit_test(retry_after_is_exact),
        cmocka_unit_test(nothing_drifts),
        cmocka_unit_test(a_wild_clock_harms_nobody),
        cmocka_unit_test(a_rule_is_a_nodes_share_within_the_maxima),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
