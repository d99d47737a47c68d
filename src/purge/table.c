/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of purged names, and the comparison of objects with it. The names are hash tables in 64 shards,
 * each with its own lock. */
#include <stdlib.h>

#include "purge/purges_priv.h"

#define ROOM_LEAST 16

/* --- life --- */

struct wr_purges *wr_purges_new(bool shared)
{
    struct wr_purges *p = aligned_alloc(64, sizeof *p);
    WR_CHECK(p != NULL);
    memset(p, 0, sizeof *p);
    p->epoch = 1;
    p->shared = shared;
    TAILQ_INIT(&p->log);
    TAILQ_INIT(&p->unsaid);
    for (size_t i = 0; i < WR_PURGE_SHARDS; i++)
        WR_CHECK(pthread_mutex_init(&p->shards[i].lock, NULL) == 0);
    WR_CHECK(pthread_mutex_init(&p->log_lock, NULL) == 0 && pthread_mutex_init(&p->clock_lock, NULL) == 0);
    return p;
}

void wr_purges_free(struct wr_purges *p)
{
    wr_purge_log_free(p);
    wr_journal_unsaid_free(p);
    for (size_t i = 0; i < WR_PURGE_SHARDS; i++) {
        free(p->shards[i].names);
        pthread_mutex_destroy(&p->shards[i].lock);
    }
    pthread_mutex_destroy(&p->log_lock);
    pthread_mutex_destroy(&p->clock_lock);
    free(p);
}

void wr_purges_on_heard(struct wr_purges *p, void (*heard)(void *ctx, const struct wr_purge *purge),
                        void *ctx)
{
    p->heard = heard;
    p->ctx = ctx;
}

void wr_purges_turn(struct wr_purges *p)
{
    __atomic_add_fetch(&p->epoch, 1, __ATOMIC_RELEASE);
}

static void raise(_Atomic uint64_t *at, uint64_t to)
{
    uint64_t now = atomic_load_explicit(at, memory_order_relaxed);
    while (now < to &&
           !atomic_compare_exchange_weak_explicit(at, &now, to, memory_order_release, memory_order_relaxed))
        ;
}

void wr_purges_set_floor(struct wr_purges *p, struct wr_instant floor)
{
    p->floor = floor.n;
}

size_t wr_purges_count(struct wr_purges *p)
{
    size_t count = 0;
    for (size_t i = 0; i < WR_PURGE_SHARDS; i++) {
        pthread_mutex_lock(&p->shards[i].lock);
        count += p->shards[i].count;
        pthread_mutex_unlock(&p->shards[i].lock);
    }
    return count;
}

size_t wr_purges_bytes(struct wr_purges *p)
{
    size_t bytes = sizeof *p;
    for (size_t i = 0; i < WR_PURGE_SHARDS; i++) {
        pthread_mutex_lock(&p->shards[i].lock);
        bytes += p->shards[i].room * sizeof *p->shards[i].names;
        pthread_mutex_unlock(&p->shards[i].lock);
    }
    struct wr_purge_note *n;
    pthread_mutex_lock(&p->log_lock);
    TAILQ_FOREACH(n, &p->log, entry)
        bytes += sizeof *n + n->name_len + (n->scope == WR_SCOPE_URL ? 2 * sizeof(struct wr_hash) : 0) +
                 sizeof(size_t);
    pthread_mutex_unlock(&p->log_lock);
    return bytes;
}

/* --- names --- */

/* Returns the hash of a name. It begins with a control character, as no key's text does, so it is never the
 * hash of a URL. */
static struct wr_hash hash_of(enum wr_scope scope, struct wr_slice name)
{
    char small[512];
    char *text = name.len + 2 <= sizeof small ? small : malloc(name.len + 2);
    WR_CHECK(text != NULL);
    text[0] = 1;
    text[1] = (char) ('0' + (int) scope);
    if (name.len)
        memcpy(text + 2, name.at, name.len);
    struct wr_hash h = wr_hash_of(wr_slice(text, name.len + 2));
    if (text != small)
        free(text);
    return h;
}

/* The part of a prefix that counts. */
static struct wr_slice as_looked_at(struct wr_slice prefix)
{
    return prefix.len <= WR_PREFIX_LONGEST ? prefix : wr_slice(prefix.at, WR_PREFIX_LONGEST);
}

/* The prefix as it stands in keys that were made without a host. */
static struct wr_slice without_host(struct wr_slice prefix)
{
    const char *path = prefix.len ? memchr(prefix.at, '/', prefix.len) : NULL;
    return path ? wr_slice(path, prefix.len - (size_t) (path - prefix.at)) : wr_slice("", 0);
}

