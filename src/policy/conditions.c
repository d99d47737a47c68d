/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of the conditions of routes. */
#include "base/hash.h"
#include "policy/reader.h"
#include "policy/route.h"

/* Returns room for the items of a list, zeroed and in the policy's arena. Notes an error if there are none:
 * nothing would match. any: what the route matches without the list. */
static void *make_room(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       size_t size, const char *any)
{
    size_t count = wr_tree_node_items(node);
    if (count == 0)
        wr_policy_reader_error(r, o, node, "an empty list would match nothing: leave it out to match %s",
                               any);
    return wr_arena_zalloc(r->arena, (count + 1) * size);
}

/* --- host --- */

static void read_host(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      struct wr_match *match)
{
    struct wr_slice text = node->text;
    bool wild = wr_slice_starts(text, WR_SLICE("*."));
    struct wr_slice name = wild ? wr_slice_from(text, 2) : text;
    const char *colon = memchr(name.at, ':', name.len);
    if (memchr(name.at, '*', name.len)) {
        wr_policy_reader_error(r, o, node,
                               "a * stands for whole names, at the beginning only: *.example.com");
    } else if (colon && wr_slice_starts(wr_slice_from(text, (size_t) (colon - text.at)), WR_SLICE("://"))) {
        wr_policy_reader_error(r, o, node, "a host is a name, not a URL (did you mean \"%.*s\"?)",
                               (int) strcspn(colon + 3, ":/?#"), colon + 3);
    } else if (colon && name.at[0] != '[') {
        wr_policy_reader_error(r, o, node, "a host stands without port (did you mean \"%.*s\"?)",
                               (int) (colon - text.at), text.at);
    } else if (name.len == 0 || memchr(name.at, '/', name.len) || memchr(name.at, ' ', name.len)) {
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not a host", WR_SLICE_ARG(text));
    } else {
        char *host = wr_arena_alloc(r->arena, text.len);
        wr_lower_copy(host, text);
        match->hosts[match->host_count++] = wr_slice(host, text.len);
    }
}

void wr_read_match_hosts(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_match *match = at;
    const struct wr_tree_node *item;
    if (wr_tree_node_is(node, "*"))
        return;
    match->hosts = make_room(r, o, node, sizeof *match->hosts, "any");
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;)
        read_host(r, o, item, match);
}

/* --- path --- */

static void read_path(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      struct wr_match *match)
{
    struct wr_slice text = node->text;
    const char *star = text.len ? memchr(text.at, '*', text.len) : NULL;
    bool prefix = star && star + 1 == text.at + text.len;
    if (text.len == 0 || (text.at[0] != '/' && !wr_slice_eq(text, WR_SLICE("*"))))
        wr_policy_reader_error(r, o, node, "a path begins with / (did you mean \"/%.*s\"?)",
                               WR_SLICE_ARG(text));
    else if (memchr(text.at, '?', text.len) || memchr(text.at, '#', text.len))
        wr_policy_reader_error(r, o, node,
                               "a path stands without query and fragment (did you mean \"%.*s\"?)",
                               (int) strcspn(text.at, "?#"), text.at);
    else if (text.len > 4096)
        wr_policy_reader_error(r, o, node, "a path has at most 4096 characters");
    else
        match->paths[match->path_count++] = (struct wr_match_path){
            .kind = prefix ? WR_MATCH_PREFIX
                    : star ? WR_MATCH_GLOB
                           : WR_MATCH_EXACT,
            .text = wr_policy_path(wr_arena_copy(r->arena, wr_slice(text.at, text.len - prefix)), r->arena),
        };
}

void wr_read_match_paths(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_match *match = at;
    const struct wr_tree_node *item;
    if (wr_tree_node_is(node, "*"))
        return;
    match->paths = make_room(r, o, node, sizeof *match->paths, "any");
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;)
        read_path(r, o, item, match);
}

void wr_read_path_regex(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *node, void *at)
{
    struct wr_regex *regex = at;
    const char *why = wr_regex_compile(node->text, r->arena, regex);
    if (why)
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not a regular expression: %s",
                               WR_SLICE_ARG(node->text), why);
}

/* --- method, scheme --- */

static bool same_but_case(struct wr_slice s, char *upper)
{
    bool same = true;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        upper[i] = c >= 'a' && c <= 'z' ? (char) (c - 0x20) : c;
        same = same && upper[i] == c;
    }
    return same;
}

/* Methods are case-sensitive (RFC 9110 9.1), so a lower-case one would never match. */
void wr_read_match_methods(struct wr_policy_reader *r, const struct wr_option *o,
                           const struct wr_tree_node *node, void *at)
{
    struct wr_match *match = at;
    const struct wr_tree_node *item;
    match->methods = make_room(r, o, node, sizeof *match->methods, "any method");
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;) {
        char upper[32];
        if (memchr(item->text.at, '*', item->text.len))
            wr_policy_reader_error(r, o, item,
                                   "a method is written in full: leave the list out to match any method");
        else if (!wr_policy_reader_is_token(item->text) || item->text.len > sizeof upper)
            wr_policy_reader_error(r, o, item, "\"%.*s\" is not a method", WR_SLICE_ARG(item->text));
        else if (!same_but_case(item->text, upper))
            wr_policy_reader_error(r, o, item, "methods are written in capitals (did you mean \"%.*s\"?)",
                                   (int) item->text.len, upper);
        else
            match->methods[match->method_count++] = wr_arena_copy(r->arena, item->text);
    }
}

