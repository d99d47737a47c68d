/* SPDX-License-Identifier: BSD-2-Clause */
/* redis: nodes count each other through a real redis-server. */
#include "server.h"

#include <stdlib.h>

#include "redis/node.h"

static struct test_redis server;
static struct wr_policy policy;
static struct wr_loop loop;
static struct wr_link *link_;

static void on_count(void *ctx, unsigned nodes)
{
    *(unsigned *) ctx = nodes;
}

static int set_up(void **state)
{
    (void) state;
    server_set_up(&server, &policy, &loop, WR_LOOP_MAIN);
    link_ = wr_link_new(&loop, &policy, NULL, "weir:edge:main");
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    wr_link_free(link_);
    server_tear_down(&server, &policy, &loop);
    return 0;
}

static void nodes_count_each_other_while_they_live(void **state)
{
    (void) state;
    unsigned a_sees = 0, b_sees = 0;
    struct wr_node *a = wr_node_new(&loop, &policy, link_, "a",
                                    &(struct wr_node_listener){ on_count, NULL, NULL, &a_sees });
    turn_until(&loop, a_sees == 1);
    struct wr_node *b = wr_node_new(&loop, &policy, link_, "b",
                                    &(struct wr_node_listener){ on_count, NULL, NULL, &b_sees });
    turn_until(&loop, a_sees == 2 && b_sees == 2);
    assert_int_equal(server_int(&server, "HLEN weir:v1:node:b"), 5);
    assert_in_range(server_int(&server, "PTTL weir:v1:node:b"), 1, 5000);
    assert_in_range(server_int(&server, "PTTL weir:v1:nodes"), 1, 5000);
    wr_node_free(b); /* leaves at once, not when its time is over */
    turn_until(&loop, a_sees == 1);
    assert_int_equal(server_int(&server, "EXISTS weir:v1:node:b"), 0);
    wr_node_free(a);
    turn_until(&loop, server_int(&server, "EXISTS weir:v1:nodes weir:v1:node:a") == 0);
}

/* A silent node stays in nodes:away, even if Redis has lost that set. A node that stops leaves it. */
static void those_that_serve_away_are_kept_while_silent(void **state)
{
    (void) state;
    unsigned sees = 0;
    redisReply *r = server_ask(&server, "TIME");
    long long now = atoll(r->element[0]->str) * 1000;
    freeReplyObject(r);
    server_do(&server, "ZADD weir:v1:nodes:away %lld forgotten %lld silent", now - 3700000, now - 600000);
    struct wr_node *a = wr_node_new(&loop, &policy, link_, "a",
                                    &(struct wr_node_listener){ on_count, NULL, NULL, &sees });
    turn_until(&loop, sees == 1);
    assert_int_equal(server_int(&server, "ZCARD weir:v1:nodes:away"),
                     2); /* the node hasn't entered itself yet */
    wr_node_set_serves_away(a, true);
    turn_until(&loop, server_int(&server, "ZCOUNT weir:v1:nodes:away %lld +inf", now - 1000) == 1);
    assert_int_equal(server_int(&server, "ZCARD weir:v1:nodes:away"), 2);
    assert_in_range(server_int(&server, "PTTL weir:v1:nodes:away"), 1, 3600000);
    server_do(&server, "FLUSHALL");
    turn_until(&loop,
               server_int(&server, "ZCOUNT weir:v1:nodes:away %lld %lld", now - 600000, now - 600000) == 1);
    wr_node_set_serves_away(a, false);
    turn_until(&loop, server_int(&server, "ZCARD weir:v1:nodes:away") == 1);
    wr_node_set_serves_away(a, true);
    turn_until(&loop, server_int(&server, "ZCARD weir:v1:nodes:away") == 2);
    wr_node_free(a);
    turn_until(&loop, server_int(&server, "ZCARD weir:v1:nodes:away") == 1);
}

static void the_dead_and_the_misdated_are_not_counted(void **state)
{
    (void) state;
    unsigned sees = 0;
    redisReply *r = server_ask(&server, "TIME");
    long long now = atoll(r->element[0]->str) * 1000;
    freeReplyObject(r);
    server_do(&server, "ZADD weir:v1:nodes %lld dead %lld living %lld future", now - 6000, now - 1000,
              now + 3600000);
    struct wr_node *a = wr_node_new(&loop, &policy, link_, "a",
                                    &(struct wr_node_listener){ on_count, NULL, NULL, &sees });
    turn_until(&loop, sees == 2);
    wr_node_free(a);
}

static void the_last_count_stands_while_redis_is_away(void **state)
{
    (void) state;
    unsigned sees = 0;
    server_do(&server, "EVAL %s 1 weir:v1:nodes",
              "redis.call('ZADD', KEYS[1], redis.call('TIME')[1] * 1000, 'other')");
    struct wr_node *a = wr_node_new(&loop, &policy, link_, "a",
                                    &(struct wr_node_listener){ on_count, NULL, NULL, &sees });
    turn_until(&loop, sees == 2);
    server_kill(&server);
    turn_until(&loop, !wr_link_ready(link_));
    assert_int_equal(sees, 2);
    server_start(&server); /* an empty one */
    turn_until(&loop, sees == 1);
    wr_node_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nodes_count_each_other_while_they_live, set_up, tear_down),
        cmocka_unit_test_setup_teardown(those_that_serve_away_are_kept_while_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dead_and_the_misdated_are_not_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_count_stands_while_redis_is_away, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
