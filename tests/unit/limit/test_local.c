/* SPDX-License-Identifier: BSD-2-Clause */
/* limit/local: which quotas the table evicts, how large it gets, and exact counts with many threads. */
#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include "base/rand.h"
#include "cases.h"
#include "limit/local.h"
#include "stats/stats.h"

#define START INT64_C(5000000000)

static struct wr_limit_policy limit_of(enum wr_algorithm algorithm, uint64_t count, int64_t window_us)
{
    return (struct wr_limit_policy){
        .name = (char *) "test",
        .algorithm = algorithm,
        .rate = { count, { window_us } },
        .burst = count,
    };
}

static struct wr_limit_decision ask(struct wr_local_limits *l, const struct wr_limit_policy *limit,
                                    const char *who, int64_t now)
{
    struct wr_limit_decision d;
    struct wr_slice identity = wr_slice_str(who);
    wr_local_limits_decide(l, 1, &limit, &identity, (struct wr_mono){ now }, &d);
    return d;
}

static void each_limit_algorithm_and_client_has_its_own_quota(void **state)
{
    (void) state;
    struct wr_local_limits *l = wr_local_limits_new(1000);
    struct wr_limit_policy first = limit_of(WR_GCRA, 1, 1000000), second = first, third = first;
    second.name = (char *) "other";
    third.algorithm = WR_TOKEN_BUCKET;
    const struct wr_limit_policy *limits[] = { &first, &second, &third };
    for (int i = 0; i < 3; i++) {
        assert_true(ask(l, limits[i], "a", START).allowed);
        assert_true(ask(l, limits[i], "b", START).allowed);
        assert_false(ask(l, limits[i], "a", START).allowed);
        assert_true(ask(l, limits[i], "", START).allowed);
    }
    assert_int_equal(wr_local_limits_count(l), 9);
    wr_local_limits_free(l);
}

static void several_limits_count_together_or_not_at_all(void **state)
{
    (void) state;
    for (size_t i = 0; i < SEVERAL_CASES; i++) {
        const struct several_case *c = &several_cases[i];
        struct wr_local_limits *l = wr_local_limits_new(1000);
        struct wr_limit_policy policies[3];
        const struct wr_limit_policy *limits[3];
        const struct wr_slice identities[3] = { WR_SLICE_INIT("a"), WR_SLICE_INIT("b"), WR_SLICE_INIT("c") };
        for (size_t k = 0; k < c->count; k++) {
            policies[k] = limit_of(c->rules[k].algorithm, (uint64_t) c->rules[k].count,
                                   c->rules[k].window_us);
            policies[k].burst = (uint64_t) c->rules[k].burst;
            policies[k].observe = c->observe[k];
            limits[k] = &policies[k];
        }
        for (size_t n = 0; n < c->step_count; n++) {
            struct wr_limit_decision got[3];
            wr_local_limits_decide(l, c->count, limits, identities,
                                   (struct wr_mono){ START + c->steps[n].at }, got);
            for (size_t k = 0; k < c->count; k++)
                decisions_equal(&got[k], &c->steps[n].want[k], c->name, n);
        }
        wr_local_limits_free(l);
    }
}

/* All shards are full, and each request has as many limits as possible, mostly in the same few shards. Quotas
 * of the request being decided aren't evicted. */
static void many_limits_in_a_full_table(void **state)
{
    (void) state;
    struct wr_local_limits *l = wr_local_limits_new(1);
    struct wr_limit_policy policy = limit_of(WR_SLIDING_WINDOW, 3, 1000000);
    const struct wr_limit_policy *limits[WR_MAX_ROUTE_LIMITS];
    struct wr_slice identities[WR_MAX_ROUTE_LIMITS];
    char who[WR_MAX_ROUTE_LIMITS][32];
    for (int i = 0; i < 20000; i++) {
        struct wr_limit_decision got[WR_MAX_ROUTE_LIMITS];
        for (size_t k = 0; k < WR_MAX_ROUTE_LIMITS; k++) {
            snprintf(who[k], sizeof who[k], "%d %zu", i, k);
            limits[k] = &policy;
            identities[k] = wr_slice_str(who[k]);
        }
        wr_local_limits_decide(l, WR_MAX_ROUTE_LIMITS, limits, identities, (struct wr_mono){ START + i },
                               got);
        for (size_t k = 0; k < WR_MAX_ROUTE_LIMITS; k++)
            assert_true(got[k].allowed && got[k].remaining == 2);
    }
    wr_local_limits_free(l);
}

static void nodes_share_a_limit(void **state)
{
    (void) state;
    struct wr_local_limits *l = wr_local_limits_new(1000);
    for (int a = 0; a < WR_ALGORITHM_COUNT; a++) {
        struct wr_limit_policy limit = limit_of((enum wr_algorithm) a, 100, 60000000);
        int admitted = 0;
        wr_local_limits_nodes(l, 4);
        for (int i = 0; i < 200; i++)
            admitted += ask(l, &limit, "c", START).allowed;
        assert_int_equal(admitted, 25);
        wr_local_limits_nodes(l, 0); /* the node is alone again, so it has the whole quota at once */
        for (int i = 0; i < 200; i++)
            admitted += ask(l, &limit, "c", START).allowed;
        assert_in_range(admitted, a == WR_GCRA ? 25 : 100, 100);
    }
    wr_local_limits_free(l);
}

