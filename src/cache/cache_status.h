/* SPDX-License-Identifier: BSD-2-Clause */
/* The Cache-Status field: how this cache came to its answer (RFC 9211).
 *
 * Pure functions. Thread: any. */
#pragma once

#include "base/bytes.h"

/* Why the request went on to the origin (RFC 9211 2.2). NONE: it did not. */
enum wr_fwd {
    WR_FWD_NONE,
#define X(ID, word) WR_FWD_##ID,
#include "cache/forwards.def"
#undef X
};

struct wr_cache_status { /* zeroed: there is nothing to say */
    bool hit;            /* answered without going on to the origin */
    enum wr_fwd fwd;     /* ignored with hit: the two exclude each other (2.1) */
    int fwd_status;      /* the origin's status, if the client gets another; 0: leave it out */
    bool has_ttl;
    int64_t ttl;            /* seconds of freshness left; negative: stale for so long */
    bool stored, collapsed; /* written only with fwd */
    struct wr_slice key;    /* at NULL: leave it out */
    struct wr_slice detail; /* a token (RFC 9651 3.3.4), written as it is; at NULL: leave it out */
};

/* Appends the name of this server, which begins its member: as a token, or as a string where it is no token.
 */
void wr_cache_status_name(struct wr_buf *out, struct wr_slice server_name);
/* Appends this cache's member of the list, such as `edge-1; hit; ttl=30`. item: what wr_cache_status_name()
 * wrote. The caller writes the field's name and the members of earlier caches. */
void wr_cache_status_write(struct wr_buf *out, struct wr_slice item, const struct wr_cache_status *s);
