/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory store: look-ups, puts and drops under the locks of its shards. It keeps the budget of bytes by
 * SIEVE, and bounds the variants of each URL. */
#include "store/memory.h"

#include <malloc.h>
#include <stdlib.h>

#include "cache/key.h"
#include "store/memory_table.h"

#define SHARDS 64         /* a power of two */
#define STEPS 64          /* the hand takes at most so many steps under one lock */
#define SWEEP_BUCKETS 256 /* buckets that are looked through under one lock */
#define HEAP_HEADER 8     /* bytes that glibc keeps before each allocation */

struct memory_shard {
    _Alignas(64) pthread_mutex_t lock;
    struct wr_memory_table table;
    struct wr_entry_queue queue;
    struct wr_memory_entry *hand; /* where eviction goes on, towards newer entries; NULL: at the oldest */
};

struct wr_memory {
    uint64_t size, max_object; /* atomic */
    uint64_t bytes, count;     /* atomic; of all shards */
    unsigned evict_next;       /* atomic: the shard that evicts next */
    unsigned sweep_next;       /* atomic: the shard to be swept next */
    struct memory_shard shards[SHARDS];
};

struct wr_memory *wr_memory_new(uint64_t size, uint64_t max_object)
{
    struct wr_memory *m = aligned_alloc(_Alignof(struct wr_memory), sizeof *m);
    WR_CHECK(m != NULL);
    memset(m, 0, sizeof *m);
    m->size = size;
    m->max_object = max_object;
    for (size_t i = 0; i < SHARDS; i++) {
        struct memory_shard *s = &m->shards[i];
        WR_CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
        wr_memory_table_init(&s->table);
        TAILQ_INIT(&s->queue);
        m->bytes += s->table.bytes;
    }
    return m;
}

static uint64_t size_of(const struct wr_memory *m)
{
    return __atomic_load_n(&m->size, __ATOMIC_RELAXED);
}

void wr_memory_resize(struct wr_memory *m, uint64_t size, uint64_t max_object)
{
    __atomic_store_n(&m->size, size, __ATOMIC_RELAXED);
    __atomic_store_n(&m->max_object, max_object, __ATOMIC_RELAXED);
}

/* A sixteenth of the budget is left for what else an object needs: that is never more. */
uint64_t wr_memory_most(const struct wr_memory *m, size_t head)
{
    uint64_t most = __atomic_load_n(&m->max_object, __ATOMIC_RELAXED), room = size_of(m) - size_of(m) / 16;
    room = room > head ? room - head : 0;
    return most < room ? most : room;
}

static struct memory_shard *memory_shard_of(struct wr_memory *m, struct wr_hash hash)
{
    return &m->shards[(wr_hash_place(hash) >> 32) % SHARDS];
}

/* Under the shard's lock. */
static struct wr_memory_entry *find_stored(const struct memory_shard *s, struct wr_hash hash)
{
    return wr_memory_table_find(&s->table, hash, wr_hash_place(hash));
}

/* --- accounting: what malloc really took --- */

static size_t heap_bytes(void *at)
{
    return malloc_usable_size(at) + HEAP_HEADER;
}

/* Counts the entry, the object and its flow. The flow knows the bytes of its pieces; the headers of these
 * allocations, and of the flow itself, come on top. */
static size_t entry_bytes(struct wr_memory_entry *e)
{
    size_t bytes = heap_bytes(e) + heap_bytes(e->object);
    if (e->object->flow) {
        uint64_t length = wr_flow_length(e->object->flow);
        size_t pieces = (size_t) (length / WR_FLOW_PIECE) + (length > 0);
        bytes += wr_flow_bytes(e->object->flow) + (pieces + 1) * 2 * HEAP_HEADER;
    }
    return bytes;
}

/* The store counts the content while it holds the object; otherwise it is memory in flight. */
static void count_flow(struct wr_flow *flow, bool stored)
{
    if (flow)
        wr_flow_stored(flow, stored);
}

/* --- under a shard's lock --- */

static void link_in(struct wr_memory *m, struct memory_shard *s, struct wr_memory_entry *e)
{
    size_t before = s->table.bytes;
    __atomic_store_n(&e->object->stored, true, __ATOMIC_RELEASE);
    count_flow(e->object->flow, true);
    wr_memory_table_add(&s->table, e);
    TAILQ_INSERT_HEAD(&s->queue, e, queue);
    __atomic_add_fetch(&m->bytes, e->bytes + (s->table.bytes - before), __ATOMIC_RELAXED);
    __atomic_add_fetch(&m->count, 1, __ATOMIC_RELAXED);
}

static struct wr_memory_entry *newer(struct wr_memory_entry *e)
{
    return TAILQ_PREV(e, wr_entry_queue, queue);
}

