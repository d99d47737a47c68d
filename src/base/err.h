/* SPDX-License-Identifier: BSD-2-Clause */
/* One vocabulary for what a peer or the machine can do to us (never for our own broken invariants:
 * base/check.h). */
#pragma once

#include "base/check.h"

enum wr_err {
#define X(name, status, title, detail) WR_ERR_##name,
#include "base/err.def"
#undef X
    WR_ERR_COUNT
};

#define WR_OK WR_ERR_OK

struct wr_err_info {
    const char *name; /* "ORIGIN_TIMEOUT": for logs and Cache-Status */
    int status;       /* what the client gets; 0: no response can be sent */
    const char *title, *detail;
};

/* Static memory. Thread: any. */
const struct wr_err_info *wr_err_info(enum wr_err err);
