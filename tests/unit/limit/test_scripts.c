/* SPDX-License-Identifier: BSD-2-Clause */
/* The limit scripts in a real redis-server: the table of cases of limit/algorithm, random sequences compared
 * with it, keys without a time to live, keys of another type, and Redis's own clock. */
#include "redis/server.h"

#include "base/rand.h"
#include "cases.h"
#include "redis/scripts_priv.h"

#define START INT64_C(1700000000000000)
#define KEY "weir:v1:limit:test:{client}"

/* Stands before a script and changes three commands. TIME returns the last argument. SET and PEXPIRE record
 * the time to live in another key and set a long one, because an hour of the test's clock takes milliseconds.
 */
static const char fake_clock[] =
    "local real, fake = redis, table.remove(ARGV)\n"
    "local function ttl(key, ms) real.call('SET', key .. ':ttl', ms) return '600000' end\n"
    "local redis = setmetatable({ call = function(name, ...)\n"
    "    local args = { ... }\n"
    "    if name == 'TIME' then return { string.sub(fake, 1, -7), string.sub(fake, -6) } end\n"
    "    if name == 'SET' then assert(args[3] == 'PX') args[4] = ttl(args[1], args[4]) end\n"
    "    if name == 'PEXPIRE' then args[2] = ttl(args[1], args[2]) end\n"
    "    return real.call(name, unpack(args))\n"
    "end }, { __index = real })\n";

static struct test_redis server;
static char real_sha[41], fake_sha[41];

static const char *name_of(enum wr_algorithm algorithm)
{
    return wr_words_text(&wr_words_algorithm, algorithm);
}

static void load(struct wr_slice prefix, struct wr_slice text, char sha[41])
{
    struct wr_buf whole = { 0 };
    wr_buf_add_slice(&whole, prefix);
    wr_buf_add_slice(&whole, text);
    redisReply *r = redisCommand(server.control, "SCRIPT LOAD %b", whole.at, whole.len);
    assert_non_null(r);
    if (r->type != REDIS_REPLY_STRING)
        fail_msg("SCRIPT LOAD: %s", r->str);
    strcpy(sha, r->str);
    freeReplyObject(r);
    wr_buf_fini(&whole);
}

static int start(void **state)
{
    (void) state;
    server_start(&server);
    load(wr_slice(NULL, 0), wr_script_text(WR_SCRIPT_LIMIT), real_sha);
    load(wr_slice_str(fake_clock), wr_script_text(WR_SCRIPT_LIMIT), fake_sha);
    return 0;
}

static int stop(void **state)
{
    (void) state;
    server_stop(&server);
    return 0;
}

/* Asks the limits of one request, each with its own key: KEY, KEY2... now: 0 means Redis's own clock. */
static void ask_all(size_t count, const struct wr_limit_rule *rules, const bool *observe, int64_t now,
                    int64_t cost, struct wr_limit_decision *out)
{
    const char *argv[40] = { "EVALSHA", now ? fake_sha : real_sha };
    char text[40][64];
    int argc = 2;
#define ADD(...) (snprintf(text[argc], sizeof text[argc], __VA_ARGS__), argv[argc] = text[argc], argc++)
    ADD("%zu", count);
    for (size_t i = 0; i < count; i++)
        i == 0 ? ADD("%s", KEY) : ADD("%s%zu", KEY, i + 1);
    ADD("%lld", (long long) cost);
    for (size_t i = 0; i < count; i++) {
        ADD("%s", name_of(rules[i].algorithm));
        ADD("%d", observe && observe[i]);
        ADD("%lld", (long long) rules[i].count);
        ADD("%lld", (long long) rules[i].window_us);
        ADD("%lld", (long long) rules[i].burst);
    }
    if (now)
        ADD("%lld", (long long) now);
#undef ADD
    redisReply *r = redisCommandArgv(server.control, argc, argv, NULL);
    assert_non_null(r);
    if (r->type == REDIS_REPLY_ERROR)
        fail_msg("%s", r->str);
    assert_true(r->type == REDIS_REPLY_ARRAY && r->elements == 4 * count);
    for (size_t i = 0; i < count; i++) {
        redisReply **e = r->element + 4 * i;
        out[i] = (struct wr_limit_decision){ e[0]->integer == 1, e[1]->integer, e[2]->integer,
                                             e[3]->integer };
    }
    freeReplyObject(r);
}

