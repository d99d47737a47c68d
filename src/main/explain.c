/* SPDX-License-Identifier: BSD-2-Clause */
/* `weir explain`: parses a request as the daemon would, and prints route, origin, limits, key and lifetime.
 */
#include "main/explain.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cache/key.h"
#include "cache/rules.h"
#include "edit/edit.h"
#include "http/parse.h"
#include "limit/limit.h"
#include "policy/policy.h"
#include "redis/keys.h"

struct explanation {
    const char *file;
    const struct wr_policy *policy;
    const struct wr_route *route;
    unsigned char address[16];
    char client[WR_CIDR_TEXT];
    struct wr_slice client_text;
    struct wr_head head; /* as the origin gets it */
    struct wr_head came; /* as the client sends it */
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_arena arena;
};

static int explain_usage(void)
{
    fputs("usage: weir explain [-c FILE] [-a CLIENT-ADDRESS] [-H 'NAME: VALUE']... METHOD URL\n", stderr);
    return 2;
}

/* --- the request --- */

/* Writes the request as a client would send it. The strict parser then decides whether it is a request at
 * all. */
static void write_request(struct wr_buf *out, const char *method, const char *url,
                          const struct wr_buf *fields)
{
    const char *scheme = strstr(url, "://");
    const char *authority = scheme ? scheme + 3 : NULL;
    size_t len = authority ? strcspn(authority, "/?#") : 0;
    const char *target = authority ? authority + len : url;
    wr_buf_printf(out, "%s %s%.*s HTTP/1.1\r\n", method, *target == '/' || *target == '*' ? "" : "/",
                  (int) strcspn(target, "#"), target);
    if (authority)
        wr_buf_printf(out, "Host: %.*s\r\n", (int) len, authority);
    wr_buf_add_slice(out, wr_buf_slice(fields));
    wr_buf_add_str(out, "\r\n");
}

/* Parses the request. `text` must outlive the head. */
static bool parse_request(struct explanation *e, const struct wr_buf *text)
{
    struct wr_parse parse = { 0 };
    const struct wr_parse_limits limits = { e->policy->max_target, e->policy->max_head };
    switch (wr_parse_request(&parse, text->at, text->len, &limits, e->fields, &e->head)) {
    case WR_PARSE_DONE:
        return true;
    case WR_PARSE_MORE:
        fputs("this is not exactly one request\n", stderr);
        return false;
    case WR_PARSE_ERROR:
        break;
    }
    fprintf(stderr, "refused with %d: %s\n", wr_err_info(parse.err)->status, parse.why);
    return false;
}

static bool parse_client(struct explanation *e, const char *address)
{
    if (!wr_address_read(wr_slice_str(address), e->address)) {
        fprintf(stderr, "%s is not an IP address\n", address);
        return false;
    }
    wr_cidr_client(e->address, e->client);
    char *text = wr_arena_alloc(&e->arena, WR_ADDRESS_TEXT);
    wr_address_text(e->address, text);
    e->client_text = wr_slice_str(text);
    return true;
}

/* --- the answer --- */

/* The span in the largest unit that gives a whole number, as it would be written in a policy. */
static const char *span_text(struct explanation *e, struct wr_span span)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = { { "d", 86400 * WR_US_PER_S },
                  { "h", 3600 * WR_US_PER_S },
                  { "m", 60 * WR_US_PER_S },
                  { "s", WR_US_PER_S } };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (span.us % units[i].us == 0 && span.us > 0)
            return wr_arena_printf(&e->arena, "%" PRId64 "%s", span.us / units[i].us, units[i].name).at;
    }
    return span.us == 0 ? "0s" : wr_arena_printf(&e->arena, "%" PRId64 "ms", wr_span_ms(span)).at;
}

