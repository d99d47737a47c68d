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
#define OTHERS_MOST 200       /* nodes that are entered again when Redis has lost them */
#define RETRY WR_SPAN_MS(100) /* Redis is away: the first beat comes soon after it is back */

struct wr_node {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_link *link;
    struct wr_node_listener listener;
    struct wr_timer timer;
    struct wr_call call, figures, away_call;
    struct wr_buf name, set_key, hash_key, away_key;
    struct wr_wall started;
    unsigned last; /* 0: not known yet */
    bool clock_wrong;
    bool serves_away;
    struct wr_arena others_arena;
    struct wr_slice others[2 * OTHERS_MOST]; /* in the set of those that serve away: names and scores */
    size_t others_len;
    bool others_lost; /* Redis has lost that set: they are to be entered again */
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
    size_t count = wr_reply_count(names) / 2; /* each with its score */
    if (count < 1 || count > INT32_MAX)
        return;
    if (node->last > 0 && wr_reply_int(wr_reply_at(reply, 0)) == 0 && node->listener.forgotten)
        node->listener.forgotten(node->listener.ctx);
    for (size_t i = 0; node->listener.saw && i < count; i++)
        node->listener.saw(node->listener.ctx, wr_reply_slice(wr_reply_at(names, 2 * i)));
    if ((unsigned) count == node->last)
        return;
    node->last = (unsigned) count;
    node->listener.counted(node->listener.ctx, node->last);
}

/* --- who may serve while Redis is away --- */

static void forget_others(struct wr_node *node)
{
    wr_arena_fini(&node->others_arena);
    node->others_len = 0;
    node->others_lost = false;
}

static void remember_others(struct wr_node *node, const struct wr_reply *names)
{
    forget_others(node);
    for (size_t i = 0; i + 1 < wr_reply_count(names) && node->others_len < 2 * OTHERS_MOST; i += 2) {
        struct wr_slice name = wr_reply_slice(wr_reply_at(names, i)),
                        score = wr_reply_slice(wr_reply_at(names, i + 1));
        if (name.at == NULL || score.at == NULL || wr_slice_eq(name, wr_buf_slice(&node->name)))
            continue;
        node->others[node->others_len++] = wr_arena_copy(&node->others_arena, name);
        node->others[node->others_len++] = wr_arena_copy(&node->others_arena, score);
    }
}

/* A silent node can't enter itself again when Redis has lost the set: those that know it do. */
static void on_away_entered(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_node *node = WR_CONTAINER(call, struct wr_node, away_call);
    if (err != WR_OK || wr_reply_count(reply) != 2)
        return;
    bool was_there = wr_reply_int(wr_reply_at(reply, 0)) == 1;
    if (!was_there && node->others_len > 0 && !node->others_lost)
        node->others_lost = true;
    else
        remember_others(node, wr_reply_at(reply, 1));
}

static void enter_away(struct wr_node *node)
{
    struct digits kept;
    struct wr_slice args[2 + 2 * OTHERS_MOST], key = wr_buf_slice(&node->away_key);
    if (!node->serves_away || wr_call_pending(&node->away_call))
        return;
    write_digits(&kept, (uint64_t) wr_span_ms(WR_NODE_SILENT_KEPT));
    size_t others = node->others_lost ? node->others_len : 0;
    args[0] = wr_buf_slice(&node->name);
    args[1] = kept.slice;
    memcpy(args + 2, node->others, others * sizeof *args);
    /* Not ready: the next beat tries again. */
    (void) !wr_link_script(node->link, &node->away_call, WR_SPAN_S(1), WR_SCRIPT_NODES, 1, &key, 2 + others,
                           args);
}

static void leave(struct wr_node *node, const struct wr_buf *set_key)
{
    struct wr_slice key = wr_buf_slice(set_key);
    wr_link_tell_script(node->link, WR_SCRIPT_NODES, 1, &key, 2,
                        (struct wr_slice[]){ wr_buf_slice(&node->name), WR_SLICE("0") });
}

void wr_node_set_serves_away(struct wr_node *node, bool serves)
{
    if (node->serves_away && !serves) {
        wr_call_cancel(&node->away_call);
        forget_others(node);
        leave(node, &node->away_key);
    }
    node->serves_away = serves;
}

/* --- what the node does --- */

/* Something else stands there, which isn't ours to keep. */
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
    enter_away(node);
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
    node->away_call.done = on_away_entered;
    node->started = wr_time_wall();
    wr_buf_add_str(&node->name, name);
    wr_keys_nodes(&node->set_key, &policy->redis);
    wr_keys_nodes_away(&node->away_key, &policy->redis);
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
    wr_call_cancel(&node->call);
    wr_call_cancel(&node->figures);
    wr_node_set_serves_away(node, false);
    leave(node, &node->set_key);
    wr_link_tell(node->link, 2, (struct wr_slice[]){ WR_SLICE("UNLINK"), wr_buf_slice(&node->hash_key) });
    wr_timer_fini(&node->timer);
    wr_buf_fini(&node->name);
    wr_buf_fini(&node->set_key);
    wr_buf_fini(&node->away_key);
    wr_buf_fini(&node->hash_key);
    wr_policy_unref(node->policy);
    free(node);
}