static void the_idle_are_forgotten(void **state)
{
    (void) state;
    struct wr_local_limits *l = wr_local_limits_new(100000);
    char who[32];
    for (int a = 0; a < WR_ALGORITHM_COUNT; a++) {
        struct wr_limit_policy limit = limit_of((enum wr_algorithm) a, 5, 1000000);
        int64_t now = START + a * INT64_C(1000000000);
        for (int i = 0; i < 20000; i++) {
            snprintf(who, sizeof who, "%d", i);
            ask(l, &limit, who, now);
        }
        assert_true(wr_local_limits_count(l) >= 20000);
        now += 2000000;
        for (int i = 0; i < 20000; i++) {
            snprintf(who, sizeof who, "new %d", i);
            ask(l, &limit, who, now);
        }
        assert_true(wr_local_limits_count(l) < 22000); /* each new quota makes the table check two old ones */
    }
    wr_local_limits_free(l);
}

static void a_flood_of_newcomers_does_not_free_the_refused(void **state)
{
    (void) state;
    const int cap = 3200, bad = 300;
    struct wr_local_limits *l = wr_local_limits_new((size_t) cap);
    char who[32];
    for (int a = 0; a < WR_ALGORITHM_COUNT; a++) {
        struct wr_limit_policy limit = limit_of((enum wr_algorithm) a, 10, INT64_C(3600000000));
        uint64_t evicted = wr_stats_sum(WR_STAT_limit_evicted);
        int64_t now = START;
        for (int i = 0; i < bad; i++) {
            snprintf(who, sizeof who, "bad %d", i);
            for (int n = 0; n < 11; n++)
                ask(l, &limit, who, now);
        }
        for (int i = 0; i < 20000; i++) {
            snprintf(who, sizeof who, "new %d", i);
            ask(l, &limit, who, now += 10);
        }
        assert_true(wr_local_limits_count(l) <= (size_t) cap);
        assert_true(wr_stats_sum(WR_STAT_limit_evicted) > evicted);
        int still = 0;
        for (int i = 0; i < bad; i++) {
            snprintf(who, sizeof who, "bad %d", i);
            still += !ask(l, &limit, who, now).allowed;
        }
        assert_int_equal(still, bad);
        wr_local_limits_free(l);
        l = wr_local_limits_new((size_t) cap);
    }
    wr_local_limits_free(l);
}

/* The logs of a shard have room for one log of the greatest length. With 40 long logs in 32 shards some are
 * evicted, though there are entries for all. */
static void logs_stay_within_their_memory(void **state)
{
    (void) state;
    struct wr_local_limits *l = wr_local_limits_new(3200);
    struct wr_limit_policy limit = limit_of(WR_SLIDING_WINDOW, 1000000, INT64_C(3600000000));
    for (int64_t i = 0; i < WR_LIMIT_MAX_LOG; i++)
        assert_true(ask(l, &limit, "longest", START + i).allowed);
    assert_false(ask(l, &limit, "longest", START + WR_LIMIT_MAX_LOG).allowed);
    char who[32];
    for (int i = 0; i < 40; i++) {
        snprintf(who, sizeof who, "%d", i);
        for (int64_t n = 0; n <= 65536; n++)
            ask(l, &limit, who, START + WR_LIMIT_MAX_LOG);
    }
    assert_in_range(wr_local_limits_count(l), 10, 32);
    wr_local_limits_free(l);
}

#define THREADS 4
#define ROUNDS 20000

struct crowd {
    struct wr_local_limits *l;
    struct wr_limit_policy limit;
    int64_t clock; /* atomic */
    int admitted;  /* atomic */
};

static void *one_of_the_crowd(void *arg)
{
    struct crowd *c = arg;
    char who[16];
    wr_stats_join();
    for (int i = 0; i < ROUNDS; i++) {
        /* A thread's time may be up to 50 us behind the latest. */
        int64_t now = __atomic_add_fetch(&c->clock, 1, __ATOMIC_RELAXED) - (int64_t) wr_rand_below(50);
        if (ask(c->l, &c->limit, "crowd", now).allowed)
            __atomic_add_fetch(&c->admitted, 1, __ATOMIC_RELAXED);
        snprintf(who, sizeof who, "%d",
                 (int) wr_rand_below(500)); /* other quotas come and are evicted meanwhile */
        ask(c->l, &c->limit, who, now);
        if (i % 1000 == 0)
            wr_local_limits_nodes(c->l, 1);
    }
    return NULL;
}

static void threads_together_get_one_quota(void **state)
{
    (void) state;
    for (int round = 0; round < 2 * WR_ALGORITHM_COUNT; round++) {
        int a = round % WR_ALGORITHM_COUNT;
        bool roomy = round < WR_ALGORITHM_COUNT;
        struct crowd c = { wr_local_limits_new(roomy ? 8000 : 256),
                           limit_of((enum wr_algorithm) a, 100, 10000), START, 0 };
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, one_of_the_crowd, &c), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        /* THREADS * ROUNDS microseconds have passed; the rate is 100 in 10000 of them, with one burst */
        int most = THREADS * ROUNDS / 100 + 100;
        if (roomy) /* otherwise the quota may have been evicted meanwhile */
            assert_in_range(c.admitted, most - 120, most);
        else
            assert_in_range(wr_local_limits_count(c.l), 1, 256);
        wr_local_limits_free(c.l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_algorithm_and_client_has_its_own_quota),
        cmocka_unit_test(several_limits_count_together_or_not_at_all),
        cmocka_unit_test(many_limits_in_a_full_table),
        cmocka_unit_test(nodes_share_a_limit),
        cmocka_unit_test(the_idle_are_forgotten),
        cmocka_unit_test(a_flood_of_newcomers_does_not_free_the_refused),
        cmocka_unit_test(logs_stay_within_their_memory),
        cmocka_unit_test(threads_together_get_one_quota),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
