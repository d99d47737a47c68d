/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 9111 as pure functions of request, response, policy and instants: may a response be stored, for how
 * long, and may it be used?
 *
 * No I/O, no clock, no locks. Thread: any. */
#pragma once

#include "cache/key.h"
#include "cache/object.h"

/* How the cache may be used for a request. */
enum wr_ask {
    WR_ASK_LOOKUP, /* look up, and store what is fetched */
    WR_ASK_PASS,   /* neither look up nor store: by the method, the policy or a bypass condition */
};
struct wr_request_rules {
    enum wr_ask ask;
    /* Why PASS, as a word of Cache-Status's fwd parameter: "method" or "bypass"; LOOKUP: NULL. */
    const char *detail;
    bool revalidate; /* no-cache, max-age=0 or Pragma: use only what has just been validated */
    bool no_store;
    bool only_if_cached;
    struct wr_span max_age, min_fresh, max_stale; /* -1: not given; max_stale may be WR_SPAN_MAX */
    bool authorized;                              /* it carries Authorization */
    bool cookie; /* it carries a cookie that counts by the policy: a response with WR_OF_GUESSED is neither
                    used for it nor stored from it */
    bool post_for_get; /* a POST that passes: its response may be stored for later GETs (RFC 9110 9.3.3) */
};
/* Reads from a request what the cache may do with it (RFC 9111 5.2.1). detail points to a constant. */
void wr_rules_request(const struct wr_cache_policy *policy, const struct wr_head *request,
                      struct wr_request_rules *out);

/* Returns the policy's condition because of which the request passes; NULL: none. */
const struct wr_bypass *wr_rules_bypass(const struct wr_cache_policy *policy, const struct wr_head *request);
/* Does the request have content? A GET with content passes. */
bool wr_rules_has_content(const struct wr_head *request);

/* May a response be stored (RFC 9111 3)? */
enum wr_storing {
    WR_STORE,
    WR_STORE_NOT,     /* the response itself forbids it: a pass marker may be due (store/passes.h) */
    WR_STORE_NOT_NOW, /* not this one; it says nothing about the next response */
};
/* Decides whether the response may be stored, and fills kind, flags, status, the times, lifetime, swr and sie
 * of *meta. jitter01: a random number in [0,1) that shortens the lifetime by up to the policy's jitter.
 * *detail: why the response isn't stored, a constant; else NULL. */
enum wr_storing wr_rules_store(const struct wr_cache_policy *policy, const struct wr_head *request,
                               const struct wr_request_rules *asked, const struct wr_head *response,
                               struct wr_wall request_time, struct wr_wall response_time, double jitter01,
                               struct wr_meta *meta, const char **detail);

/* May a stored response answer a request now (RFC 9111 4)? */
enum wr_reuse {
    WR_REUSE_FRESH,       /* serve it */
    WR_REUSE_EARLY,       /* serve it; one request should refresh it in the background (XFetch) */
    WR_REUSE_STALE_SERVE, /* serve it stale and refresh it in the background (stale-while-revalidate) */
    WR_REUSE_STALE_ASKED, /* serve it stale, as the client's max-stale allows */
    WR_REUSE_VALIDATE,    /* ask the origin first */
    WR_REUSE_NOT,         /* not for this request (wr_rules_is_for()): treat it as a miss */
};
/* Decides it. unit01: a random number in [0,1) for the early refresh; 1: no early refresh. */
enum wr_reuse wr_rules_reuse(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                             const struct wr_object *object, struct wr_wall now, double unit01);
/* May the object be used for this request at all, whatever its age? Not if Authorization or a cookie that
 * counts sets the request apart. The response that such a request gets instead doesn't replace the object. */
bool wr_rules_is_for(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                     const struct wr_object *object);
/* Is there a time in which the object answers without validation? A response that has none (no-cache,
 * max-age=0, a date in the past, or only a validator) is stored to be validated for each request by itself. A
 * client's max-stale, the policy's grace and stale_if_error, and a failing origin don't change that. Only its
 * own origin can change it, by stale-while-revalidate and stale-if-error (RFC 5861), which stand in meta. */
static inline bool wr_rules_has_life(const struct wr_object *object)
{
    return object->meta.lifetime.us > 0 && !(object->meta.flags & WR_OF_NO_CACHE);
}
/* May one response serve all requests that were waiting for it, even if it is already too old for later ones
 * (RFC 9111 4)? Not if each of them would have to validate it. */
static inline bool wr_rules_collapses(const struct wr_object *object)
{
    return wr_rules_has_life(object) || (object->meta.swr.us > 0 && !(object->meta.flags & WR_OF_NO_CACHE));
}
/* Which event of a fetch is compared with the time of a request that waited for it. */
enum wr_came {
    WR_CAME_REQUESTED, /* the origin was asked: so the response knows all that the origin knew by then */
    WR_CAME_RECEIVED,  /* the response's head came */
};
/* Did this event come no earlier than `since`, and may the response serve all that were waiting for it? Then
 * it is as good as validated for a request that was made at `since`. */
static inline bool wr_rules_came_since(const struct wr_object *object, enum wr_came event,
                                       struct wr_wall since)
{
    const struct wr_meta *m = &object->meta;
    struct wr_wall at = event == WR_CAME_REQUESTED ? m->request_time : m->response_time;
    return !wr_time_before(at, since) && wr_rules_collapses(object);
}
/* May a request share a response whose content is still coming from the origin, however long that takes? It
 * may if the response was fresh when it was sent, and the request asks for nothing newer. */
bool wr_rules_shares_arriving(const struct wr_request_rules *asked, const struct wr_object *object);
/* Returns what sets this request apart from others, as flags: 0, FOR_AUTHORIZED, FOR_COOKIE or both. */
static inline unsigned wr_rules_apart(const struct wr_request_rules *asked)
{
    return (asked->authorized ? (unsigned) WR_OF_FOR_AUTHORIZED : 0) |
           (asked->cookie ? (unsigned) WR_OF_FOR_COOKIE : 0);
}
/* The answer to a request that was set apart by `apart` could not be shared: does that concern this request?
 * If apart is 0, it concerns every request. */
static inline bool wr_rules_concerns(unsigned apart, const struct wr_request_rules *asked)
{
    apart &= WR_OF_FOR_AUTHORIZED | WR_OF_FOR_COOKIE;
    return apart == 0 || (apart & wr_rules_apart(asked)) != 0;
}
/* May the object be served although it is stale, because the origin answered with an error (RFC 5861 4, RFC
 * 9111 4.2.4)? */
bool wr_rules_stale_if_error(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                             const struct wr_object *object, struct wr_wall now);
/* May the object be served although it is stale, because no answer came at all (refused, reset, timed out)?
 * Then weir is disconnected, and RFC 9111 4.2.4 allows any stored response that doesn't forbid it. weir
 * serves only those that were fresh once, because somebody has meant them for more than one client.
 * stale_if_error, of the origin or the policy, bounds the time. */
bool wr_rules_stale_if_unreachable(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                                   const struct wr_object *object, struct wr_wall now);
/* Is this status such an error: 500, 502, 503, 504, or one that HTTP doesn't know (over 599)? */
bool wr_rules_is_error(int status);
/* Returns how long from now the object is worth keeping in a store: what is left of its lifetime, then the
 * longest of swr, sie and a while for validation. */
struct wr_span wr_rules_keep(const struct wr_cache_policy *policy, const struct wr_object *object,
                             struct wr_wall now);
/* Does an answer with this status to this request's method invalidate what is stored (RFC 9111 4.4)? */
bool wr_rules_invalidates(const struct wr_head *request, int status);
