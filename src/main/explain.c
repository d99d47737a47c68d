/* SPDX-License-Identifier: BSD-2-Clause */
/* Explains a request: writes it as a client would, parses it, and passes it through the stages' own
 * functions.
 */
#include "main/explain.h"

#include "cache/cookies.h"
#include "flight/forward.h"
#include "http/forwarded.h"
#include "http/parse.h"
#include "limit/limit.h"
#include "redis/keys.h"

#define NEW_ID "(new for each request)" /* in place of the random ID that weir makes */

/* --- the request --- */

/* Writes the request as a client would send it. The strict parser then decides whether it is a request at
 * all. Returns whether the URL's scheme is https. */
static bool write_request(struct wr_buf *out, const struct wr_explain_ask *ask)
{
    struct wr_slice url = ask->url, authority = { NULL, 0 };
    const char *colon = memmem(url.at, url.len, "://", 3);
    bool secure = colon && wr_slice_eq_nocase(wr_slice(url.at, (size_t) (colon - url.at)), WR_SLICE("https"));
    if (colon) {
        authority.at = colon + 3;
        while (authority.at + authority.len < url.at + url.len && !strchr("/?#", authority.at[authority.len]))
            authority.len++;
        url = wr_slice(authority.at + authority.len,
                       (size_t) (url.at + url.len - authority.at) - authority.len);
    }
    struct wr_slice target = wr_slice_cut(&url, '#');
    bool rooted = target.len > 0 && (target.at[0] == '/' || target.at[0] == '*');
    wr_buf_printf(out, "%.*s %s%.*s HTTP/1.1\r\n", WR_SLICE_ARG(ask->method), rooted ? "" : "/",
                  WR_SLICE_ARG(target));
    if (authority.at)
        wr_buf_printf(out, "Host: %.*s\r\n", WR_SLICE_ARG(authority));
    wr_buf_add_slice(out, ask->fields);
    wr_buf_add_str(out, "\r\n");
    return secure;
}

static bool parse_request(struct wr_explained *e, struct wr_buf *errors)
{
    struct wr_parse parse = { 0 };
    struct wr_buf text = { 0 };
    const struct wr_parse_limits limits = { e->policy->max_target, e->policy->max_head };
    bool secure = write_request(&text, &e->ask);
    struct wr_slice kept = wr_arena_copy(&e->arena, wr_buf_slice(&text)); /* the head points into it */
    wr_buf_fini(&text);
    enum wr_parse_status result = wr_parse_request(&parse, kept.at, kept.len, &limits, e->fields, &e->came);
    e->came.secure = secure;
    if (result == WR_PARSE_MORE)
        wr_buf_add_str(errors, "this is not exactly one request\n");
    else if (result == WR_PARSE_ERROR)
        wr_buf_printf(errors, "refused with %d: %s\n", wr_err_info(parse.err)->status, parse.why);
    return result == WR_PARSE_DONE;
}

/* --- what the stages do with it --- */

static struct wr_slice address_text(struct wr_explained *e, const unsigned char address[16])
{
    char *text = wr_arena_alloc(&e->arena, WR_ADDRESS_TEXT);
    wr_address_text(address, text);
    return wr_slice_str(text);
}

static void find_route(struct wr_explained *e)
{
    e->asked = (struct wr_route_ask){
        .host = wr_policy_host(e->came.host, &e->arena),
        .path = wr_policy_path(e->came.path, &e->arena),
        .method = e->came.method_text,
        .head = &e->came,
        .client = e->address,
        .arena = &e->arena,
    };
    e->route = wr_policy_route_of(e->policy, &e->asked);
}

/* A trusted peer's ID is kept. */
static struct wr_slice request_id(const struct wr_explained *e)
{
    const struct wr_field *f = e->came.trusted ? wr_head_get(&e->came, WR_F_X_REQUEST_ID) : NULL;
    return f && f->value.len ? f->value : WR_SLICE(NEW_ID);
}

static struct wr_edit_source source_of(struct wr_explained *e)
{
    struct wr_edit_source s = {
        .request = &e->came,
        .route = e->route,
        .host = wr_policy_host(wr_head_site(&e->came), &e->arena),
        .server_name = wr_slice_str(e->policy->server_name),
        .client = e->client,
        .request_id = request_id(e),
        .now = e->ask.now,
    };
    if (e->route->match.regex.code)
        wr_regex_match(&e->route->match.regex, wr_policy_path(e->came.path, &e->arena), &e->arena, s.groups);
    return s;
}

