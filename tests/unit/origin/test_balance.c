/* SPDX-License-Identifier: BSD-2-Clause */
/* Which server is asked: balancing, and what is known of the servers' health. */
#include "rig.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include "origin/origin_priv.h"

static struct rig r;

static struct wr_peer *pick(uint64_t hash)
{
    struct wr_exchange x = { .balance_hash = hash };
    struct wr_exchange_run run = { .x = &x, .origin = &r.origins->list[0], .origins = r.origins };
    struct wr_peer *peer = NULL;
    assert_int_equal(wr_balance_pick(&run, &peer), WR_PICK_PEER);
    return peer;
}

static size_t index_of(const struct wr_peer *p)
{
    size_t i = 0;
    while (r.origins->list[0].peers[i] != p)
        i++;
    return i;
}

#define THREE                                                                                             \
    "{ address: \"127.0.0.1:1\", weight: 3 }, { address: \"127.0.0.1:2\" }, { address: \"127.0.0.1:3\", " \
    "weight: 2 }"

static void round_robin_follows_the_weights(void **state)
{
    (void) state;
    unsigned count[3] = { 0 }, in_a_row = 0;
    size_t last = 9;
    rig_start(&r, THREE, "");
    for (int i = 0; i < 600; i++) {
        struct wr_peer *p = pick(0);
        size_t index = index_of(p);
        count[index]++;
        in_a_row = index == last ? in_a_row + 1 : 1;
        last = index;
        assert_true(in_a_row <= 2);
    }
    assert_int_equal(count[0], 300);
    assert_int_equal(count[1], 100);
    assert_int_equal(count[2], 200);
    rig_stop(&r);
}

static void the_least_busy_for_its_weight_comes_next(void **state)
{
    (void) state;
    rig_start(&r, THREE, "    balance: least_connections\n");
    struct wr_peer **peers = r.origins->list[0].peers;
    for (int i = 0; i < 60; i++)
        pick(0)->open++; /* a connection that stays busy */
    assert_int_equal(peers[0]->open, 30);
    assert_int_equal(peers[1]->open, 10);
    assert_int_equal(peers[2]->open, 20);
    peers[1]->open = 2;
    assert_ptr_equal(pick(0), peers[1]);
    peers[0]->open = peers[1]->open = peers[2]->open = 0;
    rig_stop(&r);
}

static void found(struct wr_backend *s, enum wr_finding finding, struct wr_mono since, struct wr_mono now)
{
    static const struct wr_passive_policy passive = {
        .timeouts = 3, .ends = 5, .pause = WR_SPAN_S(1), .max_pause = WR_SPAN_S(30)
    };
    wr_backend_found(s, &passive, finding, since, now);
}

static void a_hash_stays_with_its_server(void **state)
{
    (void) state;
    enum { N = 30000 };
    static size_t before[N];
    unsigned count[3] = { 0 }, moved = 0;
    rig_start(&r, THREE, "    balance: hash\n");
    for (uint64_t i = 0; i < N; i++)
        count[before[i] = index_of(pick(i * UINT64_C(0x9e3779b97f4a7c15)))]++;
    assert_in_range(count[0], N / 2 * 9 / 10, N / 2 * 11 / 10);
    assert_in_range(count[1], N / 6 * 9 / 10, N / 6 * 11 / 10);
    assert_in_range(count[2], N / 3 * 9 / 10, N / 3 * 11 / 10);
    found(r.origins->list[0].peers[1]->backend, WR_FOUND_UNREACHABLE, r.loop.mono, r.loop.mono);
    for (uint64_t i = 0; i < N; i++) {
        size_t now = index_of(pick(i * UINT64_C(0x9e3779b97f4a7c15)));
        assert_int_not_equal(now, 1);
        moved += now != before[i];
    }
    assert_int_equal(moved, count[1]); /* only those that the lost server had */
    rig_stop(&r);
}

static struct wr_mono at(int64_t ms)
{
    return (struct wr_mono){ 1000 + ms * 1000 };
}

static unsigned retries_granted(unsigned asked)
{
    struct wr_exchange x = { .idempotent = true };
    struct wr_origin *origin = &r.origins->list[0];
    unsigned granted = 0;
    for (unsigned i = 0; i < asked; i++) {
        struct wr_exchange_run run = { .x = &x, .origin = origin, .origins = r.origins };
        run.patience = &origin->policy->patience;
        run.stage = WR_RUN_ASKING;
        granted += wr_retry_elsewhere(&run);
    }
    return granted;
}

