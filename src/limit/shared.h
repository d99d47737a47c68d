/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks Redis for the limits of a request: one call of one script, on the keys of the clients' quotas. */
#pragma once

#include "limit/algorithm.h"
#include "redis/link.h"

/* Posts the call; call->done must be set. Timeout and names come from the policy. count: at most
 * WR_MAX_ROUTE_LIMITS. Errors: as wr_link_script(). Thread: the link's. */
enum wr_err wr_shared_limits_ask(struct wr_link *link, struct wr_call *call,
                                 const struct wr_policy_redis *redis, size_t count,
                                 const struct wr_limit_policy *const *limits,
                                 const struct wr_slice *identities) WR_MUST_USE;
/* Reads the decisions for `count` limits. Returns false if the reply is an error or not one of our script.
 * Thread: any. */
bool wr_shared_limits_read(const struct wr_reply *reply, size_t count,
                           struct wr_limit_decision *out) WR_MUST_USE;
