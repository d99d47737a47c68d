/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors: how many the process may have open, and who may take how many of them. Thread: start, or
 * main. */
#pragma once

#include "policy/policy.h"

/* Raises the process's limit of open files to the most that it may set itself (the hard limit of
 * RLIMIT_NOFILE, setrlimit(2)), and divides it. A part is left for weir itself (Redis, the admin listener,
 * logs), which connections to origins don't take either; of the rest a quarter is for origins only. Returns
 * how many clients may be connected at once. */
unsigned wr_descriptors_divide(const struct wr_policy *p);
/* Warns if the policy allows more clients than that. */
void wr_descriptors_compare(const struct wr_policy *p, unsigned clients);
