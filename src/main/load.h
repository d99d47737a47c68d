/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the policy and checks what reading the file alone can't show, such as whether a file is a
 * certificate. */
#pragma once

#include "policy/policy.h"

/* Returns the policy with one reference for the caller, or NULL and *errors, one line for each. Thread:
 * start, main. */
struct wr_policy *wr_load(const char *file, struct wr_buf *errors) WR_MUST_USE;
