/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides what a request lets the cache do (RFC 9111 3, 5.2.1), and whether its answer invalidates what is
 * stored (RFC 9111 4.4). The policy's bypass conditions and the client's directives count. */
#include "cache/rules.h"

#include "cache/cookies.h"
#include "http/directives.h"
#include "http/onward.h"

static bool has_parameter(const struct wr_head *request, struct wr_slice pattern)
{
    struct wr_slice rest = request->query, pair;
    while ((pair = wr_slice_cut(&rest, '&')).at != NULL)
        if (wr_slice_matches(wr_slice_cut(&pair, '='), pattern, NULL))
            return true;
    return false;
}

const struct wr_bypass *wr_rules_bypass(const struct wr_cache_policy *policy, const struct wr_head *request)
{
    for (size_t i = 0; i < policy->bypass_count; i++) {
        const struct wr_bypass *b = &policy->bypasses[i];
        if ((b->kind == WR_BYPASS_HEADER && wr_onward_value(request, b->name).at) ||
            (b->kind == WR_BYPASS_COOKIE && wr_cookies_have(request, b->name)) ||
            (b->kind == WR_BYPASS_QUERY && has_parameter(request, b->name)))
            return b;
    }
    return NULL;
}

/* Content on a GET has no defined meaning that a key could hold (RFC 9110 9.3.1). If an origin heeded it, its
 * response would poison the cache for all other clients. */
bool wr_rules_has_content(const struct wr_head *request)
{
    return request->framing == WR_FRAMING_CHUNKED ||
           (request->framing == WR_FRAMING_LENGTH && request->content_length > 0);
}

static const char *why_pass(const struct wr_cache_policy *policy, const struct wr_head *request)
{
    if (!policy->enabled)
        return "bypass";
    bool get = request->method == WR_METHOD_GET || request->method == WR_METHOD_HEAD;
    if (!get && !(request->method == WR_METHOD_POST && policy->methods_post))
        return "method";
    if (wr_rules_bypass(policy, request) || (get && wr_rules_has_content(request)))
        return "bypass";
    return NULL;
}

/* May the response to this POST answer later GETs? Not if the URL has several keys: the POST has changed all
 * of them, and its response could replace only one. */
static bool may_answer_gets(const struct wr_cache_policy *policy, const struct wr_head *request)
{
    return request->method == WR_METHOD_POST && policy->enabled && !policy->methods_post &&
           !wr_rules_bypass(policy, request) && !wr_key_holds_more(policy);
}

static struct wr_span span_of(int64_t delta)
{
    if (delta == WR_DELTA_NONE)
        return WR_SPAN_NONE;
    return delta >= WR_DELTA_MAX ? WR_SPAN_MAX : WR_SPAN_S(delta);
}

/* Does the client send Authorization to the origin? One that an edit has written is the same for all clients,
 * or in the key. */
static bool is_authorized(const struct wr_head *request)
{
    const struct wr_field *f = wr_head_get(request, WR_F_AUTHORIZATION);
    while (f && f->edited)
        f = wr_head_next(request, WR_F_AUTHORIZATION, f);
    return f != NULL;
}

void wr_rules_request(const struct wr_cache_policy *policy, const struct wr_head *request,
                      struct wr_request_rules *out)
{
    struct wr_request_directives d = { .max_age = WR_DELTA_NONE,
                                       .min_fresh = WR_DELTA_NONE,
                                       .max_stale = WR_DELTA_NONE };
    if (!policy->ignore_client)
        wr_directives_of_request(request, &d);
    *out = (struct wr_request_rules){
        .detail = why_pass(policy, request),
        .revalidate = d.no_cache || d.pragma_no_cache || d.max_age == 0,
        .no_store = d.no_store,
        .only_if_cached = d.only_if_cached,
        .max_age = span_of(d.max_age),
        .min_fresh = span_of(d.min_fresh),
        .max_stale = span_of(d.max_stale),
        .authorized = is_authorized(request),
        .cookie = wr_cookies_count(policy, request),
        .post_for_get = may_answer_gets(policy, request),
    };
    out->ask = out->detail ? WR_ASK_PASS : WR_ASK_LOOKUP;
}

/* Is the method known to be safe (RFC 9110 9.2.1 and the method registry)? */
static bool safe(const struct wr_head *request)
{
    static const struct wr_slice others[] = { WR_SLICE_INIT("PROPFIND"), WR_SLICE_INIT("REPORT"),
                                              WR_SLICE_INIT("SEARCH"), WR_SLICE_INIT("QUERY") };
    switch (request->method) {
    case WR_METHOD_GET:
    case WR_METHOD_HEAD:
    case WR_METHOD_OPTIONS:
    case WR_METHOD_TRACE:
        return true;
    case WR_METHOD_OTHER:
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            if (wr_slice_eq(request->method_text, others[i]))
                return true;
        return false;
    default:
        return false;
    }
}

bool wr_rules_invalidates(const struct wr_head *request, int status)
{
    return !safe(request) && status >= 200 && status < 400;
}
