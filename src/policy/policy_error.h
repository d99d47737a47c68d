/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors in a policy: noted where they are found, printed together in the order of the files.
 *
 * Thread: any; each list belongs to one reading of a policy. */
#pragma once

#include "policy/remarks.h"

struct wr_place {
    int line, column; /* from 1 */
    unsigned file;    /* index in wr_policy_errors.files; 0: the policy itself */
};

struct wr_policy_error;

struct wr_policy_errors {
    const char **files; /* their names: the policy's, then those of included files in the order of reading */
    size_t file_count;
    struct wr_arena *arena; /* where the messages and names live; borrowed */
    struct wr_policy_error *last;
    size_t count;
};

/* Adds a file; the name is copied. Returns its index for wr_place.file. */
unsigned wr_policy_errors_file(struct wr_policy_errors *m, const char *name);
void wr_policy_error(struct wr_policy_errors *m, struct wr_place place, const char *fmt, ...) WR_PRINTF(3, 4);
/* Appends the errors to the findings, sorted by place, each once. */
void wr_policy_errors_give(const struct wr_policy_errors *m, struct wr_remarks *out);

/* Finds the word that a person may have meant: offer every candidate, then ask for the best. */
struct wr_guess {
    struct wr_slice word; /* as written */
    struct wr_slice best; /* at == NULL: nothing is similar */
    unsigned distance;
};

struct wr_guess wr_guess_for(struct wr_slice word);
void wr_guess_offer(struct wr_guess *g, struct wr_slice candidate);
/* Returns ` (did you mean "best"?)` or the empty string, in the arena. */
const char *wr_guess_text(const struct wr_guess *g, struct wr_arena *arena);
/* Returns the number of insertions, deletions, changes and swaps of neighbours between two words (optimal
 * string alignment, Boytsov 2011). Case, and '-' against '_', make no difference. Returns limit + 1 if
 * there are more than `limit`. */
unsigned wr_guess_distance(struct wr_slice a, struct wr_slice b, unsigned limit);
