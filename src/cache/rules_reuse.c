/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides whether a stored response may answer a request now (RFC 9111 4), fresh or stale. It also says how
 * long a response is worth keeping. */
#include "cache/rules.h"

#include <math.h>

#define EARLY_MOST 10 /* early refresh begins in the last tenth of a lifetime */

/* Should this request refresh the object early? By XFetch (Vattani, Chierichetti and Lowenstein, 2015): the
 * nearer the end of the lifetime and the slower the origin, the more likely it is. */
static bool refresh_early(const struct wr_cache_policy *policy, const struct wr_object *object,
                          struct wr_span left, double unit01)
{
    if (policy->early_refresh <= 0 || left.us > object->meta.lifetime.us / EARLY_MOST)
        return false;
    double gap = (double) object->meta.fetch_time.us * policy->early_refresh * -log(unit01);
    return (double) left.us <= gap;
}

bool wr_rules_is_for(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                     const struct wr_object *object)
{
    unsigned flags = object->meta.flags;
    if (asked->authorized && !(flags & WR_OF_SHARED_AUTH))
        return false;
    if (asked->cookie && (flags & WR_OF_GUESSED))
        return false;
    /* false: the policy has changed since. */
    return !(flags & WR_OF_SET_COOKIE) || policy->set_cookie == WR_SET_COOKIE_STORE;
}

enum wr_reuse wr_rules_reuse(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                             const struct wr_object *object, struct wr_wall now, double unit01)
{
    const struct wr_meta *m = &object->meta;
    struct wr_span left = wr_object_freshness(object, now);
    if (!wr_rules_is_for(policy, asked, object))
        return WR_REUSE_NOT;
    if ((m->flags & WR_OF_NO_CACHE) || asked->revalidate)
        return WR_REUSE_VALIDATE;
    if (asked->max_age.us >= 0 && wr_object_age(object, now).us > asked->max_age.us)
        return WR_REUSE_VALIDATE;
    if (asked->min_fresh.us >= 0 && left.us < asked->min_fresh.us)
        return WR_REUSE_VALIDATE;
    if (left.us > 0)
        return refresh_early(policy, object, left, unit01) ? WR_REUSE_EARLY : WR_REUSE_FRESH;
    /* max-age without max-stale: the client takes nothing stale (RFC 9111 5.2.1.1) */
    bool wants_fresh = asked->max_age.us >= 0 && asked->max_stale.us < 0;
    if (m->swr.us >= 0 && -left.us < m->swr.us && !wants_fresh)
        return WR_REUSE_STALE_SERVE;
    if (asked->max_stale.us >= 0 && -left.us <= asked->max_stale.us && wr_rules_has_life(object) &&
        !(m->flags & WR_OF_MUST_REVALIDATE))
        return WR_REUSE_STALE_ASKED;
    return WR_REUSE_VALIDATE;
}

/* Was it fresh when its origin sent it, however long it took to arrive? */
static bool sent_fresh(const struct wr_object *object)
{
    return object->meta.lifetime.us > object->meta.initial_age.us - object->meta.fetch_time.us;
}

bool wr_rules_shares_arriving(const struct wr_request_rules *asked, const struct wr_object *object)
{
    bool asks_for_newer = asked->revalidate || asked->max_age.us >= 0 || asked->min_fresh.us >= 0;
    return !asks_for_newer && sent_fresh(object) && wr_rules_collapses(object);
}

/* Must the object be validated even if the origin fails? That is so if the client or the origin insists on
 * it, or if the object isn't for this request. */
static bool insists(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                    const struct wr_object *object)
{
    return (object->meta.flags & WR_OF_NO_CACHE) || asked->revalidate ||
           !wr_rules_is_for(policy, asked, object);
}

bool wr_rules_stale_if_error(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                             const struct wr_object *object, struct wr_wall now)
{
    int64_t stale = -wr_object_freshness(object, now).us;
    return !insists(policy, asked, object) &&
           (stale < 0 || (object->meta.sie.us >= 0 && stale <= object->meta.sie.us));
}

bool wr_rules_stale_if_unreachable(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                                   const struct wr_object *object, struct wr_wall now)
{
    if (wr_rules_stale_if_error(policy, asked, object, now))
        return true;
    bool bounded = object->meta.sie.us >= 0 || policy->has_stale_if_error;
    return !insists(policy, asked, object) && !(object->meta.flags & WR_OF_MUST_REVALIDATE) && !bounded &&
           wr_rules_has_life(object);
}

bool wr_rules_is_error(int status)
{
    return status == 500 || status == 502 || status == 503 || status == 504 || status > 599;
}

static struct wr_span clamp(struct wr_span s, struct wr_span least, struct wr_span most)
{
    return s.us < least.us ? least : s.us > most.us ? most : s;
}

struct wr_span wr_rules_keep(const struct wr_cache_policy *policy, const struct wr_object *object,
                             struct wr_wall now)
{
    const struct wr_meta *m = &object->meta;
    struct wr_span left = wr_object_freshness(object, now);
    /* a stale response can still be validated by a 304, and can stand in when the origin can't be reached */
    bool validator = object->etag.at || object->last_modified.at;
    struct wr_span beyond = clamp(m->lifetime, WR_SPAN_S(validator ? 3600 : 300), WR_SPAN_S(86400));
    if (m->kind == WR_OBJECT_VARY) /* should outlive the variants found through it, and costs little */
        beyond = WR_SPAN_S(86400);
    else if (policy->has_stale_if_error && !validator)
        beyond = WR_SPAN_S(0);
    if (m->swr.us > beyond.us)
        beyond = m->swr;
    if (m->sie.us > beyond.us)
        beyond = m->sie;
    left.us = (left.us > 0 ? left.us : 0) + beyond.us;
    return clamp(left, WR_SPAN_S(1), WR_SPAN_S(INT64_C(10) * 365 * 86400));
}
