/* SPDX-License-Identifier: BSD-2-Clause */
/* limit: one question for several limits, with a real link and a real redis-server that is killed, hangs and
 * refuses. */
#include "redis/server.h"

#include <signal.h>

#include "limit/limit.h"
#include "limit/local.h"
#include "stats/stats.h"

static struct test_redis server;
static struct wr_loop loop;

/* One worker's limiter, and what it needs. */
struct bench {
    struct wr_policy *policy;
    struct wr_link *link;
    struct wr_local_limits *local;
    struct wr_limiter *limiter;
};

static struct wr_policy *policy_of(const char *redis_lines)
{
    struct wr_buf text = { 0 }, errors = { 0 };
    wr_buf_printf(&text,
                  "listen:\n  - address: 127.0.0.1:1\n"
                  "%s"
                  "origins:\n  o: { servers: [127.0.0.1:1] }\n"
                  "limits:\n"
                  "  fixed: { key: client, algorithm: fixed_window, rate: 50/h }\n"
                  "  sliding: { key: client, algorithm: sliding_window, rate: 50/h }\n"
                  "  bucket: { key: client, algorithm: token_bucket, rate: 50/h }\n"
                  "  gcra: { key: client, algorithm: gcra, rate: 50/h }\n"
                  "  quiet: { key: client, algorithm: fixed_window, rate: 1/h, mode: observe }\n"
                  "routes:\n  - { match: {}, origin: o }\n",
                  redis_lines);
    struct wr_policy *p = wr_policy_parse(wr_buf_slice(&text), "test.yaml", &errors);
    if (p == NULL)
        fail_msg("%.*s", (int) errors.len, errors.at);
    wr_buf_fini(&text);
    wr_buf_fini(&errors);
    return p;
}

/* Runs the loop until the condition holds. It has no time limit of its own: the test runner ends a test that
 * hangs. */
#define TURN_UNTIL(condition) \
    while (!(condition))      \
    event_base_loop(loop.base, EVLOOP_ONCE)

static void tick(struct wr_timer *timer)
{
    wr_timer_set(timer, WR_SPAN_MS(2));
}

static struct wr_timer ticker; /* makes TURN_UNTIL check its condition again */

static struct bench bench_new(const char *on_failure, const char *timeout)
{
    char lines[256];
    snprintf(lines, sizeof lines, "redis: { url: \"unix://%s\", on_failure: %s, timeout: %s }\n", server.sock,
             on_failure, timeout);
    struct bench b = { .policy = policy_of(lines), .local = wr_local_limits_new(1000) };
    b.link = wr_link_new(&loop, b.policy, NULL, "weir:test:0");
    b.limiter = wr_limiter_new(&loop, b.policy, b.link, b.local);
    TURN_UNTIL(wr_link_ready(b.link));
    return b;
}

static void bench_free(struct bench *b)
{
    wr_limiter_free(b->limiter);
    wr_link_free(b->link);
    wr_local_limits_free(b->local);
    wr_policy_unref(b->policy);
}

struct limit_asker {
    struct wr_limit_ask ask;
    int answers;
};

static void on_done(struct wr_limit_ask *ask)
{
    WR_CONTAINER(ask, struct limit_asker, ask)->answers++;
}

/* names: of limits, NULL-ended. */
static enum wr_limit_answer put(struct bench *b, struct limit_asker *a, const char *who,
                                const char *const *names)
{
    *a = (struct limit_asker){ .ask.done = on_done };
    for (; *names; names++)
        for (size_t i = 0; i < b->policy->limit_count; i++)
            if (strcmp(b->policy->limits[i].name, *names) == 0) {
                a->ask.identities[a->ask.count] = wr_slice_str(who);
                a->ask.limits[a->ask.count++] = &b->policy->limits[i];
            }
    return wr_limiter_ask(b->limiter, &a->ask);
}

static const char *const all_four[] = { "fixed", "sliding", "bucket", "gcra", NULL };
static const char *const only_gcra[] = { "gcra", NULL };
static const char *const only_quiet[] = { "quiet", NULL };
static const char *const gcra_and_quiet[] = { "gcra", "quiet", NULL };

