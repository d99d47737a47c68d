/* SPDX-License-Identifier: BSD-2-Clause */
/* The subscriber's connection: CLIENT ID, CLIENT TRACKING redirected to itself, SUBSCRIBE, then heartbeats.
 *
 *   AWAY --open--> ASKED_ID --:id--> ASKED_TRACKING --+OK / -ERR--> HEARING --lost--> AWAY
 *
 * Two instants tell every thread which copies in memory may be used: `since` (no change after it has been
 * missed) and `proved` (all changes before it have been reported). Redis answers in order, so when a PONG
 * has come, all changes before its PING was sent have been reported. */
#include "redis/subscriber.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "log/log.h"
#include "redis/keys.h"
#include "redis/subscriber_priv.h"
#include "stats/stats.h"

#define INVALIDATE WR_SLICE("__redis__:invalidate")
#define HEART_LEAST WR_SPAN_MS(10)
#define HEART_MOST WR_SPAN_S(1)
#define NOT_TRACKED "does not report changes, copies in memory are trusted for max_staleness"
#define PONG_PATIENCE WR_SPAN_S(2) /* dial again when a PING has been unanswered for so long */

/* --- what other threads read --- */

static int64_t read_us(const _Atomic int64_t *at)
{
    return atomic_load_explicit(at, memory_order_acquire);
}

static void write_us(_Atomic int64_t *at, int64_t us)
{
    atomic_store_explicit(at, us, memory_order_release);
}

struct wr_mono wr_subscriber_horizon(const struct wr_subscriber *subscriber, struct wr_mono now)
{
    struct wr_mono recent = { now.us - subscriber->policy->redis.max_staleness.us };
    /* proved is written after since: a thread that sees a proof sees the `since` that it is for. */
    int64_t proved = read_us(&subscriber->proved_us);
    int64_t since = read_us(&subscriber->since_us);
    return since != 0 && proved >= recent.us ? (struct wr_mono){ since } : recent;
}

bool wr_subscriber_hears(const struct wr_subscriber *subscriber)
{
    return read_us(&subscriber->since_us) != 0;
}

static size_t mark_of(struct wr_slice key)
{
    return wr_hash_place(wr_hash_of(key)) % WR_SUBSCRIBER_MARKS;
}

bool wr_subscriber_changed_since(const struct wr_subscriber *subscriber, struct wr_slice key,
                                 struct wr_mono asked)
{
    /* The mark is set before on_change() drops the copy, and the copy is put before this is called.
     * Whichever takes the lock of the store's shard first, either this sees the mark or on_change() finds
     * the copy. */
    return read_us(&subscriber->mark_us[mark_of(key)]) >= asked.us ||
           read_us(&subscriber->all_us) >= asked.us;
}

/* --- changes --- */

static void tell_key(struct wr_subscriber *h, struct wr_slice key)
{
    WR_COUNT(redis_invalidations);
    write_us(&h->mark_us[mark_of(key)], h->loop->mono.us);
    h->on_change(h->ctx, WR_SUBSCRIBER_KEY, key);
}

static void tell_all(struct wr_subscriber *h, enum wr_subscriber_event event)
{
    write_us(&h->all_us, h->loop->mono.us);
    h->on_change(h->ctx, event, wr_slice(NULL, 0));
}

static void on_invalidate(struct wr_subscriber *h, const struct wr_reply *keys)
{
    size_t count = wr_reply_count(keys);
    if (wr_reply_kind(keys) != WR_REPLY_ARRAY)
        tell_all(h, WR_SUBSCRIBER_FLUSH); /* FLUSHALL or FLUSHDB: nil in place of keys */
    for (size_t i = 0; i < count; i++) {
        struct wr_slice key = wr_reply_slice(wr_reply_at(keys, i));
        if (key.at)
            tell_key(h, key);
    }
}

/* Invalidations flow from now on. Copies known before may have changed unheard, so they aren't trusted any
 * more. Not before Redis answers commands: while it is loading its data it accepts subscriptions, but
 * nothing can be read from it again. */
static void begin_to_flow(struct wr_subscriber *h)
{
    if (h->flowing || !h->reporting)
        return;
    h->flowing = true;
    WR_GAUGE_UP(redis_flowing);
    tell_all(h, WR_SUBSCRIBER_BACK);
    write_us(&h->since_us, h->loop->mono.us);
}

/* --- the heartbeat --- */

static struct wr_span heart_every(const struct wr_subscriber *h)
{
    struct wr_span every = { h->policy->redis.max_staleness.us / 4 };
    if (every.us < HEART_LEAST.us)
        return HEART_LEAST;
    return every.us > HEART_MOST.us ? HEART_MOST : every;
}

