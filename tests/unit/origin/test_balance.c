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
    wr_backend_unreachable(r.origins->list[0].peers[1]->backend, r.loop.mono);
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
            wr_backend_unreachable(s, at(now));
        assert_int_equal(wr_backend_health(s, at(now + rest_ms[i] - 1)), WR_HEALTH_SHUNNED);
        now += rest_ms[i];
        assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_TRIAL);
        wr_backend_try(s, at(now), WR_SPAN_MS(500)); /* one request tries it, the others avoid it */
        assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_SHUNNED);
    }
    wr_backend_answered(s, at(now));
    assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_UP);
    assert_int_equal(wr_backend_health(other, at(now)), WR_HEALTH_UP);
    wr_backend_late(s, at(now));
    wr_backend_late(s, at(now));
    wr_backend_answered(s, at(now));
    wr_backend_late(s, at(now));
    wr_backend_late(s, at(now));
    assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_UP);
    wr_backend_late(s, at(now));
    assert_int_equal(wr_backend_health(s, at(now)), WR_HEALTH_SHUNNED);
    wr_backends_free(b);
}

static void who_says_nothing_to_anybody_hangs(void **state)
{
    (void) state;
    struct wr_backends *b = wr_backends_new(NULL);
    struct wr_backend *s = wr_backend_ref(b, "app", "one", NULL);
    wr_backend_answered(s, at(2000));
    wr_backend_silent(s, at(1000), at(11000)); /* another request was answered meanwhile */
    assert_int_equal(wr_backend_health(s, at(11000)), WR_HEALTH_UP);
    wr_backend_silent(s, at(3000), at(13000));
    assert_int_equal(wr_backend_health(s, at(13000)), WR_HEALTH_SHUNNED);
    assert_false(wr_backend_try(s, at(13000), WR_SPAN_MS(500)));
    assert_true(wr_backend_try(s, at(14000), WR_SPAN_MS(500)));
    assert_false(wr_backend_try(s, at(14000), WR_SPAN_MS(500)));
    wr_backend_untried(s, at(14100)); /* its request was cancelled, so the next one may try */
    assert_int_equal(wr_backend_health(s, at(14100)), WR_HEALTH_TRIAL);
    assert_true(wr_backend_try(s, at(14100), WR_SPAN_MS(500)));
    wr_backend_answered(s, at(14200));
    wr_backend_untried(s, at(14300));
    assert_int_equal(wr_backend_health(s, at(14300)), WR_HEALTH_UP);
    wr_backends_free(b);
}

static void checks_overrule(void **state)
{
    (void) state;
    struct wr_backends *b = wr_backends_new(NULL);
    struct wr_backend *s = wr_backend_ref(b, "app", "one", NULL);
    wr_backend_checked(s, false);
    assert_int_equal(wr_backend_health(s, at(0)), WR_HEALTH_UP); /* one failure may be chance */
    wr_backend_checked(s, false);
    assert_int_equal(wr_backend_health(s, at(0)), WR_HEALTH_DOWN);
    wr_backend_unreachable(s, at(0));
    wr_backend_checked(s, true);
    assert_int_equal(wr_backend_health(s, at(0)), WR_HEALTH_UP);
    wr_backends_free(b);
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

static void a_server_that_fails_its_checks_gets_no_requests(void **state)
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
    assert_true(c.ended); /* refused at once */
    assert_int_equal(c.err, WR_ERR_ORIGIN_DOWN);
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
        cmocka_unit_test(a_failing_server_rests_longer_and_longer),
        cmocka_unit_test(who_says_nothing_to_anybody_hangs),
        cmocka_unit_test(checks_overrule),
        cmocka_unit_test(a_server_that_fails_its_checks_gets_no_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
