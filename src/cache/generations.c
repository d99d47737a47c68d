/* The table of generations and the comparison. */
#include "cache/generations_priv.h"

#include <stdlib.h>

#include "redis/keys.h"

#define CHAINS 256
#define SHARD_MOST 4096 /* generations known of one shard; more: all of it is forgotten */

struct wr_gens_entry {
    struct wr_gens_entry *next;
    struct wr_hash name; /* of its key */
    struct wr_gens_news known;
    bool suspect;        /* perhaps it has changed already: not to be compared with, good enough for a stamp */
};

static const char *const scope_names[] = { "url", "tag", "group", "prefix", "host", "all" };
_Static_assert(sizeof scope_names / sizeof scope_names[0] == WR_SCOPE_COUNT, "a name for each scope");

const char *wr_scope_name(enum wr_scope scope)
{
    return scope_names[scope];
}

bool wr_scope_of(struct wr_slice name, enum wr_scope *out)
{
    for (int i = 0; i < WR_SCOPE_COUNT; i++)
        if (wr_slice_eq(name, wr_slice_str(scope_names[i]))) {
            *out = (enum wr_scope) i;
            return true;
        }
    return false;
}

/* --- instants --- */

bool wr_generation_parse(struct wr_slice text, struct wr_generation *out)
{
    struct wr_slice hard = wr_slice_cut(&text, '.');
    if (hard.at == NULL || !wr_slice_u64(hard, INT64_MAX, &out->hard))
        return false;
    out->soft = out->hard;
    return text.at == NULL || (wr_slice_u64(text, INT64_MAX, &out->soft) && out->soft >= out->hard);
}

enum wr_gens_state wr_generation_state(struct wr_generation now, uint64_t v)
{
    if (v < now.hard || v > now.soft)
        return WR_GENS_GONE;
    return v < now.soft ? WR_GENS_SOFT : WR_GENS_CURRENT;
}

uint64_t wr_generation_next(uint64_t latest)
{
    uint64_t now = (uint64_t) wr_time_wall().us / 10 * 10 + 1;
    return now > latest ? now : latest / 10 * 10 + 11;
}

/* --- the table --- */

struct wr_gens *wr_gens_new(const struct wr_policy_redis *redis)
{
    struct wr_gens *g = aligned_alloc(64, sizeof *g);
    WR_CHECK(g != NULL);
    memset(g, 0, sizeof *g);
    g->epoch = 1;
    g->floor = wr_generation_next(0);
    if (redis) {
        g->shared = true;
        g->redis = *redis;
    } else { /* names are made all the same: a table of them is as good here as there */
        g->redis = (struct wr_policy_redis){ .namespace_ = (char *) (uintptr_t) "", .keyspace = (char *) (uintptr_t) "" };
    }
    LIST_INIT(&g->refreshes);
    wr_prefixes_init(&g->prefixes);
    if (!g->shared)
        wr_prefixes_begin(&g->prefixes, g->floor);
    for (size_t i = 0; i < WR_GENS_SHARDS; i++) {
        g->shards[i].chains = calloc(CHAINS, sizeof *g->shards[i].chains);
        WR_CHECK(g->shards[i].chains != NULL && pthread_mutex_init(&g->shards[i].lock, NULL) == 0);
    }
    return g;
}

void wr_gens_listen(struct wr_gens *g, const struct wr_herald *herald)
{
    g->herald = herald;
}

static void empty(struct wr_gens_shard *s)
{
    for (size_t i = 0; i < CHAINS; i++) {
        struct wr_gens_entry *e;
        while ((e = s->chains[i]) != NULL) {
            s->chains[i] = e->next;
            free(e);
        }
    }
    s->count = 0;
}

void wr_gens_turn(struct wr_gens *g)
{
    __atomic_add_fetch(&g->epoch, 1, __ATOMIC_RELEASE);
}

static struct wr_gens_shard *shard_of(struct wr_gens *g, struct wr_hash h)
{
    return &g->shards[h.lo % WR_GENS_SHARDS];
}

static struct wr_gens_entry **place_of(struct wr_gens_shard *s, struct wr_hash h)
{
    struct wr_gens_entry **at = &s->chains[h.lo / WR_GENS_SHARDS % CHAINS];
    while (*at && !wr_hash_eq((*at)->name, h))
        at = &(*at)->next;
    return at;
}

/* A copy of what is known under this key. */
static bool look(struct wr_gens *g, struct wr_slice key, struct wr_gens_entry *out)
{
    struct wr_hash h = wr_hash_of(key);
    struct wr_gens_shard *s = shard_of(g, h);
    pthread_mutex_lock(&s->lock);
    struct wr_gens_entry *e = *place_of(s, h);
    if (e)
        *out = *e;
    pthread_mutex_unlock(&s->lock);
    return e != NULL;
}

bool wr_gens_knows(struct wr_gens *g, struct wr_slice key)
{
    struct wr_gens_entry e;
    return look(g, key, &e);
}