static void on_heart(struct wr_timer *timer)
{
    struct wr_subscriber *h = WR_CONTAINER(timer, struct wr_subscriber, heart);
    struct wr_mono now = h->loop->mono;
    wr_timer_set(&h->heart, heart_every(h));
    if (h->ping_sent.us != 0) {
        if (wr_time_since(now, h->ping_sent).us > PONG_PATIENCE.us)
            wr_pipe_cut(&h->pipe, WR_PIPE_SILENT, WR_SLICE("dialling again"));
        return;
    }
    char number[24];
    int len = snprintf(number, sizeof number, "%" PRIu64, ++h->ping);
    h->ping_sent = now;
    wr_pipe_say(&h->pipe, 2, (struct wr_slice[]){ WR_SLICE("PING"), wr_slice(number, (size_t) len) });
}

static void on_pong(struct wr_subscriber *h, struct wr_slice number)
{
    uint64_t n;
    if (h->ping_sent.us == 0 || !wr_slice_u64(number, UINT64_MAX, &n) || n != h->ping)
        return;
    begin_to_flow(h);
    if (h->flowing)
        write_us(&h->proved_us, h->ping_sent.us);
    h->ping_sent.us = 0;
}

/* --- the conversation --- */

static void log_refusal(struct wr_subscriber *h, const struct wr_reply *reply, const char *what)
{
    if (h->refusal_logged)
        return;
    h->refusal_logged = true;
    wr_warn("redis %s (%s): %s: %.*s", h->policy->redis.address.text, h->pipe.name, what,
            WR_SLICE_ARG(wr_reply_slice(reply)));
}

static void ask_tracking(struct wr_subscriber *h, int64_t id)
{
    const struct wr_policy_redis *p = &h->policy->redis;
    struct wr_buf cache = { 0 }, purges = { 0 };
    char number[24];
    int len = snprintf(number, sizeof number, "%" PRId64, id);
    wr_keys_prefix(&cache, p, "cache");
    wr_keys_purges(&purges, p);
    struct wr_slice argv[] = {
        WR_SLICE("CLIENT"),    WR_SLICE("TRACKING"),           WR_SLICE("ON"),
        WR_SLICE("REDIRECT"),  wr_slice(number, (size_t) len), WR_SLICE("BCAST"),
        WR_SLICE("PREFIX"),    wr_buf_slice(&cache),           WR_SLICE("PREFIX"),
        wr_buf_slice(&purges),
    };
    wr_pipe_say(&h->pipe, sizeof argv / sizeof argv[0], argv);
    wr_buf_fini(&cache);
    wr_buf_fini(&purges);
    h->phase = WR_SUBSCRIBER_ASKED_TRACKING;
}

static void begin_to_hear(struct wr_subscriber *h, bool tracking)
{
    h->phase = WR_SUBSCRIBER_HEARING;
    h->tracking = tracking;
    if (tracking)
        wr_pipe_say(&h->pipe, 2, (struct wr_slice[]){ WR_SLICE("SUBSCRIBE"), INVALIDATE });
    wr_subscriptions_up(h);
    h->ping_sent.us = 0;
    wr_timer_set(&h->heart, WR_SPAN_MS(0));
}

/* Handles an error reply. SUBSCRIBE is refused when a permission is missing. Invalidations are asked for
 * first; after them a refusal means that subscriptions get nothing on this connection, and look again at
 * their deadlines. Unlike SUBSCRIBE, PING is refused by a server that is loading its data or has lost its
 * master: it is sent again with the next heartbeat. */
static void on_refusal(struct wr_subscriber *h, const struct wr_reply *reply)
{
    if (wr_reply_is_error(reply, "LOADING") || wr_reply_is_error(reply, "MASTERDOWN")) {
        h->ping_sent.us = 0;
        return;
    }
    if (h->tracking && !h->reporting) {
        h->tracking = false;
        log_refusal(h, reply, NOT_TRACKED);
        return;
    }
    log_refusal(h, reply, "refuses a channel, other nodes' fetches end unheard");
    wr_subscriptions_down(h);
}

/* A subscribed connection gets arrays: message, subscribe, unsubscribe, pong. If it has no subscription,
 * PING is answered by its argument alone. */
