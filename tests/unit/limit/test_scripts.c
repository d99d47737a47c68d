/* The limit scripts in a real Redis: the same table as the arithmetic, random sequences against it, and
 * what else they must stand: lost times to live, foreign keys, Redis's own clock. */
#include "redis_server.h"

#include "base/rand.h"
#include "cases.h"
#include "redis/scripts_priv.h"

#define START INT64_C(1700000000000000)
#define KEY "weir:v1:limit:test:{client}"

/* Goes before a script: TIME is what the last argument says, and a time to live is kept aside and made
 * long, because fake hours pass here in real milliseconds. */
static const char fake_clock[] =
    "local real, fake = redis, table.remove(ARGV)\n"
    "local function ttl(ms) real.call('SET', KEYS[1] .. ':ttl', ms) return '600000' end\n"
    "local redis = setmetatable({ call = function(name, ...)\n"
    "    local args = { ... }\n"
    "    if name == 'TIME' then return { string.sub(fake, 1, -7), string.sub(fake, -6) } end\n"
    "    if name == 'SET' then assert(args[3] == 'PX') args[4] = ttl(args[4]) end\n"
    "    if name == 'PEXPIRE' then args[2] = ttl(args[2]) end\n"
    "    return real.call(name, unpack(args))\n"
    "end }, { __index = real })\n";

static struct redis_server server;
static redisContext *redis;
static char real_sha[4][41], fake_sha[4][41];

static const enum wr_script script_of[] = {
    [WR_FIXED_WINDOW] = WR_SCRIPT_LIMIT_FIXED_WINDOW,
    [WR_SLIDING_WINDOW] = WR_SCRIPT_LIMIT_SLIDING_WINDOW,
    [WR_TOKEN_BUCKET] = WR_SCRIPT_LIMIT_TOKEN_BUCKET,
    [WR_GCRA] = WR_SCRIPT_LIMIT_GCRA,
};

static void load(struct wr_slice prefix, struct wr_slice text, char sha[41])
{
    struct wr_buf whole = { 0 };
    wr_buf_add_slice(&whole, prefix);
    wr_buf_add_slice(&whole, text);
    redisReply *r = redisCommand(redis, "SCRIPT LOAD %b", whole.at, whole.len);
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
    redis_server_start(&server);
    redis = redisConnectUnix(server.socket);
    assert_true(redis != NULL && redis->err == 0);
    for (int a = 0; a < 4; a++) {
        load(wr_slice(NULL, 0), wr_script_text(script_of[a]), real_sha[a]);
        load(wr_slice_str(fake_clock), wr_script_text(script_of[a]), fake_sha[a]);
    }
    return 0;
}

static int stop(void **state)
{
    (void) state;
    redisFree(redis);
    redis_server_remove(&server);
    return 0;
}

/* now: 0 is Redis's own clock. */
static struct wr_limit_decision ask(const struct wr_limit_rule *rule, int64_t now, int64_t cost)
{
    char text[5][24];
    const char *argv[9] = { "EVALSHA", now ? fake_sha[rule->algorithm] : real_sha[rule->algorithm], "1", KEY };
    const int64_t numbers[] = { rule->count, rule->window_us, rule->burst, cost, now };
    int argc = now ? 9 : 8;
    for (int i = 0; i < argc - 4; i++) {
        snprintf(text[i], sizeof text[i], "%lld", (long long) numbers[i]);
        argv[4 + i] = text[i];
    }
    redisReply *r = redisCommandArgv(redis, argc, argv, NULL);
    assert_non_null(r);
    if (r->type == REDIS_REPLY_ERROR)
        fail_msg("%s", r->str);
    assert_true(r->type == REDIS_REPLY_ARRAY && r->elements == 4);
    struct wr_limit_decision d = { r->element[0]->integer == 1, r->element[1]->integer, r->element[2]->integer,
                                   r->element[3]->integer };
    freeReplyObject(r);
    return d;
}

static void forget(void)
{
    redis_int(redis, "FLUSHALL");
}

