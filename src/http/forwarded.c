/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds a parameter in an element of a Forwarded field. Trust is the caller's business. */
#include "http/forwarded.h"

struct wr_slice wr_forwarded_param(struct wr_slice element, struct wr_slice name)
{
    while (element.at) {
        struct wr_slice value = wr_slice_cut(&element, ';'), have = wr_slice_cut(&value, '=');
        if (value.at == NULL || !wr_slice_eq_nocase(wr_slice_trim(have), name))
            continue;
        return wr_slice_unquote(value);
    }
    return wr_slice(NULL, 0);
}
