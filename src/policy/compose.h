/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts that many routes have in common: `defaults`, and the named `caches` and `headers`.
 *
 * Routes are completed as trees, before any option is read. So a reader sees a route as if everything stood
 * in it, and errors keep the place where the wrong value stands. Thread: any. */
#pragma once

#include "policy/tree.h"

/* Returns the policy's tree with complete routes, in the arena. From what stands first here to what counts
 * last: the `headers` that the route names (of its response only), `defaults`, the route itself.
 *
 * - A mapping is joined with that of `defaults` option by option, at any depth; a table (statuses,
 * error_pages) row by row. Any other value of a route takes the place of the default.
 * - The name of a cache stands for that cache as a whole.
 * - Edits come one after the other: what a later one sets or removes, no earlier one writes.
 *
 * Values that should be mappings and aren't, and names that refer to nothing, are left for the readers. */
const struct wr_tree_node *wr_compose(const struct wr_tree_node *root, struct wr_arena *arena);
