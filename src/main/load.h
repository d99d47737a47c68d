/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the policy and checks what reading the file alone can't show, such as whether a file is a
 * certificate, or whether the policy does what its tests expect. */
#pragma once

#include "policy/policy.h"

#define WR_POLICY_FILE "/etc/weir/weir.yaml" /* where commands look for it if they aren't told */

/* Returns the policy with one reference for the caller. If it has mistakes, returns NULL and appends them to
 * *findings. Thread: start, main. */
struct wr_policy *wr_load(const char *file, struct wr_remarks *findings) WR_MUST_USE;
