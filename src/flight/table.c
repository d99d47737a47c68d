/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of flights: at most one flight per key in the process that others may join. Order of locks: the
 * shard's first, then the flight's. */
#include <stdlib.h>

#include "flight/flight_priv.h"

#define SHARDS 64
#define CHAINS 256 /* per shard: far more than a shard ever has flights */

TAILQ_HEAD(chain, wr_flight);

struct wr_flights {
    struct flight_shard {
        _Alignas(64) pthread_mutex_t lock;
        struct chain chains[CHAINS];
        struct chain too[CHAINS]; /* by the key of their response, linked by too_entry */
        struct chain
            urls[CHAINS]; /* by their URL's primary key, linked by url_entry: for purges of one URL */
        struct chain all; /* all flights of this shard, for other purges */
    } shards[SHARDS];
};

struct wr_flights *wr_flights_new(void)
{
    struct wr_flights *t = aligned_alloc(64, sizeof *t);
    WR_CHECK(t != NULL);
    for (int i = 0; i < SHARDS; i++) {
        WR_CHECK(pthread_mutex_init(&t->shards[i].lock, NULL) == 0);
        TAILQ_INIT(&t->shards[i].all);
        for (int j = 0; j < CHAINS; j++) {
            TAILQ_INIT(&t->shards[i].chains[j]);
            TAILQ_INIT(&t->shards[i].too[j]);
            TAILQ_INIT(&t->shards[i].urls[j]);
        }
    }
    return t;
}

void wr_flights_free(struct wr_flights *t)
{
    for (int i = 0; i < SHARDS; i++) {
        for (int j = 0; j < CHAINS; j++)
            WR_CHECK(TAILQ_EMPTY(&t->shards[i].chains[j]) && TAILQ_EMPTY(&t->shards[i].too[j]));
        pthread_mutex_destroy(&t->shards[i].lock);
    }
    free(t);
}

/* The URL's primary key chooses the shard, so all variants of a URL are in one shard. */
static struct flight_shard *flight_shard_of(struct wr_flights *t, struct wr_hash primary)
{
    return &t->shards[(wr_hash_place(primary) >> 32) % SHARDS];
}

static size_t chain_index(struct wr_hash h)
{
    return wr_hash_place(h) % CHAINS;
}

static struct chain *chain_of(struct flight_shard *s, struct wr_hash h)
{
    return &s->chains[chain_index(h)];
}

/* Takes the flight out of its shard, whose lock is held. The table's reference passes to the caller. */
static void take_off(struct flight_shard *s, struct wr_flight *f)
{
    TAILQ_REMOVE(chain_of(s, f->order.key.hash), f, table_entry);
    TAILQ_REMOVE(&s->urls[chain_index(f->order.primary.hash)], f, url_entry);
    TAILQ_REMOVE(&s->all, f, shard_entry);
    __atomic_store_n(&f->listed, false, __ATOMIC_RELEASE);
}

static struct chain *too_of(struct flight_shard *s, struct wr_hash h)
{
    return &s->too[chain_index(h)];
}

static bool same_key(const struct wr_key *a, const struct wr_key *b)
{
    return wr_hash_eq(a->hash, b->hash) && wr_slice_eq(a->text, b->text);
}

/* May a request join this flight? While changes in Redis can't be heard, the flight may have missed a purge,
 * as a copy in memory may: so it is joined no longer than such a copy would be served. */
static bool joinable(const struct wr_flight *f, const struct wr_worker *worker)
{
    return !wr_time_before(wr_flight_began(f), wr_worker_horizon(worker));
}

static bool is_closed(const struct wr_flight *f)
{
    return __atomic_load_n(&f->closed, __ATOMIC_ACQUIRE);
}

static void set_closed(struct wr_flight *f, bool closed)
{
    __atomic_store_n(&f->closed, closed, __ATOMIC_RELEASE);
}

static struct wr_flight *find_own(struct flight_shard *s, const struct wr_key *key)
{
    struct wr_flight *f;
    TAILQ_FOREACH(f, chain_of(s, key->hash), table_entry)
        if (!is_closed(f) && f->mode != WR_MODE_SOLO && same_key(&f->order.key, key))
            return f;
    return NULL;
}

