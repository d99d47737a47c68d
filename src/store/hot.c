/* SPDX-License-Identifier: BSD-2-Clause */
/* The hot table of one worker: a fixed number of slots, each with an object and a stock of references to it.
 * An object takes a slot when it has been found twice in a row and the slot's former object isn't in use. */
#include "store/hot.h"

#include <stdlib.h>

#define SLOTS 256 /* a power of two */
/* References taken at once: more than one worker's transactions ever hold of one object. */
#define STOCK 4096
/* Bytes of an object with its content; a larger one isn't kept, because an evicted object stays here until
 * the next sweep. */
#define LARGEST (16 * 1024)
/* After this time the object is looked up in the store again, so that its eviction sees the use. */
#define SHOW_AGAIN WR_SPAN_MS(20)

struct slot {
    uint64_t hash_lo; /* of the object */
    struct wr_object *object;
    unsigned stock;       /* references that can be drawn */
    uint32_t seen;        /* from the hash of the other object that was last found for this slot */
    struct wr_mono until; /* monotonic: when the object must be looked up in the store again */
};

struct wr_hot {
    struct slot slots[SLOTS];
};

struct wr_hot *wr_hot_new(void)
{
    struct wr_hot *n = calloc(1, sizeof *n);
    WR_CHECK(n != NULL);
    return n;
}

static struct slot *hot_slot_of(struct wr_hot *n, struct wr_hash hash)
{
    return &n->slots[wr_hash_place(hash) % SLOTS];
}

static void empty(struct slot *s)
{
    struct wr_object *object = s->object;
    s->object = NULL;
    if (object)
        wr_object_unref_many(object, s->stock);
    s->stock = 0;
}

void wr_hot_free(struct wr_hot *n)
{
    for (size_t i = 0; i < SLOTS; i++)
        empty(&n->slots[i]);
    free(n);
}

static bool is_stored(const struct slot *s)
{
    return __atomic_load_n(&s->object->stored, __ATOMIC_ACQUIRE);
}

/* May the object be drawn from this slot? The last reference stays, because it keeps the object alive. */
static bool is_here(const struct slot *s, struct wr_hash hash, struct wr_mono now)
{
    return s->hash_lo == hash.lo && s->object && s->stock > 1 && wr_time_before(now, s->until) &&
           is_stored(s);
}

bool wr_hot_has(struct wr_hot *n, struct wr_hash hash, struct wr_mono now)
{
    return is_here(hot_slot_of(n, hash), hash, now);
}

struct wr_object *wr_hot_get(struct wr_hot *n, struct wr_hash hash, struct wr_slice key, struct wr_mono now)
{
    struct slot *s = hot_slot_of(n, hash);
    if (!is_here(s, hash, now) || !wr_slice_eq(s->object->key, key))
        return NULL;
    s->stock--;
    return s->object;
}

static bool is_small_enough(const struct wr_object *object)
{
    return object->bytes + (object->flow ? wr_flow_bytes(object->flow) : 0) <= LARGEST;
}

/* May this object take the slot? Only if the one there isn't in use, and if it comes twice in a row: most
 * objects that are asked for aren't asked for again soon. */
static bool may_take(struct slot *s, const struct wr_object *object, struct wr_mono now)
{
    if (s->object && s->hash_lo == object->hash.lo)
        return true;
    if (s->object && wr_time_before(now, s->until))
        return false;
    bool again = s->seen == (uint32_t) object->hash.hi;
    s->seen = (uint32_t) object->hash.hi;
    return again;
}

void wr_hot_found(struct wr_hot *n, struct wr_object *object, struct wr_mono now)
{
    struct slot *s = hot_slot_of(n, object->hash);
    if (!may_take(s, object, now))
        return;
    if (s->object != object)
        empty(s);
    if (!is_small_enough(object))
        return;
    s->object = object;
    s->hash_lo = object->hash.lo;
    if (s->stock < STOCK / 2) {
        wr_object_ref_many(object, STOCK);
        s->stock += STOCK;
    }
    s->until = wr_time_add(now, SHOW_AGAIN);
}

void wr_hot_give(struct wr_hot *n, struct wr_object *object)
{
    if (object == NULL)
        return;
    struct slot *s = hot_slot_of(n, object->hash);
    if (s->object == object && s->stock < 2 * STOCK)
        s->stock++;
    else
        wr_object_unref(object);
}

void wr_hot_sweep(struct wr_hot *n)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (n->slots[i].object && !is_stored(&n->slots[i]))
            empty(&n->slots[i]);
}
