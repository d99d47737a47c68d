/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of the process's own quotas, in shards. Entries are found by hash, swept when their quota is
 * full, and evicted when a shard is full. */
#include "limit/local.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/rand.h"
#include "stats/stats.h"

#define SHARD_BITS 5
#define SHARDS (1 << SHARD_BITS) /* a set of shards is the bits of a uint32_t */
#define NONE UINT32_MAX
#define SWEPT_PER_ASK 2 /* one more than an ask can add, so the sweep keeps ahead of new entries */
#define WEIGHED 8       /* candidates for eviction */
#define LOG_SLOTS_PER_ENTRY \
    16 /* sliding_window's memory: this on average; no less than one longest log a shard */

struct limit_entry {
    struct wr_hash id;
    struct wr_limit_rule rule;
    struct wr_limit_tally state;
    int64_t whole_at_us; /* when its quota is full again: it can be dropped then; 0: a free entry */
    double spent;        /* share of the quota that was spent, 0..1, at the last question */
    bool pinned;         /* being decided: may not be evicted */
    uint32_t next;       /* in its bucket, or in the list of free entries */
};

struct limit_shard {
    pthread_mutex_t lock;
    struct limit_entry *entries;
    uint32_t *buckets;
    uint32_t cap, bucket_mask;
    uint32_t fresh; /* entries from this index on have never been used */
    uint32_t free;  /* head of the list of entries used and freed */
    uint32_t count; /* in use */
    uint32_t hand;  /* the sweep's position */
    uint64_t log_slots, max_log_slots;
    int64_t now_us;
} __attribute__((aligned(64)));

struct wr_local_limits {
    struct limit_shard shards[SHARDS];
    unsigned nodes; /* atomic */
};

struct wr_local_limits *wr_local_limits_new(size_t max_entries)
{
    struct wr_local_limits *l = aligned_alloc(_Alignof(struct wr_local_limits), sizeof *l);
    WR_CHECK(l != NULL);
    memset(l, 0, sizeof *l);
    l->nodes = 1;
    size_t per_shard = (max_entries + SHARDS - 1) / SHARDS;
    WR_CHECK(per_shard < NONE / 2);
    for (struct limit_shard *s = l->shards; s < l->shards + SHARDS; s++) {
        WR_CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
        s->cap = per_shard > WR_MAX_ROUTE_LIMITS ? (uint32_t) per_shard : WR_MAX_ROUTE_LIMITS;
        s->free = NONE;
        uint32_t buckets = 1;
        while (buckets < s->cap)
            buckets *= 2;
        s->bucket_mask = buckets - 1;
        s->entries = calloc(s->cap, sizeof *s->entries);
        s->buckets = malloc(buckets * sizeof *s->buckets);
        WR_CHECK(s->entries != NULL && s->buckets != NULL);
        for (uint32_t i = 0; i < buckets; i++)
            s->buckets[i] = NONE;
        uint64_t longest = 2 * (uint64_t) WR_LIMIT_MAX_LOG; /* a ring doubles */
        s->max_log_slots = (uint64_t) s->cap * LOG_SLOTS_PER_ENTRY;
        if (s->max_log_slots < longest)
            s->max_log_slots = longest;
    }
    return l;
}

void wr_local_limits_free(struct wr_local_limits *l)
{
    if (l == NULL)
        return;
    for (struct limit_shard *s = l->shards; s < l->shards + SHARDS; s++) {
        for (uint32_t i = 0; i < s->fresh; i++)
            if (s->entries[i].whole_at_us != 0)
                wr_limit_tally_fini(&s->entries[i].rule, &s->entries[i].state);
        free(s->entries);
        free(s->buckets);
        pthread_mutex_destroy(&s->lock);
    }
    free(l);
}

void wr_local_limits_nodes(struct wr_local_limits *l, unsigned nodes)
{
    __atomic_store_n(&l->nodes, nodes > 0 ? nodes : 1, __ATOMIC_RELAXED);
}

size_t wr_local_limits_count(struct wr_local_limits *l)
{
    size_t count = 0;
    for (struct limit_shard *s = l->shards; s < l->shards + SHARDS; s++) {
        pthread_mutex_lock(&s->lock);
        count += s->count;
        pthread_mutex_unlock(&s->lock);
    }
    return count;
}

/* Returns the hash that names a quota. It depends on the limit's name, so that a reload keeps the quota,
 * and on the algorithm, whose state it is. */
static struct wr_hash id_of(const struct wr_limit_policy *limit, struct wr_slice identity)
{
    struct {
        struct wr_hash name, identity;
        uint64_t algorithm;
    } parts = { wr_hash_of(wr_slice_str(limit->name)), wr_hash_of(identity), limit->algorithm };
    return wr_hash_of(wr_slice((const char *) &parts, sizeof parts));
}

static uint32_t *bucket_of(struct limit_shard *s, struct wr_hash id)
{
    return &s->buckets[wr_hash_place(id) & s->bucket_mask];
}

static uint64_t log_slots(const struct limit_entry *e)
{
    return e->rule.algorithm == WR_SLIDING_WINDOW ? e->state.log.cap : 0;
}

static void drop_entry(struct limit_shard *s, uint32_t index)
{
    struct limit_entry *e = &s->entries[index];
    uint32_t *link = bucket_of(s, e->id);
    while (*link != index)
        link = &s->entries[*link].next;
    *link = e->next;
    s->log_slots -= log_slots(e);
    wr_limit_tally_fini(&e->rule, &e->state);
    e->whole_at_us = 0;
    e->next = s->free;
    s->free = index;
    s->count--;
}