static void retries_are_a_share_of_the_requests(void **state)
{
    (void) state;
    rig_start(&r, THREE, "");
    struct wr_origin *origin = &r.origins->list[0];
    uint64_t refused = wr_stats_sum(WR_STAT_origin_retries_refused);
    assert_int_equal(retries_granted(30), 10); /* what an origin always has */
    assert_int_equal(wr_stats_sum(WR_STAT_origin_retries_refused) - refused, 20);
    for (int i = 0; i < 101; i++)
        wr_retry_earn(origin);
    assert_int_equal(retries_granted(30), 20);
    r.loop.mono.us += 5 * WR_US_PER_S; /* one comes back each second, ... */
    assert_int_equal(retries_granted(30), 5);
    r.loop.mono.us += 3600 * WR_US_PER_S; /* ... up to what it always has */
    assert_int_equal(retries_granted(30), 10);
    for (int i = 0; i < 100000; i++)
        wr_retry_earn(origin);
    assert_int_equal(retries_granted(1000), 100);
    rig_stop(&r);
}

static void a_failing_server_rests_longer_and_longer(void **state)
{
    (void) state;
    struct wr_backends *b = wr_backends_new(NULL);
    struct wr_backend *s = wr_backend_ref(b, "app", "one", NULL),
                      *other = wr_backend_ref(b, "app", "one", "192.0.2.2:1");
    assert_ptr_equal(wr_backend_ref(b, "app", "one", NULL), s);
    assert_ptr_not_equal(other, s);
    int64_t now = 0;
    static const int rest_ms[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
    for (size_t i = 0; i < sizeof rest_ms / sizeof rest_ms[0]; i++) {
        for (int many = 0; many < 10; many++) /* all under way fail at once: one failure */
            found(s, WR_FOUND_UNREACHABLE, at(now), at(now));
        assert_int_equal(wr_backend_health(s, at(now + rest_ms[i] - 1)), WR_HEALTH_SHUNNED);
        now += rest_ms[i];
        assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_TRIAL);
        wr_backend_try(s, at(now), WR_SPAN_MS(500)); /* one request tries it, the others avoid it */
        assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_SHUNNED);
    }
    found(s, WR_FOUND_ANSWER, at(now), at(now));
    assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_UP);
    assert_int_equal(wr_backend_health(other, at(now)), WR_HEALTH_UP);
    found(s, WR_FOUND_LATE, at(now), at(now));
    found(s, WR_FOUND_LATE, at(now), at(now));
    found(s, WR_FOUND_ANSWER, at(now), at(now));
    found(s, WR_FOUND_LATE, at(now), at(now));
    found(s, WR_FOUND_LATE, at(now), at(now));
    assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_UP);
    found(s, WR_FOUND_LATE, at(now), at(now));
    assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_SHUNNED);
    wr_backends_free(b);
}

static void who_says_nothing_to_anybody_hangs(void **state)
{
    (void) state;
    struct wr_backends *b = wr_backends_new(NULL);
    struct wr_backend *s = wr_backend_ref(b, "app", "one", NULL);
    found(s, WR_FOUND_ANSWER, at(2000), at(2000));
    found(s, WR_FOUND_SILENCE, at(1000), at(11000)); /* another request was answered meanwhile */
    assert_int_equal(wr_backend_health(s, at(11000)), WR_HEALTH_UP);
    found(s, WR_FOUND_SILENCE, at(3000), at(13000));
    assert_int_equal(wr_backend_health(s, at(13000)), WR_HEALTH_SHUNNED);
    assert_false(wr_backend_try(s, at(13000), WR_SPAN_MS(500)));
    assert_true(wr_backend_try(s, at(14000), WR_SPAN_MS(500)));
    assert_false(wr_backend_try(s, at(14000), WR_SPAN_MS(500)));
    wr_backend_untried(s, at(14100)); /* its request was cancelled, so the next one may try */
    assert_int_equal(wr_backend_health(s, at(14100)), WR_HEALTH_TRIAL);
    assert_true(wr_backend_try(s, at(14100), WR_SPAN_MS(500)));
    found(s, WR_FOUND_ANSWER, at(14200), at(14200));
    wr_backend_untried(s, at(14300));
    assert_int_equal(wr_backend_health(s, at(14300)), WR_HEALTH_UP);
    wr_backends_free(b);
}

