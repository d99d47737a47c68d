/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the Cache-Status field (RFC 9211). Names and values are written as structured fields (RFC 9651). */
#include "cache/cache_status.h"

#include "http/chars.h"
#include "http/structured.h"

static const char *const fwd_names[] = {
#define X(ID, word) [WR_FWD_##ID] = word,
#include "cache/forwards.def"
#undef X
};

/* Is it an sf-token (RFC 9651 3.3.4)? */
static bool is_token(struct wr_slice s)
{
    if (s.len == 0 || !((s.at[0] | 0x20) >= 'a' && (s.at[0] | 0x20) <= 'z'))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!wr_char_is(s.at[i], WR_CHAR_TOKEN) && s.at[i] != ':' && s.at[i] != '/')
            return false;
    return true;
}

static void add_number(struct wr_buf *out, const char *name, int64_t n)
{
    wr_buf_add_str(out, name);
    wr_buf_add_number(out, n);
}

void wr_cache_status_name(struct wr_buf *out, struct wr_slice server_name)
{
    if (is_token(server_name))
        wr_buf_add_slice(out, server_name);
    else
        wr_sf_write_string(out, server_name);
}

void wr_cache_status_write(struct wr_buf *out, struct wr_slice item, const struct wr_cache_status *s)
{
    wr_buf_add_slice(out, item);
    if (s->hit) {
        wr_buf_add_str(out, "; hit");
    } else if (s->fwd != WR_FWD_NONE) {
        wr_buf_add_str(out, "; fwd=");
        wr_buf_add_str(out, fwd_names[s->fwd]);
        if (s->fwd_status)
            add_number(out, "; fwd-status=", s->fwd_status);
    }
    if (s->has_ttl)
        add_number(out, "; ttl=", s->ttl);
    if (!s->hit && s->fwd != WR_FWD_NONE) {
        if (s->stored)
            wr_buf_add_str(out, "; stored");
        if (s->collapsed)
            wr_buf_add_str(out, "; collapsed");
    }
    if (s->key.at) {
        wr_buf_add_str(out, "; key=");
        wr_sf_write_string(out, s->key);
    }
    if (s->detail.at) {
        wr_buf_add_str(out, "; detail=");
        wr_buf_add_slice(out, s->detail);
    }
}
