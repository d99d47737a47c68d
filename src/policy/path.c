/* SPDX-License-Identifier: BSD-2-Clause */
/* Converts paths to the form in which routes compare them. A path that an origin may take for the same must
 * not slip past a route, its limits or its `cache: off` by another spelling. */
#include "base/uri.h"
#include "policy/policy.h"

static bool is_plain(struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '%' || (s.at[i] == '/' && i + 1 < s.len && (s.at[i + 1] == '/' || s.at[i + 1] == '.')))
            return false;
    return true;
}

struct wr_slice wr_policy_path(struct wr_slice path, struct wr_arena *arena)
{
    if (is_plain(path) || path.at[0] != '/')
        return path;
    char *at = wr_arena_alloc(arena, path.len);
    size_t len = wr_percent_decode(at, path, NULL); /* %2F too: many origins decode it */
    return wr_slice(at, wr_path_resolve(at, wr_slice(at, len), true));
}
