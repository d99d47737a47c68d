/* SPDX-License-Identifier: BSD-2-Clause */
/* The head of a stored response: writing it, and reading it back line by line. For build*.c only. */
#pragma once

#include "cache/build.h"

/* What must not stand in a stored head: hop-by-hop, framing, and what is made anew for each answer. */
static inline bool wr_field_is_stored(const struct wr_field *f)
{
    return !f->hidden && f->id != WR_F_AGE && f->id != WR_F_CONTENT_LENGTH && f->id != WR_F_TRAILER &&
           !(f->id != WR_F_OTHER && (wr_field_flags((enum wr_field_id) f->id) & WR_FF_HOP));
}

/* Takes the next line off *rest, without its CR LF. false: there is none. */
static inline bool wr_stored_line(struct wr_slice *rest, struct wr_slice *line)
{
    *line = wr_slice_cut(rest, '\n');
    if (line->at == NULL || line->len == 0)
        return false;
    line->len -= line->at[line->len - 1] == '\r';
    return true;
}