/* Without Redis only what has been purged has an entry. When there are too many, what they said goes into the floor. */
static struct wr_gens_entry *add(struct wr_gens *g, struct wr_gens_shard *s, struct wr_hash h)
{
    if (s->count == SHARD_MOST) {
        empty(s);
        wr_gens_turn(g); /* what was compared with them is compared with what is learnt next */
        if (!g->shared)
            __atomic_store_n(&g->floor, wr_generation_next(__atomic_load_n(&g->floor, __ATOMIC_RELAXED)), __ATOMIC_RELEASE);
    }
    struct wr_gens_entry **at = place_of(s, h), *e = calloc(1, sizeof *e);
    WR_CHECK(e != NULL);
    e->name = h;
    e->next = *at;
    *at = e;
    s->count++;
    return e;
}

void wr_gens_set(struct wr_gens *g, struct wr_slice key, const struct wr_gens_news *news, bool suspect)
{
    struct wr_hash h = wr_hash_of(key);
    struct wr_gens_shard *s = shard_of(g, h);
    pthread_mutex_lock(&s->lock);
    struct wr_gens_entry *e = *place_of(s, h);
    bool turns = e && (e->known.value.hard != news->value.hard || e->known.value.soft != news->value.soft);
    if (e == NULL)
        e = add(g, s, h);
    else if (wr_time_before(news->checked, e->known.checked)) {
        pthread_mutex_unlock(&s->lock); /* an answer that another one has overtaken */
        return;
    }
    struct wr_time purged = e->known.purged;
    e->known = *news;
    if (wr_time_before(e->known.purged, purged))
        e->known.purged = purged;
    e->suspect = suspect;
    pthread_mutex_unlock(&s->lock);
    if (turns)
        wr_gens_turn(g);
}

void wr_gens_forget(struct wr_gens *g, struct wr_slice key)
{
    struct wr_hash h = wr_hash_of(key);
    struct wr_gens_shard *s = shard_of(g, h);
    pthread_mutex_lock(&s->lock);
    struct wr_gens_entry **at = place_of(s, h), *e = *at;
    if (e) {
        *at = e->next;
        s->count--;
        free(e);
    }
    pthread_mutex_unlock(&s->lock);
    wr_gens_turn(g);
}

void wr_gens_forget_all(struct wr_gens *g)
{
    for (size_t i = 0; i < WR_GENS_SHARDS; i++) {
        pthread_mutex_lock(&g->shards[i].lock);
        empty(&g->shards[i]);
        pthread_mutex_unlock(&g->shards[i].lock);
    }
    wr_prefixes_forget(&g->prefixes);
    wr_gens_turn(g);
}

/* --- what an object carries --- */

void wr_gens_key(const struct wr_gens *g, enum wr_scope scope, struct wr_slice name, struct wr_buf *out)
{
    WR_CHECK(scope != WR_SCOPE_URL);
    if (scope == WR_SCOPE_PREFIX)
        wr_keys_prefixes(out, &g->redis);
    else
        wr_keys_generation(out, &g->redis, wr_slice_str(wr_scope_name(scope)), name);
}

void wr_gens_walk_begin(struct wr_gens_walk *w, const struct wr_gens *g, const struct wr_object *o)
{
    *w = (struct wr_gens_walk){ .gens = g, .object = o, .tags = o->tags };
}

/* A line of tags that begins with a tab is a group of this host. */
static bool write_tag(struct wr_gens_walk *w)
{
    struct wr_slice line = wr_slice_cut(&w->tags, '\n');
    if (line.len == 0)
        return false;
    if (line.at[0] != '\t') {
        wr_gens_key(w->gens, WR_SCOPE_TAG, line, &w->key);
        return true;
    }
    struct wr_buf name = { 0 };
    wr_buf_add_slice(&name, w->object->host);
    wr_buf_add_char(&name, ' ');
    wr_buf_add(&name, line.at + 1, line.len - 1);
    wr_gens_key(w->gens, WR_SCOPE_GROUP, wr_buf_slice(&name), &w->key);
    wr_buf_fini(&name);
    return true;
}

bool wr_gens_walk_next(struct wr_gens_walk *w)
{
    wr_buf_clear(&w->key);
    switch (w->step++) {
    case 0:
        wr_gens_key(w->gens, WR_SCOPE_ALL, wr_slice("", 0), &w->key);
        return true;
    case 1:
        wr_gens_key(w->gens, WR_SCOPE_HOST, w->object->host, &w->key);
        return true;
    default:
        return write_tag(w);
    }
}

void wr_gens_walk_end(struct wr_gens_walk *w)
{
    wr_buf_fini(&w->key);
}

/* --- comparing --- */

static bool counts(const struct wr_gens_entry *e, struct wr_time from)
{
    return !e->suspect && !wr_time_before(e->known.checked, from);
}

static void lower(struct wr_time *known, struct wr_time to)
{
    if (known && wr_time_before(to, *known))
        *known = to;
}

static enum wr_gens_state state_of(struct wr_gens *g, struct wr_slice key, uint64_t v, struct wr_time from, struct wr_time *known)
{
    struct wr_gens_entry e;
    if (!look(g, key, &e)) {
        if (g->shared)
            return WR_GENS_UNKNOWN;
        uint64_t floor = __atomic_load_n(&g->floor, __ATOMIC_ACQUIRE);
        return wr_generation_state((struct wr_generation){ floor, floor }, v);
    }
    if (g->shared) {
        if (!counts(&e, from))
            return WR_GENS_UNKNOWN;
        lower(known, e.known.checked);
    }
    return wr_generation_state(e.known.value, v);
}