/* The key lives exactly as long as it says anything: until the quota is whole again. */
static void ttl_is(int64_t reset_us)
{
    redisReply *r = redisCommand(redis, "GET " KEY ":ttl");
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

/* Redis and this process, step by step, whatever the numbers and wherever the clock goes. */
static void random_sequences_agree(void **state)
{
    (void) state;
    static const char *names[] = { "fixed_window", "sliding_window", "token_bucket", "gcra" };
    for (int round = 0; round < 160; round++) {
        struct wr_limit_rule rule = random_rule((enum wr_algorithm) (round % 4));
        struct wr_limit_tally mine = { 0 };
        int64_t now = START;
        forget();
        for (size_t step = 0; step < 60; step++) {
            uint64_t interval = (uint64_t) rule.window_us * (1 + wr_rand_below(3)) / (uint64_t) rule.count + 2;
            if (wr_rand_below(3) > 0)
                now += (int64_t) wr_rand_below(interval);
            if (wr_rand_below(12) == 0)
                now -= (int64_t) wr_rand_below((uint64_t) rule.window_us);
            if (wr_rand_below(12) == 0)
                now += (int64_t) wr_rand_below((uint64_t) rule.window_us);
            int64_t cost = 1 + (int64_t) wr_rand_below((uint64_t) rule.burst / 3 + 1);
            struct wr_limit_decision there = ask(&rule, now, cost);
            struct wr_limit_decision here = wr_limit_decide(&rule, &mine, (struct wr_time){ now }, cost);
            decisions_equal(&there, &here, names[rule.algorithm], step);
        }
        wr_limit_tally_fini(&rule, &mine);
    }
}

static const struct wr_limit_rule fifty[] = {
    { WR_FIXED_WINDOW, 50, 60 * WR_US_PER_S, 50 },
    { WR_SLIDING_WINDOW, 50, 60 * WR_US_PER_S, 50 },
    { WR_TOKEN_BUCKET, 50, 600 * WR_US_PER_S, 50 },
    { WR_GCRA, 50, 600 * WR_US_PER_S, 50 },
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
    for (int a = 0; a < 4; a++) {
        forget();
        assert_int_equal(admitted_of_150(&fifty[a]), 50);
        long long ttl = redis_int(redis, "PTTL " KEY);
        assert_true(ttl > 0 && ttl <= fifty[a].window_us / 1000);
        assert_int_equal(redis_int(redis, "DBSIZE"), 1);
    }
}

static void a_lost_ttl_heals(void **state)
{
    (void) state;
    for (int a = 0; a < 4; a++) {
        forget();
        ask(&fifty[a], 0, 25);
        assert_int_equal(redis_int(redis, "PERSIST " KEY), 1);
        assert_true(ask(&fifty[a], 0, 1).allowed); /* by one that is admitted */
        assert_true(redis_int(redis, "PTTL " KEY) > 0);
        ask(&fifty[a], 0, 24);
        assert_int_equal(redis_int(redis, "PERSIST " KEY), 1);
        assert_false(ask(&fifty[a], 0, 25).allowed); /* by one that is refused */
        long long ttl = redis_int(redis, "PTTL " KEY);
        assert_true(ttl > 0 && ttl <= fifty[a].window_us / 1000);
    }
}

static void whatever_stands_at_the_key_a_limit_starts_anew(void **state)
{
    (void) state;
    static const char *intruders[] = {
        "SET " KEY " nonsense",
        "SET " KEY " window:1:2:3",
        "SET " KEY " due:-5:nan",
        "HSET " KEY " used x at nan part -1",
        "HSET " KEY " field value",
        "ZADD " KEY " -inf a 0 b 12.5 c",
        "LPUSH " KEY " 1",
        "SADD " KEY " 1",
    };
    for (int a = 0; a < 4; a++)
        for (size_t i = 0; i < sizeof intruders / sizeof intruders[0]; i++) {
            forget();
            redis_int(redis, intruders[i]);
            assert_int_equal(admitted_of_150(&fifty[a]), 50);
            assert_true(redis_int(redis, "PTTL " KEY) > 0);
        }
    /* a change of algorithm finds the other one's state */
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) {
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
        { "HSET " KEY " at 99999999999999999999999 used 99999999999999999 part 99999999999999999999", "bucket" },
        { "ZADD " KEY " inf a +inf b 9e300 c", "sliding" },
    };
    static const int algorithm_of[] = { WR_FIXED_WINDOW, WR_GCRA, WR_TOKEN_BUCKET, WR_SLIDING_WINDOW };
    for (size_t i = 0; i < 4; i++) {
        struct wr_limit_rule rule = fifty[algorithm_of[i]];
        forget();
        redis_int(redis, intruders[i][0]);
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
            assert_true(redis_int(redis, "ZCARD " KEY) <= 50);
    }
}

static void a_key_goes_when_it_says_nothing_more(void **state)
{
    (void) state;
    for (int a = 0; a < 4; a++) {
        struct wr_limit_rule rule = fifty[a];
        rule.window_us = 20000;
        forget();
        assert_true(ask(&rule, 0, 50).allowed);
        while (redis_int(redis, "EXISTS " KEY) > 0)
            ;
        assert_true(ask(&rule, 0, 50).allowed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_the_table),
        cmocka_unit_test(random_sequences_agree),
        cmocka_unit_test(on_rediss_own_clock_fifty_of_150),
        cmocka_unit_test(a_lost_ttl_heals),
        cmocka_unit_test(whatever_stands_at_the_key_a_limit_starts_anew),
        cmocka_unit_test(huge_numbers_at_the_key_lock_nobody_out),
        cmocka_unit_test(a_sliding_window_never_holds_more_than_its_quota),
        cmocka_unit_test(a_key_goes_when_it_says_nothing_more),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