static void checks_overrule(void **state)
{
    (void) state;
    static const struct wr_health_policy health = { .rise = 2, .fall = 3 };
    struct wr_backends *b = wr_backends_new(NULL);
    struct wr_backend *s = wr_backend_ref(b, "app", "one", NULL);
    for (int i = 0; i < 5; i++) { /* two failures may be chance */
        wr_backend_checked(s, &health, at(0), i % 3 == 2 ? NULL : "status 503");
        assert_int_equal(wr_backend_health(s, at(0)), WR_HEALTH_UP);
    }
    wr_backend_checked(s, &health, at(0), "status 503");
    assert_int_equal(wr_backend_health(s, at(0)), WR_HEALTH_DOWN);
    found(s, WR_FOUND_UNREACHABLE, at(0), at(0));
    for (int i = 0; i < 5; i++) {
        wr_backend_checked(s, &health, at(100), i % 2 ? "status 503" : NULL);
        assert_int_equal(wr_backend_health(s, at(100)), WR_HEALTH_DOWN);
    }
    wr_backend_checked(s, &health, at(200), NULL);
    assert_int_equal(wr_backend_health(s, at(200)), WR_HEALTH_UP);
    wr_backends_free(b);
}

/* A check shows that an address answers, not that it answers requests. */
static void a_good_check_ends_only_the_rest_of_who_said_nothing(void **state)
{
    (void) state;
    static const struct wr_health_policy health = { .rise = 2, .fall = 3 };
    struct wr_backends *b = wr_backends_new(NULL);
    struct wr_backend *s = wr_backend_ref(b, "app", "one", NULL);
    found(s, WR_FOUND_UNREACHABLE, at(0), at(0));
    wr_backend_checked(s, &health, at(100), NULL);
    assert_int_equal(wr_backend_health(s, at(100)), WR_HEALTH_UP);
    for (int i = 0; i < 5; i++)
        found(s, WR_FOUND_END, at(200), at(200));
    for (int i = 0; i < 5; i++)
        wr_backend_checked(s, &health, at(300), NULL);
    assert_int_equal(wr_backend_health(s, at(300)), WR_HEALTH_SHUNNED);
    wr_backends_free(b);
}

static void a_policy_may_say_when_an_address_rests(void **state)
{
    (void) state;
    static const struct wr_passive_policy never = { .off = true, .timeouts = 1, .ends = 1 }, soon = {
        .timeouts = 1, .ends = 2, .pause = WR_SPAN_MS(10), .max_pause = WR_SPAN_MS(25)
    };
    static const int rest_ms[] = { 10, 20, 25, 25 };
    struct wr_backends *b = wr_backends_new(NULL);
    struct wr_backend *s = wr_backend_ref(b, "app", "one", NULL);
    for (enum wr_finding finding = WR_FOUND_UNREACHABLE; finding <= WR_FOUND_END; finding++)
        wr_backend_found(s, &never, finding, at(0), at(0));
    assert_int_equal(wr_backend_health(s, at(0)), WR_HEALTH_UP);
    wr_backend_found(s, &soon, WR_FOUND_END, at(0), at(0));
    assert_int_equal(wr_backend_health(s, at(0)), WR_HEALTH_UP);
    int64_t now = 0;
    for (size_t i = 0; i < sizeof rest_ms / sizeof rest_ms[0]; i++) {
        wr_backend_found(s, &soon, WR_FOUND_END, at(now), at(now));
        assert_int_equal(wr_backend_health(s, at(now + rest_ms[i] - 1)), WR_HEALTH_SHUNNED);
        now += rest_ms[i];
        assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_TRIAL);
    }
    wr_backends_free(b);
}

