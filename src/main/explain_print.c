/* SPDX-License-Identifier: BSD-2-Clause */
/* `weir explain`: reads its command line, and prints the explanation for a person. */
#include "main/explain_print.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/time.h"
#include "main/explain.h"
#include "main/load.h"

static int explain_usage(void)
{
    fputs("usage: weir explain [-c FILE] [-a CLIENT-ADDRESS] [-H 'NAME: VALUE']... [--json] METHOD URL\n",
          stderr);
    return 2;
}

/* --- the parts of the answer --- */

/* The span as it would be written in a policy. */
static const char *span_text(struct wr_explained *e, struct wr_span span)
{
    struct wr_buf out = { 0 };
    wr_span_write(&out, span);
    const char *text = wr_arena_copy(&e->arena, wr_buf_slice(&out)).at;
    wr_buf_fini(&out);
    return text;
}

/* Says why each earlier route was not taken. */
static void print_others(struct wr_explained *e)
{
    for (size_t i = 0; i < wr_explained_passed_over(e); i++) {
        const struct wr_route *other = &e->policy->routes[i];
        const char *why = wr_match_fails(&other->match, &e->asked);
        printf("          not %.*s, line %d: %s\n", WR_SLICE_ARG(other->label), other->line, why ? why : "");
    }
}

static void print_patterns(const char *what, const struct wr_slice *patterns, size_t count)
{
    printf("%s", what);
    for (size_t i = 0; i < count; i++)
        printf(" %.*s", WR_SLICE_ARG(patterns[i]));
    printf("%s", count ? "" : " (any)");
}

static void print_route(struct wr_explained *e)
{
    const struct wr_match *m = &e->route->match;
    printf("route     %s:%d, number %zu of %zu%s%s\n", e->route->file, e->route->line, e->route->index + 1,
           e->policy->route_count, e->route->name ? ", " : "", e->route->name ? e->route->name : "");
    print_patterns("          host", m->hosts, m->host_count);
    printf(", path");
    for (size_t i = 0; i < m->path_count; i++)
        printf(" %.*s%s", WR_SLICE_ARG(m->paths[i].text), m->paths[i].kind == WR_MATCH_PREFIX ? "*" : "");
    if (m->regex.code)
        printf(" %.*s", WR_SLICE_ARG(m->regex.text));
    printf("%s", m->path_count || m->regex.code ? "" : " (any)");
    print_patterns(", method", m->methods, m->method_count);
    printf("%s\n", m->beyond_url || m->except ? ", and more" : "");
}

static void print_origin(const struct wr_origin_policy *origin)
{
    printf("origin    %s, %s:", origin->name, wr_words_text(&wr_words_balance, origin->balance));
    for (size_t i = 0; i < origin->server_count; i++)
        printf("%s %s (weight %u)", i ? "," : "", origin->servers[i].address.text, origin->servers[i].weight);
    printf("\n");
}

static void print_limit(struct wr_explained *e, const struct wr_explained_limit *one)
{
    const struct wr_limit_policy *limit = one->limit;
    printf("limit     %s: %s, %" PRIu64 " in %s", limit->name,
           wr_words_text(&wr_words_algorithm, limit->algorithm), limit->rate.count,
           span_text(e, limit->rate.window));
    if (wr_algorithm_has_burst(limit->algorithm))
        printf(", burst %" PRIu64, limit->burst);
    printf("%s\n          counted for %.*s\n", limit->observe ? ", observed only" : "",
           WR_SLICE_ARG(one->who));
    if (one->key.at)
        printf("          in Redis: %.*s\n", WR_SLICE_ARG(one->key));
}

#define NO_TITLE "          "

/* Prints the lines of a text under one title. Returns the title of what comes after them: the same, or none.
 */
static const char *print_lines(const char *title, const char *before, struct wr_slice text)
{
    struct wr_slice line;
    while ((line = wr_explained_line(&text)).len > 0) {
        printf("%s%s%.*s\n", title, before, WR_SLICE_ARG(line));
        title = NO_TITLE;
    }
    return title;
}

/* Prints the request as the origin gets it, and what edits keep from it. */
static void print_sent(const struct wr_explained *e)
{
    (void) print_lines("sent      ", "", e->head_sent);
    if (e->content)
        printf("          and the content that the client sends\n");
    for (size_t i = 0; i < e->came.field_count; i++)
        if (wr_edit_drops(&e->route->request.fields, e->came.fields[i].name))
            printf("          without the client's %.*s\n", WR_SLICE_ARG(e->came.fields[i].name));
}