/* Takes the entry out and puts it on *dead. The caller frees it by free_entries() after it has released the
 * lock. */
static void take_out_entry(struct wr_memory *m, struct memory_shard *s, struct wr_memory_entry *e,
                           struct wr_memory_entry **dead)
{
    if (s->hand == e)
        s->hand = newer(e);
    __atomic_store_n(&e->object->stored, false, __ATOMIC_RELEASE);
    count_flow(e->object->flow, false);
    wr_memory_table_remove(&s->table, e);
    TAILQ_REMOVE(&s->queue, e, queue);
    __atomic_sub_fetch(&m->bytes, e->bytes, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&m->count, 1, __ATOMIC_RELAXED);
    e->chain = *dead;
    *dead = e;
}

static bool is_marker(const struct wr_memory_entry *e)
{
    return e->object->meta.kind == WR_OBJECT_VARY;
}

/* Drops what was found through a marker, because nobody can find it without the marker. Variants have no
 * variants of their own. */
static void unref_variants(struct wr_memory *m, struct wr_memory_entry *dead)
{
    for (unsigned i = 0; dead->variants && i < dead->variants->count; i++)
        wr_memory_drop(m, dead->variants->of[i].hash);
    free(dead->variants);
}

static void free_entries(struct wr_memory *m, struct wr_memory_entry *dead)
{
    while (dead) {
        struct wr_memory_entry *next = dead->chain;
        if (is_marker(dead))
            unref_variants(m, dead);
        wr_object_unref(dead->object);
        free(dead);
        dead = next;
    }
}

/* --- eviction: SIEVE (Zhang et al., NSDI 2024) --- */

static bool over(const struct wr_memory *m)
{
    return __atomic_load_n(&m->bytes, __ATOMIC_RELAXED) > size_of(m);
}

/* Walks the hand from old entries to new ones. A used entry loses its mark and stays; the first unused one is
 * taken out. Gives up after STEPS, so that the lock is held briefly; the hand stays where it is. */
static void evict_one(struct wr_memory *m, struct memory_shard *s, const struct wr_object *spare,
                      struct wr_memory_entry **dead)
{
    for (unsigned step = 0; step < STEPS; step++) {
        struct wr_memory_entry *e = s->hand ? s->hand : TAILQ_LAST(&s->queue, wr_entry_queue);
        if (e == NULL)
            return;
        if (!e->visited && e->object != spare) {
            take_out_entry(m, s, e, dead);
            return;
        }
        e->visited = false;
        s->hand = newer(e);
    }
}

/* The shards evict in turn, one entry each, which is almost the same as one queue over all. Ends also when
 * several rounds have freed nothing: then other threads are evicting, or only `spare` is left. */
static void evict_until_fits(struct wr_memory *m, const struct wr_object *spare)
{
    unsigned barren = 0;
    while (over(m) && barren < 16 * SHARDS) {
        struct memory_shard *s = &m->shards[__atomic_fetch_add(&m->evict_next, 1, __ATOMIC_RELAXED) % SHARDS];
        struct wr_memory_entry *dead = NULL;
        pthread_mutex_lock(&s->lock);
        evict_one(m, s, spare, &dead);
        pthread_mutex_unlock(&s->lock);
        barren = dead ? 0 : barren + 1;
        free_entries(m, dead);
    }
}

/* --- the interface --- */

void wr_memory_ahead(struct wr_memory *m, struct wr_hash hash)
{
    struct memory_shard *s = memory_shard_of(m, hash);
    pthread_mutex_lock(&s->lock);
    wr_memory_table_ahead(&s->table, wr_hash_place(hash));
    pthread_mutex_unlock(&s->lock);
}