/* Says why each earlier route was not taken. */
static void print_others(struct explanation *e, struct wr_route_ask *asked)
{
    size_t count = e->route ? e->route->index : e->policy->route_count;
    for (size_t i = 0; i < count; i++) {
        const struct wr_route *other = &e->policy->routes[i];
        const char *why = wr_match_fails(&other->match, asked);
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

static void print_route(struct explanation *e)
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

static void print_limit(struct explanation *e, const struct wr_limit_policy *limit)
{
    struct wr_slice who = wr_limit_identity(limit, &e->head, wr_slice_str(e->client), &e->arena);
    printf("limit     %s: %s, %" PRIu64 " in %s", limit->name,
           wr_words_text(&wr_words_algorithm, limit->algorithm), limit->rate.count,
           span_text(e, limit->rate.window));
    if (wr_algorithm_has_burst(limit->algorithm))
        printf(", burst %" PRIu64, limit->burst);
    printf("%s\n          counted for %.*s\n", limit->observe ? ", observed only" : "", WR_SLICE_ARG(who));
    if (e->policy->redis.enabled) {
        struct wr_buf key = { 0 };
        wr_keys_limit(&key, &e->policy->redis, wr_slice_str(limit->name), who);
        printf("          in Redis: %.*s\n", WR_SLICE_ARG(wr_buf_slice(&key)));
        wr_buf_fini(&key);
    }
}

static struct wr_edit_source source_of(struct explanation *e)
{
    struct wr_edit_source s = {
        .request = &e->came,
        .route = e->route,
        .host = wr_policy_host(wr_head_site(&e->came), &e->arena),
        .server_name = wr_slice_str(e->policy->server_name),
        .client = e->client_text,
        .request_id = WR_SLICE("0123456789abcdef0123456789abcdef"),
        .now = { .us = (int64_t) time(NULL) * WR_US_PER_S },
    };
    if (e->route->match.regex.code)
        wr_regex_match(&e->route->match.regex, wr_policy_path(e->came.path, &e->arena), &e->arena, s.groups);
    return s;
}

/* Edits path and query, and prints what the origin gets if that isn't what the client sends. */
static void print_target_sent(struct explanation *e)
{
    struct wr_edit_source s = source_of(e);
    if (e->route->request.target)
        (void) wr_edit_target(&e->route->request, &s, &e->head, &e->arena);
    struct wr_slice path = wr_head_path_sent(&e->head), query = wr_head_query_sent(&e->head);
    if (!wr_slice_eq(path, e->came.path) || !wr_slice_eq(query, e->came.query))
        printf("          the origin gets %.*s%s%.*s\n", WR_SLICE_ARG(path), query.at ? "?" : "",
               WR_SLICE_ARG(query));
}

/* Prints the fields that edits write and drop. */
static void print_fields_sent(struct explanation *e)
{
    if (e->head.host_sent.at)
        printf("          with Host: %.*s\n", WR_SLICE_ARG(e->head.host_sent));
    for (size_t i = 0; i < e->head.field_count; i++)
        if (e->head.fields[i].edited)
            printf("          with %.*s: %.*s\n", WR_SLICE_ARG(e->head.fields[i].name),
                   WR_SLICE_ARG(e->head.fields[i].value));
    for (size_t i = 0; i < e->came.field_count; i++)
        if (wr_edit_drops(&e->route->request.fields, e->came.fields[i].name))
            printf("          without the client's %.*s\n", WR_SLICE_ARG(e->came.fields[i].name));
}

static void print_answer_edits(struct explanation *e)
{
    const struct wr_field_edits *edits = &e->route->response;
    struct wr_edit_source s = source_of(e);
    struct wr_buf out = { 0 };
    (void) wr_edit_write_fields(edits, &s, &out, &e->arena);
    struct wr_slice rest = wr_buf_slice(&out), line;
    const char *title = "answer    ";
    while (rest.len > 0 && (line = wr_slice_cut(&rest, '\n')).len > 0) {
        printf("%swith %.*s\n", title, (int) line.len - 1, line.at);
        title = "          ";
    }
    for (char **name = edits->drops; name && *name; name++) {
        printf("%swithout the origin's %s\n", title, *name);
        title = "          ";
    }
    wr_buf_fini(&out);
}

/* Prints the key. Its text has a line for each header and cookie in it. */
static void print_key(struct explanation *e)
{
    struct wr_key key = wr_key_build(&e->route->cache, &e->head, &e->arena);
    struct wr_slice rest = key.text, line;
    const char *title = "key       ";
    while ((line = wr_slice_cut(&rest, '\n')).at != NULL) {
        printf("%s%.*s\n", title, WR_SLICE_ARG(line));
        title = "          ";
    }
    if (e->policy->redis.enabled) {
        struct wr_buf name = { 0 };
        wr_keys_cache(&name, &e->policy->redis, key.host, key.hash);
        printf("          in Redis: %.*s\n", WR_SLICE_ARG(wr_buf_slice(&name)));
        wr_buf_fini(&name);
    }
}

/* Prints what determines the lifetime, in the order of precedence. */
static void print_lifetime(struct explanation *e, const struct wr_cache_policy *cache)
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

/* Prints how cookies are treated. rules: those of the request. */
static void print_visitor(const struct wr_cache_policy *cache, const struct wr_request_rules *rules)
{
    if (rules->cookie)
        printf("cookies   it has one that counts: only what the origin itself declares fresh is stored or "
               "used for it\n");
    printf("          Set-Cookie goes to the client that fetched the response%s\n",
           cache->set_cookie == WR_SET_COOKIE_STORE ? ", and to all where the origin declares that fresh"
                                                    : "");
}

static void print_staleness(struct explanation *e, const struct wr_cache_policy *cache)
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

static void print_cache(struct explanation *e)
{
    const struct wr_cache_policy *cache = &e->route->cache;
    struct wr_request_rules rules = { 0 };
    if (!cache->enabled) {
        printf("cache     off: passed to the origin, not stored\n");
        print_target_sent(e);
        return;
    }
    wr_rules_request(cache, &e->head, &rules);
    if (rules.ask == WR_ASK_PASS) {
        printf("cache     passed to the origin, not stored: %s\n",
               strcmp(rules.detail, "method") == 0 ? "its method is not among those that may be"
                                                   : "it fulfils a condition of bypass, or has a body");
        print_target_sent(e);
        return;
    }
    printf("cache     %s%s%s\n", e->policy->memory ? "in memory" : "",
           e->policy->memory && e->policy->redis.enabled ? ", " : "",
           e->policy->redis.enabled ? "in Redis" : "");
    e->head.query = wr_key_query_sent(&cache->key, e->head.query, &e->arena);
    print_target_sent(e);
    print_key(e);
    print_lifetime(e, cache);
    print_staleness(e, cache);
    print_visitor(cache, &rules);
}

/* Prints the answer of a route that gives it by itself. */
static void print_own_answer(struct explanation *e)
{
    const struct wr_route *route = e->route;
    struct wr_edit_source s = source_of(e);
    if (route->maintenance.on) {
        printf("answer    503, maintenance, Retry-After %s\n", span_text(e, route->maintenance.retry_after));
    } else if (route->answer == WR_ANSWER_REDIRECT) {
        struct wr_slice to = wr_edit_fill(&route->redirect.to, &s, WR_EDIT_URL, &e->arena);
        printf("answer    %d, redirect to %.*s\n", route->redirect.status, WR_SLICE_ARG(to));
    } else {
        printf("answer    %d, %zu bytes of the policy\n", route->respond.status,
               route->respond.page.body.len);
    }
}

static int explain(struct explanation *e)
{
    e->head.trusted = wr_cidr_has(e->policy->trusted, e->policy->trusted_count, e->address);
    e->head.odd_kept = e->head.trusted || e->policy->odd_names == WR_ODD_NAMES_KEEP;
    e->head.secure = wr_slice_starts(e->head.target, WR_SLICE("https:"));
    struct wr_route_ask asked = {
        .host = wr_policy_host(e->head.host, &e->arena),
        .path = wr_policy_path(e->head.path, &e->arena),
        .method = e->head.method_text,
        .head = &e->head,
        .client = e->address,
        .arena = &e->arena,
    };
    e->route = wr_policy_route_of(e->policy, &asked);
    printf("request   %.*s %s://%.*s%.*s%s%.*s\n", WR_SLICE_ARG(e->head.method_text),
           e->head.secure ? "https" : "http", WR_SLICE_ARG(e->head.host), WR_SLICE_ARG(e->head.path),
           e->head.query.at ? "?" : "", WR_SLICE_ARG(e->head.query));
    if (e->route == NULL) {
        printf("route     none matches: answered with 404\n");
        print_others(e, &asked);
        return 1;
    }
    print_route(e);
    print_others(e, &asked);
    e->came = e->head;
    struct wr_edit_source s = source_of(e);
    if (e->route->request.any)
        (void) wr_edit_request(&e->route->request, &s, &e->head, &e->arena);
    if (!wr_policy_lets_in(e->route, e->address)) {
        printf("answer    403: the route does not admit %.*s (allow, deny)\n", WR_SLICE_ARG(e->client_text));
        return 0;
    }
    if (!e->route->by_itself) {
        print_origin(e->route->origin);
        print_fields_sent(e);
    }
    for (size_t i = 0; i < e->route->limit_count; i++)
        print_limit(e, e->route->limits[i]);
    if (e->route->by_itself)
        print_own_answer(e);
    else
        print_cache(e);
    print_answer_edits(e);
    return 0;
}

static int explain_request(struct explanation *e, const char *method, const char *url,
                           const struct wr_buf *fields)
{
    struct wr_buf errors = { 0 }, request = { 0 };
    struct wr_policy *policy = wr_policy_load(e->file, &errors);
    int status = 1;
    write_request(&request, method, url, fields);
    e->policy = policy;
    if (policy == NULL)
        fprintf(stderr, "%.*s", WR_SLICE_ARG(wr_buf_slice(&errors)));
    else if (parse_request(e, &request))
        status = explain(e);
    wr_arena_fini(&e->arena);
    wr_policy_unref(policy);
    wr_buf_fini(&request);
    wr_buf_fini(&errors);
    return status;
}

int wr_explain(int argc, char **argv)
{
    struct explanation e = { .file = "/etc/weir/weir.yaml" };
    const char *client = "127.0.0.1";
    struct wr_buf fields = { 0 };
    int option, status;
    optind = 1;
    opterr = 0;
    while ((option = getopt(argc, argv, "c:a:H:")) != -1 && option != '?') {
        if (option == 'c')
            e.file = optarg;
        else if (option == 'a')
            client = optarg;
        else
            wr_buf_printf(&fields, "%s\r\n", optarg);
    }
    if (option == '?' || argc - optind != 2)
        status = explain_usage();
    else if (!parse_client(&e, client))
        status = 2;
    else
        status = explain_request(&e, argv[optind], argv[optind + 1], &fields);
    wr_buf_fini(&fields);
    return status;
}
