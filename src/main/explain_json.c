/* SPDX-License-Identifier: BSD-2-Clause */
/* The explanation of a request as JSON, for programs. */
#include <inttypes.h>

#include "base/json.h"
#include "main/explain.h"

/* --- pieces --- */

static void add_name(struct wr_buf *out, const char *name)
{
    char last = out->at[out->len - 1];
    wr_buf_printf(out, "%s\"%s\":", last == '{' ? "" : ",", name);
}

static void add_text(struct wr_buf *out, const char *name, struct wr_slice text)
{
    add_name(out, name);
    if (text.at)
        wr_json_string(out, text);
    else
        wr_buf_add_str(out, "null");
}

static void add_number(struct wr_buf *out, const char *name, uint64_t number)
{
    add_name(out, name);
    wr_buf_add_u64(out, number);
}

static void add_flag(struct wr_buf *out, const char *name, bool on)
{
    add_name(out, name);
    wr_buf_add_str(out, on ? "true" : "false");
}

/* A time in seconds. */
static void add_span(struct wr_buf *out, const char *name, struct wr_span span)
{
    add_name(out, name);
    wr_buf_printf(out, "%g", (double) span.us / (double) WR_US_PER_S);
}

/* Adds the lines of a text as a list. */
static void add_lines(struct wr_buf *out, const char *name, struct wr_slice text)
{
    struct wr_slice rest = text, line;
    const char *between = "";
    add_name(out, name);
    wr_buf_add_char(out, '[');
    while ((line = wr_explained_line(&rest)).len > 0) {
        wr_buf_add_str(out, between);
        wr_json_string(out, line);
        between = ",";
    }
    wr_buf_add_char(out, ']');
}

/* --- the parts of the explanation --- */

static void add_request(struct wr_buf *out, struct wr_explained *e)
{
    add_text(out, "method", e->came.method_text);
    add_text(out, "url", wr_explained_url(e));
    add_text(out, "client", e->client);
}

static void add_route(struct wr_buf *out, const struct wr_route *route)
{
    add_name(out, "route");
    if (route == NULL) {
        wr_buf_add_str(out, "null");
        return;
    }
    wr_buf_add_char(out, '{');
    add_text(out, "name", route->name ? wr_slice_str(route->name) : wr_slice(NULL, 0));
    add_text(out, "file", wr_slice_str(route->file));
    add_number(out, "line", (uint64_t) route->line);
    add_number(out, "number", route->index + 1);
    wr_buf_add_char(out, '}');
}

/* Adds the earlier routes, and the condition that each fails by. */
static void add_others(struct wr_buf *out, struct wr_explained *e)
{
    add_name(out, "not");
    wr_buf_add_char(out, '[');
    for (size_t i = 0; i < wr_explained_passed_over(e); i++) {
        const struct wr_route *other = &e->policy->routes[i];
        const char *why = wr_match_fails(&other->match, &e->asked);
        wr_buf_add_str(out, i ? ",{" : "{");
        add_text(out, "route", other->label);
        add_number(out, "line", (uint64_t) other->line);
        add_text(out, "why", wr_slice_str(why ? why : ""));
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
}

static const char *by_text(enum wr_explained_by by)
{
    switch (by) {
    case WR_EXPLAINED_NO_ROUTE:
        return "no route";
    case WR_EXPLAINED_REFUSED:
        return "refused";
    case WR_EXPLAINED_MAINTENANCE:
        return "maintenance";
    case WR_EXPLAINED_REDIRECT:
        return "redirect";
    case WR_EXPLAINED_RESPOND:
        return "respond";
    case WR_EXPLAINED_ORIGIN:
        break;
    }
    return "origin";
}

static void add_answer(struct wr_buf *out, const struct wr_explained *e)
{
    add_text(out, "by", wr_slice_str(by_text(e->by)));
    if (e->status)
        add_number(out, "status", (uint64_t) e->status);
    if (e->by == WR_EXPLAINED_REDIRECT)
        add_text(out, "location", e->location);
    if (e->by == WR_EXPLAINED_ORIGIN) {
        add_text(out, "origin", wr_slice_str(e->route->origin->name));
        add_lines(out, "sent", e->head_sent);
    }
    if (e->route)
        add_lines(out, "response_fields", e->answer_fields);
}

static void add_limits(struct wr_buf *out, const struct wr_explained *e)
{
    add_name(out, "limits");
    wr_buf_add_char(out, '[');
    for (size_t i = 0; i < e->limit_count; i++) {
        const struct wr_explained_limit *one = &e->limits[i];
        const struct wr_limit_policy *limit = one->limit;
        wr_buf_add_str(out, i ? ",{" : "{");
        add_text(out, "name", wr_slice_str(limit->name));
        add_text(out, "algorithm", wr_slice_str(wr_words_text(&wr_words_algorithm, limit->algorithm)));
        add_number(out, "count", limit->rate.count);
        add_span(out, "window", limit->rate.window);
        if (wr_algorithm_has_burst(limit->algorithm))
            add_number(out, "burst", limit->burst);
        add_flag(out, "observe", limit->observe);
        add_text(out, "who", one->who);
        add_text(out, "redis_key", one->key);
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
}

static const char *use_text(enum wr_explained_cache use)
{
    return use == WR_EXPLAINED_OFF ? "off" : use == WR_EXPLAINED_PASS ? "pass" : "used";
}

static void add_cache(struct wr_buf *out, struct wr_explained *e)
{
    const struct wr_cache_policy *cache = &e->route->cache;
    add_name(out, "cache");
    wr_buf_add_char(out, '{');
    add_text(out, "use", wr_slice_str(use_text(e->cache)));
    if (e->cache == WR_EXPLAINED_PASS)
        add_text(out, "why", wr_explained_why_pass(e));
    if (e->cache != WR_EXPLAINED_OFF) {
        add_flag(out, "authorization", e->rules.authorized);
        add_text(out, "cookie", e->cookie);
    }
    if (e->cache == WR_EXPLAINED_USED) {
        add_lines(out, "key", e->key.text);
        add_text(out, "redis_key", e->redis_key);
        add_flag(out, "override", cache->override);
        if (cache->has_ttl)
            add_span(out, "ttl", cache->ttl);
        if (cache->has_grace)
            add_span(out, "grace", cache->grace);
        if (cache->has_stale_if_error)
            add_span(out, "stale_if_error", cache->stale_if_error);
    }
    wr_buf_add_char(out, '}');
}

void wr_explained_json(struct wr_explained *e, struct wr_buf *out)
{
    wr_buf_add_char(out, '{');
    add_request(out, e);
    add_route(out, e->route);
    add_others(out, e);
    add_answer(out, e);
    add_limits(out, e);
    if (e->by == WR_EXPLAINED_ORIGIN)
        add_cache(out, e);
    wr_buf_add_str(out, "}\n");
}
