/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash table from names to pointers, filled once and read afterwards: open addressing in an arena.
 *
 * The operator chooses the keys, so nobody can make them collide on purpose. Thread: the owner's while it
 * is filled, then any. */
#pragma once

#include "base/arena.h"

struct wr_name_slot {
    struct wr_slice name; /* borrowed */
    void *value;          /* NULL: empty */
};

struct wr_name_table { /* zeroed is empty and valid */
    struct wr_name_slot *slots;
    size_t size, count; /* size is a power of two, at most half of it in use */
};

void *wr_name_table_get(const struct wr_name_table *t, struct wr_slice name);
/* Returns the place of the value for this name, and makes it if there is none. Fill it before the next
 * call. The name must outlive the table. */
void **wr_name_table_at(struct wr_name_table *t, struct wr_slice name, struct wr_arena *arena);
