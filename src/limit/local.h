/* SPDX-License-Identifier: BSD-2-Clause */
/* The process's own quotas, by the same algorithms, in a table of limited size.
 *
 * Each shard has a mutex, held for the look-ups and arithmetic of one request. The shards of one request
 * are locked in the order of their numbers. An entry with a full quota can be dropped: a missing entry
 * means the same. Each question drops up to two such entries from its shard, so idle clients cost nothing
 * for long.
 *
 * When a shard is full, eight entries are drawn, and the one that has spent the smallest share of its quota
 * is dropped (among equals, the one whose quota is full soonest). So a flood of new clients drives out its
 * own entries and not those of clients that have been refused. Thread: any. */
#pragma once

#include "limit/algorithm.h"
#include "limit/limit.h"

/* Decides one request by all its limits (at most WR_MAX_ROUTE_LIMITS), each with its own identity. All
 * count the request; if an enforced limit refuses it, none does. now: monotonic. Threads may differ in
 * time, but a shard's time never goes back. */
void wr_local_limits_decide(struct wr_local_limits *l, size_t count,
                            const struct wr_limit_policy *const *limits, const struct wr_slice *identities,
                            struct wr_mono now, struct wr_limit_decision *out);
/* Returns how many quotas the table holds now. */
size_t wr_local_limits_count(struct wr_local_limits *l);
