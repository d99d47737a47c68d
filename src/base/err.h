/* SPDX-License-Identifier: BSD-2-Clause */
/* All errors that a peer or the machine can cause, in one enum. Our own broken invariants are no errors:
 * base/check.h. */
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
    int status;       /* status of the response to the client; 0: no response can be sent */
    const char *title, *detail;
};

/* Returns the row of an error, in static memory. Thread: any. */
const struct wr_err_info *wr_err_info(enum wr_err err);
