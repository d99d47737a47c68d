/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process itself uses, as /proc and getrusage tell. Thread: any (it opens files: not on a worker).
 */
#pragma once

#include "base/units.h"

struct wr_process {
    uint64_t resident;          /* octets of memory */
    uint64_t files, files_most; /* descriptors open; how many may be */
    uint64_t threads;
    struct wr_span cpu; /* user and system time so far */
};

/* What can't be found out is 0. */
void wr_process_read(struct wr_process *p);
/* As metrics weir_process_... */
void wr_process_metrics(struct wr_buf *out, struct wr_wall started);
