/* SPDX-License-Identifier: BSD-2-Clause */
/* What of a reloaded policy can't take effect in the running process. */
#pragma once

#include "policy/policy.h"

/* Warns in the log of each change that waits for a restart: of what wr_policy_hold() keeps as it was. first:
 * the policy that the process has started with; new: as the file says. Thread: main. */
void wr_changes_tell(const struct wr_policy *first, const struct wr_policy *new);