/* --- fields, parameters, cookies, clients --- */

/* Reads on, off, a pattern or a list of patterns. */
static void read_value(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       struct wr_match_value *value)
{
    int on = node->kind == WR_NODE_SCALAR && !node->quoted ? wr_policy_reader_switch(node) : -1;
    value->absent = on == 0;
    if (on >= 0)
        return;
    const struct wr_tree_node *item;
    value->patterns = make_room(r, o, node, sizeof *value->patterns, "any");
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;)
        value->patterns[value->count++] = wr_arena_copy(r->arena, item->text);
}

static void read_values(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *node, struct wr_match *match, enum wr_match_of of)
{
    struct wr_match_value *all = wr_arena_zalloc(r->arena,
                                                 (match->value_count + node->count + 1) * sizeof *all);
    if (match->value_count)
        memcpy(all, match->values, match->value_count * sizeof *all);
    match->values = all;
    for (size_t i = 0; i < node->count; i++) {
        const struct wr_tree_node *key = node->entries[i].key;
        struct wr_match_value *value = &all[match->value_count];
        if (of == WR_MATCH_QUERY ? !wr_policy_reader_parameter(r, o, key, key->text)
                                 : !wr_policy_reader_is_token(key->text)) {
            if (of != WR_MATCH_QUERY)
                wr_policy_reader_error(r, o, key, "\"%.*s\" is not a name that HTTP allows",
                                       WR_SLICE_ARG(key->text));
            continue;
        }
        value->of = of;
        value->name = wr_arena_copy(r->arena, key->text);
        read_value(r, o, node->entries[i].value, value);
        match->value_count++;
    }
}

void wr_read_match_header(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    read_values(r, o, node, at, WR_MATCH_HEADER);
}

void wr_read_match_query(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    read_values(r, o, node, at, WR_MATCH_QUERY);
}

void wr_read_match_cookie(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    read_values(r, o, node, at, WR_MATCH_COOKIE);
}

void wr_read_match_client(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    struct wr_match *match = at;
    match->clients = wr_policy_reader_blocks(r, o, node, &match->client_count);
    match->of_clients = true;
}

/* --- the whole --- */

static void judge(struct wr_match *m)
{
    m->beyond_url = m->scheme != WR_SCHEME_ANY || m->value_count || m->of_clients ||
                    (m->except && m->except->beyond_url);
    bool glob = false;
    for (size_t i = 0; i < m->path_count; i++)
        glob = glob || m->paths[i].kind == WR_MATCH_GLOB;
    m->checked = m->beyond_url || glob || m->regex.code || m->except;
}

void wr_read_not(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                 void *at)
{
    struct wr_match *match = at, *except;
    if (node == NULL)
        return;
    except = wr_arena_zalloc(r->arena, sizeof *except);
    wr_policy_reader_section(r, o->kind->sub, node, except);
    if (node->count == 0)
        wr_policy_reader_error(r, o, node, "it is empty, and so would exclude every request");
    judge(except);
    match->except = except;
}

/* Writes the conditions that go beyond the URL, for the key: the same on each node and after each reload. */
static void write_conditions(struct wr_buf *out, const struct wr_match *m)
{
    wr_buf_printf(out, "%d", (int) m->scheme);
    for (size_t i = 0; i < m->value_count; i++) {
        const struct wr_match_value *v = &m->values[i];
        wr_buf_printf(out, "\n%d %.*s %d", (int) v->of, WR_SLICE_ARG(v->name), v->absent);
        for (size_t j = 0; j < v->count; j++)
            wr_buf_printf(out, "\n %.*s", WR_SLICE_ARG(v->patterns[j]));
    }
    for (size_t i = 0; i < m->client_count; i++) {
        for (size_t j = 0; j < sizeof m->clients[i].addr; j++)
            wr_buf_printf(out, "%02x", m->clients[i].addr[j]);
        wr_buf_printf(out, "/%u", m->clients[i].bits);
    }
    if (m->except == NULL)
        return;
    wr_buf_add_str(out, "\nnot");
    for (size_t i = 0; i < m->except->path_count; i++)
        wr_buf_printf(out, "\n %.*s", WR_SLICE_ARG(m->except->paths[i].text));
    write_conditions(out, m->except);
}

void wr_read_match(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    struct wr_match *match = at;
    wr_policy_reader_section(r, o->kind->sub, node, match);
    if (node == NULL)
        return;
    judge(match);
    if (!match->beyond_url)
        return;
    struct wr_buf text = { 0 };
    char hex[WR_HASH_HEX + 1];
    write_conditions(&text, match);
    wr_hash_hex(wr_hash_of(wr_buf_slice(&text)), hex);
    match->key_line = wr_arena_printf(r->arena, "\nmatch:%s", hex);
    wr_buf_fini(&text);
}
