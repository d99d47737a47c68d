/* SPDX-License-Identifier: BSD-2-Clause */
/* What of a request goes to the origin, and as what: the one place that says so.
 *
 * Whoever writes that request asks here, and so does whoever chooses by it (keys, Vary, limits, bypass): what
 * the origin never saw must not choose what it made, or one client stores its page as another's (RFC 9111 4.1
 * compares the request as it is sent). Thread: any. */
#pragma once

#include "http/head.h"

enum wr_onward {
    WR_ONWARD_SENT,    /* as it came */
    WR_ONWARD_DROPPED, /* not at all */
    WR_ONWARD_OURS,    /* in weir's own words, whether the client sent one or not */
};

/* What becomes of this field of the request. whole: in a request whose response may be shared, which asks for
 * the whole of it: the cache answers conditions and ranges itself and puts its own in their place. */
enum wr_onward wr_onward(const struct wr_head *request, const struct wr_field *f, bool whole);
/* The next field after `after` (NULL: the first) that goes on as it came and that an origin takes for one of
 * this name, or NULL. id: of the name. */
const struct wr_field *wr_onward_next(const struct wr_head *request, enum wr_field_id id,
                                      struct wr_slice name, bool whole, const struct wr_field *after);
/* Is this one of those in weir's own words that follow from the request's host and scheme? Then *value is
 * what is sent (len 0: no such field is sent). */
bool wr_onward_ours(const struct wr_head *request, enum wr_field_id id, struct wr_slice *value);
/* The next field after `after` (NULL: the first) that goes on as it came and whose name the pattern matches
 * (a '*' stands for any octets, in any case of letters, '_' as '-'), or NULL. */
const struct wr_field *wr_onward_matching(const struct wr_head *request, struct wr_slice pattern, bool whole,
                                          const struct wr_field *after);
/* The value that the origin gets, of the first if there are several; at == NULL: none that says anything of
 * the request. Of a request that is forwarded by itself. name: or a pattern, with a '*' in it. */
struct wr_slice wr_onward_value(const struct wr_head *request, struct wr_slice name);

/* Is it written anew for each request or each client (X-Forwarded-For, X-Request-ID, Via), so that no two
 * requests have it in common? */
bool wr_onward_differs(enum wr_field_id id);
/* Can a client's field of this name reach an origin at all? whole: as above. */
bool wr_onward_reaches(struct wr_slice name, bool whole);
/* Is this odd name (wr_field_name_plain()) one that an origin could take for a field which weir drops,
 * trusts, frames by or writes? It goes on from nobody. */
bool wr_onward_forged(struct wr_slice odd);
/* May it stand in trailers that are passed on (RFC 9110 6.5.1)? */
bool wr_onward_as_trailer(const struct wr_field *f);
