/* SPDX-License-Identifier: BSD-2-Clause */
/* A table from names to pointers that is filled once and then only asked: open addressing in an arena.
 *
 * Keys are the operator's, so nobody can choose them to collide. Thread: the owner's while filling, then any.
 */
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
/* The place of a name's value, made when it isn't there; fill it before the next call. The name must outlive
 * the table. */
void **wr_name_table_at(struct wr_name_table *t, struct wr_slice name, struct wr_arena *arena);
