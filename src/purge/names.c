/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what an operator names in a purge, and says which responses a purge concerns. URLs go through the
 * same parser and the same key functions as requests. */
#include "purge/names.h"

#include "http/chars.h"
#include "http/parse.h"
#include "http/target.h"
#include "policy/policy.h"

static const struct wr_word scopes[] = {
#define X(ID, word) [WR_SCOPE_##ID] = { .text = #word },
#include "purge/scopes.def"
#undef X
};
const struct wr_words wr_words_scope = WR_WORDS(scopes);

const char *wr_scope_name(enum wr_scope scope)
{
    return wr_words_text(&wr_words_scope, scope);
}

bool wr_scope_of(struct wr_slice name, enum wr_scope *out)
{
    int scope = wr_words_find(&wr_words_scope, name);
    if (scope >= 0)
        *out = (enum wr_scope) scope;
    return scope >= 0;
}

/* --- prefixes --- */

struct wr_slice wr_prefix_text(struct wr_slice key_text)
{
    static const struct wr_slice post = WR_SLICE_INIT("POST ");
    return wr_slice_starts(key_text, post) ? wr_slice_from(key_text, post.len) : key_text;
}

bool wr_prefix_covers(struct wr_slice prefix, struct wr_slice key_text, bool without_host)
{
    const char *path = without_host && prefix.len ? memchr(prefix.at, '/', prefix.len) : prefix.at;
    if (path == NULL)
        return without_host; /* without a path: a whole host, which may be any */
    return wr_slice_starts(wr_prefix_text(key_text),
                           wr_slice(path, prefix.len - (size_t) (path - prefix.at)));
}

/* --- which responses are meant --- */

void wr_purge_of(const struct wr_cache_policy *policy, const struct wr_head *get, struct wr_arena *arena,
                 struct wr_purge *out)
{
    struct wr_key key = wr_key_build(policy, get, arena);
    out->scope = WR_SCOPE_URL;
    out->host = key.host;
    out->primary = key.hash;
    out->other = wr_key_other_scheme(&key, arena).hash;
    if (!wr_key_holds_more(policy))
        return;
    out->scope = WR_SCOPE_TAG;
    out->name = wr_key_tag(&key, arena);
}

size_t wr_purges_of_url(const struct wr_policy *policy, struct wr_slice host, const struct wr_head *get,
                        struct wr_arena *arena, struct wr_purge out[WR_MAX_URL_PURGES])
{
    struct wr_route_ask asked = {
        .host = host, .path = wr_policy_path(get->path, arena), .method = WR_SLICE("GET"), .arena = arena
    };
    const struct wr_route *route;
    size_t count = 0;
    while ((route = wr_policy_route_of(policy, &asked)) != NULL) {
        if (route->cache.enabled && count == WR_MAX_URL_PURGES - 1) {
            out[count++] = (struct wr_purge){ .scope = WR_SCOPE_PREFIX,
                                              .name = wr_key_prefix(host, get->path, arena) };
            return count;
        }
        if (route->cache.enabled) {
            out[count] = (struct wr_purge){ .name = WR_SLICE("") };
            wr_purge_of(&route->cache, get, arena, &out[count++]);
        }
        if (!route->match.beyond_url)
            break; /* nothing gets past it */
        asked.from = route->index + 1;
    }
    return count;
}

/* Reads the URL as a request for it would be read: one parser, one key. */
static size_t purge_url(const struct wr_policy *policy, struct wr_slice url, struct wr_arena *arena,
                        struct wr_purge *out, const char **why)
{
    struct wr_slice text = wr_arena_printf(arena, "GET %.*s HTTP/1.1\r\nHost: ignored\r\n\r\n",
                                           WR_SLICE_ARG(url));
    struct wr_field *fields = wr_arena_alloc(arena, WR_MAX_FIELDS * sizeof *fields);
    struct wr_head *head = wr_arena_zalloc(arena, sizeof *head);
    const struct wr_parse_limits limits = { 64 * 1024, 65 * 1024 };
    struct wr_parse parse = { 0 };
    if (url.len == 0 || url.at[0] == '/') {
        *why = "a whole URL is needed: http://host/path";
        return 0;
    }
    if (url.at[url.len - 1] == '*') {
        *why = "* stands for nothing in a URL: purge a prefix, without it";
        return 0;
    }
    if (wr_parse_request(&parse, text.at, text.len, &limits, fields, head) != WR_PARSE_DONE) {
        *why = parse.why ? parse.why : "not a URL";
        return 0;
    }
    struct wr_slice host = wr_policy_host(head->host, arena);
    struct wr_slice name = out->name;
    size_t count = wr_purges_of_url(policy, host, head, arena, out);
    if (count == 0)
        *why = wr_policy_route(policy, host, wr_policy_path(head->path, arena), head->method_text)
                   ? "the route of this URL does not cache"
                   : "no route of the policy matches this URL";
    for (size_t n = 0; n < count; n++)
        if (out[n].scope == WR_SCOPE_URL)
            out[n].name = name;
    return count;
}

