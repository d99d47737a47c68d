/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends this node's heartbeat and counts the fleet's nodes by script. Warns when this node's clock differs
 * from Redis's. */
#include "redis/node.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rand.h"
#include "log/log.h"
#include "redis/keys.h"
#include "stats/stats.h"

#define BEAT_US INT64_C(1000000)
#define FIRST_RETRY WR_SPAN_MS(5) /* a node that begins to serve should be counted soon */
#define CLOCK_MAY_ERR WR_SPAN_S(1)
#define RETRY WR_SPAN_MS(100) /* Redis is away: the first beat comes soon after it is back */

struct wr_node {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_link *link;
    struct wr_node_listener listener;
    struct wr_timer timer;
    struct wr_call call, figures;
    struct wr_buf name, set_key, hash_key;
    struct wr_wall started;
    unsigned last; /* 0: not known yet */
    bool clock_wrong;
};

/* A number as an argument of a command. */
struct digits {
    char at[24];
    struct wr_slice slice;
};

static void write_digits(struct digits *d, uint64_t n)
{
    char *end = d->at + sizeof d->at, *at = end;
    do
        *--at = (char) ('0' + n % 10);
    while ((n /= 10) > 0);
    d->slice = wr_slice(at, (size_t) (end - at));
}

struct wr_span wr_node_lifetime(const struct wr_policy_redis *redis)
{
    const struct wr_span least = WR_SPAN_S(5), wanted = { redis->max_staleness.us + WR_SPAN_S(2).us };
    return wanted.us > least.us ? wanted : least;
}

static void on_counted(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_node *node = WR_CONTAINER(call, struct wr_node, call);
    if (err != WR_OK || wr_reply_count(reply) != 2)
        return;
    const struct wr_reply *names = wr_reply_at(reply, 1);
    size_t count = wr_reply_count(names);
    if (count < 1 || count > INT32_MAX)
        return;
    if (node->last > 0 && wr_reply_int(wr_reply_at(reply, 0)) == 0 && node->listener.forgotten)
        node->listener.forgotten(node->listener.ctx);
    for (size_t i = 0; node->listener.saw && i < count; i++)
        node->listener.saw(node->listener.ctx, wr_reply_slice(wr_reply_at(names, i)));
    if ((unsigned) count == node->last)
        return;
    node->last = (unsigned) count;
    node->listener.counted(node->listener.ctx, node->last);
}

/* The key holds something else, which must not stay. */
static void on_entry_written(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_node *node = WR_CONTAINER(call, struct wr_node, figures);
    if (err == WR_OK && wr_reply_is_error(reply, "WRONGTYPE"))
        wr_link_tell(node->link, 2, (struct wr_slice[]){ WR_SLICE("UNLINK"), wr_buf_slice(&node->hash_key) });
}

static void tell_figures(struct wr_node *node)
{
    if (wr_call_pending(&node->figures))
        return;
    struct digits pid, started, seen, workers, requests, lifetime;
    write_digits(&pid, (uint64_t) getpid());
    write_digits(&started, (uint64_t) wr_time_s(node->started));
    write_digits(&seen, (uint64_t) wr_time_s(node->loop->now));
    write_digits(&workers, node->policy->workers);
    write_digits(&requests, wr_stats_sum(WR_STAT_requests));
    write_digits(&lifetime, (uint64_t) wr_span_ms(wr_node_lifetime(&node->policy->redis)));
    struct wr_slice key = wr_buf_slice(&node->hash_key);
    struct wr_slice argv[] = {
        WR_SLICE("HSET"),    key,           WR_SLICE("pid"),      pid.slice,
        WR_SLICE("started"), started.slice, WR_SLICE("seen"),     seen.slice,
        WR_SLICE("workers"), workers.slice, WR_SLICE("requests"), requests.slice,
    };
    if (wr_link_send(node->link, &node->figures, WR_SPAN_S(1), sizeof argv / sizeof argv[0], argv) == WR_OK)
        wr_link_tell(node->link, 3, (struct wr_slice[]){ WR_SLICE("PEXPIRE"), key, lifetime.slice });
}