static void ask_limits(struct wr_explained *e)
{
    char network[WR_CIDR_TEXT];
    wr_cidr_client(e->address, network);
    for (size_t i = 0; i < e->route->limit_count; i++) {
        struct wr_explained_limit *one = &e->limits[e->limit_count++];
        one->limit = e->route->limits[i];
        one->who = wr_limit_identity(one->limit, &e->sent, wr_slice_str(network), &e->arena);
        one->who = wr_arena_copy(&e->arena, one->who); /* it may be the network's text itself */
        if (!e->policy->redis.enabled)
            continue;
        struct wr_buf key = { 0 };
        wr_keys_limit(&key, &e->policy->redis, wr_slice_str(one->limit->name), one->who);
        one->key = wr_arena_copy(&e->arena, wr_buf_slice(&key));
        wr_buf_fini(&key);
    }
}

static void make_key(struct wr_explained *e)
{
    e->key = wr_key_build(&e->route->cache, &e->sent, &e->arena);
    if (!e->policy->redis.enabled)
        return;
    struct wr_buf name = { 0 };
    wr_keys_cache(&name, &e->policy->redis, e->key.host, e->key.hash);
    e->redis_key = wr_arena_copy(&e->arena, wr_buf_slice(&name));
    wr_buf_fini(&name);
}

/* Writes the request as a fetch for it would send it: the first one, when nothing is stored yet. */
static void write_sent(struct wr_explained *e)
{
    struct wr_slice list = e->came.trusted ? wr_head_joined(&e->came, WR_F_X_FORWARDED_FOR, &e->arena)
                                           : wr_slice(NULL, 0);
    bool proxied = memcmp(e->address, e->ask.client, sizeof e->address) != 0;
    const struct wr_flight_order order = {
        .route = e->route,
        .request = &e->sent,
        .forwarded_for = wr_forwarded_for(list, proxied ? e->client : wr_slice(NULL, 0),
                                          address_text(e, e->ask.client), &e->arena),
        .request_id = request_id(e),
        .upgrade = e->upgrade,
    };
    struct wr_slice via = wr_arena_printf(&e->arena, "1.1 %s", e->policy->server_name);
    struct wr_buf out = { 0 };
    wr_forward_write(&out, &order, via, e->cache == WR_EXPLAINED_USED);
    e->head_sent = wr_arena_copy(&e->arena, wr_slice(out.at, out.len - 2)); /* without the empty line */
    wr_buf_fini(&out);
}

/* What the cache and the origin get to see. */
static void ask_cache(struct wr_explained *e)
{
    const struct wr_cache_policy *cache = &e->route->cache;
    struct wr_edit_source s = source_of(e);
    e->cache = WR_EXPLAINED_OFF;
    e->content = wr_rules_has_content(&e->sent);
    if (cache->enabled) {
        wr_rules_request(cache, &e->sent, &e->rules);
        e->bypass = wr_rules_bypass(cache, &e->sent);
        e->cookie = wr_cookies_counting(cache, &e->sent);
        e->cache = e->rules.ask == WR_ASK_PASS ? WR_EXPLAINED_PASS : WR_EXPLAINED_USED;
    }
    if (wr_upgrade_asked(&e->sent, e->route->upgrades, &e->upgrade) && e->cache == WR_EXPLAINED_USED)
        e->cache = WR_EXPLAINED_PASS;
    if (e->cache == WR_EXPLAINED_USED)
        e->sent.query = wr_key_query_sent(&cache->key, e->sent.query, &e->arena);
    if (e->route->request.target)
        (void) wr_edit_target(&e->route->request, &s, &e->sent, &e->arena);
    if (e->cache == WR_EXPLAINED_USED)
        make_key(e);
    write_sent(e);
}

