/* SPDX-License-Identifier: BSD-2-Clause */
/* Computes the age and the lifetime of a response (RFC 9111 4.2). The lifetime comes from the origin, the
 * policy or a guess. */
#include "cache/freshness.h"

#include "http/date.h"

#define DATE_STEP WR_SPAN_S(1) /* Date counts in whole seconds */
/* A guess is one day at most (RFC 9111 4.2.2 leaves this to the cache). */
#define HEURISTIC_MOST WR_SPAN_S(86400)

bool wr_effective_directives(const struct wr_cache_policy *policy, const struct wr_head *response,
                             struct wr_response_directives *out)
{
    if (policy->target && wr_directives_of_targeted_named(response, wr_slice_str(policy->target), out))
        return true;
    if (wr_directives_of_targeted(response, WR_F_CDN_CACHE_CONTROL, out))
        return true;
    wr_directives_of_response(response, out);
    return false;
}

/* --- age --- */

/* Returns the value of Age. Only the first member of the first line counts, and only if it is a number (RFC
 * 9111 5.1). */
static struct wr_span age_value(const struct wr_head *response)
{
    const struct wr_field *f = wr_head_get(response, WR_F_AGE);
    int64_t seconds = 0;
    if (f) {
        struct wr_slice rest = f->value;
        if (!wr_delta_parse(wr_slice_trim(wr_slice_cut(&rest, ',')), &seconds))
            seconds = 0;
    }
    return WR_SPAN_S(seconds);
}

/* Returns Date, or the time of arrival if Date is missing or invalid (RFC 9110 6.6.1). */
static struct wr_date date_value(const struct wr_head *response, struct wr_wall response_time)
{
    const struct wr_field *f = wr_head_get(response, WR_F_DATE);
    struct wr_date date;
    if (f && wr_date_parse(f->value, response_time, &date))
        return date;
    return wr_date_by_wall(response_time);
}

/* Did the response come through a cache, which may have kept it for a while? */
static bool through_caches(const struct wr_head *response)
{
    return wr_head_get(response, WR_F_AGE) || wr_head_get(response, WR_F_VIA);
}

struct wr_span wr_clock_error(const struct wr_head *response, struct wr_wall request_time,
                              struct wr_wall response_time)
{
    struct wr_date date = date_value(response, response_time);
    struct wr_span ahead = { -wr_wall_after_date(response_time, date).us },
                   behind = wr_wall_after_date(request_time, date);
    if (through_caches(response))
        return WR_SPAN_S(0);
    if (ahead.us >= DATE_STEP.us)
        return ahead;
    return behind.us >= DATE_STEP.us ? (struct wr_span){ -behind.us } : WR_SPAN_S(0);
}

struct wr_span wr_initial_age(const struct wr_head *response, struct wr_wall request_time,
                              struct wr_wall response_time)
{
    int64_t apparent = 0;
    if (through_caches(response)) /* in whole seconds, as Date: a response of this second isn't old */
        apparent = wr_span_s(wr_wall_after_date(response_time, date_value(response, response_time)));
    struct wr_span delay = wr_time_since(response_time, request_time);
    struct wr_span corrected = age_value(response);
    if (delay.us > 0)
        corrected.us += delay.us;
    if (apparent > 0 && WR_SPAN_S(apparent).us > corrected.us)
        corrected = WR_SPAN_S(apparent);
    return corrected;
}

/* --- lifetime --- */

bool wr_status_is_heuristic(int status)
{
    switch (status) {
    case 200:
    case 203:
    case 204:
    case 206:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
        return true;
    default:
        return false;
    }
}

/* Gives the lifetime by Expires. Returns false if there is no Expires. An invalid or ambiguous date lies in
 * the past (RFC 9111 5.3). */
static bool by_expires(const struct wr_head *response, struct wr_wall response_time, struct wr_span *out)
{
    const struct wr_field *first = wr_head_get(response, WR_F_EXPIRES), *f = first;
    struct wr_date expires;
    if (first == NULL)
        return false;
    *out = WR_SPAN_S(0);
    while ((f = wr_head_next(response, WR_F_EXPIRES, f)) != NULL)
        if (!wr_slice_eq(f->value, first->value))
            return true;
    if (!wr_date_parse(first->value, response_time, &expires))
        return true;
    struct wr_span left = wr_time_since(expires, date_value(response, response_time));
    if (left.us > 0)
        *out = left;
    return true;
}

static bool by_origin(const struct wr_head *response, const struct wr_response_directives *d, bool targeted,
                      struct wr_wall response_time, struct wr_span *out)
{
    if (d->s_maxage != WR_DELTA_NONE)
        *out = WR_SPAN_S(d->s_maxage);
    else if (d->max_age != WR_DELTA_NONE)
        *out = WR_SPAN_S(d->max_age);
    else if (targeted || !by_expires(response, response_time, out))
        return false;
    return true;
}

bool wr_policy_lifetime(const struct wr_cache_policy *policy, int status, struct wr_span *out)
{
    const struct wr_status_ttl *best = NULL;
    for (size_t i = 0; i < policy->status_ttl_count; i++) {
        const struct wr_status_ttl *t = &policy->status_ttls[i];
        if (t->status == status || (t->status == status / 100 && best == NULL))
            best = t;
    }
    if (best) {
        *out = best->ttl;
        return true;
    }
    *out = policy->ttl;
    return policy->has_ttl && wr_status_is_heuristic(status) && status < 400;
}

bool wr_policy_overrides(const struct wr_cache_policy *policy, int status)
{
    struct wr_span ttl;
    return policy->override && wr_policy_lifetime(policy, status, &ttl);
}

static bool by_heuristic(const struct wr_cache_policy *policy, const struct wr_head *response,
                         const struct wr_response_directives *d, struct wr_wall response_time,
                         struct wr_span *out)
{
    const struct wr_field *f = wr_head_get(response, WR_F_LAST_MODIFIED);
    struct wr_date modified;
    if (policy->heuristic <= 0 || f == NULL || !(d->is_public || wr_status_is_heuristic(response->status)))
        return false;
    if (!wr_date_parse(f->value, response_time, &modified))
        return false;
    struct wr_span since = wr_time_since(date_value(response, response_time), modified);
    out->us = since.us > 0 ? (int64_t) ((double) since.us * policy->heuristic) : 0;
    if (out->us > HEURISTIC_MOST.us)
        *out = HEURISTIC_MOST;
    return out->us > 0;
}

enum wr_lifetime_source wr_lifetime(const struct wr_cache_policy *policy, const struct wr_head *response,
                                    const struct wr_response_directives *d, bool targeted,
                                    struct wr_wall response_time, struct wr_span *out)
{
    int status = response->status;
    *out = WR_SPAN_S(0);
    if (policy->override && wr_policy_lifetime(policy, status, out))
        return WR_LIFETIME_OVERRIDE;
    *out = WR_SPAN_S(0);
    if (by_origin(response, d, targeted, response_time, out))
        return WR_LIFETIME_ORIGIN;
    if (d->no_cache)
        return WR_LIFETIME_NONE;
    if (wr_policy_lifetime(policy, status, out))
        return WR_LIFETIME_POLICY;
    if (by_heuristic(policy, response, d, response_time, out))
        return WR_LIFETIME_HEURISTIC;
    *out = WR_SPAN_S(0);
    return WR_LIFETIME_NONE;
}
