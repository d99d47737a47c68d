/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS to Redis (rediss://), where this build has it. */
#pragma once

#include "base/bytes.h"
#include "policy/policy.h"

/* Can connections be made with what redis.tls names? false: why is appended. Reads files. Thread: start,
 * main. */
bool wr_tls_check(const struct wr_policy_redis *policy, struct wr_buf *why) WR_MUST_USE;
