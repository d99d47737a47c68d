/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides whether a request fulfils the conditions of a route. The index (route.c) has found the route by
 * host and path; this checks everything, so it also says which condition fails. */
#include "config.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "http/onward.h"
#include "http/parameters.h"
#include "policy/route.h"

/* --- regular expressions: bounded in time and memory, without compiling to machine code --- */

#define MOST_STEPS 20000 /* of one match */
#define MOST_DEPTH 500
#define MOST_HEAP 1024 /* KB */

static void *take(size_t len, void *arena)
{
    return wr_arena_alloc(arena, len);
}

static void leave(void *memory, void *arena)
{
    (void) memory;
    (void) arena; /* it is freed with the arena */
}

int wr_regex_match(const struct wr_regex *regex, struct wr_slice s, struct wr_arena *arena,
                   struct wr_slice *groups)
{
    pcre2_general_context *general = pcre2_general_context_create(take, leave, arena);
    pcre2_match_context *limits = pcre2_match_context_create(general);
    pcre2_match_data *data = pcre2_match_data_create(WR_MAX_GROUPS, general);
    WR_CHECK(general && limits && data);
    pcre2_set_match_limit(limits, MOST_STEPS);
    pcre2_set_depth_limit(limits, MOST_DEPTH);
    pcre2_set_heap_limit(limits, MOST_HEAP);
    int found = pcre2_match(regex->code, (PCRE2_SPTR) s.at, s.len, 0, PCRE2_NO_JIT, data, limits);
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    if (found < 0)
        return -1;
    const size_t *at = pcre2_get_ovector_pointer(data);
    for (unsigned i = 0; groups && i < WR_MAX_GROUPS; i++) {
        bool set = i < (unsigned) found && at[2 * i] != PCRE2_UNSET && at[2 * i] <= at[2 * i + 1];
        groups[i] = set ? wr_slice(s.at + at[2 * i], at[2 * i + 1] - at[2 * i]) : wr_slice(NULL, 0);
    }
    return 1;
}

static void free_code(void *code)
{
    pcre2_code_free(code);
}

const char *wr_regex_compile(struct wr_slice text, struct wr_arena *arena, struct wr_regex *out)
{
    int error;
    size_t offset;
    uint32_t groups = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR) text.at, text.len,
                                     PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF |
                                         PCRE2_NEVER_BACKSLASH_C,
                                     &error, &offset, NULL);
    if (code == NULL) {
        char *why = wr_arena_alloc(arena, 256);
        pcre2_get_error_message(error, (PCRE2_UCHAR *) why, 256);
        return wr_arena_printf(arena, "%s, at character %zu", why, offset + 1).at;
    }
    wr_arena_defer(arena, free_code, code);
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    *out = (struct wr_regex){ .code = code, .text = wr_arena_copy(arena, text), .groups = groups };
    return NULL;
}

/* --- single conditions --- */

static bool matches_one(struct wr_slice value, const struct wr_slice *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wr_slice_matches(value, patterns[i], NULL))
            return true;
    return count == 0;
}

bool wr_match_host(const struct wr_match *m, struct wr_slice host)
{
    for (size_t i = 0; i < m->host_count; i++) {
        struct wr_slice want = m->hosts[i];
        if (!wr_slice_starts(want, WR_SLICE("*."))) {
            if (wr_slice_eq(want, host))
                return true;
            continue;
        }
        struct wr_slice end = wr_slice_from(want, 1); /* ".example.com" */
        if (host.len > end.len && wr_slice_eq(end, wr_slice(host.at + host.len - end.len, end.len)))
            return true;
    }
    return m->host_count == 0;
}

static bool path_matches(const struct wr_match_path *p, struct wr_slice path)
{
    switch (p->kind) {
    case WR_MATCH_EXACT:
        return wr_slice_eq(p->text, path);
    case WR_MATCH_PREFIX:
        return wr_slice_starts(path, p->text);
    case WR_MATCH_GLOB:
        return wr_slice_matches(path, p->text, NULL);
    }
    return false;
}

static bool matches_path(const struct wr_match *m, const struct wr_route_ask *a)
{
    for (size_t i = 0; i < m->path_count; i++)
        if (path_matches(&m->paths[i], a->path))
            return true;
    return m->path_count == 0;
}

static bool matches_regex(const struct wr_match *m, struct wr_route_ask *a)
{
    int found = wr_regex_match(&m->regex, a->path, a->arena, NULL);
    a->broken |= found < 0;
    return found > 0;
}

static bool matches_method(const struct wr_match *m, struct wr_slice method)
{
    for (size_t i = 0; i < m->method_count; i++)
        if (wr_slice_eq(m->methods[i], method))
            return true;
    return m->method_count == 0;
}

/* A field counts as the origin would get it: one that strangers may not send chooses no route. */
static bool matches_header(const struct wr_match_value *v, const struct wr_head *head)
{
    enum wr_field_id id = wr_field_id_of(v->name);
    const struct wr_field *f = NULL;
    struct wr_slice ours;
    bool any = false;
    if (wr_onward_ours(head, id, &ours))
        return v->absent ? ours.len == 0 : ours.len && matches_one(ours, v->patterns, v->count);
    while ((f = wr_onward_next(head, id, v->name, false, f)) != NULL) {
        any = true;
        if (!v->absent && matches_one(f->value, v->patterns, v->count))
            return true;
    }
    return v->absent && !any;
}

static bool matches_value(const struct wr_match_value *v, struct wr_route_ask *a)
{
    struct wr_slice value = { NULL, 0 };
    switch (v->of) {
    case WR_MATCH_HEADER:
        return matches_header(v, a->head);
    case WR_MATCH_QUERY:
        value = wr_query_value(a->head, v->name, a->arena);
        break;
    case WR_MATCH_COOKIE:
        value = wr_cookie_value(a->head, v->name);
        break;
    }
    if (v->absent || value.at == NULL)
        return v->absent && value.at == NULL;
    return matches_one(value, v->patterns, v->count);
}

static const char *value_fails(const struct wr_match *m, struct wr_route_ask *a)
{
    static const char *const names[] = {
        [WR_MATCH_HEADER] = "header", [WR_MATCH_QUERY] = "query", [WR_MATCH_COOKIE] = "cookie"
    };
    for (size_t i = 0; i < m->value_count; i++)
        if (!matches_value(&m->values[i], a))
            return names[m->values[i].of];
    return NULL;
}

const char *wr_match_fails(const struct wr_match *m, struct wr_route_ask *a)
{
    const char *why;
    if (!wr_match_host(m, a->host))
        return "host";
    if (!matches_path(m, a))
        return "path";
    if (!matches_method(m, a->method))
        return "method";
    if (m->regex.code && !matches_regex(m, a))
        return "path_regex";
    if (a->head == NULL) /* only the URL is known: all else may hold */
        return m->except && !m->except->beyond_url && wr_match_fails(m->except, a) == NULL ? "not" : NULL;
    if (m->scheme != WR_SCHEME_ANY && (m->scheme == WR_SCHEME_HTTPS) != a->head->secure)
        return "scheme";
    if (m->of_clients && !wr_cidr_has(m->clients, m->client_count, a->client))
        return "client";
    if ((why = value_fails(m, a)) != NULL)
        return why;
    return m->except && wr_match_fails(m->except, a) == NULL ? "not" : NULL;
}