static bool take(struct wr_slice *left, uint64_t *v)
{
    if (left->len < sizeof *v)
        return false;
    memcpy(v, left->at, sizeof *v);
    *left = wr_slice(left->at + sizeof *v, left->len - sizeof *v);
    return true;
}

static enum wr_gens_state worse(enum wr_gens_state a, enum wr_gens_state b)
{
    return a > b ? a : b;
}

enum wr_gens_state wr_gens_compare(struct wr_gens *g, struct wr_object *o, struct wr_time from, struct wr_time *known)
{
    uint64_t epoch = wr_gens_epoch(g), v;
    struct wr_slice left = o->generations;
    struct wr_gens_walk walk;
    if (o->meta.kind != WR_OBJECT_RESPONSE)
        return WR_GENS_CURRENT;
    if (!take(&left, &v))
        return WR_GENS_GONE; /* it carries none */
    enum wr_gens_state state = wr_prefixes_compare(&g->prefixes, o, v, from, known);
    wr_gens_walk_begin(&walk, g, o);
    while (state != WR_GENS_GONE && wr_gens_walk_next(&walk))
        state = take(&left, &v) ? worse(state, state_of(g, wr_buf_slice(&walk.key), v, from, known)) : WR_GENS_GONE;
    wr_gens_walk_end(&walk);
    if (state == WR_GENS_CURRENT)
        __atomic_store_n(&o->gens_epoch, epoch, __ATOMIC_RELAXED);
    return state;
}

/* --- stamping --- */

static void put(struct wr_buf *out, uint64_t v)
{
    wr_buf_add(out, &v, sizeof v);
}

/* An old value does: whatever was purged since it was read makes the response read as purged. */
static enum wr_gens_state stamp_one(struct wr_gens *g, struct wr_slice key, struct wr_time began, struct wr_buf *out)
{
    struct wr_gens_entry e;
    if (!look(g, key, &e)) {
        put(out, g->shared ? 0 : __atomic_load_n(&g->floor, __ATOMIC_ACQUIRE));
        return g->shared ? WR_GENS_UNKNOWN : WR_GENS_CURRENT;
    }
    bool missing = e.known.value.hard == UINT64_MAX;
    put(out, missing ? 0 : e.known.value.soft);
    if (e.known.purged.us != 0 && !wr_time_before(e.known.purged, began))
        return WR_GENS_GONE;
    return missing || (e.suspect && wr_time_before(e.known.checked, began)) ? WR_GENS_UNKNOWN : WR_GENS_CURRENT;
}

enum wr_gens_state wr_gens_stamp(struct wr_gens *g, const struct wr_object *o, struct wr_time began, struct wr_buf *out)
{
    uint64_t v;
    enum wr_gens_state state = wr_prefixes_stamp(&g->prefixes, o, began, &v);
    struct wr_gens_walk walk;
    put(out, v);
    wr_gens_walk_begin(&walk, g, o);
    while (wr_gens_walk_next(&walk))
        state = worse(state, stamp_one(g, wr_buf_slice(&walk.key), began, out));
    wr_gens_walk_end(&walk);
    return state;
}

bool wr_gens_wanting(struct wr_gens *g, struct wr_slice key, struct wr_time now, struct wr_time since)
{
    struct wr_gens_entry e;
    if (!look(g, key, &e))
        return true;
    if (since.us != 0) /* to stamp with */
        return e.known.value.hard == UINT64_MAX || (e.suspect && wr_time_before(e.known.checked, since));
    return !counts(&e, g->herald ? wr_herald_horizon(g->herald, now) : (struct wr_time){ 0 });
}

/* --- purging here --- */

void wr_gens_purge(struct wr_gens *g, enum wr_scope scope, struct wr_slice name, bool soft)
{
    struct wr_buf key = { 0 };
    struct wr_time now = wr_time_monotonic();
    wr_gens_key(g, scope, name, &key);
    if (scope == WR_SCOPE_PREFIX) {
        if (g->shared)
            wr_prefixes_forget(&g->prefixes);
        else
            wr_prefixes_purge(&g->prefixes, name, soft, now);
        wr_gens_turn(g);
    } else if (g->shared) {
        wr_gens_forget(g, wr_buf_slice(&key));
    } else {
        struct wr_gens_entry e;
        uint64_t floor = __atomic_load_n(&g->floor, __ATOMIC_ACQUIRE);
        struct wr_generation old = { floor, floor };
        if (look(g, wr_buf_slice(&key), &e))
            old = e.known.value;
        uint64_t next = wr_generation_next(old.soft);
        const struct wr_gens_news news = { { soft ? old.hard : next, next }, now, now };
        wr_gens_set(g, wr_buf_slice(&key), &news, false);
        wr_gens_turn(g);
    }
    wr_buf_fini(&key);
}