static void print_answer_edits(const struct wr_explained *e)
{
    const char *title = print_lines("answer    ", "with ", e->answer_fields);
    for (char **name = e->route->response.drops; name && *name; name++) {
        printf("%swithout the origin's %s\n", title, *name);
        title = NO_TITLE;
    }
}

/* Prints the key. Its text has a line for each header and cookie in it. */
static void print_key(const struct wr_explained *e)
{
    struct wr_slice rest = e->key.text, line;
    const char *title = "key       ";
    while ((line = wr_slice_cut(&rest, '\n')).at != NULL) {
        printf("%s%.*s\n", title, WR_SLICE_ARG(line));
        title = NO_TITLE;
    }
    if (e->redis_key.at)
        printf("          in Redis: %.*s\n", WR_SLICE_ARG(e->redis_key));
}

/* Prints what determines the lifetime, in the order of precedence. */
static void print_lifetime(struct wr_explained *e, const struct wr_cache_policy *cache)
{
    if (cache->override) {
        printf("ttl       %s, whatever the origin says\n", span_text(e, cache->ttl));
        return;
    }
    printf("ttl       what the origin says in %s%sCDN-Cache-Control, Cache-Control or Expires\n",
           cache->target ? cache->target : "", cache->target ? ", " : "");
    for (size_t i = 0; i < cache->status_ttl_count; i++) {
        const struct wr_status_ttl *s = &cache->status_ttls[i];
        printf("          else %s for status %d%s\n", span_text(e, s->ttl), s->status,
               s->status < 10 ? "xx" : "");
    }
    if (cache->has_ttl)
        printf("          else %s\n", span_text(e, cache->ttl));
    else if (cache->heuristic > 0)
        printf("          else %.0f%% of the time since Last-Modified, a day at most\n",
               cache->heuristic * 100);
    else
        printf("          else none: validated before each use\n");
}

/* Prints what in the request sets it apart from those of others, or asks for something newer. */
static void print_visitor(const struct wr_explained *e)
{
    const struct wr_cache_policy *cache = &e->route->cache;
    const struct wr_request_rules *rules = &e->rules;
    if (rules->authorized)
        printf("visitor   it has Authorization: only a response is stored or used for it in which the origin "
               "says "
               "public, s-maxage or must-revalidate\n");
    if (e->cookie.at)
        printf(
            "visitor   its cookie %.*s counts: only what the origin itself declares fresh is stored or used "
            "for it\n",
            WR_SLICE_ARG(e->cookie));
    else if (wr_head_get(&e->came, WR_F_COOKIE))
        printf("visitor   none of its cookies counts (cookies, key.cookies)\n");
    printf("          Set-Cookie goes to the client that fetched the response%s\n",
           cache->set_cookie == WR_SET_COOKIE_STORE ? ", and to all where the origin declares that fresh"
                                                    : "");
    if (rules->no_store)
        printf("client    it says no-store: its response is not stored\n");
    if (rules->revalidate)
        printf("client    it asks for what has just been validated (no-cache, max-age=0 or Pragma)\n");
    if (rules->only_if_cached)
        printf("client    it says only-if-cached: 504 where nothing is stored\n");
}

static void print_staleness(struct wr_explained *e, const struct wr_cache_policy *cache)
{
    if (cache->jitter > 0)
        printf("          shortened by up to %.0f%% at random\n", cache->jitter * 100);
    if (cache->early_refresh > 0)
        printf("          refreshed early (beta %g)\n", cache->early_refresh);
    if (cache->has_grace)
        printf("grace     %s stale while it is fetched anew, unless the origin names a time\n",
               span_text(e, cache->grace));
    if (cache->has_stale_if_error)
        printf("          %s stale while the origin fails, unless the origin names a time\n",
               span_text(e, cache->stale_if_error));
}

static void print_cache(struct wr_explained *e)
{
    const struct wr_cache_policy *cache = &e->route->cache;
    const struct wr_policy *policy = e->policy;
    switch (e->cache) {
    case WR_EXPLAINED_OFF:
        printf("cache     off: passed to the origin, not stored\n");
        return;
    case WR_EXPLAINED_PASS:
        printf("cache     passed to the origin, not stored: %.*s\n", WR_SLICE_ARG(wr_explained_why_pass(e)));
        return;
    case WR_EXPLAINED_USED:
        break;
    }
    printf("cache     %s%s%s\n", policy->memory ? "in memory" : "",
           policy->memory && policy->redis.enabled ? ", " : "", policy->redis.enabled ? "in Redis" : "");
    print_key(e);
    print_lifetime(e, cache);
    print_staleness(e, cache);
    print_visitor(e);
}

