/* SPDX-License-Identifier: BSD-2-Clause */
/* Watches whether Redis evicts keys. An evicted response costs only a miss, but quotas of rate limits and
 * fetch locks may be evicted too. Evictions are counted, and logged once when they begin and once when they
 * end. Thread: the link's owner. */
#pragma once

#include "redis/link.h"

struct wr_evictions;

/* Starts and ends watching. link: borrowed, must outlive the watch. The caller owns the result. */
struct wr_evictions *wr_evictions_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link);
void wr_evictions_free(struct wr_evictions *e);
