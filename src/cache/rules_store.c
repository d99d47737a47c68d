/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides whether a response may be stored (RFC 9111 3). If so, it fills the facts that are stored with it.
 */
#include "cache/freshness.h"
#include "http/target.h"

/* Does weir implement the caching rules of this status? must-understand asks for that (RFC 9111 5.2.2.3). Of
 * RFC 9110 15, only 206 and 304 have special rules, and neither is stored as it is. */
static bool understood(int status)
{
    switch (status) {
    case 200:
    case 201:
    case 202:
    case 203:
    case 204:
    case 205:
    case 300:
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
    case 400:
    case 401:
    case 402:
    case 403:
    case 404:
    case 405:
    case 406:
    case 407:
    case 408:
    case 409:
    case 410:
    case 411:
    case 412:
    case 413:
    case 414:
    case 415:
    case 416:
    case 417:
    case 421:
    case 422:
    case 426:
    case 451:
    case 500:
    case 501:
    case 502:
    case 503:
    case 504:
    case 505:
        return true;
    default:
        return false;
    }
}

/* RFC 9111 3.5; proxy-revalidate is not in its list. */
static bool allows_shared_auth(const struct wr_response_directives *d)
{
    return d->is_public || d->must_revalidate || d->s_maxage != WR_DELTA_NONE;
}

/* These statuses concern one client's requests only (RFC 6585 3 to 6). */
static bool never_stored(int status)
{
    return status == 428 || status == 429 || status == 431 || status == 511;
}

/* Does the response change the state of the client that gets it, as Set-Cookie does? */
static bool changes_client(const struct wr_head *response)
{
    for (size_t i = 0; i < response->field_count; i++) {
        uint16_t id = response->fields[i].id;
        if (id != WR_F_OTHER && (wr_field_flags((enum wr_field_id) id) & WR_FF_CLIENT))
            return true;
    }
    return false;
}

/* Returns why the response itself forbids storing it, whatever its lifetime; NULL: it doesn't. */
static const char *forbidden(const struct wr_cache_policy *policy, const struct wr_request_rules *asked,
                             const struct wr_head *response, const struct wr_response_directives *d)
{
    int status = response->status;
    if (status < 200 || status > 599 || status == 206 || status == 304)
        return "status is not stored";
    if (asked->authorized && !allows_shared_auth(d))
        return "answers an Authorization";
    if (wr_vary_any(response))
        return "varies on everything";
    if (wr_policy_overrides(policy, status))
        return NULL;
    if (d->must_understand && !understood(status))
        return "must-understand";
    if (d->no_store && !d->must_understand)
        return "no-store";
    if (d->is_private)
        return "private";
    return NULL;
}

/* Returns why the response to a POST can't answer GETs; NULL: it can. It can if it states a lifetime and says
 * that it is what a GET would get (RFC 9110 8.7, 9.3.3). */
static const char *not_for_gets(const struct wr_head *request, const struct wr_head *response,
                                enum wr_lifetime_source source)
{
    const struct wr_field *f = wr_head_get(response, WR_F_CONTENT_LOCATION);
    if (response->status != 200 || source != WR_LIFETIME_ORIGIN || f == NULL)
        return "method";
    struct wr_slice query = wr_target_on_host(f->value, wr_head_site(request)),
                    path = wr_slice_cut(&query, '?');
    bool same = wr_slice_eq(path, request->path) && wr_slice_eq(query, request->query) &&
                (query.at == NULL) == (request->query.at == NULL);
    return same ? NULL : "method";
}

static bool can_be_validated(const struct wr_head *response)
{
    return wr_head_get(response, WR_F_ETAG) || wr_head_get(response, WR_F_LAST_MODIFIED);
}

/* Shortens what is left of the lifetime by `share` of it. The time that the response spent in caches before
 * us stays. */
static struct wr_span jittered(struct wr_span lifetime, struct wr_span age, double share)
{
    int64_t left = lifetime.us - age.us;
    if (left > 0)
        lifetime.us -= (int64_t) ((double) left * share);
    return lifetime;
}

static struct wr_span stale_for(int64_t directive, bool from_policy, struct wr_span policy)
{
    if (directive != WR_DELTA_NONE)
        return WR_SPAN_S(directive);
    return from_policy ? policy : WR_SPAN_NONE;
}

/* Fills for how long the response may be served stale. must-revalidate, proxy-revalidate and no-cache forbid
 * it (RFC 9111 4.2.4). s-maxage forbids it, too, except for the times that the origin itself gives beside it
 * (RFC 5861 is the more special rule). The policy's times only prolong a lifetime: a response with a lifetime
 * of 0, or none, isn't for others. */
static void fill_stale(const struct wr_cache_policy *policy, const struct wr_response_directives *d,
                       struct wr_meta *meta)
{
    meta->swr = meta->sie = WR_SPAN_NONE;
    if (!(meta->flags & WR_OF_OVERRIDE)) {
        if (d->must_revalidate || d->proxy_revalidate || d->no_cache)
            return;
        bool by_policy = d->s_maxage == WR_DELTA_NONE && meta->lifetime.us > 0;
        meta->swr = stale_for(d->stale_while_revalidate, by_policy && policy->has_grace, policy->grace);
        meta->sie = stale_for(d->stale_if_error, by_policy && policy->has_stale_if_error,
                              policy->stale_if_error);
        return;
    }
    meta->swr = stale_for(d->stale_while_revalidate, policy->has_grace, policy->grace);
    meta->sie = stale_for(d->stale_if_error, policy->has_stale_if_error, policy->stale_if_error);
}

/* Has the origin itself said that everybody may have the response, and for how long? */
static bool is_shared_by_origin(const struct wr_response_directives *d, enum wr_lifetime_source source,
                                struct wr_span lifetime)
{
    return source == WR_LIFETIME_ORIGIN && lifetime.us > 0 && !d->no_cache;
}

