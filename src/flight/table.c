/* The table of flights: at most one listed per key in the process. Locks: a shard's, then a flight's, never the other way. */
#include <stdlib.h>

#include "flight/flight_priv.h"

#define SHARDS 64
#define CHAINS 256 /* of a shard: far more than flights are ever in the air on one shard */

TAILQ_HEAD(chain, wr_flight);

struct wr_flights {
    struct shard {
        _Alignas(64) pthread_mutex_t lock;
        struct chain chains[CHAINS];
    } shards[SHARDS];
};

struct wr_flights *wr_flights_new(void)
{
    struct wr_flights *t = aligned_alloc(64, sizeof *t);
    WR_CHECK(t != NULL);
    for (int i = 0; i < SHARDS; i++) {
        WR_CHECK(pthread_mutex_init(&t->shards[i].lock, NULL) == 0);
        for (int j = 0; j < CHAINS; j++)
            TAILQ_INIT(&t->shards[i].chains[j]);
    }
    return t;
}

void wr_flights_free(struct wr_flights *t)
{
    for (int i = 0; i < SHARDS; i++) {
        for (int j = 0; j < CHAINS; j++)
            WR_CHECK(TAILQ_EMPTY(&t->shards[i].chains[j]));
        pthread_mutex_destroy(&t->shards[i].lock);
    }
    free(t);
}

static struct shard *shard_of(struct wr_flights *t, struct wr_hash h)
{
    return &t->shards[h.lo % SHARDS];
}

static struct chain *chain_of(struct shard *s, struct wr_hash h)
{
    return &s->chains[(h.lo / SHARDS) % CHAINS];
}

static struct wr_flight *find(struct shard *s, const struct wr_key *key)
{
    struct wr_flight *f;
    TAILQ_FOREACH(f, chain_of(s, key->hash), table_entry)
        if (wr_hash_eq(f->order.key.hash, key->hash) && wr_slice_eq(f->order.key.text, key->text))
            return f;
    return NULL;
}

struct wr_flight *wr_flights_join(struct wr_flights *t, const struct wr_flight_order *order, struct wr_audience *a,
                                  bool admitted)
{
    struct shard *s = shard_of(t, order->key.hash);
    pthread_mutex_lock(&s->lock);
    struct wr_flight *f = find(s, &order->key);
    if (f && a) {
        __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
        pthread_mutex_lock(&f->lock);
        a->flight = f;
        a->admitted = admitted;
        f->admitted += admitted;
        TAILQ_INSERT_TAIL(&f->audience, a, entry);
        if (f->news.verdict != WR_VERDICT_NONE || f->news.looked || f->news.found)
            wr_note_post(&a->note);
        if (admitted && !f->over)
            wr_note_post(&f->nudge);
        pthread_mutex_unlock(&f->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return f;
}

bool wr_flights_list(struct wr_flights *t, struct wr_flight *f)
{
    struct shard *s = shard_of(t, f->order.key.hash);
    pthread_mutex_lock(&s->lock);
    bool first = find(s, &f->order.key) == NULL;
    if (first) {
        TAILQ_INSERT_TAIL(chain_of(s, f->order.key.hash), f, table_entry);
        f->listed = true;
        __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&s->lock);
    return first;
}

void wr_flights_unlist(struct wr_flights *t, struct wr_flight *f)
{
    struct shard *s = shard_of(t, f->order.key.hash);
    pthread_mutex_lock(&s->lock);
    bool was = f->listed;
    if (was) {
        TAILQ_REMOVE(chain_of(s, f->order.key.hash), f, table_entry);
        f->listed = false;
    }
    pthread_mutex_unlock(&s->lock);
    if (was)
        wr_flight_unref(f);
}

static void spoil_chain(struct chain *chain, const struct wr_hash *primary)
{
    struct wr_flight *f;
    TAILQ_FOREACH(f, chain, table_entry)
        if (primary == NULL || wr_hash_eq(f->order.primary.hash, *primary))
            __atomic_store_n(&f->spoiled, true, __ATOMIC_RELAXED);
}

/* Variants' flights are listed by their own keys, so all chains are walked: purges are rare. */
void wr_flights_spoil(struct wr_flights *t, const struct wr_hash *primary)
{
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&t->shards[i].lock);
        for (int j = 0; j < CHAINS; j++)
            spoil_chain(&t->shards[i].chains[j], primary);
        pthread_mutex_unlock(&t->shards[i].lock);
    }
}
