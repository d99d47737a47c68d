/* SPDX-License-Identifier: BSD-2-Clause */
/* The process's own counters: its own quotas, by the same algorithms, in a bounded table.
 *
 * Shards with a mutex each, held for one request's look-ups and arithmetic; the shards of one request are
 * locked in the order of their numbers. An entry whose quota is whole again says nothing that a missing one
 * doesn't: each question clears up to two such out of its shard, so idle clients cost nothing for long. When
 * a shard is full the entry that goes is, of eight drawn, the one that has spent the smallest share of its
 * quota (among equals, the one whose quota is whole soonest): a flood of newcomers drives out its own kind
 * and not those who have been refused. Thread: any. */
#pragma once

#include "limit/algorithm.h"
#include "limit/limit.h"

/* Asks one request of all its limits (at most WR_MAX_ROUTE_LIMITS), each with its own identity: it is counted
 * by all of them, or, if one that doesn't only observe refuses it, by none. now: monotonic; whichever thread
 * is ahead, a shard's time never goes back. */
void wr_local_limits_decide(struct wr_local_limits *l, size_t count,
                            const struct wr_limit_policy *const *limits, const struct wr_slice *identities,
                            struct wr_mono now, struct wr_limit_decision *out);
/* How many quotas are remembered at present. */
size_t wr_local_limits_count(struct wr_local_limits *l);
