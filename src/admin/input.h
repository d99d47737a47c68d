/* SPDX-License-Identifier: BSD-2-Clause */
/* What a POST asks for, out of its query and body. Pure. Thread: any. */
#pragma once

#include "base/bytes.h"

/* One parameter that may be asked for with others. */
struct wr_admin_param {
    const char *name;
    struct wr_buf value; /* the caller's to free */
    bool given;
};
/* Reads any of `params` out of query, form or JSON object (strings; true and false as "1" and "0"), each once
 * at most. NULL, or what is wrong (static text). Values have no control characters. */
const char *wr_admin_params(struct wr_slice query, struct wr_slice body, bool json,
                            struct wr_admin_param *params, size_t count) WR_MUST_USE;
