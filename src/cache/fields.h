/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the head of a stored response and reads it back line by line. For build_*.c only.
 *
 * Pure functions. Thread: any. */
#pragma once

#include "cache/build.h"

/* May this field stand in a stored head? Not hop-by-hop fields, not those that frame the message, and not
 * those that weir makes anew for each answer. */
static inline bool wr_field_is_stored(const struct wr_field *f)
{
    return !f->hidden && f->id != WR_F_AGE && f->id != WR_F_CONTENT_LENGTH && f->id != WR_F_TRAILER &&
           !(f->id != WR_F_OTHER && (wr_field_flags((enum wr_field_id) f->id) & WR_FF_HOP));
}

/* Takes the next line off *rest and gives it in *line without its CR LF. Returns false if there is none. */
static inline bool wr_stored_line(struct wr_slice *rest, struct wr_slice *line)
{
    *line = wr_slice_cut(rest, '\n');
    if (line->at == NULL || line->len == 0)
        return false;
    line->len -= line->at[line->len - 1] == '\r';
    return true;
}
