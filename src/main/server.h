/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: what is made in which order, and unmade in reverse. Thread: start, which becomes the main
 * loop's. */
#pragma once

#include "policy/policy.h"

/* Serves until a signal or the admin listener asks it to stop. Takes over the reference to the policy. Exit
 * status. */
int wr_server_run(struct wr_policy *policy);
