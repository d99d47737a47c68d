/* SPDX-License-Identifier: BSD-2-Clause */
/* Gives hostile input of two lengths to everything that reads bytes of a peer. tests/check/linear runs this
 * program under valgrind and compares what the two lengths cost.
 *
 * Input is a pattern, repeated. Each parser gets each pattern, because what is hostile to one parser may be
 * harmless in the eyes of whoever wrote the other. A line "PARSER" is printed for each pair of measurements,
 * in their order. */
#include <stdio.h>
#include <stdlib.h>

#include "cache/build.h"
#include "cache/cookies.h"
#include "http/accept.h"
#include "http/body.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/directives.h"
#include "http/forwarded.h"
#include "http/chars.h"
#include "http/parse.h"
#include "http/range.h"
#include "http/structured.h"
#include "http/tags.h"
#include "http/target.h"
#include "limit/limit.h"
#include "log/line.h"
#include "net/flow.h"
#include "net/proxy.h"

#define SHORT 3000
#define TIMES 8
#define LONG (TIMES * SHORT)

static const struct wr_wall now = { INT64_C(1700000000) * WR_US_PER_S };
static const struct wr_date dated = { INT64_C(1700000000) * WR_US_PER_S };

static const char *const patterns[] = {
    "\"",   "\"\\\",", "a\"", ",",  " ",     "a,",   "a=", ";",   "-",        "0-1,", "%2e/", "/../",
    "a=b&", "a;b=c; ", "*",   "a ", "(a=\"", "?1, ", ":",  "a.b", "W/\"a\",", "9",    "\t,",  "for=1;",
};
#define PATTERNS (sizeof patterns / sizeof patterns[0])

static struct wr_arena arena;
static struct wr_policy *policy;

/* --- values of fields: one line, and as many lines as fit --- */

static void head_with(struct wr_head *h, struct wr_field *fields, enum wr_field_id id, struct wr_slice value)
{
    *h = (struct wr_head){ .fields = fields, .field_count = 1, .known = UINT64_MAX, .minor = 1 };
    h->host = h->path = WR_SLICE("/");
    fields[0] = (struct wr_field){ .name = wr_field_name(id), .value = value, .id = (uint16_t) id };
}

static void list(struct wr_slice s)
{
    struct wr_list rest = wr_list(s);
    struct wr_slice item;
    while (wr_list_next(&rest, &item))
        ;
}

static void directives(struct wr_slice s)
{
    static const enum wr_field_id ids[] = { WR_F_CACHE_CONTROL, WR_F_PRAGMA, WR_F_CDN_CACHE_CONTROL };
    for (size_t i = 0; i < 3; i++) {
        struct wr_field field;
        struct wr_head h;
        struct wr_request_directives asked;
        struct wr_response_directives said;
        head_with(&h, &field, ids[i], s);
        wr_directives_of_request(&h, &asked);
        wr_directives_of_response(&h, &said);
        (void) !wr_directives_of_targeted(&h, WR_F_CDN_CACHE_CONTROL, &said);
    }
}

static void structured(struct wr_slice s)
{
    struct wr_sf_reader r = { .rest = s };
    struct wr_sf_member m;
    while (wr_sf_list_next(&r, &m) == WR_SF_MEMBER)
        ;
    r = (struct wr_sf_reader){ .rest = s };
    while (wr_sf_dictionary_next(&r, &m) == WR_SF_MEMBER)
        ;
}

static void tags(struct wr_slice s)
{
    static const enum wr_field_id ids[] = { WR_F_CACHE_TAG, WR_F_SURROGATE_KEY, WR_F_CACHE_GROUPS };
    for (size_t i = 0; i < 3; i++) {
        struct wr_field field;
        struct wr_head h;
        struct wr_tags found = { .arena = &arena };
        head_with(&h, &field, ids[i], s);
        wr_tags_add(&found, &h, ids[i]);
    }
}

static void accept_field(struct wr_slice s)
{
    struct wr_field field;
    struct wr_head h;
    head_with(&h, &field, WR_F_ACCEPT, s);
    wr_accept_prefers_json(&h);
}

static void conditions(struct wr_slice s)
{
    static const enum wr_field_id ids[] = { WR_F_IF_MATCH, WR_F_IF_NONE_MATCH, WR_F_IF_MODIFIED_SINCE,
                                            WR_F_IF_UNMODIFIED_SINCE, WR_F_IF_RANGE };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct wr_field field;
        struct wr_head h;
        head_with(&h, &field, ids[i], s);
        wr_if_match(&h, WR_SLICE("\"b\""));
        wr_not_modified(&h, WR_SLICE("\"b\""), &dated, now);
        wr_if_unmodified_since(&h, &dated, now);
        wr_if_range(&h, WR_SLICE("\"b\""), &dated, &dated, now);
    }
    (void) !wr_etag_valid(s);
}

