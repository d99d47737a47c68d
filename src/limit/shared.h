/* A limit asked of Redis: one call of the algorithm's script, on the key of the client's quota. */
#pragma once

#include "limit/algorithm.h"
#include "redis/link.h"

/* Posts the call, whose `done` is set, with Redis's timeout and names from the policy. Errors as
 * wr_link_script(). Thread: the link's. */
enum wr_err wr_shared_limit_ask(struct wr_link *link, struct wr_call *call, const struct wr_policy_redis *redis,
                                const struct wr_limit_policy *limit, struct wr_slice identity) WR_MUST_USE;
/* false: that is no decision (an error, or not what our script says). Thread: any. */
bool wr_shared_limit_read(const struct wr_reply *reply, struct wr_limit_decision *out) WR_MUST_USE;
