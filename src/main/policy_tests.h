/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the tests that a policy holds. Nothing is asked outside the process, so the result depends on the
 * policy alone. Thread: any. */
#pragma once

#include "policy/policy.h"

/* Appends a finding for each expectation that isn't met, at its place: what was expected, and what came. */
void wr_policy_tests_run(const struct wr_policy *policy, struct wr_remarks *findings);