static struct wr_limit_decision ask(const struct wr_limit_rule *rule, int64_t now, int64_t cost)
{
    struct wr_limit_decision d;
    ask_all(1, rule, NULL, now, cost, &d);
    return d;
}

static void forget(void)
{
    server_do(&server, "FLUSHALL");
}

/* The key expires when the quota is full again. */
static void ttl_is(int64_t reset_us)
{
    redisReply *r = redisCommand(server.control, "GET " KEY ":ttl");
    assert_true(r != NULL && r->type == REDIS_REPLY_STRING);
    assert_int_equal(atoll(r->str), (reset_us + 999) / 1000);
    freeReplyObject(r);
}

static void every_case_of_the_table(void **state)
{
    (void) state;
    for (size_t i = 0; i < LIMIT_CASES; i++) {
        const struct limit_case *c = &limit_cases[i];
        if (c->rule.algorithm == WR_SLIDING_WINDOW && c->rule.count > 1000)
            continue;
        forget();
        for (size_t n = 0; c->steps[n].cost; n++) {
            struct wr_limit_decision d = ask(&c->rule, START + c->steps[n].at, c->steps[n].cost);
            decisions_equal(&d, &c->steps[n].want, c->name, n);
            if (d.allowed)
                ttl_is(d.reset_us);
        }
    }
}

static struct wr_limit_rule random_rule(enum wr_algorithm algorithm)
{
    static const int64_t windows[] = { 1000, 999983, 60000000, INT64_C(86400000000), WR_LIMIT_MAX_SPAN };
    uint64_t most = algorithm == WR_SLIDING_WINDOW || wr_rand_below(2) ? 12 : 1000000000;
    struct wr_limit_policy policy = {
        .algorithm = algorithm,
        .rate = { 1 + wr_rand_below(most), { windows[wr_rand_below(5)] } },
        .burst = 1 + wr_rand_below(most),
    };
    return wr_limit_rule_of(&policy, 1);
}

/* Random steps with any numbers, and a clock that jumps: the script and limit/algorithm decide the same at
 * each step. */
static void random_sequences_agree(void **state)
{
    (void) state;
    for (int round = 0; round < 160; round++) {
        struct wr_limit_rule rule = random_rule((enum wr_algorithm)(round % WR_ALGORITHM_COUNT));
        struct wr_limit_tally mine = { 0 };
        int64_t now = START;
        forget();
        for (size_t step = 0; step < 60; step++) {
            uint64_t interval = (uint64_t) rule.window_us * (1 + wr_rand_below(3)) / (uint64_t) rule.count +
                                2;
            if (wr_rand_below(3) > 0)
                now += (int64_t) wr_rand_below(interval);
            if (wr_rand_below(12) == 0)
                now -= (int64_t) wr_rand_below((uint64_t) rule.window_us);
            if (wr_rand_below(12) == 0)
                now += (int64_t) wr_rand_below((uint64_t) rule.window_us);
            int64_t cost = 1 + (int64_t) wr_rand_below((uint64_t) rule.burst / 3 + 1);
            struct wr_limit_decision there = ask(&rule, now, cost);
            struct wr_limit_decision here = wr_limit_decide(&rule, &mine, (struct wr_mono){ now }, cost,
                                                            true);
            decisions_equal(&there, &here, name_of(rule.algorithm), step);
        }
        wr_limit_tally_fini(&rule, &mine);
    }
}

static void several_limits_count_together_or_not_at_all(void **state)
{
    (void) state;
    for (size_t i = 0; i < SEVERAL_CASES; i++) {
        const struct several_case *c = &several_cases[i];
        forget();
        for (size_t n = 0; n < c->step_count; n++) {
            struct wr_limit_decision got[3];
            ask_all(c->count, c->rules, c->observe, START + c->steps[n].at, 1, got);
            for (size_t k = 0; k < c->count; k++)
                decisions_equal(&got[k], &c->steps[n].want[k], c->name, n);
        }
    }
}

