/* SPDX-License-Identifier: BSD-2-Clause */
/* The fleet's word on a purge: how many nodes know of it, and which silent ones may still serve something
 * older.
 *
 * Thread: any; each struct belongs to its owner. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "base/units.h"

/* Silent nodes. A node is "silent" if it hasn't confirmed a purge and hasn't been heard since the purge was
 * made, but may serve copies from its memory while it can't reach Redis. One allocation, freed by free(). */
struct wr_silent {
    size_t count;
    struct wr_silent_node {
        struct wr_slice name; /* as Redis gave it: any bytes */
        struct wr_span span;  /* how long it hasn't been heard; never negative */
    } of[];
};

struct wr_purge_result {
    enum wr_err err;          /* OK; or Redis could not be told, so it is purged on this node only */
    unsigned confirmed, live; /* the number of nodes that have confirmed the purge, and of those that live;
                                 both include this node */
    const struct wr_silent *silent; /* NULL: none; borrowed */
};

/* Appends a sentence about a silent node, without a full stop. Characters of its name that aren't printable
 * become '?'. */
void wr_silent_tell(struct wr_buf *out, const struct wr_silent_node *node);
