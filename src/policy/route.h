/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the first route that matches, at a cost that doesn't grow with the number of routes.
 *
 * Hosts are found by hash, paths by hash (exact) and by a trie (prefixes). Each place in these remembers
 * the lowest-numbered route of those that end there, so a look-up compares numbers, not routes. Built once,
 * then only read. Thread: any. */
#pragma once

#include "policy/policy.h"

struct wr_route_index *wr_route_index_build(const struct wr_route *routes, size_t count,
                                            struct wr_arena *arena);
/* Returns the first route that matches, or NULL. host: in lower case, without port. */
const struct wr_route *wr_route_index_find(const struct wr_route_index *index, const struct wr_route *routes,
                                           struct wr_slice host, struct wr_slice path,
                                           struct wr_slice method);