/* Gives the names whose instants a purge sets, at most two, and returns their number. */
static size_t names_of(const struct wr_purge *purge, struct wr_hash out[2])
{
    switch (purge->scope) {
    case WR_SCOPE_ALL:
    case WR_SCOPE_COUNT:
        return 0;
    case WR_SCOPE_URL:
        out[0] = purge->primary;
        out[1] = purge->other;
        return wr_hash_eq(out[0], out[1]) ? 1 : 2;
    case WR_SCOPE_PREFIX:
        out[0] = hash_of(WR_SCOPE_PREFIX, as_looked_at(purge->name));
        out[1] = hash_of(WR_SCOPE_PREFIX, as_looked_at(without_host(purge->name)));
        return wr_hash_eq(out[0], out[1]) ? 1 : 2;
    default:
        out[0] = hash_of(purge->scope, purge->name);
        return 1;
    }
}

/* --- a shard, under its lock --- */

static struct wr_purge_shard *purge_shard_of(struct wr_purges *p, struct wr_hash h)
{
    return &p->shards[(wr_hash_place(h) >> 32) % WR_PURGE_SHARDS];
}

static bool is_free(const struct wr_purge_name *n)
{
    return n->hard == 0 && n->soft == 0;
}

static size_t home_of(const struct wr_purge_shard *s, struct wr_hash h)
{
    return (size_t) wr_hash_place(h) & (s->room - 1);
}

/* Returns the place of this name, or the free one where it would be. room must be over 0. */
static struct wr_purge_name *name_place(struct wr_purge_shard *s, struct wr_hash h)
{
    size_t at = home_of(s, h);
    while (!is_free(&s->names[at]) && !wr_hash_eq(s->names[at].hash, h))
        at = (at + 1) & (s->room - 1);
    return &s->names[at];
}

static void grow(struct wr_purge_shard *s)
{
    struct wr_purge_name *old = s->names;
    size_t old_room = s->room;
    s->room = old_room ? old_room * 2 : ROOM_LEAST;
    s->names = calloc(s->room, sizeof *s->names);
    WR_CHECK(s->names != NULL);
    for (size_t i = 0; i < old_room; i++)
        if (!is_free(&old[i]))
            *name_place(s, old[i].hash) = old[i];
    free(old);
}

static void mark_purged(struct wr_purges *p, struct wr_hash h, bool soft, uint64_t at)
{
    struct wr_purge_shard *s = purge_shard_of(p, h);
    pthread_mutex_lock(&s->lock);
    if ((s->count + 1) * 4 > s->room * 3)
        grow(s);
    struct wr_purge_name *n = name_place(s, h);
    if (is_free(n)) {
        n->hash = h;
        s->count++;
    }
    uint64_t *instant = soft ? &n->soft : &n->hard;
    if (*instant < at)
        *instant = at;
    pthread_mutex_unlock(&s->lock);
}

/* Entries behind the hole that were displaced by it move up. */
static void take_out_name(struct wr_purge_shard *s, struct wr_purge_name *n)
{
    size_t hole = (size_t) (n - s->names), mask = s->room - 1;
    for (size_t at = (hole + 1) & mask; !is_free(&s->names[at]); at = (at + 1) & mask) {
        size_t from_home = (at - home_of(s, s->names[at].hash)) & mask;
        if (from_home < ((at - hole) & mask))
            continue;
        s->names[hole] = s->names[at];
        hole = at;
    }
    s->names[hole] = (struct wr_purge_name){ .hard = 0 };
    s->count--;
}

static void look(struct wr_purges *p, struct wr_hash h, uint64_t *hard, uint64_t *soft)
{
    struct wr_purge_shard *s = purge_shard_of(p, h);
    pthread_mutex_lock(&s->lock);
    if (s->count > 0) {
        const struct wr_purge_name *n = name_place(s, h);
        *hard = n->hard > *hard ? n->hard : *hard;
        *soft = n->soft > *soft ? n->soft : *soft;
    }
    pthread_mutex_unlock(&s->lock);
}

/* --- purging --- */

static void note_length(struct wr_purges *p, int kind, size_t len)
{
    atomic_fetch_or_explicit(&p->prefix_lengths[kind][len / 64], UINT64_C(1) << len % 64,
                             memory_order_release);
}

static void mark_all_of(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at)
{
    struct wr_hash names[2];
    size_t count = names_of(purge, names);
    if (purge->scope == WR_SCOPE_ALL)
        raise(purge->soft ? &p->all_soft : &p->all_hard, at.n);
    if (purge->scope == WR_SCOPE_PREFIX) {
        note_length(p, 0, as_looked_at(purge->name).len);
        note_length(p, 1, as_looked_at(without_host(purge->name)).len);
    }
    for (size_t i = 0; i < count; i++)
        mark_purged(p, names[i], purge->soft, at.n);
}

size_t wr_purges_add(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at, bool quiet,
                     struct wr_instant *replaced, size_t most)
{
    raise(&p->confirmed, at.n);
    if (!wr_purge_log_add(p, purge, at))
        return 0;
    mark_all_of(p, purge, at);
    wr_purges_turn(p);
    if (!quiet && p->heard)
        p->heard(p->ctx, purge);
    return wr_purge_log_trim(p, replaced, most);
}

