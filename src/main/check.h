/* SPDX-License-Identifier: BSD-2-Clause */
/* `weir check`, and `weir -t`: tells all mistakes of a policy, and what is dangerous in it. */
#pragma once

#include "policy/policy.h"

/* Writes those of one severity to stderr, as lines for a person or for the journal. */
void wr_check_tell(const struct wr_remarks *findings, enum wr_severity severity);
/* Checks the policy. json: writes one JSON object to stdout; else the findings go to stderr, and a line about
 * a good policy to stdout. Returns the exit status: 0 if it is good, else 1. Thread: start. */
int wr_check(const char *file, bool json);
/* argv[0] is "check": [--json] [-c FILE | FILE]. Returns the exit status; 2 for wrong usage. Thread: start.
 */
int wr_check_main(int argc, char **argv);