/* Says who answers, and with which status. */
static void judge_answer(struct wr_explained *e)
{
    const struct wr_route *route = e->route;
    struct wr_edit_source s;
    if (route == NULL) {
        e->by = WR_EXPLAINED_NO_ROUTE;
        e->status = wr_err_info(WR_ERR_NO_ROUTE)->status;
    } else if (!wr_policy_lets_in(route, e->address)) {
        e->by = WR_EXPLAINED_REFUSED;
        e->status = wr_err_info(WR_ERR_FORBIDDEN)->status;
    } else if (route->maintenance.on) {
        e->by = WR_EXPLAINED_MAINTENANCE;
        e->status = wr_err_info(WR_ERR_MAINTENANCE)->status;
    } else if (route->answer == WR_ANSWER_REDIRECT) {
        s = source_of(e);
        e->by = WR_EXPLAINED_REDIRECT;
        e->status = route->redirect.status;
        e->location = wr_edit_location(&route->redirect, &s, &e->arena);
    } else if (route->answer == WR_ANSWER_RESPOND) {
        e->by = WR_EXPLAINED_RESPOND;
        e->status = route->respond.status;
    } else {
        e->by = WR_EXPLAINED_ORIGIN;
    }
}

static void edit_answer(struct wr_explained *e)
{
    struct wr_edit_source s = source_of(e);
    struct wr_buf out = { 0 };
    if (e->by == WR_EXPLAINED_RESPOND) {
        struct wr_buf own = { 0 };
        (void) wr_edit_write_fields(&e->route->respond.headers, &s, &own, &e->arena);
        wr_edit_write_kept(&e->route->response, wr_buf_slice(&own), &out);
        wr_buf_fini(&own);
    }
    (void) wr_edit_write_fields(&e->route->response, &s, &out, &e->arena);
    e->answer_fields = wr_arena_copy(&e->arena, wr_buf_slice(&out));
    wr_buf_fini(&out);
}

bool wr_explain(struct wr_explained *e, const struct wr_policy *policy, const struct wr_explain_ask *ask,
                struct wr_buf *errors)
{
    *e = (struct wr_explained){ .policy = policy, .ask = *ask };
    if (!parse_request(e, errors))
        return false;
    e->came.trusted = wr_cidr_has(policy->trusted, policy->trusted_count, ask->client);
    e->came.odd_kept = e->came.trusted || policy->odd_names == WR_ODD_NAMES_KEEP;
    memcpy(e->address, ask->client, sizeof e->address);
    if (e->came.trusted)
        wr_forwarded_believe(&e->came, policy->trusted, policy->trusted_count, e->address, &e->arena);
    e->client = address_text(e, e->address);
    find_route(e);
    judge_answer(e);
    e->sent = e->came;
    if (e->route == NULL)
        return true;
    edit_answer(e);
    if (e->by == WR_EXPLAINED_REFUSED)
        return true;
    if (e->route->request.any) {
        struct wr_edit_source s = source_of(e);
        (void) wr_edit_request(&e->route->request, &s, &e->sent, &e->arena);
    }
    ask_limits(e);
    if (e->by == WR_EXPLAINED_ORIGIN)
        ask_cache(e);
    return true;
}

struct wr_slice wr_explained_url(struct wr_explained *e)
{
    const struct wr_head *came = &e->came;
    return wr_arena_printf(&e->arena, "%s://%.*s%.*s%s%.*s", came->secure ? "https" : "http",
                           WR_SLICE_ARG(came->host), WR_SLICE_ARG(came->path), came->query.at ? "?" : "",
                           WR_SLICE_ARG(came->query));
}

size_t wr_explained_passed_over(const struct wr_explained *e)
{
    return e->route ? e->route->index : e->policy->route_count;
}

struct wr_slice wr_explained_why_pass(struct wr_explained *e)
{
    if (e->upgrade.protocol[0])
        return wr_arena_printf(&e->arena, "it asks to switch to %s", e->upgrade.protocol);
    if (strcmp(e->rules.detail, "method") == 0)
        return wr_arena_printf(&e->arena, "its method %.*s is not among those that may be",
                               WR_SLICE_ARG(e->sent.method_text));
    if (e->bypass)
        return wr_arena_printf(&e->arena, "bypass has %s:%.*s",
                               wr_words_text(&wr_words_bypass, e->bypass->kind),
                               WR_SLICE_ARG(e->bypass->name));
    return wr_arena_printf(&e->arena, "a %.*s with content", WR_SLICE_ARG(e->sent.method_text));
}

void wr_explain_fini(struct wr_explained *e)
{
    wr_arena_fini(&e->arena);
}
