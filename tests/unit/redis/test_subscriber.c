/* SPDX-License-Identifier: BSD-2-Clause */
/* redis: the subscriber hears channels and changed keys through a real redis-server; subscriptions on several
 * threads. */
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "redis/subscriber.h"
#include "stats/stats.h"

static struct test_redis server;
static struct wr_policy policy;
static struct wr_loop loop;
static struct wr_subscriber *subscriber;

/* The keys that on_change was called with. */
static char changes[64][80];
static size_t change_count, all_count;

static void on_change(void *ctx, enum wr_subscriber_event event, struct wr_slice key)
{
    assert_ptr_equal(ctx, &loop);
    assert_int_equal(event == WR_SUBSCRIBER_KEY, key.at != NULL);
    if (event != WR_SUBSCRIBER_KEY)
        all_count++;
    else if (change_count < 64)
        snprintf(changes[change_count++], sizeof changes[0], "%.*s", WR_SLICE_ARG(key));
}

static bool changed(const char *key)
{
    for (size_t i = 0; i < change_count; i++)
        if (strcmp(changes[i], key) == 0)
            return true;
    return false;
}

static struct wr_mono ago(int64_t ms)
{
    return wr_time_add(wr_time_monotonic(), WR_SPAN_MS(-ms));
}

/* Is a copy trusted that was read right after invalidations began to flow, more than max_staleness ago? */
static bool trusts_old_copy(struct wr_mono checked)
{
    struct wr_mono now = wr_time_add(wr_time_monotonic(), WR_SPAN_MS(0));
    assert_true(wr_time_since(now, checked).us > policy.redis.max_staleness.us);
    return wr_subscriber_trusts(subscriber, checked, now);
}

static int set_up(void **state)
{
    (void) state;
    server_set_up(&server, &policy, &loop, WR_LOOP_MAIN);
    change_count = all_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    wr_subscriber_free(subscriber);
    subscriber = NULL;
    server_tear_down(&server, &policy, &loop);
    return 0;
}

static void begin(void)
{
    subscriber = wr_subscriber_new(&loop, &policy, NULL, "weir:edge:subscriber", on_change, &loop);
}

/* Waits until invalidations flow. */
static void begin_and_flow(void)
{
    begin();
    turn_until(&loop, all_count == 1);
}

/* --- changed keys --- */

static void every_change_of_our_keys_is_reported_and_no_other(void **state)
{
    (void) state;
    begin_and_flow();
    server_do(&server, "SET weir:v1:cache:a:{1} x");
    server_do(&server, "SET weir:v1:lock:{1} x");
    server_do(&server, "SET other:v1:cache:a:{1} x");
    server_do(&server, "XADD weir:v1:purges * what all");
    turn_until(&loop, changed("weir:v1:purges") && changed("weir:v1:cache:a:{1}"));
    server_do(&server, "MSET weir:v1:cache:b:{2} x weir:v1:cache:c:{3} x");
    turn_until(&loop, changed("weir:v1:cache:b:{2}") && changed("weir:v1:cache:c:{3}"));
    change_count = 0;
    server_do(&server, "DEL weir:v1:cache:a:{1}");
    turn_until(&loop, changed("weir:v1:cache:a:{1}"));
    change_count = 0;
    server_do(&server, "PEXPIRE weir:v1:cache:b:{2} 30");
    turn_until(&loop, changed("weir:v1:cache:b:{2}"));
    change_count = 0;
    turn_until(&loop, changed("weir:v1:cache:b:{2}")); /* it expired */
    assert_false(changed("weir:v1:lock:{1}") || changed("other:v1:cache:a:{1}"));
    assert_int_equal(all_count, 1);
}

static void a_flush_is_reported_as_everything(void **state)
{
    (void) state;
    begin_and_flow();
    server_do(&server, "FLUSHALL");
    turn_until(&loop, all_count == 2);
}