/* Compares our clock with Redis's. The age of another node's response is computed on Redis's clock, so it
 * stays right; Date and Expires are read on our own. */
static void watch_clock(struct wr_node *node)
{
    struct wr_span ahead = wr_link_ahead(node->link);
    bool wrong = ahead.us > CLOCK_MAY_ERR.us || ahead.us < -CLOCK_MAY_ERR.us;
    wr_link_learn_clock(node->link);
    if (wrong == node->clock_wrong)
        return;
    node->clock_wrong = wrong;
    if (wrong) {
        WR_GAUGE_UP(clock_wrong);
        wr_warn("this node's clock is %.1f seconds %s Redis's: one of the two is wrong",
                fabs((double) ahead.us / WR_US_PER_S), ahead.us < 0 ? "ahead of" : "behind");
    } else {
        WR_GAUGE_DOWN(clock_wrong);
        wr_info("this node's clock is within a second of Redis's again");
    }
}

static void on_beat(struct wr_timer *timer)
{
    struct wr_node *node = WR_CONTAINER(timer, struct wr_node, timer);
    if (!wr_link_ready(node->link) || wr_call_pending(&node->call)) {
        wr_timer_set(timer, node->last ? RETRY : FIRST_RETRY);
        return;
    }
    struct digits lifetime;
    write_digits(&lifetime, (uint64_t) wr_span_ms(wr_node_lifetime(&node->policy->redis)));
    struct wr_slice key = wr_buf_slice(&node->set_key);
    enum wr_err err = wr_link_script(node->link, &node->call, WR_SPAN_S(1), WR_SCRIPT_NODES, 1, &key, 2,
                                     (struct wr_slice[]){ wr_buf_slice(&node->name), lifetime.slice });
    tell_figures(node);
    watch_clock(node);
    /* Nodes that started together don't beat together. */
    int64_t spread = (int64_t) wr_rand_below((uint64_t) BEAT_US / 5);
    wr_timer_set(timer, err == WR_OK ? (struct wr_span){ BEAT_US * 9 / 10 + spread } : RETRY);
}

struct wr_node *wr_node_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link,
                            const char *name, const struct wr_node_listener *listener)
{
    struct wr_node *node = calloc(1, sizeof *node);
    WR_CHECK(node != NULL);
    node->loop = loop;
    node->policy = wr_policy_ref(policy);
    node->link = link;
    node->listener = *listener;
    node->call.done = on_counted;
    node->figures.done = on_entry_written;
    node->started = wr_time_wall();
    wr_buf_add_str(&node->name, name);
    wr_keys_nodes(&node->set_key, &policy->redis);
    wr_keys_node(&node->hash_key, &policy->redis, wr_slice_str(name));
    wr_timer_init(&node->timer, loop, on_beat);
    wr_timer_set(&node->timer, WR_SPAN_MS(0));
    return node;
}

bool wr_node_counted(const struct wr_node *node)
{
    return node->last > 0;
}

void wr_node_free(struct wr_node *node)
{
    if (node == NULL)
        return;
    struct wr_slice set_key = wr_buf_slice(&node->set_key), hash_key = wr_buf_slice(&node->hash_key);
    wr_call_cancel(&node->call);
    wr_call_cancel(&node->figures);
    wr_link_tell_script(node->link, WR_SCRIPT_NODES, 1, &set_key, 2,
                        (struct wr_slice[]){ wr_buf_slice(&node->name), WR_SLICE("0") });
    wr_link_tell(node->link, 2, (struct wr_slice[]){ WR_SLICE("UNLINK"), hash_key });
    wr_timer_fini(&node->timer);
    wr_buf_fini(&node->name);
    wr_buf_fini(&node->set_key);
    wr_buf_fini(&node->hash_key);
    wr_policy_unref(node->policy);
    free(node);
}
