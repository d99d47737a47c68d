/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 9111 as pure functions of request, response, policy and instants: may it be stored, for how long, may
 * it be used.
 *
 * No I/O, no clock, no locks. Thread: any. */
#pragma once

#include "cache/key.h"
#include "cache/object.h"

/* What a request lets the cache do. */
enum wr_ask {
    WR_ASK_LOOKUP, /* look up; store what is fetched */
    WR_ASK_PASS,   /* neither look up nor store: method, policy, bypass condition */
};
struct wr_request_rules {
    enum wr_ask ask;
    const char *detail; /* why PASS, as the fwd parameter of Cache-Status says it: "method" or "bypass" */
    bool revalidate;    /* request no-cache / max-age=0 / Pragma: use only what was just validated */
    bool no_store;
    bool only_if_cached;
    struct wr_span max_age, min_fresh, max_stale; /* -1: not given; max_stale may be WR_SPAN_MAX */
    bool authorized;                              /* carries Authorization */
    bool cookie; /* carries a cookie that counts by the policy: nothing that is fresh by a guess is for it, or
                    from it */
    bool post_for_get; /* a POST that passes: its response may be stored for GETs (RFC 9110 9.3.3) */
};
void wr_rules_request(const struct wr_cache_policy *policy, const struct wr_head *request,
                      struct wr_request_rules *out);

/* May this response be stored (RFC 9111 3)? Fills kind, flags, status, initial_age, lifetime (before jitter:
 * the caller draws `jitter01` from [0,1) and it only shortens), swr, sie. detail: why not. */
enum wr_storing {
    WR_STORE,
    WR_STORE_NOT,     /* the response itself forbids it: a pass marker may be due (passes.h) */
    WR_STORE_NOT_NOW, /* it says nothing of the next one */
};
enum wr_storing wr_rules_store(const struct wr_cache_policy *policy, const struct wr_head *request,
                               const struct wr_request_rules *asked, const struct wr_head *response,
                               struct wr_wall request_time, struct wr_wall response_time, double jitter01,
                               struct wr_meta *meta, const char **detail);

/* May this stored response answer now (RFC 9111 4)? */
enum wr_reuse {
    WR_REUSE_FRESH,       /* serve */
    WR_REUSE_EARLY,       /* serve; one request should refresh it in the background (XFetch) */
    WR_REUSE_STALE_SERVE, /* serve stale, refresh in the background (stale-while-revalidate) */
    WR_REUSE_STALE_ASKED, /* serve stale, as the client's max-stale allows */
    WR_REUSE_VALIDATE,    /* ask the origin first */
    WR_REUSE_NOT,         /* not for this request (wr_rules_is_for()): as a miss */
};
/* unit01: a random number from [0,1) for early refresh; 1: none. */
enum wr_reuse wr_rules_reuse(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                             const struct wr_object *object, struct wr_wall now, double unit01);
/* Is it for this request at all? Not what Authorization or a counting cookie keeps apart, whatever its age:
 * then what the request gets instead doesn't take its place. */
bool wr_rules_is_for(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                     const struct wr_object *object);
/* Is there a time in which it answers without validation? What has none (no-cache, max-age=0, a date in the
 * past, a validator alone) is stored to be validated for each request by itself, and nobody else's word
 * changes that: neither a client's max-stale nor the policy's grace and stale_if_error, nor an origin that
 * fails. Only its own origin can, by stale-while-revalidate and stale-if-error (RFC 5861), which stand in
 * meta. */
static inline bool wr_rules_has_life(const struct wr_object *object)
{
    return object->meta.lifetime.us > 0 && !(object->meta.flags & WR_OF_NO_CACHE);
}
/* Was it fresh when its origin sent it, however long it took to come? */
static inline bool wr_rules_sent_fresh(const struct wr_object *object)
{
    return object->meta.lifetime.us > object->meta.initial_age.us - object->meta.fetch_time.us;
}
/* Is it ever for more than the one it was fetched for, without being validated for each? Then those have it
 * together who asked before it came, although it may be too old for whoever comes later (RFC 9111 4). */
static inline bool wr_rules_collapses(const struct wr_object *object)
{
    return wr_rules_has_life(object) || (object->meta.swr.us > 0 && !(object->meta.flags & WR_OF_NO_CACHE));
}
/* What sets this request apart from others, as flags: 0, FOR_AUTHORIZED, FOR_COOKIE or both. */
static inline unsigned wr_rules_apart(const struct wr_request_rules *asked)
{
    return (asked->authorized ? (unsigned) WR_OF_FOR_AUTHORIZED : 0) |
           (asked->cookie ? (unsigned) WR_OF_FOR_COOKIE : 0);
}
/* Does it concern this request that nothing could be shared of the answer to one that was set apart so?
 * What nothing set apart concerns all. */
static inline bool wr_rules_concerns(unsigned apart, const struct wr_request_rules *asked)
{
    apart &= WR_OF_FOR_AUTHORIZED | WR_OF_FOR_COOKIE;
    return apart == 0 || (apart & wr_rules_apart(asked)) != 0;
}
/* May it be served although stale, because the origin failed (RFC 5861 4 and RFC 9111 4.2.4)? */
bool wr_rules_stale_if_error(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                             const struct wr_object *object, struct wr_wall now);
/* The same when no answer came at all (refused, reset, timed out): we are disconnected, and RFC 9111 4.2.4
 * lets any stored response be served that doesn't forbid it; we serve what was fresh once, so that somebody
 * has meant it for more than one client. The policy's stale_if_error bounds the time where it is set. */
bool wr_rules_stale_if_unreachable(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                                   const struct wr_object *object, struct wr_wall now);
/* Is a response of this status such a failure (500, 502, 503, 504, or none that HTTP knows: over 599)? */
bool wr_rules_is_error(int status);
/* How long the object is worth keeping in a store: lifetime + the longer of swr and sie, and a while for
 * validation. */
struct wr_span wr_rules_keep(const struct wr_cache_policy *policy, const struct wr_object *object,
                             struct wr_wall now);
/* Does an answer with this status to this method invalidate (RFC 9111 4.4)? */
bool wr_rules_invalidates(const struct wr_head *request, int status);