static void a_change_after_the_question_is_remembered(void **state)
{
    (void) state;
    struct wr_slice key = WR_SLICE("weir:v1:cache:a:{1}"), other = WR_SLICE("weir:v1:cache:a:{2}");
    begin_and_flow();
    struct wr_mono asked = wr_time_monotonic();
    assert_false(wr_subscriber_changed_since(subscriber, key, asked));
    server_do(&server, "SET weir:v1:cache:a:{1} x");
    turn_until(&loop, changed("weir:v1:cache:a:{1}"));
    assert_true(wr_subscriber_changed_since(subscriber, key, asked));
    assert_false(wr_subscriber_changed_since(subscriber, other, asked));
    assert_false(
        wr_subscriber_changed_since(subscriber, key, wr_time_add(wr_time_monotonic(), WR_SPAN_MS(1))));
    server_do(&server, "FLUSHALL");
    turn_until(&loop, all_count == 2);
    assert_true(wr_subscriber_changed_since(subscriber, other, asked));
}

/* --- trust --- */

static void memory_is_trusted_while_changes_flow_and_no_longer(void **state)
{
    (void) state;
    begin();
    assert_true(wr_subscriber_trusts(subscriber, ago(100), wr_time_monotonic()));
    assert_false(wr_subscriber_trusts(subscriber, ago(300), wr_time_monotonic()));
    turn_until(&loop, all_count == 1);
    assert_false(wr_subscriber_trusts(subscriber, ago(300), wr_time_monotonic())); /* older than what flows */
    turn(&loop);
    struct wr_mono checked = wr_time_monotonic();
    turn_for(&loop, WR_SPAN_MS(500));
    turn_until(&loop, trusts_old_copy(checked));

    kill(server.pid, SIGSTOP); /* the connection is open, but nothing comes */
    turn_until(&loop, !trusts_old_copy(checked));
    assert_true(wr_subscriber_trusts(subscriber, ago(100), wr_time_monotonic()));
    kill(server.pid, SIGCONT);
    turn_until(&loop, trusts_old_copy(checked)); /* no message was lost, it was only late */
    assert_int_equal(all_count, 1);
}

static void a_lost_connection_drops_everything_when_it_is_back(void **state)
{
    (void) state;
    begin_and_flow();
    turn(&loop);
    struct wr_mono checked = wr_time_monotonic();
    turn_for(&loop, WR_SPAN_MS(300));
    turn_until(&loop, trusts_old_copy(checked));
    server_do(&server, "CLIENT KILL TYPE pubsub");
    turn_until(&loop, all_count == 2);
    turn_for(&loop, WR_SPAN_MS(300));
    assert_false(trusts_old_copy(checked));
    checked = wr_time_monotonic();
    server_kill(&server);
    turn_for(&loop, WR_SPAN_MS(300));
    turn_until(&loop, !trusts_old_copy(checked));
    server_start(&server);
    turn_until(&loop, all_count == 3);
}

static void a_hanging_redis_is_dialled_again(void **state)
{
    (void) state;
    begin_and_flow();
    uint64_t before = wr_stats_sum(WR_STAT_redis_reconnects);
    kill(server.pid, SIGSTOP);
    turn_until(&loop, wr_stats_sum(WR_STAT_redis_flowing) == 0);
    kill(server.pid, SIGCONT);
    turn_until(&loop, all_count == 2);
    assert_int_equal(wr_stats_sum(WR_STAT_redis_reconnects), before + 1);
}

/* --- subscriptions --- */

struct listener {
    struct wr_subscription subscription;
    int calls;
    enum wr_subscription_state state;
    char text[WR_SUBSCRIPTION_TEXT + 1];
};

static void on_subscription(struct wr_subscription *subscription)
{
    struct listener *l = (struct listener *) subscription;
    l->calls++;
    l->state = wr_subscription_state(subscription, l->text);
}