/* As local.c does it. */
static void decide_several(const struct wr_limit_rule *rules, const bool *observe,
                           struct wr_limit_tally *states, int64_t now, int64_t cost,
                           struct wr_limit_decision *out)
{
    bool refused = false;
    for (int k = 0; k < 2; k++) {
        out[k] = wr_limit_decide(&rules[k], &states[k], (struct wr_mono){ now }, cost, false);
        refused |= !out[k].allowed && !observe[k];
    }
    for (int k = 0; k < 2 && !refused; k++)
        out[k] = wr_limit_decide(&rules[k], &states[k], (struct wr_mono){ now }, cost, true);
}

static void random_sequences_of_two_limits_agree(void **state)
{
    (void) state;
    for (int round = 0; round < 320; round++) {
        const struct wr_limit_rule rules[2] = { random_rule((enum wr_algorithm)(round % WR_ALGORITHM_COUNT)),
                                                random_rule((enum wr_algorithm)(round / 4 % 4)) };
        const bool observe[2] = { wr_rand_below(4) == 0, wr_rand_below(4) == 0 };
        struct wr_limit_tally mine[2] = { 0 };
        int64_t now = START;
        forget();
        for (size_t step = 0; step < 40; step++) {
            const struct wr_limit_rule *r = &rules[wr_rand_below(2)];
            now += (int64_t) wr_rand_below(
                (uint64_t) r->window_us * (1 + wr_rand_below(3)) / (uint64_t) r->count + 2);
            if (wr_rand_below(12) == 0)
                now -= (int64_t) wr_rand_below((uint64_t) r->window_us);
            int64_t cost = 1 + (int64_t) wr_rand_below((uint64_t) r->burst / 3 + 1);
            struct wr_limit_decision there[2], here[2];
            ask_all(2, rules, observe, now, cost, there);
            decide_several(rules, observe, mine, now, cost, here);
            for (int k = 0; k < 2; k++)
                decisions_equal(&there[k], &here[k], name_of(rules[k].algorithm), step);
        }
        for (int k = 0; k < 2; k++)
            wr_limit_tally_fini(&rules[k], &mine[k]);
    }
}

