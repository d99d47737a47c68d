/* What of a reloaded policy can't take effect in the running process. */
#pragma once

#include "policy/policy.h"

/* Warns in the log of each change that waits for a restart. Thread: main. */
void wr_changes_tell(const struct wr_policy *old, const struct wr_policy *new);