static void ask_and_wait(struct bench *b, struct limit_asker *a, const char *who, const char *const *names)
{
    if (put(b, a, who, names) == WR_LIMIT_LATER) {
        assert_int_equal(a->answers, 0); /* the callback isn't called before the ask has returned */
        TURN_UNTIL(a->answers > 0);
        assert_int_equal(a->answers, 1);
    } else {
        assert_int_equal(a->answers, 0);
    }
}

static int start(void **state)
{
    (void) state;
    server_start(&server);
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    wr_timer_init(&ticker, &loop, tick);
    tick(&ticker);
    return 0;
}

static int stop(void **state)
{
    (void) state;
    wr_timer_fini(&ticker);
    wr_loop_fini(&loop);
    server_stop(&server);
    return 0;
}

static void without_redis_the_answer_is_there_at_once(void **state)
{
    (void) state;
    struct bench b = { .policy = policy_of(""), .local = wr_local_limits_new(1000) };
    b.limiter = wr_limiter_new(&loop, b.policy, NULL, b.local);
    struct limit_asker a;
    for (int i = 0; i < 60; i++) {
        assert_int_equal(put(&b, &a, "c", all_four), WR_LIMIT_NOW);
        for (int n = 0; n < 4; n++)
            assert_int_equal(a.ask.verdicts[n].allowed, i < 50);
        assert_int_equal(wr_limit_refused_by(&a.ask) < 0, i < 50);
    }
    assert_true(a.ask.verdicts[1].quota == 50 && a.ask.verdicts[1].window.us == 3600 * WR_US_PER_S);
    assert_true(a.ask.verdicts[1].retry_after.us > 0 && a.ask.verdicts[1].remaining == 0);
    wr_limit_cancel(&a.ask);                                        /* has no effect after the answer */
    assert_int_equal(put(&b, &a, "c", &all_four[4]), WR_LIMIT_NOW); /* without limits there is no question */
    assert_int_equal(wr_limit_refused_by(&a.ask), -1);
    bench_free(&b);
}

/* Three nodes' limiters ask 150 times at once. The limit is 50. */
static void three_nodes_share_one_quota(void **state)
{
    (void) state;
    struct bench nodes[3];
    for (int i = 0; i < 3; i++)
        nodes[i] = bench_new("local", "5s");
    static struct limit_asker askers[150];
    int admitted[4] = { 0 }, answered = 0;
    for (int i = 0; i < 150; i++)
        assert_int_equal(put(&nodes[i % 3], &askers[i], "198.51.100.1", all_four), WR_LIMIT_LATER);
    for (int i = 0; i < 150; i++) {
        TURN_UNTIL(askers[i].answers > 0);
        answered += askers[i].answers;
        for (int n = 0; n < 4; n++)
            admitted[n] += askers[i].ask.verdicts[n].allowed;
    }
    assert_int_equal(answered, 150);
    for (int n = 0; n < 4; n++)
        assert_int_equal(admitted[n], 50);
    assert_int_equal(wr_local_limits_count(nodes[0].local), 0);
    assert_int_equal(
        server_int(&server, "EXISTS weir:v1:limit:fixed:{198.51.100.1} weir:v1:limit:sliding:{198.51.100.1} "
                            "weir:v1:limit:bucket:{198.51.100.1} weir:v1:limit:gcra:{198.51.100.1}"),
        4);
    for (int i = 0; i < 3; i++)
        bench_free(&nodes[i]);
}

static void observed_limits_count_and_refuse_nobody(void **state)
{
    (void) state;
    struct bench b = bench_new("local", "5s");
    struct limit_asker a;
    uint64_t seen = wr_stats_sum(WR_STAT_limit_observed);
    for (int i = 0; i < 3; i++) {
        ask_and_wait(&b, &a, "watched", only_quiet);
        assert_true(a.ask.verdicts[0].allowed);
        assert_int_equal(a.ask.verdicts[0].over, i > 0);
    }
    assert_int_equal(wr_stats_sum(WR_STAT_limit_observed), seen + 2);
    bench_free(&b);
}

static void the_cancelled_hear_nothing(void **state)
{
    (void) state;
    struct bench b = bench_new("local", "5s");
    struct limit_asker gone, next;
    assert_int_equal(put(&b, &gone, "gone", all_four), WR_LIMIT_LATER);
    wr_limit_cancel(&gone.ask);
    wr_limit_cancel(&gone.ask);
    ask_and_wait(&b, &next, "next", all_four); /* its replies come after those of the cancelled ask */
    assert_int_equal(gone.answers, 0);
    /* a limiter whose last reference is dropped still answers */
    assert_int_equal(put(&b, &next, "next", all_four), WR_LIMIT_LATER);
    wr_limiter_free(b.limiter);
    b.limiter = NULL;
    TURN_UNTIL(next.answers > 0);
    assert_int_equal(wr_limit_refused_by(&next.ask), -1);
    bench_free(&b);
}