static struct wr_flight *find_flight(struct flight_shard *s, const struct wr_key *key)
{
    struct wr_flight *f = find_own(s, key);
    if (f)
        return f;
    TAILQ_FOREACH(f, too_of(s, key->hash), too_entry)
        if (__atomic_load_n(&f->listed, __ATOMIC_ACQUIRE) && !is_closed(f) && same_key(&f->too, key))
            return f;
    return NULL;
}

struct wr_flight *wr_flights_join(struct wr_flights *t, const struct wr_flight_order *order,
                                  struct wr_waiter *a, bool admitted)
{
    struct flight_shard *s = flight_shard_of(t, order->primary.hash);
    uint64_t epoch = wr_purges_epoch(order->worker_policy->worker->shared->purges);
    pthread_mutex_lock(&s->lock);
    struct wr_flight *f = find_flight(s, &order->key), *old = NULL;
    if (f && !joinable(f, order->worker_policy->worker)) {
        bool here = same_key(&f->order.key, &order->key);
        old = here ? f : NULL;
        f = NULL;
        if (here)
            take_off(s, old);
    }
    if (f && a) {
        __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
        pthread_mutex_lock(&f->lock);
        a->flight = f;
        a->admitted = admitted;
        a->epoch = epoch;
        f->admitted += admitted;
        TAILQ_INSERT_TAIL(&f->waiters, a, entry);
        wr_flight_hold_for(f, a);
        if (f->result.verdict != WR_VERDICT_NONE || f->result.looked || f->result.found)
            wr_note_post(&a->note);
        if (admitted && !f->over)
            wr_note_post(&f->nudge);
        pthread_mutex_unlock(&f->lock);
    }
    pthread_mutex_unlock(&s->lock);
    if (old)
        wr_flight_unref(old);
    return f;
}

bool wr_flights_list(struct wr_flights *t, struct wr_flight *f)
{
    struct flight_shard *s = flight_shard_of(t, f->order.primary.hash);
    pthread_mutex_lock(&s->lock);
    bool first = f->mode == WR_MODE_SOLO || find_own(s, &f->order.key) == NULL;
    if (first) {
        TAILQ_INSERT_TAIL(chain_of(s, f->order.key.hash), f, table_entry);
        TAILQ_INSERT_TAIL(&s->urls[chain_index(f->order.primary.hash)], f, url_entry);
        TAILQ_INSERT_TAIL(&s->all, f, shard_entry);
        __atomic_store_n(&f->listed, true, __ATOMIC_RELEASE);
        __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&s->lock);
    return first;
}

/* Is the response of this flight being stored? Under the shard's lock. */
static bool is_storing(struct wr_flight *f)
{
    if (f->opened)
        return true; /* it will be, though the result may not say so yet */
    pthread_mutex_lock(&f->lock);
    bool is = f->result.verdict == WR_VERDICT_OBJECT && f->result.stored;
    pthread_mutex_unlock(&f->lock);
    return is;
}

bool wr_flights_open(struct wr_flights *t, struct wr_flight *f)
{
    struct flight_shard *s = flight_shard_of(t, f->order.primary.hash);
    pthread_mutex_lock(&s->lock);
    struct wr_flight *other = find_flight(s, &f->order.key);
    bool first = other == NULL || !is_storing(other);
    if (first) {
        f->mode = WR_MODE_SHARED;
        f->opened = true;
    }
    pthread_mutex_unlock(&s->lock);
    return first;
}

void wr_flights_close(struct wr_flights *t, struct wr_flight *f)
{
    struct flight_shard *s = flight_shard_of(t, f->order.primary.hash);
    pthread_mutex_lock(&s->lock);
    set_closed(f, true);
    pthread_mutex_unlock(&s->lock);
}

