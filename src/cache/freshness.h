/* SPDX-License-Identifier: BSD-2-Clause */
/* How old a response is and how long it stays fresh (RFC 9111 4.2).
 *
 * Pure functions. All spans are in microseconds. Thread: any. */
#pragma once

#include "cache/rules.h"
#include "http/directives.h"

/* Reads the directives that apply: those of the policy's own targeted field, else of CDN-Cache-Control (RFC
 * 9213), else of Cache-Control. Returns true if they come from a targeted field: then Cache-Control and
 * Expires don't count. */
bool wr_effective_directives(const struct wr_cache_policy *policy, const struct wr_head *response,
                             struct wr_response_directives *out);
/* Returns corrected_initial_age (4.2.3). Deviates where neither Age nor Via says that the response came
 * through a cache. Such a response was made between the request and its arrival. A Date outside of that time
 * shows that the origin's clock is wrong, so its apparent age doesn't count. */
struct wr_span wr_initial_age(const struct wr_head *response, struct wr_wall request_time,
                              struct wr_wall response_time);

/* Returns how far the origin's clock is off: the time by which Date lies before the request (negative) or
 * after the arrival (positive). Returns 0 if Date lies between the two, or if a cache may have kept the
 * response. */
struct wr_span wr_clock_error(const struct wr_head *response, struct wr_wall request_time,
                              struct wr_wall response_time);

/* Where the lifetime of a response comes from. */
enum wr_lifetime_source {
    WR_LIFETIME_NONE,      /* nobody: the response can't be reused without validation */
    WR_LIFETIME_ORIGIN,    /* the origin: s-maxage, max-age or Expires */
    WR_LIFETIME_POLICY,    /* the policy: ttl or statuses, where the origin is silent */
    WR_LIFETIME_OVERRIDE,  /* the policy: ttl or statuses, whatever the origin says */
    WR_LIFETIME_HEURISTIC, /* a guess from Last-Modified (4.2.2) */
};
/* Gives freshness_lifetime (4.2.1) in *out, before jitter; 0 if there is none. d, targeted: from
 * wr_effective_directives(). */
enum wr_lifetime_source wr_lifetime(const struct wr_cache_policy *policy, const struct wr_head *response,
                                    const struct wr_response_directives *d, bool targeted,
                                    struct wr_wall response_time, struct wr_span *out);
/* May the lifetime of a response with this status be guessed (RFC 9110 15.1)? */
bool wr_status_is_heuristic(int status);
/* Gives the policy's lifetime for this status: that of the status itself, else that of its class, else the
 * general ttl. The general ttl isn't for errors or temporary redirects: only `statuses` gives them a
 * lifetime. Returns false if the policy gives none. */
bool wr_policy_lifetime(const struct wr_cache_policy *policy, int status, struct wr_span *out);
/* Does the policy's lifetime win over what the origin says of a response with this status? */
bool wr_policy_overrides(const struct wr_cache_policy *policy, int status);
