/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells which changes of a reloaded policy can't take effect in the running process. */
#pragma once

#include "policy/policy.h"

/* Warns in the log of each change that waits for a restart: those are the fields that wr_policy_hold() keeps
 * as they were. first: the policy that the process started with; new: the policy as the file says. Thread:
 * main. */
void wr_changes_tell(const struct wr_policy *first, const struct wr_policy *new);
