/* SPDX-License-Identifier: BSD-2-Clause */
/* What the whole process has to say about Redis: each worker has a link of its own, and all of them meet the
 * same trouble at the same time. The first to meet it says so, the last to get over it says that; the others
 * say it at level debug. Thread: any, no locks. */
#pragma once

#include <stdbool.h>

enum wr_outage {
    WR_OUTAGE_PIPE,                                   /* a connection is in trouble, whatever it is */
    WR_OUTAGE_BREAKER,                                /* late answers */
    WR_OUTAGE_PIPE_KINDS,                             /* + enum wr_pipe_trouble */
    WR_OUTAGE_CONDITIONS = WR_OUTAGE_PIPE_KINDS + 16, /* + the kind of error */
    WR_OUTAGE_COUNT = WR_OUTAGE_CONDITIONS + 16,
};

/* true: nobody in this process was in it. */
bool wr_outage_begins(unsigned outage);
/* true: nobody is in it any more. */
bool wr_outage_ends(unsigned outage);
