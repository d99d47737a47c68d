/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists who listens to which channel. Workers open and close subscriptions under the subscriber's lock, but
 * only the main loop speaks to Redis. So a channel whose subscriptions have changed is put on a list that
 * the main loop works through. */
#include <stdlib.h>

#include "base/hash.h"
#include "redis/subscriber_priv.h"

/* --- channels: under the lock --- */

static struct wr_channel_list *bucket_of(struct wr_subscriber *h, struct wr_slice name)
{
    return &h->bucket[wr_hash_place(wr_hash_of(name)) % WR_CHANNEL_BUCKETS];
}

static struct wr_slice name_of(const struct wr_channel *c)
{
    return wr_slice(c->name, c->name_len);
}

static struct wr_channel *find_channel(struct wr_subscriber *h, struct wr_slice name)
{
    struct wr_channel *c;
    TAILQ_FOREACH(c, bucket_of(h, name), entry)
        if (wr_slice_eq(name_of(c), name))
            return c;
    return NULL;
}

static struct wr_channel *find_or_make(struct wr_subscriber *h, struct wr_slice name)
{
    struct wr_channel *c = find_channel(h, name);
    if (c)
        return c;
    c = calloc(1, sizeof *c + name.len);
    WR_CHECK(c != NULL);
    TAILQ_INIT(&c->subscriptions);
    c->name_len = name.len;
    memcpy(c->name, name.at, name.len);
    TAILQ_INSERT_TAIL(bucket_of(h, name), c, entry);
    return c;
}

static void channel_free(struct wr_subscriber *h, struct wr_channel *c)
{
    if (c->changed)
        TAILQ_REMOVE(&h->changed, c, changed_entry);
    TAILQ_REMOVE(bucket_of(h, name_of(c)), c, entry);
    free(c);
}

static void set_state(struct wr_subscription *subscription, enum wr_subscription_state state)
{
    if (subscription->state == state || subscription->state == WR_SUBSCRIPTION_HEARD)
        return;
    subscription->state = state;
    wr_note_post(&subscription->note);
}

static void set_all(struct wr_channel *c, enum wr_subscription_state state)
{
    struct wr_subscription *subscription;
    TAILQ_FOREACH(subscription, &c->subscriptions, entry)
        set_state(subscription, state);
}

static bool listening(const struct wr_channel *c)
{
    return c->subscribed && c->unconfirmed == 0;
}

/* Puts the channel on the main loop's list, because its subscriptions have changed. */
static void look_at(struct wr_subscriber *h, struct wr_channel *c)
{
    if (c->changed)
        return;
    c->changed = true;
    TAILQ_INSERT_TAIL(&h->changed, c, changed_entry);
    wr_note_post(&h->note);
}

static void send_subscribe(struct wr_subscriber *h, struct wr_channel *c, bool subscribe)
{
    struct wr_slice verb = subscribe ? WR_SLICE("SUBSCRIBE") : WR_SLICE("UNSUBSCRIBE");
    wr_pipe_say(&h->pipe, 2, (struct wr_slice[]){ verb, name_of(c) });
    c->subscribed = subscribe;
    c->unconfirmed++;
}

/* Makes Redis's subscription match the listeners. Frees a channel without listeners and open
 * confirmations. */
static void settle_channel(struct wr_subscriber *h, struct wr_channel *c)
{
    bool wanted = !TAILQ_EMPTY(&c->subscriptions);
    if (h->up && wanted != c->subscribed)
        send_subscribe(h, c, wanted);
    if (!wanted && !c->subscribed && c->unconfirmed == 0)
        channel_free(h, c);
}

/* --- the main loop's side --- */

static void on_channels_changed(struct wr_note *note)
{
    struct wr_subscriber *h = WR_CONTAINER(note, struct wr_subscriber, note);
    struct wr_channel *c;
    pthread_mutex_lock(&h->lock);
    while ((c = TAILQ_FIRST(&h->changed)) != NULL) {
        TAILQ_REMOVE(&h->changed, c, changed_entry);
        c->changed = false;
        settle_channel(h, c);
    }
    pthread_mutex_unlock(&h->lock);
}

static void each_channel(struct wr_subscriber *h, void (*visit)(struct wr_subscriber *, struct wr_channel *))
{
    for (size_t i = 0; i < WR_CHANNEL_BUCKETS; i++) {
        struct wr_channel *next;
        for (struct wr_channel *c = TAILQ_FIRST(&h->bucket[i]); c; c = next) {
            next = TAILQ_NEXT(c, entry);
            visit(h, c);
        }
    }
}

static void revive(struct wr_subscriber *h, struct wr_channel *c)
{
    set_all(c, WR_SUBSCRIPTION_ASKED);
    settle_channel(h, c);
}

void wr_subscriptions_up(struct wr_subscriber *h)
{
    pthread_mutex_lock(&h->lock);
    h->up = true;
    each_channel(h, revive);
    pthread_mutex_unlock(&h->lock);
}

