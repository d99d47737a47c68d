/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the parameters of a POST, out of its query and body. Pure. Thread: any. */
#pragma once

#include "base/bytes.h"

/* A parameter that may be given. */
struct wr_admin_param {
    const char *name;
    struct wr_buf value; /* the caller's to free */
    bool given;
};
/* Reads any of `params`, each at most once, out of the query and the body: a form, or a JSON object of
 * strings (true and false read as "1" and "0"). Values have no control characters. Returns NULL, or what is
 * wrong (static text). */
const char *wr_admin_params(struct wr_slice query, struct wr_slice body, bool json,
                            struct wr_admin_param *params, size_t count) WR_MUST_USE;
/* Frees the values. */
void wr_admin_params_fini(struct wr_admin_param *params, size_t count);
