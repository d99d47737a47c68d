/* SPDX-License-Identifier: BSD-2-Clause */
/* The fleet's word on a purge: how many nodes know it, and which silent ones may still serve something older.
 *
 * Thread: any; see the owner of each. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "base/units.h"

/* Nodes that haven't said that they know a purge, haven't been heard since it was made, and may serve copies
 * from memory while Redis is away for them. One piece of memory, freed by free(). */
struct wr_silent {
    size_t count;
    struct wr_silent_node {
        struct wr_slice name; /* as Redis gave it: any bytes */
        struct wr_span span;  /* so long it hasn't been heard; never negative */
    } of[];
};

struct wr_purge_result {
    enum wr_err err;          /* OK; or Redis could not be told: then it is purged on this node only */
    unsigned confirmed, live; /* how many nodes have said so, this one among them, of how many that live */
    const struct wr_silent *silent; /* NULL: none; borrowed */
};

/* Appends a sentence about one of them, without a full stop; what isn't printable in its name is a '?'. */
void wr_silent_tell(struct wr_buf *out, const struct wr_silent_node *node);
