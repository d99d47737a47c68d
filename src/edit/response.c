/* SPDX-License-Identifier: BSD-2-Clause */
/* Edits of fields, by name and as lines of a head that is being delivered; where a redirect leads. */
#include "edit/edit.h"
#include "http/serialise.h"

static bool has_star(const char *pattern)
{
    return strchr(pattern, '*') != NULL;
}

/* A pattern doesn't reach fields that no edit may name. */
static bool is_weirs(struct wr_slice name)
{
    enum wr_field_id id = wr_field_id_of(name);
    if (wr_field_flags(id) & WR_FF_HOP)
        return true;
    switch (id) {
    case WR_F_VIA:
    case WR_F_HOST:
    case WR_F_DATE:
    case WR_F_AGE:
    case WR_F_CACHE_STATUS:
    case WR_F_RATELIMIT:
    case WR_F_RATELIMIT_POLICY:
    case WR_F_CONTENT_LENGTH:
    case WR_F_CONTENT_RANGE:
        return true;
    default:
        return false;
    }
}

bool wr_edit_drops(const struct wr_field_edits *e, struct wr_slice name)
{
    for (char **p = e->drops; p && *p; p++)
        if (has_star(*p) ? wr_field_name_matches(name, wr_slice_str(*p)) && !is_weirs(name)
                         : wr_field_name_alike(name, wr_slice_str(*p)))
            return true;
    return false;
}

void wr_edit_write_kept(const struct wr_field_edits *e, struct wr_slice lines, struct wr_buf *out)
{
    struct wr_slice line;
    while (lines.len > 0 && (line = wr_slice_cut(&lines, '\n')).at != NULL) {
        struct wr_slice value = line, name = wr_slice_cut(&value, ':');
        if (!wr_edit_drops(e, name))
            wr_buf_add(out, line.at, line.len + (lines.at != NULL));
    }
}

unsigned wr_edit_write_fields(const struct wr_field_edits *e, const struct wr_edit_source *s,
                              struct wr_buf *out, struct wr_arena *arena)
{
    unsigned dropped = 0;
    for (size_t i = 0; i < e->write_count; i++) {
        struct wr_slice value = wr_edit_fill(&e->writes[i].value, s, WR_EDIT_FIELD, arena);
        dropped += value.at == NULL;
        if (value.len > 0)
            wr_head_write_field(out, e->writes[i].name, value);
    }
    return dropped;
}

/* A path that begins with two slashes would be read as a host. */
struct wr_slice wr_edit_location(const struct wr_redirect *redirect, const struct wr_edit_source *s,
                                 struct wr_arena *arena)
{
    struct wr_slice location = wr_edit_fill(&redirect->to, s, WR_EDIT_URL, arena);
    size_t skip = 0;
    while (skip + 1 < location.len && location.at[0] == '/' && location.at[skip + 1] == '/')
        skip++;
    return wr_slice_from(location, skip);
}
