/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors in a policy: noted where they are found, given out all at once in the order of the file.
 *
 * Thread: any; one list belongs to one reading. */
#pragma once

#include "base/arena.h"

struct wr_place {
    int line, column; /* from 1 */
};

struct wr_policy_error;

struct wr_policy_errors {
    const char *file;       /* how messages call it; borrowed */
    struct wr_arena *arena; /* where the messages live; borrowed */
    struct wr_policy_error *last;
    size_t count;
};

void wr_policy_error(struct wr_policy_errors *m, struct wr_place place, const char *fmt, ...) WR_PRINTF(3, 4);
/* "file:line:column: text" a line each, sorted by place, each once; control characters become '?'. */
void wr_policy_errors_print(const struct wr_policy_errors *m, struct wr_buf *out);

/* Looks for what a person may have meant: offer every candidate, then ask. */
struct wr_guess {
    struct wr_slice word; /* as written */
    struct wr_slice best; /* at == NULL: nothing is similar */
    unsigned distance;
};

struct wr_guess wr_guess_for(struct wr_slice word);
void wr_guess_offer(struct wr_guess *g, struct wr_slice candidate);
/* ` (did you mean "best"?)` or the empty string, in the arena. */
const char *wr_guess_text(const struct wr_guess *g, struct wr_arena *arena);
/* The number of insertions, deletions, changes and swaps of neighbours between two words (optimal string
 * alignment, Boytsov 2011); case and '-' against '_' don't count. Over `limit` gives limit + 1. */
unsigned wr_guess_distance(struct wr_slice a, struct wr_slice b, unsigned limit);