struct wr_object *wr_memory_get(struct wr_memory *m, struct wr_hash hash, struct wr_slice key)
{
    struct memory_shard *s = memory_shard_of(m, hash);
    struct wr_object *found = NULL;
    pthread_mutex_lock(&s->lock);
    struct wr_memory_entry *e = find_stored(s, hash);
    if (e && wr_slice_eq(e->object->key, key)) {
        if (!e->visited) /* written only if it changes, so that the cache line stays shared by all cores */
            e->visited = true;
        found = wr_object_ref(e->object);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

struct wr_object *wr_memory_peek(struct wr_memory *m, struct wr_hash hash)
{
    struct memory_shard *s = memory_shard_of(m, hash);
    pthread_mutex_lock(&s->lock);
    struct wr_memory_entry *e = find_stored(s, hash);
    struct wr_object *found = e ? wr_object_ref(e->object) : NULL;
    pthread_mutex_unlock(&s->lock);
    return found;
}

static size_t variants_bytes(const struct wr_memory_entry *e)
{
    return e->variants ? heap_bytes(e->variants) : 0;
}

/* A marker of the same lineage leads to the same variants, so it takes over their list. */
static void inherit_variants(struct wr_memory_entry *e, struct wr_memory_entry *old)
{
    if (!is_marker(e) || !is_marker(old) ||
        !wr_slice_eq(wr_vary_lineage(e->object), wr_vary_lineage(old->object)))
        return;
    e->variants = old->variants;
    e->bytes += variants_bytes(e);
    old->variants = NULL;
}

/* --- the bound of variants --- */

static size_t bytes_of(struct wr_memory *m, struct wr_hash hash)
{
    struct memory_shard *s = memory_shard_of(m, hash);
    pthread_mutex_lock(&s->lock);
    struct wr_memory_entry *e = find_stored(s, hash);
    size_t bytes = e ? e->bytes : 0;
    pthread_mutex_unlock(&s->lock);
    return bytes;
}

/* Drops the object, unless it has been used since it was last spared. Then it is spared, and true is
 * returned. */
static bool spared(struct wr_memory *m, struct wr_hash hash)
{
    struct memory_shard *s = memory_shard_of(m, hash);
    struct wr_memory_entry *dead = NULL;
    pthread_mutex_lock(&s->lock);
    struct wr_memory_entry *e = find_stored(s, hash);
    bool used = e && e->visited;
    if (used)
        e->visited = false;
    else if (e)
        take_out_entry(m, s, e, &dead);
    pthread_mutex_unlock(&s->lock);
    free_entries(m, dead);
    return used;
}

/* Puts `newest` at the end of the marker's list. Returns true if there is too much in the list: *oldest was
 * taken out. */
static bool list(struct wr_memory *m, const struct wr_object *marker, const struct wr_variant *newest,
                 const struct wr_variants_bound *most, struct wr_variant *oldest)
{
    struct memory_shard *s = memory_shard_of(m, marker->hash);
    bool over = false;
    pthread_mutex_lock(&s->lock);
    struct wr_memory_entry *e = find_stored(s, marker->hash);
    if (e && is_marker(e) && wr_slice_eq(wr_vary_lineage(e->object), wr_vary_lineage(marker))) {
        size_t before = variants_bytes(e);
        wr_variants_add(&e->variants, newest->hash, newest->bytes);
        over = wr_variants_over(e->variants, most, oldest);
        size_t more = variants_bytes(e) - before;
        e->bytes += more;
        __atomic_add_fetch(&m->bytes, more, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&s->lock);
    return over;
}

/* Each round drops the oldest variant, or puts it at the end if it is used, with its mark taken away. So each
 * can be spared only once, and the loop ends. */
void wr_memory_add_variant(struct wr_memory *m, const struct wr_object *marker, struct wr_hash variant,
                           const struct wr_variants_bound *most)
{
    struct wr_variants_bound bound = *most;
    struct wr_variant next = { variant, bytes_of(m, variant) }, oldest;
    if (bound.bytes > size_of(m) / 8)
        bound.bytes = size_of(m) / 8;
    while (list(m, marker, &next, &bound, &oldest)) {
        bool used = !wr_hash_eq(oldest.hash, variant) && spared(m, oldest.hash);
        next = used ? oldest : (struct wr_variant){ variant, bytes_of(m, variant) };
    }
}

static bool fits_memory(const struct wr_memory *m, const struct wr_object *o)
{
    return o->flow == NULL ||
           (wr_flow_kept(o->flow) && wr_flow_length(o->flow) <= wr_memory_most(m, o->head.len));
}

static struct wr_memory_entry *entry_of(struct wr_object *object, struct wr_mono expires)
{
    struct wr_memory_entry *e = calloc(1, sizeof *e);
    WR_CHECK(e != NULL);
    e->object = object;
    e->place = wr_hash_place(object->hash);
    e->flow = object->flow;
    e->expires = expires;
    e->bytes = entry_bytes(e);
    return e;
}

static enum wr_memory_put put_object(struct wr_memory *m, struct wr_object *object, struct wr_mono expires,
                                     struct wr_instant present, bool only_new)
{
    WR_CHECK(object->flow == NULL || wr_flow_state(object->flow) == WR_FLOW_WHOLE);
    if (!fits_memory(m, object))
        return WR_MEMORY_NOT;
    struct wr_memory_entry *e = entry_of(wr_object_ref(object), expires);
    struct memory_shard *s = memory_shard_of(m, object->hash);
    struct wr_memory_entry *dead = NULL;
    pthread_mutex_lock(&s->lock);
    struct wr_memory_entry *old = find_stored(s, object->hash);
    if (old && (only_new || wr_instant_holds(old->object->began, object->began, present))) {
        pthread_mutex_unlock(&s->lock);
        wr_object_unref(object);
        free(e);
        return WR_MEMORY_OLDER;
    }
    if (old) {
        e->visited = old->visited; /* a refreshed response keeps its mark of use */
        take_out_entry(m, s, old, &dead);
        inherit_variants(e, old);
    }
    link_in(m, s, e);
    pthread_mutex_unlock(&s->lock);
    free_entries(m, dead);
    evict_until_fits(m, object);
    return WR_MEMORY_PUT;
}

enum wr_memory_put wr_memory_put(struct wr_memory *m, struct wr_object *object, struct wr_mono expires,
                                 struct wr_instant present)
{
    return put_object(m, object, expires, present, false);
}

bool wr_memory_put_new(struct wr_memory *m, struct wr_object *object, struct wr_mono expires)
{
    return put_object(m, object, expires, WR_INSTANT_LAST, true) == WR_MEMORY_PUT;
}

static bool drop_hash(struct wr_memory *m, struct wr_hash hash, const struct wr_object *only)
{
    struct memory_shard *s = memory_shard_of(m, hash);
    struct wr_memory_entry *dead = NULL;
    pthread_mutex_lock(&s->lock);
    struct wr_memory_entry *e = find_stored(s, hash);
    if (e && (only == NULL || e->object == only))
        take_out_entry(m, s, e, &dead);
    pthread_mutex_unlock(&s->lock);
    bool dropped = dead != NULL;
    free_entries(m, dead);
    return dropped;
}

bool wr_memory_drop(struct wr_memory *m, struct wr_hash hash)
{
    return drop_hash(m, hash, NULL);
}

bool wr_memory_drop_if(struct wr_memory *m, const struct wr_object *object)
{
    return drop_hash(m, object->hash, object);
}

bool wr_memory_swap(struct wr_memory *m, const struct wr_object *old, struct wr_object *object)
{
    struct memory_shard *s = memory_shard_of(m, object->hash);
    struct wr_object *given_up = NULL;
    pthread_mutex_lock(&s->lock);
    struct wr_memory_entry *e = find_stored(s, object->hash);
    if (e && e->object == old) { /* the new object has the same size */
        given_up = e->object;
        __atomic_store_n(&given_up->stored, false, __ATOMIC_RELEASE);
        e->object = wr_object_ref(object);
        __atomic_store_n(&object->stored, true, __ATOMIC_RELEASE);
        count_flow(object->flow, true);
        count_flow(old->flow, false);
        e->flow = object->flow;
    }
    pthread_mutex_unlock(&s->lock);
    wr_object_unref(given_up);
    return given_up != NULL;
}

void wr_memory_clear(struct wr_memory *m)
{
    for (size_t i = 0; i < SHARDS; i++) {
        struct memory_shard *s = &m->shards[i];
        for (;;) {
            struct wr_memory_entry *dead = NULL, *e;
            pthread_mutex_lock(&s->lock);
            for (unsigned n = 0; n < STEPS && (e = TAILQ_FIRST(&s->queue)) != NULL; n++)
                take_out_entry(m, s, e, &dead);
            pthread_mutex_unlock(&s->lock);
            if (dead == NULL)
                break;
            free_entries(m, dead);
        }
    }
}

static void sweep_buckets(struct wr_memory *m, struct memory_shard *s, size_t from, struct wr_mono now,
                          struct wr_memory_entry **dead)
{
    for (size_t i = from; i < from + SWEEP_BUCKETS && i < s->table.buckets; i++)
        for (struct wr_memory_entry *e = wr_memory_table_bucket(&s->table, i), *next; e; e = next) {
            next = e->chain;
            if (!wr_time_before(now, e->expires))
                take_out_entry(m, s, e, dead);
        }
}

void wr_memory_sweep(struct wr_memory *m, struct wr_mono now)
{
    struct memory_shard *s = &m->shards[__atomic_fetch_add(&m->sweep_next, 1, __ATOMIC_RELAXED) % SHARDS];
    bool more = true;
    for (size_t at = 0; more; at += SWEEP_BUCKETS) {
        struct wr_memory_entry *dead = NULL;
        pthread_mutex_lock(&s->lock);
        sweep_buckets(m, s, at, now, &dead);
        more = at + SWEEP_BUCKETS < s->table.buckets;
        pthread_mutex_unlock(&s->lock);
        free_entries(m, dead);
    }
}

void wr_memory_free(struct wr_memory *m)
{
    if (m == NULL)
        return;
    wr_memory_clear(m);
    for (size_t i = 0; i < SHARDS; i++) {
        wr_memory_table_fini(&m->shards[i].table);
        pthread_mutex_destroy(&m->shards[i].lock);
    }
    free(m);
}

uint64_t wr_memory_bytes(const struct wr_memory *m)
{
    return __atomic_load_n(&m->bytes, __ATOMIC_RELAXED);
}

uint64_t wr_memory_count(const struct wr_memory *m)
{
    return __atomic_load_n(&m->count, __ATOMIC_RELAXED);
}
