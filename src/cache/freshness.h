/* SPDX-License-Identifier: BSD-2-Clause */
/* How old a response is and how long it stays fresh (RFC 9111 4.2). Pure. Thread: any. */
#pragma once

#include "cache/rules.h"
#include "http/directives.h"

/* The directives that count: of the policy's own targeted field, of CDN-Cache-Control (RFC 9213), or of
 * Cache-Control. True: of a targeted one, so that Cache-Control and Expires are not to be looked at. */
bool wr_effective_directives(const struct wr_cache_policy *policy, const struct wr_head *response,
                             struct wr_response_directives *out);
/* corrected_initial_age (4.2.3). Deviates where neither Age nor Via says that the response came through a
 * cache: then it was made between the request and its arrival, and a Date that says otherwise shows the
 * origin's clock to be wrong. Its apparent age doesn't count. */
struct wr_span wr_initial_age(const struct wr_head *response, struct wr_wall request_time,
                              struct wr_wall response_time);

/* By how much Date lies before the request (negative) or after the arrival; 0: it doesn't, or a cache has
 * kept the response. */
struct wr_span wr_clock_error(const struct wr_head *response, struct wr_wall request_time,
                              struct wr_wall response_time);

enum wr_lifetime_source {
    WR_LIFETIME_NONE,      /* nobody says: the response can't be reused without validation */
    WR_LIFETIME_ORIGIN,    /* s-maxage, max-age or Expires */
    WR_LIFETIME_POLICY,    /* ttl or statuses, where the origin is silent */
    WR_LIFETIME_OVERRIDE,  /* ttl, whatever the origin says */
    WR_LIFETIME_HEURISTIC, /* from Last-Modified (4.2.2) */
};
/* freshness_lifetime (4.2.1), before jitter. d, targeted: from wr_effective_directives(). */
enum wr_lifetime_source wr_lifetime(const struct wr_cache_policy *policy, const struct wr_head *response,
                                    const struct wr_response_directives *d, bool targeted,
                                    struct wr_wall response_time, struct wr_span *out);
/* May the lifetime be guessed for this status (RFC 9110 15.1)? */
bool wr_status_is_heuristic(int status);
/* Does the policy override what the origin says of a response with this status? */
bool wr_policy_overrides(const struct wr_cache_policy *policy, int status);
