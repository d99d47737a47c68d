/* SPDX-License-Identifier: BSD-2-Clause */
/* Logs trouble with Redis once per process. Each worker has a link of its own, and all of them meet the
 * same trouble at the same time. So the first link that meets it logs that, and the last that recovers logs
 * that; the others log at level debug. Thread: any, no locks. */
#pragma once

#include <stdbool.h>

enum wr_outage {
    WR_OUTAGE_PIPE,                                   /* a connection is in trouble, whatever it is */
    WR_OUTAGE_BREAKER,                                /* late answers */
    WR_OUTAGE_PIPE_KINDS,                             /* + enum wr_pipe_trouble */
    WR_OUTAGE_CONDITIONS = WR_OUTAGE_PIPE_KINDS + 16, /* + the kind of error */
    WR_OUTAGE_COUNT = WR_OUTAGE_CONDITIONS + 16,
};

/* Returns true if no other link of the process was in this trouble. */
bool wr_outage_begins(unsigned outage);
/* Returns true if no link is in this trouble any more. */
bool wr_outage_ends(unsigned outage);
