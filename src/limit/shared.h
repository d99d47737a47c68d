/* SPDX-License-Identifier: BSD-2-Clause */
/* The limits of a request asked of Redis: one call of one script, on the keys of the clients' quotas. */
#pragma once

#include "limit/algorithm.h"
#include "redis/link.h"

/* Posts the call, whose `done` is set, with Redis's timeout and names from the policy. count: at most
 * WR_MAX_ROUTE_LIMITS. Errors as wr_link_script(). Thread: the link's. */
enum wr_err wr_shared_limits_ask(struct wr_link *link, struct wr_call *call,
                                 const struct wr_policy_redis *redis, size_t count,
                                 const struct wr_limit_policy *const *limits,
                                 const struct wr_slice *identities) WR_MUST_USE;
/* false: that is no decision about so many (an error, or not what our script says). Thread: any. */
bool wr_shared_limits_read(const struct wr_reply *reply, size_t count,
                           struct wr_limit_decision *out) WR_MUST_USE;
