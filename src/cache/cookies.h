/* SPDX-License-Identifier: BSD-2-Clause */
/* The cookies of a request (RFC 6265 4.2.1), and which of them count for the cache.
 *
 * Pure functions. Thread: any. */
#pragma once

#include "http/head.h"
#include "policy/policy.h"

struct wr_text;

/* Does the request have a cookie whose name matches the pattern? */
bool wr_cookies_have(const struct wr_head *request, struct wr_slice pattern);
/* Does the request have a cookie that counts? To "count" means that the response may be one visitor's own:
 * the route's `cookies` names the cookie (or names none, so all count), and the cookie is no part of the key.
 */
bool wr_cookies_count(const struct wr_cache_policy *policy, const struct wr_head *request);
/* Returns the name of the first cookie that counts; at == NULL: none does. */
struct wr_slice wr_cookies_counting(const struct wr_cache_policy *policy, const struct wr_head *request);
/* Appends "=" and the cookies whose names match one of the patterns, ordered by name. Appends nothing if no
 * cookie matches. patterns: ends with NULL; NULL itself: none. named: each cookie is written as name=value;
 * else as its value alone. Cookies of the same name keep their order, because weir can't know which of them
 * the application takes. */
void wr_cookies_write(struct wr_text *out, const struct wr_head *request, char *const *patterns, bool named,
                      struct wr_arena *arena);
