/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash table from names to pointers. It grows while the policy is read. */
#include "policy/name_table.h"

/* FNV-1a, then mixed so that the low bits depend on all (Fowler, Noll, Vo; the finaliser is Murmur3's). */
static size_t hash(struct wr_slice s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char) s.at[i]) * UINT64_C(0x100000001b3);
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    return (size_t) (h ^ (h >> 33));
}

/* Returns the slot that holds the name, or the empty slot for it. */
static struct wr_name_slot *find_slot(const struct wr_name_table *t, struct wr_slice name)
{
    size_t i = hash(name) & (t->size - 1);
    while (t->slots[i].value && !wr_slice_eq(t->slots[i].name, name))
        i = (i + 1) & (t->size - 1);
    return &t->slots[i];
}

void *wr_name_table_get(const struct wr_name_table *t, struct wr_slice name)
{
    return t->size ? find_slot(t, name)->value : NULL;
}

static void widen(struct wr_name_table *t, struct wr_arena *arena)
{
    struct wr_name_table old = *t;
    t->size = old.size ? 2 * old.size : 4;
    t->slots = wr_arena_zalloc(arena, t->size * sizeof *t->slots);
    for (size_t i = 0; i < old.size; i++) {
        if (old.slots[i].value)
            *find_slot(t, old.slots[i].name) = old.slots[i];
    }
}

void **wr_name_table_at(struct wr_name_table *t, struct wr_slice name, struct wr_arena *arena)
{
    if (2 * (t->count + 1) > t->size)
        widen(t, arena);
    struct wr_name_slot *slot = find_slot(t, name);
    if (slot->value == NULL) {
        slot->name = name;
        t->count++;
    }
    return &slot->value;
}