/* Takes "http://" or "https://" off the front. */
static struct wr_slice without_scheme(struct wr_slice text)
{
    static const struct wr_slice schemes[] = { WR_SLICE_INIT("http://"), WR_SLICE_INIT("https://") };
    for (size_t i = 0; i < 2; i++)
        if (text.len >= schemes[i].len && wr_slice_eq_nocase(wr_slice(text.at, schemes[i].len), schemes[i]))
            return wr_slice_from(text, schemes[i].len);
    return text;
}

/* Returns what is wrong with the host; NULL: it may be part of a key. */
static const char *wrong_host(struct wr_slice host)
{
    if (host.len && memchr(host.at, '*', host.len))
        return "* stands for nothing in a host: purge one host at a time";
    return wr_authority_valid(host) ? NULL : "there is no such host";
}

static const char *wrong_prefix(struct wr_slice host, struct wr_slice path)
{
    if (path.at == NULL || host.len == 0)
        return "a host and a path are needed: host/path (purge the host to purge all of it)";
    if (memchr(path.at, '*', path.len))
        return "a prefix ends without *: all that begins so is purged";
    if (!wr_chars_all(path, WR_CHAR_TARGET))
        return "no URL holds a space, a control character or #";
    return wrong_host(host);
}

/* Returns what is wrong with a tag as an operator writes it. A group, or the tag of another server, may hold
 * more characters: the PURGE method takes those in its fields. */
static const char *wrong_tag(struct wr_slice tag)
{
    for (size_t i = 0; i < tag.len; i++)
        if (tag.at[i] == ' ' || tag.at[i] == ',' || tag.at[i] == '\x7f')
            return "a tag holds no space and no comma: purge one tag at a time";
    return memchr(tag.at, '*', tag.len) ? "* stands for nothing in a tag" : NULL;
}

/* Reads a name of any scope but URL. Returns what is wrong with it, or NULL. */
static const char *read_name(struct wr_slice name, struct wr_arena *arena, struct wr_purge *out)
{
    struct wr_slice host = without_scheme(name), path = wr_slice(NULL, 0);
    const char *slash = host.len ? memchr(host.at, '/', host.len) : NULL;
    const char *why = NULL;
    if (slash) {
        path = wr_slice(slash, host.len - (size_t) (slash - host.at));
        host.len -= path.len;
    }
    switch (out->scope) {
    case WR_SCOPE_TAG:
    case WR_SCOPE_GROUP:
        return wrong_tag(name);
    case WR_SCOPE_PREFIX:
        if ((why = wrong_prefix(host, path)) == NULL)
            out->name = wr_key_prefix(host, path, arena);
        return why;
    case WR_SCOPE_HOST:
        if (path.at)
            return "a host is needed, without a path";
        if ((why = wrong_host(host)) == NULL)
            out->name = wr_key_prefix(host, WR_SLICE(""), arena);
        return why;
    default:
        out->name = wr_slice("", 0);
        return NULL;
    }
}

size_t wr_purge_read(const struct wr_policy *policy, enum wr_scope scope, struct wr_slice name,
                     struct wr_arena *arena, struct wr_purge out[WR_MAX_URL_PURGES], const char **why)
{
    out->scope = scope;
    out->name = wr_slice_trim(name);
    for (size_t i = 0; i < out->name.len; i++)
        if ((unsigned char) out->name.at[i] < ' ') {
            *why = "it holds a control character";
            return 0;
        }
    if (out->name.len == 0 && scope != WR_SCOPE_ALL) {
        *why = "it is empty";
        return 0;
    }
    if (scope == WR_SCOPE_URL)
        return purge_url(policy, out->name, arena, out, why);
    const char *wrong = read_name(out->name, arena, out);
    if (wrong)
        *why = wrong;
    return wrong == NULL;
}

/* --- does a purge mean something? --- */

static bool has_tag(struct wr_slice tags, bool group, struct wr_slice tag)
{
    struct wr_slice line;
    while ((line = wr_slice_cut(&tags, '\n')).len > 0) {
        bool is_group = line.at[0] == '\t';
        if (is_group == group && wr_slice_eq(wr_slice_from(line, is_group), tag))
            return true;
    }
    return false;
}

bool wr_purge_means(const struct wr_purge *purge, const struct wr_key *primary, struct wr_slice host,
                    struct wr_slice tags)
{
    struct wr_slice group = purge->name;
    switch (purge->scope) {
    case WR_SCOPE_TAG:
        return has_tag(tags, false, purge->name);
    case WR_SCOPE_GROUP:
        return wr_slice_eq(wr_slice_cut(&group, ' '), host) && has_tag(tags, true, group);
    case WR_SCOPE_URL:
        return wr_hash_eq(primary->hash, purge->primary) || wr_hash_eq(primary->hash, purge->other);
    case WR_SCOPE_HOST:
        return wr_slice_eq(host, purge->name);
    case WR_SCOPE_PREFIX:
        return wr_prefix_covers(purge->name, primary->text, host.len == 0);
    case WR_SCOPE_ALL:
    case WR_SCOPE_COUNT:
        break;
    }
    return true;
}
