/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by subscriber.c (the connection) and subscriptions.c (channels and their listeners). */
#pragma once

#include <stdatomic.h>

#include "redis/pipe_priv.h"
#include "redis/subscriber.h"

#define WR_SUBSCRIBER_MARKS 8192 /* times of last change, by the key's hash */
#define WR_CHANNEL_BUCKETS 1024

/* One channel that is listened to, or that Redis still has to confirm something about. Under the subscriber's
 * lock. */
struct wr_channel {
    TAILQ_HEAD(, wr_subscription) subscriptions;
    bool subscribed;      /* what was said last on this connection: SUBSCRIBE, or nothing or UNSUBSCRIBE */
    unsigned unconfirmed; /* how many (UN)SUBSCRIBEs Redis has not answered */
    bool changed;         /* on the list of those the main loop looks at */
    TAILQ_ENTRY(wr_channel) entry, changed_entry;
    size_t name_len;
    char name[];
};
TAILQ_HEAD(wr_channel_list, wr_channel);

enum wr_subscriber_phase {
    WR_SUBSCRIBER_AWAY,
    WR_SUBSCRIBER_ASKED_ID,
    WR_SUBSCRIBER_ASKED_TRACKING,
    WR_SUBSCRIBER_HEARING, /* may subscribe; everything that comes is a message or a confirmation */
};

struct wr_subscriber {
    struct wr_deferred_free deferred;
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_pipe pipe;
    void (*on_change)(void *ctx, enum wr_subscriber_event event, struct wr_slice key);
    void *ctx;
    enum wr_subscriber_phase phase;
    bool tracking;       /* Redis has agreed to report changes to this connection ... */
    bool reporting;      /* ... and does: this connection is subscribed to them ... */
    bool flowing;        /* ... and the reports are arriving */
    bool refusal_logged; /* the refusal of tracking, or of a channel, has been logged */
    struct wr_timer heart;
    struct wr_mono ping_sent; /* 0: none is under way */
    uint64_t ping;            /* its number */

    /* Monotonic microseconds, read by every thread. */
    _Atomic int64_t since_us;  /* changes are reported from here on without a gap */
    _Atomic int64_t proved_us; /* what changed before has been reported */
    _Atomic int64_t all_us;    /* when anything may have changed, last */
    _Atomic int64_t mark_us[WR_SUBSCRIBER_MARKS];

    pthread_mutex_t lock; /* of everything below, and of the private part of subscriptions */
    bool up;              /* phase is HEARING */
    struct wr_note note;  /* on the main loop: look at `changed` */
    struct wr_channel_list changed;
    struct wr_channel_list bucket[WR_CHANNEL_BUCKETS];
};

/* Thread: main (all of these). */
void wr_subscriptions_init(struct wr_subscriber *h);
void wr_subscriptions_fini(struct wr_subscriber *h);
/* The connection may subscribe now; it is gone. */
void wr_subscriptions_up(struct wr_subscriber *h);
void wr_subscriptions_down(struct wr_subscriber *h);
/* Redis confirmed a SUBSCRIBE or UNSUBSCRIBE; a message came. */
void wr_subscriptions_confirmed(struct wr_subscriber *h, struct wr_slice channel);
void wr_subscriptions_heard(struct wr_subscriber *h, struct wr_slice channel, struct wr_slice text);
