/* SPDX-License-Identifier: BSD-2-Clause */
/* Who listens to which channel. Workers open and close ears behind the herald's lock; only the main loop
 * speaks to Redis, so a channel whose audience came or went is put on a list that the main loop works off. */
#include <stdlib.h>

#include "base/hash.h"
#include "redis/herald_priv.h"

/* --- channels: behind the lock --- */

static struct wr_channel_list *bucket_of(struct wr_herald *h, struct wr_slice name)
{
    return &h->bucket[wr_hash_of(name).lo % WR_CHANNEL_BUCKETS];
}

static struct wr_slice name_of(const struct wr_channel *c)
{
    return wr_slice(c->name, c->name_len);
}

static struct wr_channel *find(struct wr_herald *h, struct wr_slice name)
{
    struct wr_channel *c;
    TAILQ_FOREACH(c, bucket_of(h, name), entry)
        if (wr_slice_eq(name_of(c), name))
            return c;
    return NULL;
}

static struct wr_channel *find_or_make(struct wr_herald *h, struct wr_slice name)
{
    struct wr_channel *c = find(h, name);
    if (c)
        return c;
    c = calloc(1, sizeof *c + name.len);
    WR_CHECK(c != NULL);
    TAILQ_INIT(&c->ears);
    c->name_len = name.len;
    memcpy(c->name, name.at, name.len);
    TAILQ_INSERT_TAIL(bucket_of(h, name), c, entry);
    return c;
}

static void channel_free(struct wr_herald *h, struct wr_channel *c)
{
    if (c->changed)
        TAILQ_REMOVE(&h->changed, c, changed_entry);
    TAILQ_REMOVE(bucket_of(h, name_of(c)), c, entry);
    free(c);
}

static void set_state(struct wr_ear *ear, enum wr_ear_state state)
{
    if (ear->state == state || ear->state == WR_EAR_HEARD)
        return;
    ear->state = state;
    wr_note_post(&ear->note);
}

static void set_all(struct wr_channel *c, enum wr_ear_state state)
{
    struct wr_ear *ear;
    TAILQ_FOREACH(ear, &c->ears, entry)
        set_state(ear, state);
}

static bool listening(const struct wr_channel *c)
{
    return c->subscribed && c->unconfirmed == 0;
}

/* The audience came or went: the main loop shall (un)subscribe. */
static void look_at(struct wr_herald *h, struct wr_channel *c)
{
    if (c->changed)
        return;
    c->changed = true;
    TAILQ_INSERT_TAIL(&h->changed, c, changed_entry);
    wr_note_post(&h->note);
}

static void say(struct wr_herald *h, struct wr_channel *c, bool subscribe)
{
    struct wr_slice verb = subscribe ? WR_SLICE("SUBSCRIBE") : WR_SLICE("UNSUBSCRIBE");
    wr_pipe_say(&h->pipe, 2, (struct wr_slice[]){ verb, name_of(c) });
    c->subscribed = subscribe;
    c->unconfirmed++;
}

/* Brings what Redis was told in line with who listens; frees a channel nobody and nothing needs. */
static void settle(struct wr_herald *h, struct wr_channel *c)
{
    bool wanted = !TAILQ_EMPTY(&c->ears);
    if (h->up && wanted != c->subscribed)
        say(h, c, wanted);
    if (!wanted && !c->subscribed && c->unconfirmed == 0)
        channel_free(h, c);
}

/* --- the main loop's side --- */

static void on_note(struct wr_note *note)
{
    struct wr_herald *h = WR_CONTAINER(note, struct wr_herald, note);
    struct wr_channel *c;
    pthread_mutex_lock(&h->lock);
    while ((c = TAILQ_FIRST(&h->changed)) != NULL) {
        TAILQ_REMOVE(&h->changed, c, changed_entry);
        c->changed = false;
        settle(h, c);
    }
    pthread_mutex_unlock(&h->lock);
}

static void each_channel(struct wr_herald *h, void (*visit)(struct wr_herald *, struct wr_channel *))
{
    for (size_t i = 0; i < WR_CHANNEL_BUCKETS; i++) {
        struct wr_channel *next;
        for (struct wr_channel *c = TAILQ_FIRST(&h->bucket[i]); c; c = next) {
            next = TAILQ_NEXT(c, entry);
            visit(h, c);
        }
    }
}

static void revive(struct wr_herald *h, struct wr_channel *c)
{
    set_all(c, WR_EAR_ASKED);
    settle(h, c);
}