static void date(struct wr_slice s)
{
    struct wr_date at;
    (void) !wr_date_parse(s, now, &at);
}

static void range(struct wr_slice s)
{
    struct wr_range ranges[WR_MAX_RANGES];
    struct wr_content_range content;
    size_t count;
    struct wr_slice named = wr_arena_printf(&arena, "bytes=%.*s", WR_SLICE_ARG(s));
    (void) !wr_range_parse(named, 1000, ranges, &count);
    (void) !wr_content_range_parse(named, &content);
}

static void forwarded(struct wr_slice s)
{
    wr_forwarded_param(s, WR_SLICE("proto"));
}

static void via(struct wr_slice s)
{
    struct wr_field field;
    struct wr_head h;
    head_with(&h, &field, WR_F_VIA, s);
    wr_head_via_count(&h, WR_SLICE("edge"));
}

static void framing(struct wr_slice s)
{
    struct wr_buf text = { 0 };
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head h;
    static const char *const names[] = { "Connection", "Transfer-Encoding", "Content-Length", "TE" };
    for (size_t i = 0; i < 4; i++) {
        struct wr_parse p = { 0 };
        wr_buf_clear(&text);
        wr_buf_printf(&text, "HTTP/1.1 200 OK\r\n%s: %.*s\r\n\r\n", names[i], WR_SLICE_ARG(s));
        (void) !wr_parse_response(&p, text.at, text.len, 1u << 20, WR_METHOD_GET, fields, &h);
    }
    wr_buf_fini(&text);
}

/* Writes a response with a field that lists `count` long names, and with as many fields of other names. */
static void write_names(struct wr_buf *text, const char *before, const char *after, size_t count)
{
    wr_buf_printf(text, "HTTP/1.1 200 OK\r\n%s", before);
    for (size_t i = 0; i < count; i++)
        wr_buf_printf(text, ",%0200zu", 2 * i);
    wr_buf_printf(text, "%s\r\n", after);
    for (size_t i = 0; i < count; i++)
        wr_buf_printf(text, "%0200zu: a\r\n", 2 * i + 1);
    wr_buf_add_str(text, "\r\n");
}

/* Names that are all alike but for their last characters, in fields and in the list that nominates them. */
static void nominated(struct wr_slice s)
{
    struct wr_buf text = { 0 };
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_parse p = { 0 };
    struct wr_head h;
    write_names(&text, "Connection: close", "", s.len * 60 / LONG);
    (void) !wr_parse_response(&p, text.at, text.len, 1u << 20, WR_METHOD_GET, fields, &h);
    wr_buf_fini(&text);
}

/* The same of fields that a response reserves for its first client. */
static void reserved(struct wr_slice s)
{
    struct wr_buf text = { 0 };
    struct wr_field *fields = wr_arena_alloc(&arena, WR_MAX_FIELDS * sizeof *fields);
    struct wr_parse p = { 0 };
    struct wr_head h;
    struct wr_meta meta = { .status = 200 };
    const struct wr_key key = { .text = WR_SLICE("a/b"), .host = WR_SLICE("a") };
    write_names(&text, "Cache-Control: private=\"a", "\"", s.len * 100 / LONG);
    if (wr_parse_response(&p, text.at, text.len, 1u << 20, WR_METHOD_GET, fields, &h) == WR_PARSE_DONE)
        wr_object_unref(wr_build_object(&key, wr_slice(NULL, 0), &meta, &h, WR_SLICE("1.1 edge"), NULL));
    wr_buf_fini(&text);
}

/* --- requests --- */

static void request(struct wr_slice s)
{
    static const char *const forms[] = { "GET /%.*s HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "GET http://%.*s/ HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: %.*s\r\n\r\n",
                                         "%.*s / HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: a\r\n%.*s: b\r\n\r\n" };
    const struct wr_parse_limits limits = { 1u << 20, 1u << 20 };
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head h;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct wr_parse p = { 0 };
        int len = snprintf(NULL, 0, forms[i], WR_SLICE_ARG(s));
        char *text = wr_arena_alloc(&arena, (size_t) len + 1);
        snprintf(text, (size_t) len + 1, forms[i], WR_SLICE_ARG(s));
        (void) !wr_parse_request(&p, text, (size_t) len, &limits, fields, &h);
        wr_parse_salvage(text, (size_t) len, fields, &h);
    }
}

