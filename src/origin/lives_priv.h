/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs and the worker's part of the room: who makes them, keeps them, ends them. */
#pragma once

#include "origin/origin_priv.h"

/* exchange.c: for origins.c, which keeps the spare ones. */
struct wr_exchange_run *wr_run_new(struct wr_origins *o);
void wr_run_free(struct wr_exchange_run *run);

/* origins.c: a run for one exchange; given back with wr_origins_spare(). */
struct wr_exchange_run *wr_origins_run(struct wr_origins *o);
void wr_origins_spare(struct wr_exchange_run *run);
/* Counts how an exchange ended. */
void wr_origins_count(enum wr_err err);
