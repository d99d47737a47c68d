/* SPDX-License-Identifier: BSD-2-Clause */
/* Cache-Status: how this cache came to its answer (RFC 9211). Pure. Thread: any. */
#pragma once

#include "base/bytes.h"

enum wr_fwd {
    WR_FWD_NONE,
#define X(ID, word) WR_FWD_##ID,
#include "cache/forwards.def"
#undef X
};

struct wr_cache_status { /* zeroed says nothing */
    bool hit;            /* answered without going on */
    enum wr_fwd fwd;     /* ignored with hit: the two exclude each other (2.1) */
    int fwd_status;      /* what the origin answered, if not what the client gets; 0: leave out */
    bool has_ttl;
    int64_t ttl;            /* seconds of freshness left; negative: stale since */
    bool stored, collapsed; /* with fwd only */
    struct wr_slice key;    /* at NULL: leave out */
    struct wr_slice detail; /* a token (RFC 9651 3.3.4), written as it is; at NULL: leave out */
};

/* Appends a server's name as it begins its member: a token, or a string where it isn't one. */
void wr_cache_status_name(struct wr_buf *out, struct wr_slice server_name);
/* Appends this cache's member: `edge-1; hit; ttl=30`. item: its name, as above. The caller writes the field's
 * name and what earlier caches said before it. */
void wr_cache_status_write(struct wr_buf *out, struct wr_slice item, const struct wr_cache_status *s);
