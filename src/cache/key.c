/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes cache keys: primary keys from a request and the policy, and the keys of variants below them. It also
 * derives what a purge needs from a key: the tag of a URL, prefixes, and the key of the other scheme. */
#include "cache/key.h"

#include <stdlib.h>

#include "base/uri.h"
#include "cache/cookies.h"
#include "cache/text.h"
#include "http/chars.h"
#include "http/onward.h"

/* The text of a key consists of lines. No request can forge a line, because neither a field value nor a
 * target can hold a line feed:
 *
 *     shop.example.com/path?query
 *     header:accept-language=de
 *     cookie:tier=gold
 *     match:5c1e...                 of a route that doesn't match by the URL alone
 *     sent:x-user=17                (what an edit sends, where the rest of the key doesn't decide it)
 *     scheme:https                  (http has no line)
 *     vary:9f3c...                  of a variant: its marker's lineage, then the values that choose
 *     accept-encoding=gzip          (no line if the request doesn't have the field)
 */

/* --- URI --- */

/* Does the character mean the same whether it is percent-encoded or not (RFC 3986 2.3)? Dots are left out:
 * "%2e%2e" stays as it is, because dot segments aren't resolved here either and an origin may tell the two
 * apart. */
static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '~';
}

/* Normalises percent-encoding (RFC 3986 6.2.2.1, 6.2.2.2). to: room for s.len bytes. Returns the number of
 * bytes written. */
static size_t normalise(char *to, struct wr_slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int octet = wr_percent_octet(wr_slice_from(s, i));
        if (octet < 0) {
            to[n++] = s.at[i];
            continue;
        }
        if (unreserved((char) octet)) {
            to[n++] = (char) octet;
        } else {
            n = (size_t) (wr_percent_write(to + n, (unsigned char) octet) - to);
        }
        i += 2;
    }
    return n;
}

static struct wr_slice normalised(struct wr_slice s, struct wr_arena *arena)
{
    if (memchr(s.at, '%', s.len) == NULL)
        return s;
    char *at = wr_arena_alloc(arena, s.len);
    return wr_slice(at, normalise(at, s));
}

/* Returns the host in lower case, without the default port of http. */
static struct wr_slice host_of(struct wr_slice host, struct wr_arena *arena)
{
    if (host.len >= 3 && memcmp(host.at + host.len - 3, ":80", 3) == 0)
        host.len -= 3;
    else if (host.len > 0 && host.at[host.len - 1] == ':')
        host.len--;
    char *at = wr_arena_alloc(arena, host.len + 1);
    wr_lower_copy(at, host);
    return wr_slice(at, host.len);
}

/* --- query --- */

static bool any_matches(char *const *patterns, struct wr_slice s)
{
    for (; *patterns; patterns++)
        if (wr_slice_matches(s, wr_slice_str(*patterns), NULL))
            return true;
    return false;
}

struct parameter {
    struct wr_slice text, name;
};

/* Orders parameters by name. Those of the same name keep their order, because applications look at it. */
static int by_name(const void *a, const void *b)
{
    const struct parameter *x = a, *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.at, y->name.at, len);
    if (order == 0)
        order = (x->name.len > y->name.len) - (x->name.len < y->name.len);
    return order ? order : (x->text.at > y->text.at) - (x->text.at < y->text.at);
}

static bool counts(const struct wr_key_policy *policy, struct wr_slice name)
{
    if (policy->query_keep && !any_matches(policy->query_keep, name))
        return false;
    return !(policy->query_drop && any_matches(policy->query_drop, name));
}

static void write_chosen(struct wr_text *out, const struct wr_key_policy *policy, struct wr_slice query,
                         struct wr_arena *arena)
{
    size_t most = 1, count = 0;
    for (size_t i = 0; i < query.len; i++)
        most += query.at[i] == '&';
    struct parameter *parameters = wr_arena_alloc(arena, most * sizeof *parameters);
    struct wr_slice text;
    while ((text = wr_slice_cut(&query, '&')).at != NULL) {
        struct wr_slice rest = text, name = wr_slice_cut(&rest, '=');
        if (text.len > 0 && counts(policy, name))
            parameters[count++] = (struct parameter){ text, name };
    }
    if (policy->sort_query && count > 0)
        qsort(parameters, count, sizeof *parameters, by_name);
    for (size_t i = 0; i < count; i++) {
        wr_text_char(out, i == 0 ? '?' : '&');
        wr_text_add(out, parameters[i].text);
    }
}

