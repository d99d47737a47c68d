/* SPDX-License-Identifier: BSD-2-Clause */
/* The cookies of a request (RFC 6265 4.2.1): which of them count for the cache. Pure. Thread: any. */
#pragma once

#include "http/head.h"
#include "policy/policy.h"

struct wr_text;

/* Has it a cookie whose name the pattern matches? */
bool wr_cookies_have(const struct wr_head *request, struct wr_slice pattern);
/* Has it a cookie that makes its response one visitor's own: one that the route's `cookies` names, if any,
 * and that isn't part of the key? */
bool wr_cookies_count(const struct wr_cache_policy *policy, const struct wr_head *request);
/* Appends "=" and the cookies whose names one of the patterns (NULL-ended; NULL: none) matches, ordered by
 * name; nothing if there are none. named: each as name=value; else the values alone. Cookies of one name keep
 * their order: which of them an application takes isn't ours to know. */
void wr_cookies_write(struct wr_text *out, const struct wr_head *request, char *const *patterns, bool named,
                      struct wr_arena *arena);