static void deafen(struct wr_subscriber *h, struct wr_channel *c)
{
    c->subscribed = false;
    c->unconfirmed = 0;
    set_all(c, WR_SUBSCRIPTION_DOWN);
    settle_channel(h, c);
}

void wr_subscriptions_down(struct wr_subscriber *h)
{
    pthread_mutex_lock(&h->lock);
    h->up = false;
    each_channel(h, deafen);
    pthread_mutex_unlock(&h->lock);
}

void wr_subscriptions_confirmed(struct wr_subscriber *h, struct wr_slice channel)
{
    pthread_mutex_lock(&h->lock);
    struct wr_channel *c = find_channel(h, channel);
    if (c && c->unconfirmed > 0) {
        c->unconfirmed--;
        if (listening(c))
            set_all(c, WR_SUBSCRIPTION_LISTENING);
        settle_channel(h, c);
    }
    pthread_mutex_unlock(&h->lock);
}

void wr_subscriptions_heard(struct wr_subscriber *h, struct wr_slice channel, struct wr_slice text)
{
    pthread_mutex_lock(&h->lock);
    struct wr_channel *c = find_channel(h, channel);
    struct wr_subscription *subscription;
    if (c)
        TAILQ_FOREACH(subscription, &c->subscriptions, entry) {
            if (subscription->state == WR_SUBSCRIPTION_HEARD)
                continue;
            size_t len = text.len < WR_SUBSCRIPTION_TEXT ? text.len : WR_SUBSCRIPTION_TEXT;
            if (len)
                memcpy(subscription->text, text.at, len);
            subscription->text[len] = '\0';
            set_state(subscription, WR_SUBSCRIPTION_HEARD);
        }
    pthread_mutex_unlock(&h->lock);
}

void wr_subscriptions_init(struct wr_subscriber *h)
{
    WR_CHECK(pthread_mutex_init(&h->lock, NULL) == 0);
    wr_note_init(&h->note, h->loop, on_channels_changed);
    TAILQ_INIT(&h->changed);
    for (size_t i = 0; i < WR_CHANNEL_BUCKETS; i++)
        TAILQ_INIT(&h->bucket[i]);
}

static void let_go(struct wr_subscriber *h, struct wr_channel *c)
{
    WR_CHECK(TAILQ_EMPTY(&c->subscriptions));
    channel_free(h, c);
}

void wr_subscriptions_fini(struct wr_subscriber *h)
{
    wr_note_fini(&h->note);
    each_channel(h, let_go);
    pthread_mutex_destroy(&h->lock);
}

/* --- the workers' side --- */

static void on_subscription_note(struct wr_note *note)
{
    struct wr_subscription *subscription = WR_CONTAINER(note, struct wr_subscription, note);
    subscription->changed(subscription);
}

void wr_subscription_open(struct wr_subscription *subscription, struct wr_subscriber *subscriber,
                          struct wr_loop *loop, struct wr_slice channel,
                          void (*changed)(struct wr_subscription *))
{
    *subscription = (struct wr_subscription){ .subscriber = subscriber,
                                              .changed = changed,
                                              .state = WR_SUBSCRIPTION_ASKED };
    wr_note_init(&subscription->note, loop, on_subscription_note);
    pthread_mutex_lock(&subscriber->lock);
    struct wr_channel *c = find_or_make(subscriber, channel);
    subscription->channel = c;
    TAILQ_INSERT_TAIL(&c->subscriptions, subscription, entry);
    if (!subscriber->up)
        set_state(subscription, WR_SUBSCRIPTION_DOWN);
    else if (listening(c))
        set_state(subscription, WR_SUBSCRIPTION_LISTENING);
    else
        look_at(subscriber, c);
    pthread_mutex_unlock(&subscriber->lock);
}

enum wr_subscription_state wr_subscription_state(struct wr_subscription *subscription,
                                                 char out[WR_SUBSCRIPTION_TEXT + 1])
{
    pthread_mutex_lock(&subscription->subscriber->lock);
    enum wr_subscription_state state = subscription->state;
    if (out && state == WR_SUBSCRIPTION_HEARD)
        memcpy(out, subscription->text, sizeof subscription->text);
    pthread_mutex_unlock(&subscription->subscriber->lock);
    return state;
}

void wr_subscription_close(struct wr_subscription *subscription)
{
    struct wr_subscriber *h = subscription->subscriber;
    if (h == NULL)
        return;
    pthread_mutex_lock(&h->lock);
    TAILQ_REMOVE(&subscription->channel->subscriptions, subscription, entry);
    if (TAILQ_EMPTY(&subscription->channel->subscriptions))
        look_at(h, subscription->channel);
    pthread_mutex_unlock(&h->lock);
    wr_note_fini(&subscription->note);
    subscription->subscriber = NULL;
    subscription->channel = NULL;
}