static void listen_to(struct listener *l, const char *channel)
{
    *l = (struct listener){ .state = WR_SUBSCRIPTION_ASKED };
    wr_subscription_open(&l->subscription, subscriber, &loop, wr_slice_str(channel), on_subscription);
    assert_int_equal(l->calls, 0);
}

static long long subscribers(const char *channel)
{
    redisReply *r = server_ask(&server, "PUBSUB NUMSUB %s", channel);
    long long n = r->element[1]->integer;
    freeReplyObject(r);
    return n;
}

static void subscriptions_get_their_messages_once_subscribed(void **state)
{
    (void) state;
    struct listener a, b, other;
    begin_and_flow();
    listen_to(&a, "weir:v1:flight:{1}");
    listen_to(&b, "weir:v1:flight:{1}");
    listen_to(&other, "weir:v1:flight:{2}");
    turn_until(&loop, a.state == WR_SUBSCRIPTION_LISTENING && b.state == WR_SUBSCRIPTION_LISTENING);
    turn_until(&loop, other.state == WR_SUBSCRIPTION_LISTENING);
    assert_int_equal(server_int(&server, "PUBLISH weir:v1:flight:{1} stored"), 1);
    turn_until(&loop, a.state == WR_SUBSCRIPTION_HEARD && b.state == WR_SUBSCRIPTION_HEARD);
    assert_string_equal(a.text, "stored");
    assert_string_equal(b.text, "stored");
    assert_int_equal(other.state, WR_SUBSCRIPTION_LISTENING);
    server_do(&server, "PUBLISH weir:v1:flight:{2} %s",
              "0123456789012345678901234567890123456789012345678901234567890123456789");
    turn_until(&loop, other.state == WR_SUBSCRIPTION_HEARD);
    assert_int_equal(strlen(other.text), WR_SUBSCRIPTION_TEXT);

    struct listener late; /* the channel is subscribed to already */
    listen_to(&late, "weir:v1:flight:{1}");
    turn_until(&loop, late.state == WR_SUBSCRIPTION_LISTENING);
    wr_subscription_close(&a.subscription);
    wr_subscription_close(&b.subscription);
    wr_subscription_close(&b.subscription);
    turn_for(&loop, WR_SPAN_MS(30));
    assert_int_equal(subscribers("weir:v1:flight:{1}"), 1);
    wr_subscription_close(&late.subscription);
    wr_subscription_close(&other.subscription);
    turn_until(&loop, subscribers("weir:v1:flight:{1}") == 0 && subscribers("weir:v1:flight:{2}") == 0);
    wr_subscription_close(&(struct wr_subscription){ 0 });
}

static void a_subscription_opened_and_closed_at_once_leaves_nothing(void **state)
{
    (void) state;
    struct listener l;
    begin_and_flow();
    for (int i = 0; i < 50; i++) {
        listen_to(&l, "weir:v1:flight:{1}");
        if (i % 3 == 0)
            turn(&loop);
        wr_subscription_close(&l.subscription);
        if (i % 2 == 0)
            turn(&loop);
    }
    listen_to(&l, "weir:v1:flight:{1}");
    turn_until(&loop, l.state == WR_SUBSCRIPTION_LISTENING);
    assert_int_equal(server_int(&server, "PUBLISH weir:v1:flight:{1} x"), 1);
    turn_until(&loop, l.state == WR_SUBSCRIPTION_HEARD);
    wr_subscription_close(&l.subscription);
    turn_until(&loop, subscribers("weir:v1:flight:{1}") == 0);
}