static void write_query(struct wr_text *out, const struct wr_key_policy *policy, struct wr_slice query,
                        struct wr_arena *arena)
{
    if (query.at == NULL || policy->no_query)
        return;
    query = normalised(query, arena);
    if (policy->query_keep || policy->query_drop || policy->sort_query) {
        write_chosen(out, policy, query, arena);
    } else {
        wr_text_char(out, '?');
        wr_text_add(out, query);
    }
}

struct wr_slice wr_key_query_sent(const struct wr_key_policy *policy, struct wr_slice query,
                                  struct wr_arena *arena)
{
    if (!policy->strip_query || query.at == NULL)
        return query;
    struct wr_text kept = { .arena = arena };
    bool none = true;
    struct wr_slice parameter;
    while ((parameter = wr_slice_cut(&query, '&')).at != NULL) {
        struct wr_slice rest = normalised(parameter, arena), name = wr_slice_cut(&rest, '=');
        if (parameter.len == 0 || !counts(policy, name))
            continue;
        if (!none)
            wr_text_char(&kept, '&');
        wr_text_add(&kept, parameter);
        none = false;
    }
    return none ? wr_slice(NULL, 0) : wr_text_slice(&kept);
}

/* --- fields --- */

static bool is_pattern(const char *name)
{
    return strchr(name, '*') != NULL;
}

static void write_header_line(struct wr_text *out, struct wr_slice name)
{
    wr_text_add(out, WR_SLICE("\nheader:"));
    for (size_t i = 0; i < name.len; i++)
        wr_text_char(out, wr_lower(name.at[i]));
}

/* Writes those of the fields of[0..count), whose names are alike and match a pattern, each name once. Their
 * values are looked for among these fields only, not in the whole head. */
static void write_alike(struct wr_text *out, const struct wr_cache_policy *policy,
                        const struct wr_head *request, struct wr_field *const *of, size_t count,
                        struct wr_arena *arena)
{
    struct wr_head part = *request;
    struct wr_slice last = { NULL, 0 };
    part.fields = wr_arena_alloc(arena, count * sizeof *part.fields);
    part.field_count = count;
    for (size_t i = 0; i < count; i++)
        part.fields[i] = *of[i];
    for (size_t i = 0; i < count; i++) {
        struct wr_slice name = of[i]->name;
        if (wr_onward(request, of[i], true) != WR_ONWARD_SENT || (last.at && wr_slice_eq_nocase(name, last)))
            continue;
        write_header_line(out, name);
        wr_vary_value(out, policy, &part, name, arena);
        last = name;
    }
}

/* Writes the fields that match a pattern, each with its name. They are sorted, so that the client can't
 * choose their order. */
static void write_matching_headers(struct wr_text *out, const struct wr_cache_policy *policy,
                                   const struct wr_head *request, struct wr_slice pattern,
                                   struct wr_arena *arena)
{
    struct wr_sorted_fields sorted;
    wr_head_sort(request, &sorted);
    for (size_t i = 0, end; i < sorted.count; i = end) {
        struct wr_slice name = sorted.of[i]->name;
        for (end = i + 1; end < sorted.count && wr_field_name_alike(sorted.of[end]->name, name);)
            end++;
        if (wr_field_name_matches(name, pattern))
            write_alike(out, policy, request, sorted.of + i, end - i, arena);
    }
}

static void write_header(struct wr_text *out, const struct wr_cache_policy *policy,
                         const struct wr_head *request, const char *name, struct wr_arena *arena)
{
    write_header_line(out, wr_slice_str(name));
    if (is_pattern(name))
        write_matching_headers(out, policy, request, wr_slice_str(name), arena);
    else
        wr_vary_value(out, policy, request, wr_slice_str(name), arena);
}

static void write_cookie(struct wr_text *out, const struct wr_head *request, char *name,
                         struct wr_arena *arena)
{
    char *const one[] = { name, NULL };
    wr_text_add(out, WR_SLICE("\ncookie:"));
    wr_text_add(out, wr_slice_str(name));
    wr_cookies_write(out, request, one, is_pattern(name), arena);
}

/* --- keys --- */

static const struct wr_slice secure_line = WR_SLICE_INIT("\nscheme:https"),
                             post_mark = WR_SLICE_INIT("POST ");

static struct wr_key finish_key(const struct wr_text *text, struct wr_slice host)
{
    struct wr_slice whole = wr_text_slice(text);
    return (struct wr_key){ .text = whole, .hash = wr_hash_of(whole), .host = host };
}

