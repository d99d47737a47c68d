/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks up the name, status and texts of an error. The table is generated from err.def. */
#include "base/err.h"

static const struct wr_err_info infos[WR_ERR_COUNT] = {
#define X(name, status, title, detail) [WR_ERR_##name] = { #name, status, title, detail },
#include "base/err.def"
#undef X
};

const struct wr_err_info *wr_err_info(enum wr_err err)
{
    WR_CHECK(err < WR_ERR_COUNT);
    return &infos[err];
}