static void who_returns_gets_a_growing_share(void **state)
{
    (void) state;
    unsigned count[2] = { 0 };
    rig_start(&r, "\"127.0.0.1:1\", \"127.0.0.1:2\"", "    slow_start: 100s\n");
    struct wr_backend *s = r.origins->list[0].peers[1]->backend;
    struct wr_mono now = r.loop.mono, later = { now.us + 50 * WR_US_PER_S },
                   last = { now.us + 100 * WR_US_PER_S };
    assert_int_equal(wr_backend_share(s, now, WR_SPAN_S(100)), 100);
    found(s, WR_FOUND_UNREACHABLE, now, now);
    found(s, WR_FOUND_ANSWER, now, now);
    assert_int_equal(wr_backend_share(s, now, WR_SPAN_S(100)), 10);
    assert_int_equal(wr_backend_share(s, later, WR_SPAN_S(100)), 50);
    assert_int_equal(wr_backend_share(s, last, WR_SPAN_S(100)), 100);
    assert_int_equal(wr_backend_share(s, now, WR_SPAN_S(0)), 100);
    for (int i = 0; i < 110; i++)
        count[index_of(pick(0))]++;
    assert_int_equal(count[0], 100);
    assert_int_equal(count[1], 10);
    rig_stop(&r);
}

/* --- active checks, over sockets --- */

/* Fails the checks until step 1, then passes them. Any other request is answered with 200. Ends at step 2. */
static void serve_checks(struct scripted_server *s)
{
    while (__atomic_load_n(&s->step, __ATOMIC_ACQUIRE) < 2) {
        int fd = server_accept(s);
        if (fd < 0 || !hear_head(s, fd)) {
            close(fd);
            continue;
        }
        bool check = memmem(s->heard.at, s->heard.len, "GET /health?x=1 HTTP/1.1\r\nHost: 127.0.0.1", 41) !=
                     NULL;
        bool ill = check && __atomic_load_n(&s->step, __ATOMIC_ACQUIRE) == 0;
        say(fd, ill ? "HTTP/1.1 503 Ill\r\nContent-Length: 3\r\n\r\nill"
                    : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        close(fd);
    }
}

static enum wr_health health_now(struct rig *rig)
{
    return wr_backend_health(rig->origins->list[0].peers[0]->backend, rig->loop.mono);
}

static bool is_down(struct rig *rig)
{
    return health_now(rig) == WR_HEALTH_DOWN;
}

static bool is_up(struct rig *rig)
{
    return health_now(rig) == WR_HEALTH_UP;
}

static void checks_take_a_server_down_and_up(void **state)
{
    (void) state;
    struct scripted_server s;
    char text[64];
    server_start(&s, serve_checks);
    snprintf(text, sizeof text, "\"127.0.0.1:%u\"", s.port);
    rig_start(&r, text, "    health: { path: \"/health?x=1\", interval: 100ms }\n");
    wr_backends_watch(r.backends, &r.loop, r.policy);
    rig_run_until(&r, is_down);
    struct call c = { 0 }, again = { 0 };
    call_start(&c, &r, "GET /", "");
    rig_run(&r);
    assert_int_equal(c.err, WR_OK); /* there is no better server */
    server_reach(&s, 1);
    rig_run_until(&r, is_up);
    call_start(&again, &r, "GET /", "");
    rig_run(&r);
    assert_int_equal(again.err, WR_OK);
    assert_true(wr_stats_sum(WR_STAT_origin_checks_failed) >= 2);
    server_reach(&s, 2);
    /* A reload keeps what is known; a policy without checks forgets it. */
    wr_backends_watch(r.backends, &r.loop, r.policy);
    wr_backends_watch(r.backends, &r.loop, NULL);
    call_fini(&c);
    call_fini(&again);
    rig_stop(&r);
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* the script may be waiting for one more connection */
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(s.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    (void) connect(fd, (struct sockaddr *) &to, sizeof to);
    close(fd);
    server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_follows_the_weights),
        cmocka_unit_test(the_least_busy_for_its_weight_comes_next),
        cmocka_unit_test(a_hash_stays_with_its_server),
        cmocka_unit_test(retries_are_a_share_of_the_requests),
        cmocka_unit_test(a_failing_server_rests_longer_and_longer),
        cmocka_unit_test(who_says_nothing_to_anybody_hangs),
        cmocka_unit_test(checks_overrule),
        cmocka_unit_test(a_good_check_ends_only_the_rest_of_who_said_nothing),
        cmocka_unit_test(a_policy_may_say_when_an_address_rests),
        cmocka_unit_test(who_returns_gets_a_growing_share),
        cmocka_unit_test(checks_take_a_server_down_and_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