static void subscriptions_go_down_and_listen_again(void **state)
{
    (void) state;
    struct listener before, l, heard;
    begin();
    listen_to(&before, "weir:v1:flight:{0}");
    turn_until(&loop, before.calls == 1 && before.state == WR_SUBSCRIPTION_DOWN); /* not connected yet */
    turn_until(&loop, before.state == WR_SUBSCRIPTION_LISTENING);
    listen_to(&l, "weir:v1:flight:{1}");
    listen_to(&heard, "weir:v1:flight:{2}");
    turn_until(&loop, l.state == WR_SUBSCRIPTION_LISTENING && heard.state == WR_SUBSCRIPTION_LISTENING);
    server_do(&server, "PUBLISH weir:v1:flight:{2} failed");
    turn_until(&loop, heard.state == WR_SUBSCRIPTION_HEARD);
    server_kill(&server);
    turn_until(&loop, l.state == WR_SUBSCRIPTION_DOWN);
    server_start(&server);
    turn_until(&loop, l.state == WR_SUBSCRIPTION_LISTENING);
    assert_true(heard.state == WR_SUBSCRIPTION_HEARD && strcmp(heard.text, "failed") == 0);
    server_do(&server, "PUBLISH weir:v1:flight:{1} stored");
    turn_until(&loop, l.state == WR_SUBSCRIPTION_HEARD);
    wr_subscription_close(&before.subscription);
    wr_subscription_close(&l.subscription);
    wr_subscription_close(&heard.subscription);
}

/* --- what an ACL may take away --- */

static void begin_as(const char *rules)
{
    server_do(&server, "ACL SETUSER app on >secret ~* %s", rules);
    policy.redis.user = (char *) "app";
    policy.redis.password = (char *) "secret";
    log_capture_begin();
    begin();
}

static void without_tracking_messages_come_and_memory_is_not_trusted(void **state)
{
    (void) state;
    struct listener l;
    server_do(&server, "ACL SETUSER app &* +@all -client|tracking");
    begin_as("on");
    struct wr_mono checked = wr_time_monotonic();
    listen_to(&l, "weir:v1:flight:{1}");
    turn_until(&loop, l.state == WR_SUBSCRIPTION_LISTENING);
    turn_for(&loop, WR_SPAN_MS(400));
    assert_int_equal(log_captured("does not report changes"), 1);
    log_capture_end();
    assert_false(trusts_old_copy(checked));
    assert_int_equal(all_count, 0);
    assert_int_equal(wr_stats_sum(WR_STAT_redis_flowing), 0);
    server_do(&server, "PUBLISH weir:v1:flight:{1} stored");
    turn_until(&loop, l.state == WR_SUBSCRIPTION_HEARD);
    wr_subscription_close(&l.subscription);
}

static void without_channels_subscriptions_are_down_and_changes_flow(void **state)
{
    (void) state;
    struct listener l, m;
    server_do(&server, "ACL SETUSER app resetchannels &__redis__:invalidate +@all");
    begin_as("on");
    turn_until(&loop, all_count == 1);
    listen_to(&l, "weir:v1:flight:{1}");
    turn_until(&loop, l.state == WR_SUBSCRIPTION_DOWN);
    listen_to(&m, "weir:v1:flight:{2}");
    turn_until(&loop, m.state == WR_SUBSCRIPTION_DOWN);
    assert_int_equal(log_captured("refuses a channel"), 1);
    log_capture_end();
    server_do(&server, "SET weir:v1:cache:a:{1} x");
    turn_until(&loop, changed("weir:v1:cache:a:{1}"));
    wr_subscription_close(&l.subscription);
    wr_subscription_close(&m.subscription);
}

/* --- threads --- */

enum { THREADS = 3, ROUNDS = 120 };

struct worker {
    pthread_t thread;
    struct wr_loop loop;
    struct wr_subscription subscription, decoy;
    redisContext *redis;
    int id, round;
    size_t distrusted;
};

static void next_round(struct worker *w);

