/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy, read and found usable: what reading it can't see (is that a certificate?) is looked at as well.
 */
#pragma once

#include "policy/policy.h"

/* NULL: *errors says why, a line for each. One reference. Thread: start, main. */
struct wr_policy *wr_load(const char *file, struct wr_buf *errors) WR_MUST_USE;