/* In three cases the process counts by itself: Redis answers that it is out of memory, Redis hangs, Redis is
 * dead. */
static void whatever_befalls_redis_this_node_counts_its_share(void **state)
{
    (void) state;
    struct bench b = bench_new("local", "50ms");
    struct limit_asker a;
    wr_local_limits_nodes(b.local, 5);

    server_do(&server, "CONFIG SET maxmemory 1");
    int admitted = 0;
    for (int i = 0; i < 20; i++) {
        ask_and_wait(&b, &a, "oom", only_gcra);
        admitted += a.ask.verdicts[0].allowed;
    }
    assert_int_equal(admitted, 10); /* 50 over 5 nodes */
    server_do(&server, "CONFIG SET maxmemory 0");
    TURN_UNTIL(wr_link_ready(b.link));

    kill(server.pid, SIGSTOP);
    admitted = 0;
    for (int i = 0; i < 20; i++) {
        ask_and_wait(&b, &a, "hung", only_gcra);
        admitted += a.ask.verdicts[0].allowed;
    }
    assert_int_equal(admitted, 10);
    kill(server.pid, SIGCONT);
    TURN_UNTIL(wr_link_ready(b.link));
    assert_int_equal(put(&b, &a, "back", only_gcra), WR_LIMIT_LATER);
    TURN_UNTIL(a.answers > 0);

    uint64_t local = wr_stats_sum(WR_STAT_limit_local);
    assert_int_equal(put(&b, &a, "cut", all_four),
                     WR_LIMIT_LATER); /* Redis dies while four answers are open */
    server_kill(&server);
    TURN_UNTIL(a.answers > 0);
    TURN_UNTIL(!wr_link_ready(b.link));
    assert_int_equal(put(&b, &a, "cut", all_four), WR_LIMIT_NOW);
    assert_true(wr_stats_sum(WR_STAT_limit_local) >= local + 4);

    server_start(&server);
    TURN_UNTIL(wr_link_ready(b.link));
    do /* sharing resumes; Redis may be late again while the machine is busy */
        ask_and_wait(&b, &a, "cut", only_gcra);
    while (a.ask.verdicts[0].remaining <= 10); /* more than this node counts by itself */
    bench_free(&b);
}

static void open_admits_and_closed_refuses(void **state)
{
    (void) state;
    struct bench open = bench_new("open", "1s"), closed = bench_new("closed", "1s");
    struct limit_asker a;
    server_kill(&server);
    TURN_UNTIL(!wr_link_ready(open.link) && !wr_link_ready(closed.link));
    for (int i = 0; i < 60; i++) {
        assert_int_equal(put(&open, &a, "c", all_four), WR_LIMIT_NOW);
        assert_true(wr_limit_refused_by(&a.ask) < 0 && !a.ask.closed);
    }
    assert_int_equal(put(&closed, &a, "c", gcra_and_quiet), WR_LIMIT_NOW);
    assert_true(a.ask.closed && !a.ask.verdicts[0].allowed && a.ask.verdicts[1].allowed);
    assert_int_equal(put(&closed, &a, "c", only_quiet),
                     WR_LIMIT_NOW); /* a limit that only observes refuses nothing */
    assert_true(!a.ask.closed && a.ask.verdicts[0].allowed);
    server_start(&server);
    TURN_UNTIL(wr_link_ready(closed.link));
    ask_and_wait(&closed, &a, "c", only_gcra);
    assert_true(!a.ask.closed && a.ask.verdicts[0].allowed);
    bench_free(&open);
    bench_free(&closed);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_redis_the_answer_is_there_at_once),
        cmocka_unit_test(three_nodes_share_one_quota),
        cmocka_unit_test(observed_limits_count_and_refuse_nobody),
        cmocka_unit_test(the_cancelled_hear_nothing),
        cmocka_unit_test(whatever_befalls_redis_this_node_counts_its_share),
        cmocka_unit_test(open_admits_and_closed_refuses),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