/* Prints who answers, if it isn't weir itself because of the policy, and what the origin then gets. */
static void print_answer(struct wr_explained *e)
{
    const struct wr_route *route = e->route;
    switch (e->by) {
    case WR_EXPLAINED_NO_ROUTE:
    case WR_EXPLAINED_REFUSED:
        break; /* told before */
    case WR_EXPLAINED_MAINTENANCE:
        printf("answer    %d, maintenance, Retry-After %s\n", e->status,
               span_text(e, route->maintenance.retry_after));
        break;
    case WR_EXPLAINED_REDIRECT:
        printf("answer    %d, redirect to %.*s\n", e->status, WR_SLICE_ARG(e->location));
        break;
    case WR_EXPLAINED_RESPOND:
        printf("answer    %d, %zu bytes of the policy\n", e->status, route->respond.page.body.len);
        break;
    case WR_EXPLAINED_ORIGIN:
        print_cache(e);
        break;
    }
}

/* --- the whole --- */

/* Returns whether there is a route. */
static bool print_explained(struct wr_explained *e)
{
    printf("request   %.*s %.*s\n", WR_SLICE_ARG(e->came.method_text), WR_SLICE_ARG(wr_explained_url(e)));
    if (e->by == WR_EXPLAINED_NO_ROUTE) {
        printf("route     none matches: answered with %d\n", e->status);
        print_others(e);
        return false;
    }
    print_route(e);
    print_others(e);
    if (e->by == WR_EXPLAINED_REFUSED) {
        printf("answer    %d: the route does not admit %.*s (allow, deny)\n", e->status,
               WR_SLICE_ARG(e->client));
        return true;
    }
    if (e->by == WR_EXPLAINED_ORIGIN) {
        print_origin(e->route->origin);
        print_sent(e);
    }
    for (size_t i = 0; i < e->limit_count; i++)
        print_limit(e, &e->limits[i]);
    print_answer(e);
    print_answer_edits(e);
    return true;
}

static bool print_json(struct wr_explained *e)
{
    struct wr_buf out = { 0 };
    wr_explained_json(e, &out);
    fwrite(out.at, 1, out.len, stdout);
    wr_buf_fini(&out);
    return e->route != NULL;
}

/* Returns the exit status. */
static int explain(const char *file, const struct wr_explain_ask *ask, bool json)
{
    struct wr_buf errors = { 0 };
    struct wr_policy *policy = wr_policy_load(file, &errors);
    struct wr_explained e;
    bool good = policy != NULL;
    if (good) {
        good = wr_explain(&e, policy, ask, &errors) && (json ? print_json(&e) : print_explained(&e));
        wr_explain_fini(&e);
    }
    fprintf(stderr, "%.*s", WR_SLICE_ARG(wr_buf_slice(&errors)));
    wr_policy_unref(policy);
    wr_buf_fini(&errors);
    return good ? 0 : 1;
}

int wr_explain_main(int argc, char **argv)
{
    const char *file = WR_POLICY_FILE, *client = "127.0.0.1";
    struct wr_explain_ask ask = { .now = wr_time_wall() };
    struct wr_buf fields = { 0 };
    static const struct option words[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
    bool json = false;
    int option, status = 2;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:a:H:", words, NULL)) != -1 && option != '?') {
        if (option == 'c')
            file = optarg;
        else if (option == 'a')
            client = optarg;
        else if (option == 'j')
            json = true;
        else
            wr_buf_printf(&fields, "%s\r\n", optarg);
    }
    if (option == '?' || argc - optind != 2) {
        status = explain_usage();
    } else if (!wr_address_read(wr_slice_str(client), ask.client)) {
        fprintf(stderr, "%s is not an IP address\n", client);
    } else {
        ask.method = wr_slice_str(argv[optind]);
        ask.url = wr_slice_str(argv[optind + 1]);
        ask.fields = wr_buf_slice(&fields);
        status = explain(file, &ask, json);
    }
    wr_buf_fini(&fields);
    return status;
}