static unsigned flags_of(const struct wr_cache_policy *policy, const struct wr_response_directives *d,
                         enum wr_lifetime_source source, struct wr_span lifetime)
{
    unsigned flags = allows_shared_auth(d) ? WR_OF_SHARED_AUTH : 0;
    if (source == WR_LIFETIME_OVERRIDE)
        return flags | WR_OF_OVERRIDE | WR_OF_BY_POLICY;
    if (d->must_revalidate || d->proxy_revalidate || d->s_maxage != WR_DELTA_NONE)
        flags |= WR_OF_MUST_REVALIDATE;
    if (d->no_cache)
        flags |= WR_OF_NO_CACHE;
    if (source == WR_LIFETIME_HEURISTIC)
        flags |= WR_OF_HEURISTIC;
    if (source == WR_LIFETIME_POLICY)
        flags |= WR_OF_BY_POLICY;
    if (!d->is_public && !is_shared_by_origin(d, source, lifetime))
        flags |= WR_OF_UNASSURED;
    if (policy->set_cookie == WR_SET_COOKIE_STORE && is_shared_by_origin(d, source, lifetime))
        flags |= WR_OF_SET_COOKIE;
    return flags;
}

/* Returns why the response may be one visitor's own; NULL: it isn't. An origin that sets a cookie has
 * probably made the page for that session, unless it says itself that everybody may have it. A page made for
 * a request with cookies may depend on any of them. */
static const char *personal(const struct wr_request_rules *asked, const struct wr_head *response,
                            const struct wr_response_directives *d, enum wr_lifetime_source source,
                            struct wr_span lifetime, unsigned flags)
{
    if (asked->cookie && (flags & WR_OF_GUESSED))
        return "answers a Cookie";
    if (source != WR_LIFETIME_OVERRIDE && changes_client(response) &&
        !is_shared_by_origin(d, source, lifetime))
        return "Set-Cookie";
    return NULL;
}

static uint64_t length_of(const struct wr_head *response)
{
    if (response->framing == WR_FRAMING_NONE)
        return 0;
    return response->framing == WR_FRAMING_LENGTH ? response->content_length : UINT64_MAX;
}

static bool by_operator(enum wr_lifetime_source source)
{
    return source == WR_LIFETIME_POLICY || source == WR_LIFETIME_OVERRIDE;
}

/* Returns why the response would be of no use once it is stored; NULL: it would be of use. */
static const char *worthless(const struct wr_head *request, const struct wr_head *response,
                             const struct wr_response_directives *d, enum wr_lifetime_source source,
                             struct wr_span lifetime, const struct wr_meta *meta)
{
    /* RFC 9111 3 doesn't name no-cache as a reason to store. */
    bool stated = source == WR_LIFETIME_ORIGIN || d->is_public;
    if (by_operator(source) && lifetime.us == 0)
        return "the policy's ttl is 0";
    if (!stated && !by_operator(source) &&
        (!wr_status_is_heuristic(response->status) || request->method == WR_METHOD_POST))
        return "no freshness information";
    /* a response that is slow, and stale when it arrives, still serves the requests that wait for it */
    bool lives = meta->lifetime.us > 0 && !(meta->flags & WR_OF_NO_CACHE);
    if (lives || meta->swr.us > 0 || meta->sie.us > 0 || can_be_validated(response))
        return NULL;
    return source == WR_LIFETIME_NONE ? "no freshness information" : "stale from the start";
}

enum wr_storing wr_rules_store(const struct wr_cache_policy *policy, const struct wr_head *request,
                               const struct wr_request_rules *asked, const struct wr_head *response,
                               struct wr_wall request_time, struct wr_wall response_time, double jitter01,
                               struct wr_meta *meta, const char **detail)
{
    struct wr_response_directives d;
    bool targeted = wr_effective_directives(policy, response, &d);
    *meta = (struct wr_meta){
        .kind = WR_OBJECT_RESPONSE,
        .status = response->status,
        .request_time = request_time,
        .response_time = response_time,
        .initial_age = wr_initial_age(response, request_time, response_time),
        .fetch_time = wr_time_since(response_time, request_time),
        .length = length_of(response),
    };
    if ((asked->ask == WR_ASK_PASS && !asked->post_for_get) || asked->no_store) {
        *detail = asked->no_store ? "the request says no-store" : "the request passes the cache";
        return WR_STORE_NOT_NOW;
    }
    if (never_stored(response->status)) {
        *detail = "status is not stored";
        return WR_STORE_NOT_NOW;
    }
    if ((*detail = forbidden(policy, asked, response, &d)) != NULL)
        return WR_STORE_NOT;
    struct wr_span lifetime;
    enum wr_lifetime_source source = wr_lifetime(policy, response, &d, targeted, response_time, &lifetime);
    if (asked->post_for_get && (*detail = not_for_gets(request, response, source)) != NULL)
        return WR_STORE_NOT_NOW;
    if (by_operator(source) && lifetime.us > 0)
        lifetime.us += meta->initial_age.us; /* the operator's lifetime begins when the response arrives */
    meta->lifetime = jittered(lifetime, meta->initial_age, policy->jitter * jitter01);
    meta->flags = flags_of(policy, &d, source, lifetime);
    fill_stale(policy, &d, meta);
    if (source == WR_LIFETIME_NONE && response->status >= 500) {
        *detail = "an error";
        return WR_STORE_NOT_NOW;
    }
    *detail = personal(asked, response, &d, source, lifetime, meta->flags);
    if (*detail == NULL)
        *detail = worthless(request, response, &d, source, lifetime, meta);
    return *detail ? WR_STORE_NOT : WR_STORE;
}
