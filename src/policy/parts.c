/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of parts of a request: a header, a cookie and the like. */
#include "http/onward.h"
#include "policy/reader.h"

/* Notes an error for a field that never changes an origin's answer. whole: in requests that the cache
 * answers. */
static void check_field(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *item, struct wr_slice name, bool whole)
{
    bool pattern = name.len > 0 && memchr(name.at, '*', name.len);
    if (name.len == 0 || pattern || wr_onward_reaches(name, whole))
        return;
    if (wr_field_id_of(name) == WR_F_X_FORWARDED_FOR)
        wr_policy_reader_error(
            r, o, item,
            "what a client writes into %.*s never reaches the origin: weir writes it anew for each client",
            WR_SLICE_ARG(name));
    else
        wr_policy_reader_error(
            r, o, item, "%.*s never reaches the origin as the client sends it, and so makes no difference",
            WR_SLICE_ARG(name));
}

/* Reads "header:NAME" and the like. Returns the value of the word before the colon, and sets *name to the
 * text after it. Returns -1 if an error was noted. */
static int read_part(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *item,
                     const struct wr_words *words, struct wr_slice *name)
{
    struct wr_slice rest = item->text, kind = wr_slice_cut(&rest, ':');
    int i = wr_policy_reader_choice(r, o, item, kind, words);
    if (i < 0)
        return -1;
    bool client = wr_slice_eq(kind, WR_SLICE("client"));
    if (client && rest.at)
        wr_policy_reader_error(r, o, item, "client takes no name: it is the client's address");
    else if (!client && rest.len == 0)
        wr_policy_reader_error(r, o, item, "a name is missing, such as %.*s:NAME", WR_SLICE_ARG(kind));
    else if (!client && !wr_slice_eq(kind, WR_SLICE("query")) && !wr_policy_reader_is_token(rest))
        wr_policy_reader_error(r, o, item, "\"%.*s\" is not the name of a %.*s", WR_SLICE_ARG(rest),
                               WR_SLICE_ARG(kind));
    else {
        if (wr_slice_eq(kind, WR_SLICE("header")))
            check_field(r, o, item, rest, false);
        *name = rest.at ? wr_arena_copy(r->arena, rest) : rest;
        return i;
    }
    return -1;
}

void wr_read_identity(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      void *at)
{
    struct wr_limit_policy *limit = at;
    size_t count = wr_tree_node_items(node);
    limit->parts = wr_arena_zalloc(r->arena, (count + 1) * sizeof *limit->parts);
    if (count == 0)
        wr_policy_reader_error(r, o, node, "at least one part is needed, such as client");
    const struct wr_tree_node *item;
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;) {
        struct wr_identity_part *part = &limit->parts[limit->part_count];
        int kind = read_part(r, o, item, &wr_words_identity, &part->name);
        if (kind < 0)
            continue;
        part->kind = (enum wr_identity_kind) kind;
        limit->part_count++;
    }
}

void wr_read_fields(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    wr_read_tokens(r, o, node, at);
    for (size_t i = 0; i < wr_tree_node_items(node); i++)
        check_field(r, o, wr_tree_node_item(node, i), wr_tree_node_item(node, i)->text, true);
}

void wr_read_bypasses(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      void *at)
{
    struct wr_cache_policy *cache = at;
    size_t count = wr_tree_node_items(node);
    cache->bypasses = wr_arena_zalloc(r->arena, (count + 1) * sizeof *cache->bypasses);
    const struct wr_tree_node *item;
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;) {
        struct wr_bypass *bypass = &cache->bypasses[cache->bypass_count];
        int kind = read_part(r, o, item, &wr_words_bypass, &bypass->name);
        if (kind < 0 || (kind == WR_BYPASS_QUERY && !wr_policy_reader_parameter(r, o, item, bypass->name)))
            continue;
        bypass->kind = (enum wr_bypass_kind) kind;
        cache->bypass_count++;
    }
}

int wr_policy_reader_status(struct wr_slice s)
{
    uint64_t n;
    if (s.len == 3 && s.at[0] >= '2' && s.at[0] <= '5' && wr_lower(s.at[1]) == 'x' &&
        wr_lower(s.at[2]) == 'x')
        return s.at[0] - '0';
    return s.len == 3 && wr_slice_u64(s, 599, &n) && n >= 200 ? (int) n : 0;
}

/* Reads statuses from `least` on and classes of them, of which the message names one as an example. */
static void read_statuses(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, int least, const char *class,
                          struct wr_statuses *list)
{
    const struct wr_tree_node *item;
    list->of = wr_arena_zalloc(r->arena, (wr_tree_node_items(node) + 1) * sizeof *list->of);
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;) {
        int status = wr_policy_reader_status(item->text);
        if (status >= least || (status < 10 && status >= least / 100))
            list->of[list->count++] = status;
        else
            wr_policy_reader_error(r, o, item,
                                   "\"%.*s\" is not a status from %d to 599, or a class such as %s",
                                   WR_SLICE_ARG(item->text), least, class);
    }
}

void wr_read_good_statuses(struct wr_policy_reader *r, const struct wr_option *o,
                           const struct wr_tree_node *node, void *at)
{
    read_statuses(r, o, node, 200, "2xx", at);
}

void wr_read_error_statuses(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, void *at)
{
    read_statuses(r, o, node, 400, "5xx", at);
}

static bool has_status(const struct wr_cache_policy *cache, int status)
{
    for (size_t i = 0; i < cache->status_ttl_count; i++) {
        if (cache->status_ttls[i].status == status)
            return true;
    }
    return false;
}

void wr_read_statuses(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      void *at)
{
    struct wr_cache_policy *cache = at;
    cache->status_ttls = wr_arena_zalloc(r->arena, (node->count + 1) * sizeof *cache->status_ttls);
    for (size_t i = 0; i < node->count; i++) {
        const struct wr_tree_node *key = node->entries[i].key;
        const struct wr_tree_node *value = wr_policy_reader_scalar(r, o, node->entries[i].value);
        struct wr_status_ttl *one = &cache->status_ttls[cache->status_ttl_count];
        int status = wr_policy_reader_status(key->text);
        if (status == 0)
            wr_policy_reader_error(r, o, key,
                                   "\"%.*s\" is not a status from 200 to 599, or a class such as 5xx",
                                   WR_SLICE_ARG(key->text));
        else if (status == 428 || status == 429 || status == 431 || status == 511)
            wr_policy_reader_error(
                r, o, key, "%d speaks of one client's requests and is never stored (RFC 6585): remove it",
                status);
        else if (has_status(cache, status))
            wr_policy_reader_error(r, o, key, "%.*s stands here twice", WR_SLICE_ARG(key->text));
        else if (value) {
            one->status = status;
            wr_read_span(r, o, value, &one->ttl);
            cache->status_ttl_count++;
        }
    }
}

void wr_read_cached_methods(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, void *at)
{
    bool get = false;
    for (size_t i = 0; i < wr_tree_node_items(node); i++) {
        const struct wr_tree_node *item = wr_policy_reader_scalar(r, o, wr_tree_node_item(node, i));
        int which = item ? wr_policy_reader_choice(r, o, item, item->text, o->kind->words) : -1;
        get = get || which < 0 ||
              which == WR_CACHED_METHOD_GET; /* what was noted already counts as meant well */
        if (which == WR_CACHED_METHOD_POST)
            *(bool *) at = true;
    }
    if (!get)
        wr_policy_reader_error(r, o, node, "GET must be among the methods: cache: off turns storing off");
}