void wr_ears_up(struct wr_herald *h)
{
    pthread_mutex_lock(&h->lock);
    h->up = true;
    each_channel(h, revive);
    pthread_mutex_unlock(&h->lock);
}

static void deafen(struct wr_herald *h, struct wr_channel *c)
{
    c->subscribed = false;
    c->unconfirmed = 0;
    set_all(c, WR_EAR_DEAF);
    settle(h, c);
}

void wr_ears_down(struct wr_herald *h)
{
    pthread_mutex_lock(&h->lock);
    h->up = false;
    each_channel(h, deafen);
    pthread_mutex_unlock(&h->lock);
}

void wr_ears_confirmed(struct wr_herald *h, struct wr_slice channel)
{
    pthread_mutex_lock(&h->lock);
    struct wr_channel *c = find(h, channel);
    if (c && c->unconfirmed > 0) {
        c->unconfirmed--;
        if (listening(c))
            set_all(c, WR_EAR_LISTENING);
        settle(h, c);
    }
    pthread_mutex_unlock(&h->lock);
}

void wr_ears_heard(struct wr_herald *h, struct wr_slice channel, struct wr_slice text)
{
    pthread_mutex_lock(&h->lock);
    struct wr_channel *c = find(h, channel);
    struct wr_ear *ear;
    if (c)
        TAILQ_FOREACH(ear, &c->ears, entry) {
            if (ear->state == WR_EAR_HEARD)
                continue;
            size_t len = text.len < WR_EAR_TEXT ? text.len : WR_EAR_TEXT;
            if (len)
                memcpy(ear->text, text.at, len);
            ear->text[len] = '\0';
            set_state(ear, WR_EAR_HEARD);
        }
    pthread_mutex_unlock(&h->lock);
}

void wr_ears_init(struct wr_herald *h)
{
    WR_CHECK(pthread_mutex_init(&h->lock, NULL) == 0);
    wr_note_init(&h->note, h->loop, on_note);
    TAILQ_INIT(&h->changed);
    for (size_t i = 0; i < WR_CHANNEL_BUCKETS; i++)
        TAILQ_INIT(&h->bucket[i]);
}

static void let_go(struct wr_herald *h, struct wr_channel *c)
{
    WR_CHECK(TAILQ_EMPTY(&c->ears));
    channel_free(h, c);
}

void wr_ears_fini(struct wr_herald *h)
{
    wr_note_fini(&h->note);
    each_channel(h, let_go);
    pthread_mutex_destroy(&h->lock);
}

/* --- the workers' side --- */

static void on_ear_note(struct wr_note *note)
{
    struct wr_ear *ear = WR_CONTAINER(note, struct wr_ear, note);
    ear->changed(ear);
}

void wr_ear_open(struct wr_ear *ear, struct wr_herald *herald, struct wr_loop *loop, struct wr_slice channel,
                 void (*changed)(struct wr_ear *))
{
    *ear = (struct wr_ear){ .herald = herald, .changed = changed, .state = WR_EAR_ASKED };
    wr_note_init(&ear->note, loop, on_ear_note);
    pthread_mutex_lock(&herald->lock);
    struct wr_channel *c = find_or_make(herald, channel);
    ear->channel = c;
    TAILQ_INSERT_TAIL(&c->ears, ear, entry);
    if (!herald->up)
        set_state(ear, WR_EAR_DEAF);
    else if (listening(c))
        set_state(ear, WR_EAR_LISTENING);
    else
        look_at(herald, c);
    pthread_mutex_unlock(&herald->lock);
}

enum wr_ear_state wr_ear_state(struct wr_ear *ear, char out[WR_EAR_TEXT + 1])
{
    pthread_mutex_lock(&ear->herald->lock);
    enum wr_ear_state state = ear->state;
    if (out && state == WR_EAR_HEARD)
        memcpy(out, ear->text, sizeof ear->text);
    pthread_mutex_unlock(&ear->herald->lock);
    return state;
}

void wr_ear_close(struct wr_ear *ear)
{
    struct wr_herald *h = ear->herald;
    if (h == NULL)
        return;
    pthread_mutex_lock(&h->lock);
    TAILQ_REMOVE(&ear->channel->ears, ear, entry);
    if (TAILQ_EMPTY(&ear->channel->ears))
        look_at(h, ear->channel);
    pthread_mutex_unlock(&h->lock);
    wr_note_fini(&ear->note);
    ear->herald = NULL;
    ear->channel = NULL;
}