/* A head that comes in small pieces. */
static void pieces(struct wr_slice s)
{
    struct wr_slice text = wr_arena_printf(&arena, "GET / HTTP/1.1\r\nHost: a\r\nA: %.*s\r\n\r\n",
                                           WR_SLICE_ARG(s));
    const struct wr_parse_limits limits = { 1u << 20, 1u << 20 };
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_parse p = { 0 };
    struct wr_head h;
    for (size_t len = 7; len <= text.len; len += 7)
        (void) !wr_parse_request(&p, text.at, len, &limits, fields, &h);
}

static void body(struct wr_slice s)
{
    static const char *const begins[] = { "1;", "1\r\na\r\n0\r\nA:", "" };
    for (size_t i = 0; i < 3; i++) {
        struct wr_slice in = wr_arena_printf(&arena, "%s%.*s\r\n", begins[i], WR_SLICE_ARG(s)), out;
        struct wr_body_reader r;
        wr_body_reader_init(&r, WR_FRAMING_CHUNKED, 0);
        r.keep_trailers = true;
        while (wr_body_reader_eat(&r, &in, &out) == WR_BODY_DATA)
            ;
        wr_body_reader_fini(&r);
    }
}

static void target(struct wr_slice s)
{
    struct wr_head base = { .host = WR_SLICE("a"), .path = s },
                   asked = { .method = WR_METHOD_GET, .target = s };
    struct wr_slice path, query;
    (void) !wr_authority_valid(s);
    (void) !wr_target_split(&asked);
    (void) !wr_target_resolve(&base, s, &arena, &path, &query);
    (void) !wr_target_resolve(&base, WR_SLICE("../a"), &arena, &path, &query);
}

static void route(struct wr_slice s)
{
    struct wr_slice whole = wr_arena_printf(&arena, "/%.*s", WR_SLICE_ARG(s));
    wr_policy_route(policy, wr_policy_host(s, &arena), WR_SLICE("/"), WR_SLICE("GET"));
    wr_policy_route(policy, WR_SLICE("a"), wr_policy_path(whole, &arena), WR_SLICE("GET"));
}

static void key(struct wr_slice s)
{
    const struct wr_cache_policy *cache = &policy->routes[0].cache;
    static const enum wr_field_id ids[] = { WR_F_COOKIE, WR_F_ACCEPT_LANGUAGE, WR_F_ACCEPT_ENCODING };
    for (size_t i = 0; i < 3; i++) {
        struct wr_field field;
        struct wr_head h;
        head_with(&h, &field, ids[i], s);
        h.host = h.path = h.query = s;
        wr_key_build(cache, &h, &arena);
        wr_key_query_sent(&cache->key, s, &arena);
        wr_cookies_count(cache, &h);
    }
}

/* Fields whose names all match the pattern in the key, and are alike but for their last characters. */
static void key_of_fields(struct wr_slice s)
{
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head h = { .fields = fields, .known = UINT64_MAX, .minor = 1 };
    h.host = h.path = WR_SLICE("/");
    for (h.field_count = 0; h.field_count < s.len * 100 / LONG; h.field_count++)
        fields[h.field_count] = (struct wr_field){
            .name = wr_arena_printf(&arena, "X-%0200zu", h.field_count), .value = WR_SLICE("a")
        };
    wr_key_build(&policy->routes[0].cache, &h, &arena);
}

static void vary(struct wr_slice s)
{
    struct wr_field field;
    struct wr_head h;
    head_with(&h, &field, WR_F_VARY, s);
    struct wr_slice names = wr_vary_names(&h, &arena);
    wr_vary_covers(names, names);
    wr_vary_union(names, names, &arena);
}

static void identity(struct wr_slice s)
{
    struct wr_field field;
    struct wr_head h;
    head_with(&h, &field, WR_F_COOKIE, s);
    h.query = s;
    for (size_t i = 0; i < policy->limit_count; i++)
        if (wr_limit_identity(&policy->limits[i], &h, s, &arena).len == 0)
            abort();
}

static void access_line(struct wr_slice s)
{
    struct wr_buf out = { 0 };
    const struct wr_access_line line = { .client = s, .target = s, .host = s, .referer = s, .user_agent = s };
    for (int format = WR_ACCESS_COMBINED; format <= WR_ACCESS_JSON; format++)
        wr_access_format((enum wr_access_format) format, &line, &out);
    wr_buf_fini(&out);
}

