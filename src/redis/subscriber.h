/* SPDX-License-Identifier: BSD-2-Clause */
/* The process's only subscribed connection. It hears how fetches ended on other nodes (pub/sub) and what
 * changed in Redis (CLIENT TRACKING in RESP2, BCAST over the prefix of cached responses and over the
 * journal of purges).
 *
 * Tracking is redirected to the connection that asks for it, before that subscribes. So tracking lives as
 * long as the connection, and one PING on it proves that all changes before the PING have been reported. If
 * tracking is refused (by an ACL, or a server without it), nothing is ever *flowing*, and a copy in memory
 * is trusted for max_staleness only.
 *
 * The subscriber lives on the main loop; workers call it from their own threads. pub/sub may lose messages:
 * a waiter looks again once it is subscribed, and at its own deadline. */
#pragma once

#include "net/loop.h"
#include "policy/policy.h"

struct wr_subscriber;
struct wr_names;

enum wr_subscription_state {
    WR_SUBSCRIPTION_ASKED,     /* not subscribed yet */
    WR_SUBSCRIPTION_LISTENING, /* subscribed: now look again, then wait */
    WR_SUBSCRIPTION_HEARD,     /* a message came: text */
    WR_SUBSCRIPTION_DOWN,      /* the connection is down: look again on the deadline */
};

#define WR_SUBSCRIPTION_TEXT 63

/* A waiter for one message on one channel. Embedded in its owner on any loop. */
struct wr_subscription {
    struct wr_note note; /* woken at each change of state */
    void (*changed)(
        struct wr_subscription *subscription); /* on the owner's loop; read wr_subscription_state() */
    /* private to subscriber.c, under its lock */
    struct wr_subscriber *subscriber;
    struct wr_channel *channel;
    enum wr_subscription_state state;
    char text[WR_SUBSCRIPTION_TEXT + 1]; /* the beginning, if the message is longer */
    TAILQ_ENTRY(wr_subscription) entry;
};

enum wr_subscriber_event {
    WR_SUBSCRIBER_KEY,   /* this key was changed, perhaps by this process */
    WR_SUBSCRIBER_FLUSH, /* everything has gone from Redis */
    WR_SUBSCRIBER_BACK,  /* the connection is back: changes in the meantime are unknown */
};
/* Makes the subscriber. on_change is called on the main loop for every key under those prefixes that
 * changed in Redis, and for events that concern all keys (key.at is NULL then). names: as for wr_link_new().
 * The caller owns the result. Thread: main. */
struct wr_subscriber *wr_subscriber_new(
    struct wr_loop *main_loop, struct wr_policy *policy, struct wr_names *names, const char *name,
    void (*on_change)(void *ctx, enum wr_subscriber_event event, struct wr_slice key), void *ctx);
/* Frees the subscriber. Every subscription must be closed. Thread: main, or start after the loop has
 * ended. */
void wr_subscriber_free(struct wr_subscriber *subscriber);

/* Listens to `channel` (full name, copied) for the subscription, whose owner is on `loop`. changed() is
 * called after each change of state, the first one included unless that is ASKED, never before this returned.
 * Thread: loop's owner. */
void wr_subscription_open(struct wr_subscription *subscription, struct wr_subscriber *subscriber,
                          struct wr_loop *loop, struct wr_slice channel,
                          void (*changed)(struct wr_subscription *));
/* Returns the state; if it is HEARD, copies the message's text to out (may be NULL). Thread: the owner's. */
enum wr_subscription_state wr_subscription_state(struct wr_subscription *subscription,
                                                 char out[WR_SUBSCRIPTION_TEXT + 1]);
/* Stops listening. Harmless on a closed or zeroed one. Thread: the owner's. */
void wr_subscription_close(struct wr_subscription *subscription);

/* Returns the horizon: a copy that was known equal to Redis at this moment or later may be used at `now`
 * without asking Redis. The moment is when the question to Redis was *sent*, not when its answer came
 * (monotonic). Either invalidations have been flowing since then, as a heartbeat sent within max_staleness
 * proves; or the moment is no longer than max_staleness ago. So a copy is never used later than
 * max_staleness after it changed in Redis. Thread: any, no lock. */
struct wr_mono wr_subscriber_horizon(const struct wr_subscriber *subscriber, struct wr_mono now);
static inline bool wr_subscriber_trusts(const struct wr_subscriber *subscriber, struct wr_mono checked,
                                        struct wr_mono now)
{
    return !wr_time_before(checked, wr_subscriber_horizon(subscriber, now));
}
/* Are invalidations flowing? Thread: any, no lock. */
bool wr_subscriber_hears(const struct wr_subscriber *subscriber);
/* Has Redis reported this key (full name) as changed since `asked` (monotonic: when the question that read
 * it was sent)? An invalidation may overtake an answer. So put the copy into memory first, then call this,
 * and drop the copy if it returns true (a hash collision may give true needlessly). on_change() and the
 * putting must hold one lock per key, as the memory store's do. Thread: any, no lock. */
bool wr_subscriber_changed_since(const struct wr_subscriber *subscriber, struct wr_slice key,
                                 struct wr_mono asked);
