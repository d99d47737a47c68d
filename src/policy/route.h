/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the first route that matches, at a cost that doesn't grow with the number of routes.
 *
 * Hosts are found by hash, paths by hash (exact) and by a trie (prefixes). Each place in these remembers
 * the lowest-numbered route of those that end there, so a look-up compares numbers, not routes. Routes with
 * further conditions are checked where they could come first. Built once, then only read. Thread: any. */
#pragma once

#include "policy/policy.h"

struct wr_route_index *wr_route_index_build(const struct wr_route *routes, size_t count,
                                            struct wr_arena *arena);
/* Returns the first route that matches, or NULL. host: in lower case, without port. */
const struct wr_route *wr_route_index_find(const struct wr_route_index *index, const struct wr_route *routes,
                                           struct wr_route_ask *asked);
/* Does the host match (conditions without hosts: any)? */
bool wr_match_host(const struct wr_match *m, struct wr_slice host);
/* Compiles a regular expression into the arena. Returns NULL, or what is wrong with it. */
const char *wr_regex_compile(struct wr_slice text, struct wr_arena *arena, struct wr_regex *out);
