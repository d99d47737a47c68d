/* SPDX-License-Identifier: BSD-2-Clause */
/* Watches whether Redis evicts keys: stored responses that go early cost a miss each, but quotas of rate
 * limits and fetch locks may be among them. Counted, and said once when it begins and once when it is over.
 * Thread: the link's owner. */
#pragma once

#include "redis/link.h"

struct wr_evictions;

/* link: borrowed. */
struct wr_evictions *wr_evictions_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link);
void wr_evictions_free(struct wr_evictions *e);
