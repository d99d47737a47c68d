/* SPDX-License-Identifier: BSD-2-Clause */
/* How runs and the worker's struct are made, kept and freed. Thread: the loop's owner. */
#pragma once

#include "origin/origin_priv.h"

/* exchange.c, for origins.c, which keeps the spare runs: make a run, and free it. */
struct wr_exchange_run *wr_run_new(struct wr_origins *o);
void wr_run_free(struct wr_exchange_run *run);

/* origins.c: give a run for one exchange, and take it back as a spare one. If that was the last exchange of a
 * struct that is closing, the struct is freed at the end of the turn. */
struct wr_exchange_run *wr_origins_run(struct wr_origins *o);
void wr_origins_spare(struct wr_exchange_run *run);
/* Counts how an exchange ended. */
void wr_origins_count(enum wr_err err);
/* As wr_origins_new(). probing: for the health checks, which each of its peers gets. */
struct wr_origins *wr_origins_make(struct wr_loop *loop, struct wr_policy *policy,
                                   struct wr_backends *backends, bool probing);