struct wr_instant wr_purges_here(struct wr_purges *p, const struct wr_purge *purge)
{
    const struct wr_instant confirmed = { p->confirmed };
    struct wr_instant at = wr_instant_next(wr_instant_later(wr_purge_clock_least(p), confirmed));
    if (!p->shared) {
        wr_purges_add(p, purge, at, false, NULL, 0);
        return at;
    }
    mark_all_of(p, purge, at);
    wr_purges_turn(p);
    if (p->heard)
        p->heard(p->ctx, purge);
    return at;
}

bool wr_purges_is_replaced(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at)
{
    struct wr_hash names[2];
    size_t count = names_of(purge, names);
    uint64_t hard = 0, soft = 0;
    if (purge->scope == WR_SCOPE_ALL) {
        hard = p->all_hard;
        soft = p->all_soft;
    }
    if (count > 0) /* if there are two names, they were purged together */
        look(p, names[0], &hard, &soft);
    return hard > at.n || (purge->soft && soft > at.n);
}

void wr_purges_forget(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at)
{
    struct wr_hash names[2];
    size_t count = names_of(purge, names);
    for (size_t i = 0; i < count; i++) {
        struct wr_purge_shard *s = purge_shard_of(p, names[i]);
        pthread_mutex_lock(&s->lock);
        struct wr_purge_name *n = s->count > 0 ? name_place(s, names[i]) : NULL;
        if (n && !is_free(n) && n->hard <= at.n && n->soft <= at.n)
            take_out_name(s, n);
        pthread_mutex_unlock(&s->lock);
    }
}

/* --- comparing --- */

/* The latest purges of all names that an object belongs to. */
struct latest {
    struct wr_purges *p;
    uint64_t began, hard, soft;
};

static void look_for(struct latest *l, enum wr_scope scope, struct wr_slice name)
{
    look(l->p, hash_of(scope, name), &l->hard, &l->soft);
}

static void look_for_prefixes(struct latest *l, const struct wr_object *o)
{
    int kind = o->host.len == 0;
    struct wr_slice text = wr_prefix_text(o->key);
    size_t longest = text.len < WR_PREFIX_LONGEST ? text.len : WR_PREFIX_LONGEST;
    for (size_t word = 0; word <= longest / 64; word++) {
        uint64_t bits = atomic_load_explicit(&l->p->prefix_lengths[kind][word], memory_order_acquire);
        for (; bits; bits &= bits - 1) {
            size_t len = word * 64 + (size_t) __builtin_ctzll(bits);
            if (len <= longest)
                look_for(l, WR_SCOPE_PREFIX, wr_slice(text.at, len));
        }
    }
}

/* A line of tags that begins with a tab is a group of this host. */
static void look_for_tags(struct latest *l, const struct wr_object *o)
{
    struct wr_slice rest = o->tags, line;
    struct wr_buf name = { 0 };
    while (l->hard <= l->began && (line = wr_slice_cut(&rest, '\n')).len > 0) {
        if (line.at[0] != '\t') {
            look_for(l, WR_SCOPE_TAG, line);
            continue;
        }
        wr_buf_clear(&name);
        wr_buf_add_slice(&name, o->host);
        wr_buf_add_char(&name, ' ');
        wr_buf_add(&name, line.at + 1, line.len - 1);
        look_for(l, WR_SCOPE_GROUP, wr_buf_slice(&name));
    }
    wr_buf_fini(&name);
}

/* A variant belongs to the URL whose VARY marker leads to it: its key's text begins with that of the primary
 * key. */
static void look_for_url(struct latest *l, const struct wr_object *o)
{
    struct wr_slice primary = o->vary_values.at ? wr_key_primary_text(o->key) : o->key;
    look(l->p, primary.len == o->key.len ? o->hash : wr_hash_of(primary), &l->hard, &l->soft);
}

enum wr_purge_state wr_purges_compare(struct wr_purges *p, struct wr_object *o)
{
    uint64_t epoch = wr_purges_epoch(p);
    if (o->meta.kind == WR_OBJECT_VARY)
        return WR_PURGE_CURRENT;
    struct latest l = { p, o->began.n, p->all_hard, p->all_soft };
    look_for_url(&l, o);
    look_for(&l, WR_SCOPE_HOST, o->host);
    look_for_prefixes(&l, o);
    look_for_tags(&l, o);
    if (l.hard > l.began)
        return WR_PURGE_GONE;
    if (l.began < p->floor || p->behind)
        return WR_PURGE_UNPROVEN;
    if (l.soft > l.began)
        return WR_PURGE_SOFT;
    __atomic_store_n(&o->purge_epoch, epoch, __ATOMIC_RELAXED);
    return WR_PURGE_CURRENT;
}

/* --- is it up to date? --- */

bool wr_purges_known(const struct wr_purges *p, struct wr_mono now, struct wr_mono *as_of)
{
    *as_of = now;
    if (!p->shared)
        return true;
    as_of->us = p->read_us;
    return p->heard_us == 0 && as_of->us != 0 && p->subscriber &&
           wr_subscriber_trusts(p->subscriber, *as_of, now);
}