static void sweep(struct limit_shard *s)
{
    for (int i = 0; i < SWEPT_PER_ASK && s->count > 0; i++) {
        s->hand = s->hand + 1 < s->fresh ? s->hand + 1 : 0;
        int64_t whole_at = s->entries[s->hand].whole_at_us;
        if (whole_at != 0 && whole_at <= s->now_us)
            drop_entry(s, s->hand);
    }
}

static bool worth_less(const struct limit_entry *a, const struct limit_entry *b)
{
    return a->spent < b->spent || (a->spent == b->spent && a->whole_at_us < b->whole_at_us);
}

/* Returns a random entry in use that isn't pinned, or the next one after it. NONE if there is none. */
static uint32_t draw(const struct limit_shard *s)
{
    uint32_t index = (uint32_t) wr_rand_below(s->fresh);
    for (uint32_t seen = 0; seen < s->fresh; seen++) {
        if (!s->entries[index].pinned && s->entries[index].whole_at_us != 0)
            return index;
        index = index + 1 < s->fresh ? index + 1 : 0;
    }
    return NONE;
}

/* Drops the entry of least value among a few that aren't pinned. Returns false if all are pinned. */
static bool evict(struct limit_shard *s)
{
    uint32_t victim = draw(s);
    if (victim == NONE)
        return false;
    for (int weighed = 1; weighed < WEIGHED; weighed++) {
        uint32_t other = draw(s);
        if (worth_less(&s->entries[other], &s->entries[victim]))
            victim = other;
    }
    if (s->entries[victim].whole_at_us > s->now_us)
        WR_COUNT(limit_evicted);
    drop_entry(s, victim);
    return true;
}

static uint32_t find_entry(struct limit_shard *s, struct wr_hash id)
{
    uint32_t index = *bucket_of(s, id);
    while (index != NONE && !wr_hash_eq(s->entries[index].id, id))
        index = s->entries[index].next;
    return index;
}

static uint32_t add_entry(struct limit_shard *s, struct wr_hash id)
{
    if (s->free == NONE && s->fresh == s->cap)
        WR_CHECK(evict(s)); /* a shard has more entries than one request can pin */
    uint32_t index = s->free;
    if (index != NONE)
        s->free = s->entries[index].next;
    else
        index = s->fresh++;
    uint32_t *bucket = bucket_of(s, id);
    s->entries[index] = (struct limit_entry){ .id = id, .next = *bucket };
    *bucket = index;
    s->count++;
    return index;
}

/* One limit of a request under decision. */
struct pinned_entry {
    struct limit_shard *shard;
    struct limit_entry *entry;
};

static size_t shard_index(struct wr_hash id)
{
    return wr_hash_place(id) >> (64 - SHARD_BITS);
}

/* Locks all shards of a set, in the same order on all threads. */
static void lock_all(struct wr_local_limits *l, uint32_t shards)
{
    for (uint32_t rest = shards; rest; rest &= rest - 1)
        pthread_mutex_lock(&l->shards[__builtin_ctz(rest)].lock);
}

static void unlock_all(struct wr_local_limits *l, uint32_t shards)
{
    for (uint32_t rest = shards; rest; rest &= rest - 1)
        pthread_mutex_unlock(&l->shards[__builtin_ctz(rest)].lock);
}

static struct pinned_entry pin(struct wr_local_limits *l, const struct wr_limit_policy *limit,
                               struct wr_hash id, struct wr_mono now)
{
    struct limit_shard *s = &l->shards[shard_index(id)];
    if (now.us > s->now_us)
        s->now_us = now.us;
    sweep(s);
    uint32_t index = find_entry(s, id);
    if (index == NONE)
        index = add_entry(s, id);
    struct limit_entry *e = &s->entries[index];
    e->rule = wr_limit_rule_of(limit, __atomic_load_n(&l->nodes, __ATOMIC_RELAXED));
    e->pinned = true;
    return (struct pinned_entry){ s, e };
}

static struct wr_limit_decision decide(struct pinned_entry p, bool spend)
{
    struct limit_entry *e = p.entry;
    uint64_t slots = log_slots(e);
    struct wr_limit_decision d = wr_limit_decide(&e->rule, &e->state, (struct wr_mono){ p.shard->now_us }, 1,
                                                 spend);
    p.shard->log_slots += log_slots(e) - slots;
    e->whole_at_us = p.shard->now_us + d.reset_us;
    e->spent = 1.0 - (double) d.remaining / (double) e->rule.burst;
    return d;
}

void wr_local_limits_decide(struct wr_local_limits *l, size_t count,
                            const struct wr_limit_policy *const *limits, const struct wr_slice *identities,
                            struct wr_mono now, struct wr_limit_decision *out)
{
    struct wr_hash ids[WR_MAX_ROUTE_LIMITS];
    struct pinned_entry parts[WR_MAX_ROUTE_LIMITS];
    uint32_t shards = 0;
    bool refused = false;
    for (size_t i = 0; i < count; i++) {
        ids[i] = id_of(limits[i], identities[i]);
        shards |= UINT32_C(1) << shard_index(ids[i]);
    }
    lock_all(l, shards);
    for (size_t i = 0; i < count; i++)
        parts[i] = pin(l, limits[i], ids[i], now);
    for (size_t i = 0; i < count && count > 1; i++) {
        out[i] = decide(parts[i], false);
        refused |= !out[i].allowed && !limits[i]->observe;
    }
    for (size_t i = 0; i < count && !refused; i++)
        out[i] = decide(parts[i], true);
    for (size_t i = 0; i < count; i++)
        while (parts[i].shard->log_slots > parts[i].shard->max_log_slots && evict(parts[i].shard))
            ;
    for (size_t i = 0; i < count; i++)
        parts[i].entry->pinned = false;
    unlock_all(l, shards);
}