static void on_message(struct wr_subscriber *h, const struct wr_reply *reply)
{
    if (wr_reply_kind(reply) == WR_REPLY_STRING) {
        on_pong(h, wr_reply_slice(reply));
        return;
    }
    struct wr_slice kind = wr_reply_slice(wr_reply_at(reply, 0));
    struct wr_slice channel = wr_reply_slice(wr_reply_at(reply, 1));
    const struct wr_reply *content = wr_reply_at(reply, 2);
    bool invalidate = h->tracking && wr_slice_eq(channel, INVALIDATE);
    if (wr_slice_eq(kind, WR_SLICE("pong")))
        on_pong(h, channel);
    else if (wr_slice_eq(kind, WR_SLICE("message")) && invalidate)
        on_invalidate(h, content);
    else if (wr_slice_eq(kind, WR_SLICE("message")))
        wr_subscriptions_heard(h, channel, wr_reply_slice(content));
    else if (wr_slice_eq(kind, WR_SLICE("subscribe")) && invalidate)
        h->reporting = true;
    else if (wr_slice_eq(kind, WR_SLICE("subscribe")) || wr_slice_eq(kind, WR_SLICE("unsubscribe")))
        wr_subscriptions_confirmed(h, channel);
    else if (wr_reply_kind(reply) == WR_REPLY_ERROR)
        on_refusal(h, reply);
    else
        wr_pipe_cut(&h->pipe, WR_PIPE_GARBAGE, WR_SLICE("a message of an unknown kind"));
}

static void on_subscriber_reply(struct wr_pipe *pipe, const struct wr_reply *reply)
{
    struct wr_subscriber *h = WR_CONTAINER(pipe, struct wr_subscriber, pipe);
    switch (h->phase) {
    case WR_SUBSCRIBER_ASKED_ID:
        if (wr_reply_kind(reply) == WR_REPLY_INTEGER) {
            ask_tracking(h, wr_reply_int(reply));
            return;
        }
        log_refusal(h, reply, NOT_TRACKED);
        begin_to_hear(h, false);
        return;
    case WR_SUBSCRIBER_ASKED_TRACKING:
        if (wr_reply_kind(reply) == WR_REPLY_ERROR)
            log_refusal(h, reply, NOT_TRACKED);
        begin_to_hear(h, wr_reply_kind(reply) == WR_REPLY_STATUS);
        return;
    case WR_SUBSCRIBER_HEARING:
        on_message(h, reply);
        return;
    case WR_SUBSCRIBER_AWAY:
        break;
    }
    WR_CHECK(!"a reply while away");
}

static void on_opened(struct wr_pipe *pipe)
{
    struct wr_subscriber *h = WR_CONTAINER(pipe, struct wr_subscriber, pipe);
    h->phase = WR_SUBSCRIBER_ASKED_ID;
    h->ping_sent = h->loop->mono; /* the heartbeat also watches for the replies to these */
    wr_timer_set(&h->heart, heart_every(h));
    wr_pipe_say(pipe, 2, (struct wr_slice[]){ WR_SLICE("CLIENT"), WR_SLICE("ID") });
}

/* proved stays as it is: what it says about the past remains true, and grows old. */
static void fall_silent(struct wr_subscriber *h)
{
    h->phase = WR_SUBSCRIBER_AWAY;
    wr_timer_clear(&h->heart);
    if (h->flowing)
        WR_GAUGE_DOWN(redis_flowing);
    h->flowing = h->reporting = h->tracking = false;
    wr_subscriptions_down(h);
}

static void on_closed(struct wr_pipe *pipe)
{
    fall_silent(WR_CONTAINER(pipe, struct wr_subscriber, pipe));
}

struct wr_subscriber *wr_subscriber_new(
    struct wr_loop *main_loop, struct wr_policy *policy, struct wr_names *names, const char *name,
    void (*on_change)(void *ctx, enum wr_subscriber_event event, struct wr_slice key), void *ctx)
{
    struct wr_subscriber *h = calloc(1, sizeof *h);
    WR_CHECK(h != NULL);
    h->loop = main_loop;
    h->policy = wr_policy_ref(policy);
    h->on_change = on_change;
    h->ctx = ctx;
    wr_subscriptions_init(h);
    wr_timer_init(&h->heart, main_loop, on_heart);
    h->pipe.opened = on_opened;
    h->pipe.reply = on_subscriber_reply;
    h->pipe.closed = on_closed;
    wr_pipe_init(&h->pipe, main_loop, &policy->redis, names, name);
    return h;
}

static void free_subscriber(struct wr_deferred_free *deferred)
{
    struct wr_subscriber *h = WR_CONTAINER(deferred, struct wr_subscriber, deferred);
    wr_policy_unref(h->policy);
    free(h);
}

void wr_subscriber_free(struct wr_subscriber *h)
{
    if (h == NULL)
        return;
    wr_pipe_fini(&h->pipe);
    fall_silent(h);
    wr_timer_fini(&h->heart);
    wr_subscriptions_fini(h);
    wr_loop_defer_free(h->loop, &h->deferred, free_subscriber);
}