static void proxy(struct wr_slice s)
{
    static const char head[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11";
    const size_t addresses = 12;
    struct wr_buf text = { 0 };
    struct wr_proxy out;
    wr_buf_add(&text, head, sizeof head - 1);
    wr_buf_add_char(&text, (char) ((s.len + addresses) >> 8));
    wr_buf_add_char(&text, (char) (s.len + addresses));
    memset(wr_buf_reserve(&text, addresses + s.len), 0, addresses + s.len); /* empty type-length-values */
    text.len += addresses + s.len;
    wr_proxy_parse(wr_buf_slice(&text), &out);
    wr_proxy_parse(s, &out);
    wr_buf_fini(&text);
}

/* --- flows: as many pieces as the text has bytes, over 60 --- */

static void flow(struct wr_slice s)
{
    static char piece[WR_FLOW_PIECE];
    size_t count = s.len / 60;
    struct wr_flow *f = wr_flow_new(UINT64_MAX, true, UINT64_MAX);
    struct wr_flow_reader r;
    enum wr_flow_state state;
    struct iovec iov[1];
    for (size_t i = 0; i < count; i++)
        wr_flow_append(f, wr_slice(piece, sizeof piece));
    wr_flow_end(f, WR_OK, wr_slice(NULL, 0));
    if (wr_flow_reader_open(&r, f, NULL, 0, NULL))
        while (wr_flow_reader_peek(&r, iov, 1, 1u << 30, &state) > 0)
            wr_flow_reader_advance(&r, iov[0].iov_len);
    wr_flow_reader_close(&r);
    wr_flow_unref(f);
}

/* --- measuring --- */

/* Needs the pattern only once: it makes its own input from the length. */
#define ONCE true

static const struct {
    const char *name;
    void (*run)(struct wr_slice text);
    bool once;
} parsers[] = {
    { "list", list, false },
    { "directives", directives, false },
    { "structured", structured, false },
    { "tags", tags, false },
    { "accept", accept_field, false },
    { "conditions", conditions, false },
    { "date", date, false },
    { "range", range, false },
    { "forwarded", forwarded, false },
    { "via", via, false },
    { "framing", framing, false },
    { "nominated", nominated, ONCE },
    { "reserved", reserved, ONCE },
    { "request", request, false },
    { "pieces", pieces, false },
    { "body", body, false },
    { "target", target, false },
    { "route", route, false },
    { "key", key, false },
    { "key_of_fields", key_of_fields, ONCE },
    { "vary", vary, false },
    { "identity", identity, false },
    { "access_line", access_line, false },
    { "proxy", proxy, ONCE },
    { "flow", flow, ONCE },
};

/* What stands between the beginning and the end of this function is counted (tests/check/linear). */
__attribute__((noinline, noclone)) void counted(void (*run)(struct wr_slice text), struct wr_slice text);
void counted(void (*run)(struct wr_slice text), struct wr_slice text)
{
    run(text);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

static struct wr_slice filled(char *text, const char *pattern, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = pattern[i % strlen(pattern)];
    return wr_slice(text, len);
}

static void measure(void (*run)(struct wr_slice text), const char *pattern)
{
    static char text[LONG];
    static const size_t lengths[] = { SHORT, LONG };
    for (size_t i = 0; i < 2; i++) {
        struct wr_slice input = filled(text, pattern, lengths[i]);
        counted(run, input);
        wr_arena_fini(&arena);
        arena = (struct wr_arena){ 0 };
    }
}

int main(void)
{
    static const char text[] =
        "listen: 127.0.0.1:80\n"
        "origins: { a: { servers: 127.0.0.1:81 } }\n"
        "limits: { b: { key: [cookie:x*, query:y*, header:Cookie], rate: 1/s, algorithm: gcra } }\n"
        "routes:\n"
        "  - match: { host: '*.b.example', path: /a/* }\n"
        "    origin: a\n"
        "    limits: [b]\n"
        "    cache: { cookies: [c*, '*d'], key: { query: { drop: [utm_*], sort: on }, headers: ['x-*', "
        "Accept-Language, Accept-Encoding], cookies: [e, f*] } }\n"
        "  - { match: {}, origin: a }\n";
    struct wr_buf errors = { 0 };
    policy = wr_policy_parse(wr_slice_str(text), "costs", &errors);
    if (policy == NULL) {
        fprintf(stderr, "%.*s", WR_SLICE_ARG(wr_buf_slice(&errors)));
        return 1;
    }
    for (size_t p = 0; p < sizeof parsers / sizeof parsers[0]; p++)
        for (size_t i = 0; i < (parsers[p].once ? 1 : PATTERNS); i++) {
            printf("%s of %s\n", parsers[p].name, parsers[p].once ? "its own" : patterns[i]);
            measure(parsers[p].run, patterns[i]);
        }
    wr_policy_unref(policy);
    return 0;
}
