/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: makes its parts in one order and frees them in reverse. Thread: start, which becomes the main
 * loop's. */
#pragma once

#include "policy/policy.h"

/* Serves until a signal or the admin listener stops it. Takes over the reference to the policy. Returns the
 * exit status: 0, or 1 if it could not start (the error log says why). */
int wr_server_run(struct wr_policy *policy);
