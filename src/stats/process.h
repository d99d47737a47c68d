/* SPDX-License-Identifier: BSD-2-Clause */
/* The resources that the process uses, from /proc and getrusage(). Thread: any but a worker, because it
 * opens files. */
#pragma once

#include "base/units.h"

struct wr_process {
    uint64_t resident;          /* bytes of memory */
    uint64_t files, files_most; /* open file descriptors, and how many may be open */
    uint64_t threads;
    struct wr_span cpu; /* user and system time so far */
};

/* Fills *p. A value that can't be read is 0. */
void wr_process_read(struct wr_process *p);
/* Appends the same as metrics weir_process_..., and when the process started. */
void wr_process_metrics(struct wr_buf *out, struct wr_wall started);