struct wr_key wr_key_build(const struct wr_cache_policy *policy, const struct wr_head *request,
                           struct wr_arena *arena)
{
    const struct wr_key_policy *p = &policy->key;
    struct wr_slice host = p->no_host ? WR_SLICE("") : host_of(wr_head_site(request), arena);
    struct wr_text text = { .arena = arena };
    if (request->method == WR_METHOD_POST) /* the policy stores responses to POST: apart from those to GET */
        wr_text_add(&text, post_mark);
    wr_text_add(&text, host);
    wr_text_add(&text, normalised(request->path, arena));
    write_query(&text, p, request->query, arena);
    for (char **name = p->headers; name && *name; name++)
        write_header(&text, policy, request, *name, arena);
    for (char **name = p->cookies; name && *name; name++)
        write_cookie(&text, request, *name, arena);
    wr_text_add(&text, p->match);
    wr_text_add(&text, request->keyed);
    if (request->secure) /* another URI than that of http (RFC 9111 2) */
        wr_text_add(&text, secure_line);
    return finish_key(&text, host);
}

/* --- all keys of a URL --- */

struct wr_slice wr_key_prefix(struct wr_slice host, struct wr_slice path, struct wr_arena *arena)
{
    return wr_arena_printf(arena, "%.*s%.*s", WR_SLICE_ARG(host_of(host, arena)),
                           WR_SLICE_ARG(normalised(path, arena)));
}

struct wr_key wr_key_other_scheme(const struct wr_key *primary, struct wr_arena *arena)
{
    struct wr_slice text = primary->text;
    struct wr_text other = { .arena = arena };
    bool secure = text.len > secure_line.len &&
                  wr_slice_eq(wr_slice(text.at + text.len - secure_line.len, secure_line.len), secure_line);
    wr_text_add(&other, wr_slice(text.at, text.len - (secure ? secure_line.len : 0)));
    if (!secure)
        wr_text_add(&other, secure_line);
    return finish_key(&other, primary->host);
}

bool wr_key_holds_more(const struct wr_cache_policy *policy)
{
    const struct wr_key_policy *p = &policy->key;
    return (p->headers && *p->headers) || (p->cookies && *p->cookies) || p->edits || p->match.at;
}

static struct wr_slice url_of(struct wr_slice text)
{
    struct wr_slice url = wr_slice_cut(&text, '\n');
    if (wr_slice_starts(url, post_mark))
        url = wr_slice_from(url, post_mark.len);
    return url;
}

struct wr_slice wr_key_url_of_more(struct wr_slice text)
{
    struct wr_slice rest = text;
    wr_slice_cut(&rest, '\n');
    bool more = rest.at &&
                (wr_slice_starts(rest, WR_SLICE("header:")) || wr_slice_starts(rest, WR_SLICE("cookie:")) ||
                 wr_slice_starts(rest, WR_SLICE("match:")) || wr_slice_starts(rest, WR_SLICE("sent:")));
    return more ? url_of(text) : wr_slice(NULL, 0);
}

struct wr_slice wr_key_tag(const struct wr_key *primary, struct wr_arena *arena)
{
    return wr_arena_printf(arena, " %.*s", WR_SLICE_ARG(url_of(primary->text)));
}

#define VARY_LINE "\nvary:"

struct wr_slice wr_key_primary_text(struct wr_slice variant)
{
    const char *line = variant.len ? memmem(variant.at, variant.len, VARY_LINE, sizeof VARY_LINE - 1) : NULL;
    return wr_slice(variant.at, line ? (size_t) (line - variant.at) : variant.len);
}

struct wr_key wr_key_variant(const struct wr_cache_policy *policy, const struct wr_key *primary,
                             const struct wr_object *marker, const struct wr_head *request,
                             struct wr_arena *arena, struct wr_slice *values)
{
    struct wr_text chosen = { .arena = arena };
    struct wr_slice names = wr_vary_marked(marker), name;
    struct wr_text text = { .arena = arena };
    wr_text_add(&text, primary->text);
    wr_text_add(&text, WR_SLICE(VARY_LINE));
    wr_text_add(&text, wr_vary_lineage(marker));
    while (names.len > 0 && (name = wr_slice_cut(&names, ',')).at != NULL) {
        struct wr_text line = { .arena = arena };
        wr_text_char(&line, '\n');
        wr_text_add(&line, name);
        wr_vary_value(&line, policy, request, name, arena);
        struct wr_slice whole = wr_text_slice(&line);
        wr_text_add(&chosen, whole);
        if (whole.len > name.len + 1)
            wr_text_add(&text, whole);
    }
    *values = wr_text_slice(&chosen);
    if (values->at == NULL)
        *values = WR_SLICE("");
    return finish_key(&text, primary->host);
}