static const struct wr_limit_rule fifty[] = {
#define ALGORITHM(ID, word, has_burst, about) \
    [WR_##ID] = { WR_##ID, 50, (has_burst ? 600 : 60) * WR_US_PER_S, 50 },
#include "policy/algorithms.def"
};

static int admitted_of_150(const struct wr_limit_rule *rule)
{
    int admitted = 0;
    for (int i = 0; i < 150; i++)
        admitted += ask(rule, 0, 1).allowed;
    return admitted;
}

static void on_rediss_own_clock_fifty_of_150(void **state)
{
    (void) state;
    for (int a = 0; a < WR_ALGORITHM_COUNT; a++) {
        forget();
        assert_int_equal(admitted_of_150(&fifty[a]), 50);
        long long ttl = server_int(&server, "PTTL " KEY);
        assert_true(ttl > 0 && ttl <= fifty[a].window_us / 1000);
        assert_int_equal(server_int(&server, "DBSIZE"), 1);
    }
}

static void a_lost_ttl_heals(void **state)
{
    (void) state;
    for (int a = 0; a < WR_ALGORITHM_COUNT; a++) {
        forget();
        ask(&fifty[a], 0, 25);
        assert_int_equal(server_int(&server, "PERSIST " KEY), 1);
        assert_true(ask(&fifty[a], 0, 1).allowed); /* by a request that is admitted */
        assert_true(server_int(&server, "PTTL " KEY) > 0);
        ask(&fifty[a], 0, 24);
        assert_int_equal(server_int(&server, "PERSIST " KEY), 1);
        assert_false(ask(&fifty[a], 0, 25).allowed); /* by a request that is refused */
        long long ttl = server_int(&server, "PTTL " KEY);
        assert_true(ttl > 0 && ttl <= fifty[a].window_us / 1000);
    }
}

static void whatever_stands_at_the_key_a_limit_starts_anew(void **state)
{
    (void) state;
    static const char *intruders[] = {
        "SET " KEY " nonsense",     "SET " KEY " window:1:2:3",
        "SET " KEY " due:-5:nan",   "HSET " KEY " used x at nan part -1",
        "HSET " KEY " field value", "ZADD " KEY " -inf a 0 b 12.5 c",
        "LPUSH " KEY " 1",          "SADD " KEY " 1",
    };
    for (int a = 0; a < WR_ALGORITHM_COUNT; a++)
        for (size_t i = 0; i < sizeof intruders / sizeof intruders[0]; i++) {
            forget();
            server_do(&server, intruders[i]);
            assert_int_equal(admitted_of_150(&fifty[a]), 50);
            assert_true(server_int(&server, "PTTL " KEY) > 0);
        }
    /* after a change of algorithm the key holds the state of the other one */
    for (int a = 0; a < WR_ALGORITHM_COUNT; a++)
        for (int b = 0; b < WR_ALGORITHM_COUNT; b++) {
            if (a == b)
                continue;
            forget();
            assert_int_equal(admitted_of_150(&fifty[a]), 50);
            assert_int_equal(admitted_of_150(&fifty[b]), 50);
        }
}

static void huge_numbers_at_the_key_lock_nobody_out(void **state)
{
    (void) state;
    static const char *intruders[][2] = {
        { "SET " KEY " window:99999999999999999999999:99999999999999999999", "fixed" },
        { "SET " KEY " due:99999999999999999999999:99999999999999999999", "gcra" },
        { "HSET " KEY " at 99999999999999999999999 used 99999999999999999 part 99999999999999999999",
          "bucket" },
        { "ZADD " KEY " inf a +inf b 9e300 c", "sliding" },
    };
    static const int algorithm_of[] = { WR_FIXED_WINDOW, WR_GCRA, WR_TOKEN_BUCKET, WR_SLIDING_WINDOW };
    for (size_t i = 0; i < 4; i++) {
        struct wr_limit_rule rule = fifty[algorithm_of[i]];
        forget();
        server_do(&server, intruders[i][0]);
        struct wr_limit_decision d = ask(&rule, START, 50);
        assert_false(d.allowed);
        assert_true(d.reset_us <= rule.window_us && d.retry_after_us <= rule.window_us);
        assert_true(ask(&rule, START + d.retry_after_us, 50).allowed);
    }
}

static void a_sliding_window_never_holds_more_than_its_quota(void **state)
{
    (void) state;
    forget();
    int64_t now = START;
    for (int i = 0; i < 2000; i++) {
        now += (int64_t) wr_rand_below(2 * 60 * WR_US_PER_S / 50);
        ask(&fifty[WR_SLIDING_WINDOW], now, 1);
        if (i % 20 == 0)
            assert_true(server_int(&server, "ZCARD " KEY) <= 50);
    }
}

static void a_key_goes_when_it_says_nothing_more(void **state)
{
    (void) state;
    for (int a = 0; a < WR_ALGORITHM_COUNT; a++) {
        struct wr_limit_rule rule = fifty[a];
        rule.window_us = 20000;
        forget();
        assert_true(ask(&rule, 0, 50).allowed);
        while (server_int(&server, "EXISTS " KEY) > 0)
            ;
        assert_true(ask(&rule, 0, 50).allowed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_the_table),
        cmocka_unit_test(random_sequences_agree),
        cmocka_unit_test(several_limits_count_together_or_not_at_all),
        cmocka_unit_test(random_sequences_of_two_limits_agree),
        cmocka_unit_test(on_rediss_own_clock_fifty_of_150),
        cmocka_unit_test(a_lost_ttl_heals),
        cmocka_unit_test(whatever_stands_at_the_key_a_limit_starts_anew),
        cmocka_unit_test(huge_numbers_at_the_key_lock_nobody_out),
        cmocka_unit_test(a_sliding_window_never_holds_more_than_its_quota),
        cmocka_unit_test(a_key_goes_when_it_says_nothing_more),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