/* Called when the subscription listens. Here the message is sent then. */
static void on_worker_subscription(struct wr_subscription *subscription)
{
    struct worker *w = WR_CONTAINER(subscription, struct worker, subscription);
    char text[WR_SUBSCRIPTION_TEXT + 1], expect[16];
    snprintf(expect, sizeof expect, "%d", w->round);
    w->distrusted += !wr_subscriber_trusts(subscriber, w->loop.mono, w->loop.mono);
    w->distrusted += wr_subscriber_changed_since(subscriber, WR_SLICE("weir:v1:cache:x:{y}"),
                                                 wr_time_add(w->loop.mono, WR_SPAN_S(100)));
    switch (wr_subscription_state(subscription, text)) {
    case WR_SUBSCRIPTION_LISTENING:
        freeReplyObject(
            redisCommand(w->redis, "PUBLISH weir:v1:flight:{%d-%d} %s", w->id, w->round % 4, expect));
        freeReplyObject(redisCommand(w->redis, "INCR weir:v1:cache:host:%d", w->id));
        return;
    case WR_SUBSCRIPTION_HEARD:
        WR_CHECK(strcmp(text, expect) == 0);
        wr_subscription_close(subscription);
        wr_subscription_close(&w->decoy);
        next_round(w);
        return;
    case WR_SUBSCRIPTION_ASKED:
    case WR_SUBSCRIPTION_DOWN:
        return;
    }
}

static void on_decoy(struct wr_subscription *subscription)
{
    (void) wr_subscription_state(subscription, NULL);
}

static void next_round(struct worker *w)
{
    char channel[64];
    if (++w->round == ROUNDS) {
        wr_loop_stop(&w->loop);
        return;
    }
    int len = snprintf(channel, sizeof channel, "weir:v1:flight:{%d-%d}", w->id, w->round % 4);
    wr_subscription_open(&w->subscription, subscriber, &w->loop, wr_slice(channel, (size_t) len),
                         on_worker_subscription);
    wr_subscription_open(&w->decoy, subscriber, &w->loop, WR_SLICE("weir:v1:flight:{shared}"), on_decoy);
}

static unsigned finished;

static void *work(void *arg)
{
    struct worker *w = arg;
    wr_stats_join();
    WR_CHECK(wr_loop_init(&w->loop, (unsigned) w->id) == 0);
    w->redis = redisConnectUnix(server.sock);
    WR_CHECK(w->redis && !w->redis->err);
    w->round = -1;
    next_round(w);
    event_base_loop(w->loop.base, EVLOOP_NO_EXIT_ON_EMPTY);
    redisFree(w->redis);
    wr_loop_fini(&w->loop);
    __atomic_add_fetch(&finished, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void subscriptions_of_many_threads_get_each_message_once(void **state)
{
    (void) state;
    static struct worker workers[THREADS];
    memset(workers, 0, sizeof workers);
    finished = 0;
    begin_and_flow();
    for (int i = 0; i < THREADS; i++) {
        workers[i].id = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    turn_until(&loop, __atomic_load_n(&finished, __ATOMIC_ACQUIRE) == THREADS);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].distrusted, 0);
    }
    turn_until(&loop, subscribers("weir:v1:flight:{shared}") == 0);
}

#define SUBSCRIBER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUBSCRIBER_TEST(every_change_of_our_keys_is_reported_and_no_other),
        SUBSCRIBER_TEST(a_flush_is_reported_as_everything),
        SUBSCRIBER_TEST(a_change_after_the_question_is_remembered),
        SUBSCRIBER_TEST(memory_is_trusted_while_changes_flow_and_no_longer),
        SUBSCRIBER_TEST(a_lost_connection_drops_everything_when_it_is_back),
        SUBSCRIBER_TEST(a_hanging_redis_is_dialled_again),
        SUBSCRIBER_TEST(subscriptions_get_their_messages_once_subscribed),
        SUBSCRIBER_TEST(a_subscription_opened_and_closed_at_once_leaves_nothing),
        SUBSCRIBER_TEST(subscriptions_go_down_and_listen_again),
        SUBSCRIBER_TEST(without_tracking_messages_come_and_memory_is_not_trusted),
        SUBSCRIBER_TEST(without_channels_subscriptions_are_down_and_changes_flow),
        SUBSCRIBER_TEST(subscriptions_of_many_threads_get_each_message_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