void wr_flights_list_too(struct wr_flights *t, struct wr_flight *f, const struct wr_key *key)
{
    struct flight_shard *s = flight_shard_of(t, f->order.primary.hash);
    if (wr_flight_is_alone(f) || f->mode == WR_MODE_SOLO || f->listed_too || same_key(key, &f->order.key))
        return;
    pthread_mutex_lock(&s->lock);
    if (find_flight(s, key) == NULL) {
        f->too = *key;
        f->listed_too = true;
        TAILQ_INSERT_TAIL(too_of(s, key->hash), f, too_entry);
        __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&s->lock);
}

static void unlist_too(struct wr_flights *t, struct wr_flight *f)
{
    if (!f->listed_too) /* only the flight's own loop writes it */
        return;
    struct flight_shard *s = flight_shard_of(t, f->order.primary.hash);
    pthread_mutex_lock(&s->lock);
    TAILQ_REMOVE(too_of(s, f->too.hash), f, too_entry);
    f->listed_too = false;
    pthread_mutex_unlock(&s->lock);
    wr_flight_unref(f);
}

void wr_flights_reopen(struct wr_flights *t, struct wr_flight *f)
{
    if (wr_flight_is_alone(f))
        return;
    struct flight_shard *s = flight_shard_of(t, f->order.primary.hash);
    pthread_mutex_lock(&s->lock);
    if (is_closed(f) && f->listed && find_own(s, &f->order.key) == NULL)
        set_closed(f, false);
    pthread_mutex_unlock(&s->lock);
}

void wr_flights_unlist(struct wr_flights *t, struct wr_flight *f)
{
    if (wr_flight_is_alone(f)) /* it was never listed */
        return;
    unlist_too(t, f);
    struct flight_shard *s = flight_shard_of(t, f->order.primary.hash);
    pthread_mutex_lock(&s->lock);
    bool was = f->listed;
    if (was) {
        take_off(s, f);
    }
    pthread_mutex_unlock(&s->lock);
    if (was)
        wr_flight_unref(f);
}

/* --- purges --- */

/* Does the purge concern this flight? Before the response's head has come, its tags aren't known. Then the
 * tags are compared when the head comes, also for each waiter that joined after the purge. */
static bool is_meant(struct wr_flight *f, const struct wr_purge *purge)
{
    pthread_mutex_lock(&f->lock);
    const struct wr_object *o = f->result.object;
    bool meant = wr_purge_means(purge, &f->order.primary, f->order.key.host, o ? o->tags : wr_slice(NULL, 0));
    pthread_mutex_unlock(&f->lock);
    return meant;
}

/* Closes the flight and wakes it. It stays in the table, so that requests find it closed. */
static void spoil(struct wr_flight *f)
{
    set_closed(f, true);
    __atomic_store_n(&f->spoiled, true, __ATOMIC_RELEASE);
    pthread_mutex_lock(&f->lock);
    if (!f->over)
        wr_note_post(&f->nudge);
    pthread_mutex_unlock(&f->lock);
}

/* A purge of one URL looks at the flights of one chain. */
static void spoil_url(struct wr_flights *t, struct wr_hash primary, const struct wr_purge *purge)
{
    struct flight_shard *s = flight_shard_of(t, primary);
    struct wr_flight *f;
    pthread_mutex_lock(&s->lock);
    TAILQ_FOREACH(f, &s->urls[chain_index(primary)], url_entry)
        if (!is_closed(f) && is_meant(f, purge))
            spoil(f);
    pthread_mutex_unlock(&s->lock);
}

/* A purge of more than one URL goes through all shards: there are no more flights than fetches under way. */
void wr_flights_spoil(struct wr_flights *t, const struct wr_purge *purge)
{
    if (purge->scope == WR_SCOPE_URL) {
        spoil_url(t, purge->primary, purge);
        if (!wr_hash_eq(purge->primary, purge->other))
            spoil_url(t, purge->other, purge);
        return;
    }
    for (int i = 0; i < SHARDS; i++) {
        struct wr_flight *f;
        pthread_mutex_lock(&t->shards[i].lock);
        TAILQ_FOREACH(f, &t->shards[i].all, shard_entry)
            if (!is_closed(f) && is_meant(f, purge))
                spoil(f);
        pthread_mutex_unlock(&t->shards[i].lock);
    }
}
