/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds which changes of a reloaded policy can't take effect in the running process. */
#pragma once

#include "policy/policy.h"

/* Appends the options that wait for a restart, as words separated by ", ": those that wr_policy_hold() keeps
 * as they were. runs: the policy that the process started with, whose options these are; new: the policy as
 * the file says. Thread: main. */
void wr_changes_pending(const struct wr_policy *runs, const struct wr_policy *new, struct wr_buf *out);
