/* SPDX-License-Identifier: BSD-2-Clause */
/* Which route is the first to match, at a cost that doesn't grow with their number.
 *
 * Hosts by hash, paths by hash (exact) and by a trie (prefixes). Every place in there remembers the lowest
 * route of those that end at it, so a look-up compares numbers, not routes. Built once, then read only.
 * Thread: any. */
#pragma once

#include "policy/policy.h"

struct wr_route_index *wr_route_index_build(const struct wr_route *routes, size_t count,
                                            struct wr_arena *arena);
/* host: lower case, without port. NULL: none matches. */
const struct wr_route *wr_route_index_find(const struct wr_route_index *index, const struct wr_route *routes,
                                           struct wr_slice host, struct wr_slice path,
                                           struct wr_slice method);
