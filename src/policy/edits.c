/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of edits: of the fields of a message, and of the target of a request. They refuse fields that frame
 * a message and fields that weir owns, and they decide which values enter the cache's key. */
#include "http/onward.h"
#include "policy/reader.h"

/* --- templates --- */

bool wr_policy_reader_template(struct wr_policy_reader *r, const struct wr_option *o,
                               const struct wr_tree_node *node, enum wr_char_class chars,
                               struct wr_template *out)
{
    struct wr_template_fault fault = wr_template_parse(node->text, r->arena, out);
    struct wr_slice word = fault.place;
    struct wr_guess guess;
    if (fault.unknown) {
        word = wr_slice_cut(&word, ':');
        guess = wr_guess_for(word);
        for (size_t i = 0; i < wr_words_template.count; i++)
            wr_guess_offer(&guess, wr_slice_str(wr_words_template.at[i].text));
        wr_policy_reader_error(r, o, node, "{%.*s} %s%s; a brace itself is written twice: {{",
                               WR_SLICE_ARG(fault.place), fault.why, wr_guess_text(&guess, r->errors->arena));
        return false;
    }
    if (fault.why) {
        wr_policy_reader_error(r, o, node, "{%.*s} %s", WR_SLICE_ARG(fault.place), fault.why);
        return false;
    }
    for (size_t i = 0; i < out->count; i++) {
        if (out->parts[i].kind != WR_TEMPLATE_TEXT || wr_chars_all(out->parts[i].text, chars))
            continue;
        wr_policy_reader_error(r, o, node, "\"%.*s\" holds a character that must not stand there",
                               WR_SLICE_ARG(node->text));
        return false;
    }
    return true;
}

/* --- fields that no edit may touch --- */

static const char *refusal_of_request(enum wr_field_id id)
{
    switch (id) {
    case WR_F_CONTENT_LENGTH:
    case WR_F_TRAILER:
    case WR_F_EXPECT:
        return "frames the request, so weir alone writes it";
    case WR_F_VIA:
    case WR_F_MAX_FORWARDS:
    case WR_F_X_FORWARDED_FOR:
    case WR_F_X_FORWARDED_PROTO:
    case WR_F_X_FORWARDED_HOST:
    case WR_F_X_REQUEST_ID:
        return "is written by weir itself";
    default:
        return wr_field_flags(id) & WR_FF_CONDITION ? "is answered by the cache, which sends its own" : NULL;
    }
}

static const char *refusal_of_response(enum wr_field_id id)
{
    switch (id) {
    case WR_F_CONTENT_LENGTH:
    case WR_F_CONTENT_RANGE:
    case WR_F_TRAILER:
        return "frames the response, so weir alone writes it";
    case WR_F_VIA:
    case WR_F_AGE:
    case WR_F_CACHE_STATUS:
    case WR_F_RATELIMIT:
    case WR_F_RATELIMIT_POLICY:
        return "is written by weir itself";
    default:
        return NULL;
    }
}

/* Is it a name that this edit may have? pattern: it may hold a '*'. If not, an error is noted at the node. */
static bool check_name(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       bool of_request, bool pattern)
{
    struct wr_slice name = node->text;
    bool starred = name.len && memchr(name.at, '*', name.len);
    if (!wr_policy_reader_is_token(name) || (starred && !pattern)) {
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not the name of a field", WR_SLICE_ARG(name));
        return false;
    }
    enum wr_field_id id = wr_field_id_alike(name);
    const char *why = wr_field_flags(id) & WR_FF_HOP ? "concerns one connection only, so weir alone writes it"
                      : of_request                   ? refusal_of_request(id)
                                                     : refusal_of_response(id);
    if (why)
        wr_policy_reader_error(r, o, node, "%.*s can't be edited: it %s", WR_SLICE_ARG(name), why);
    return why == NULL;
}

/* --- edits of fields --- */

static void drop(struct wr_policy_reader *r, struct wr_field_edits *edits, struct wr_slice name)
{
    size_t count = 0;
    while (edits->drops && edits->drops[count])
        count++;
    char **more = wr_arena_zalloc(r->arena, (count + 2) * sizeof *more);
    if (count)
        memcpy(more, edits->drops, count * sizeof *more);
    more[count] = wr_policy_reader_copy(r, name);
    edits->drops = more;
}

static void write_field(struct wr_policy_reader *r, const struct wr_option *o, struct wr_field_edits *edits,
                        struct wr_slice name, const struct wr_tree_node *item)
{
    struct wr_field_write new = { .name = wr_arena_copy(r->arena, name), .id = wr_field_id_of(name) };
    if (item->text.len == 0) {
        wr_policy_reader_error(r, o, item, "an empty field says nothing: write remove: [%.*s]",
                               WR_SLICE_ARG(name));
        return;
    }
    if (!wr_policy_reader_template(r, o, item, WR_CHAR_FIELD, &new.value))
        return;
    struct wr_field_write *more = wr_arena_alloc(r->arena, (edits->write_count + 1) * sizeof *more);
    if (edits->write_count)
        memcpy(more, edits->writes, edits->write_count * sizeof *more);
    more[edits->write_count++] = new;
    edits->writes = more;
    edits->uses |= new.value.uses;
}

/* Reads a mapping of names to values or lists of values. Host isn't a field among others: it is left to the
 * caller, who gets its value in *host (NULL: it is refused). */
static void read_writes(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *node, struct wr_field_edits *edits, bool of_request,
                        bool sets, const struct wr_tree_node **host)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct wr_tree_node *key = node->entries[i].key, *value = node->entries[i].value;
        if (of_request && wr_field_id_of(key->text) == WR_F_HOST) {
            if (host == NULL)
                wr_policy_reader_error(r, o, key, "a request has one Host: write set");
            else
                *host = wr_policy_reader_scalar(r, o, value);
            continue;
        }
        if (!check_name(r, o, key, of_request, false))
            continue;
        if (sets)
            drop(r, edits, key->text);
        if (wr_tree_node_items(value) == 0)
            wr_policy_reader_error(r, o, value, "an empty list writes nothing: write remove: [%.*s]",
                                   WR_SLICE_ARG(key->text));
        const struct wr_tree_node *item;
        for (size_t j = 0; (item = wr_policy_reader_next(r, o, value, &j)) != NULL;)
            write_field(r, o, edits, key->text, item);
    }
}

static void read_drops(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       struct wr_field_edits *edits, bool of_request)
{
    const struct wr_tree_node *item;
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;) {
        if (of_request && wr_field_id_of(item->text) == WR_F_HOST)
            wr_policy_reader_error(r, o, item, "a request needs its Host (RFC 9112 3.2)");
        else if (check_name(r, o, item, of_request, true))
            drop(r, edits, item->text);
    }
}

void wr_read_request_set(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_request_edits *edits = at;
    const struct wr_tree_node *host = NULL;
    read_writes(r, o, node, &edits->fields, true, true, &host);
    if (host && !wr_policy_reader_template(r, o, host, WR_CHAR_FIELD, &edits->host))
        edits->host.parts = NULL;
}

void wr_read_request_add(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_request_edits *edits = at;
    read_writes(r, o, node, &edits->fields, true, false, NULL);
}

void wr_read_request_remove(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, void *at)
{
    struct wr_request_edits *edits = at;
    read_drops(r, o, node, &edits->fields, true);
}

void wr_read_response_set(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    read_writes(r, o, node, at, false, true, NULL);
}

void wr_read_response_add(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    read_writes(r, o, node, at, false, false, NULL);
}

void wr_read_response_remove(struct wr_policy_reader *r, const struct wr_option *o,
                             const struct wr_tree_node *node, void *at)
{
    read_drops(r, o, node, at, false);
}

/* --- edits of the target --- */

void wr_read_path_part(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       void *at)
{
    char *text = NULL;
    wr_read_url_path(r, o, node, &text);
    struct wr_slice path = wr_slice_str(text);
    while (path.len > 1 && path.at[path.len - 1] == '/')
        path.len--;
    if (text && memchr(path.at, '?', path.len))
        wr_policy_reader_error(r, o, node, "a path stands without its query: write query beside it");
    else if (path.len == 1)
        wr_policy_reader_error(r, o, node, "\"/\" changes nothing");
    else if (text)
        *(struct wr_slice *) at = path;
}

void wr_read_replace(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    struct wr_template *replace = at;
    if (!wr_policy_reader_template(r, o, node, WR_CHAR_TARGET, replace))
        replace->parts = NULL;
    else if (node->text.at[0] != '/' && !wr_slice_starts(node->text, WR_SLICE("{path}")))
        wr_policy_reader_error(r, o, node, "a path begins with \"/\" (did you mean \"/%.*s\"?)",
                               WR_SLICE_ARG(node->text));
    else if (memchr(node->text.at, '?', node->text.len))
        wr_policy_reader_error(r, o, node, "a path stands without its query: write query beside it");
}

void wr_read_query_set(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       void *at)
{
    struct wr_request_edits *edits = at;
    edits->query_writes = wr_arena_zalloc(r->arena, (node->count + 1) * sizeof *edits->query_writes);
    for (size_t i = 0; i < node->count; i++) {
        const struct wr_tree_node *key = node->entries[i].key;
        const struct wr_tree_node *value = wr_policy_reader_scalar(r, o, node->entries[i].value);
        struct wr_parameter_write *new = &edits->query_writes[edits->query_write_count];
        if (value == NULL || !wr_policy_reader_parameter(r, o, key, key->text) ||
            !wr_policy_reader_template(r, o, value, WR_CHAR_FIELD, &new->value))
            continue;
        new->name = wr_arena_copy(r->arena, key->text);
        edits->query_write_count++;
    }
}

/* --- which values enter the key --- */

/* The kinds whose values the rest of the key need not decide: two requests with the same key may differ in
 * them. */
static unsigned beyond_key(const struct wr_key_policy *key)
{
    unsigned kinds = WR_USES(CLIENT) | WR_USES(HEADER) | WR_USES(COOKIE);
    if (key->no_host)
        kinds |= WR_USES(HOST);
    if (key->no_query || key->query_keep || key->query_drop || key->sort_query)
        kinds |= WR_USES(QUERY) | WR_USES(TARGET);
    return kinds;
}

/* Values that differ for each request stay out of the key. No response could be shared under them. */
static void check_shared(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, unsigned uses)
{
    if (uses & (WR_USES(REQUEST_ID) | WR_USES(TIME)))
        wr_policy_reader_error(r, o, node,
                               "{request_id} and {time} differ in each request, so no response to such a "
                               "target, Host or query could be shared: they need cache: off");
}

static void key_values(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       struct wr_route *route)
{
    struct wr_request_edits *e = &route->request;
    struct wr_key_policy *key = &route->cache.key;
    unsigned beyond = beyond_key(key), target = e->replace.uses | e->host.uses;
    key->edits = e->replace_keyed = e->replace.uses & beyond;
    key->edits |= e->host_keyed = e->host.uses & beyond;
    for (size_t i = 0; i < e->query_write_count; i++) {
        struct wr_parameter_write *w = &e->query_writes[i];
        key->edits |= w->keyed = w->value.uses & beyond;
        target |= w->value.uses;
    }
    for (size_t i = 0; i < e->fields.write_count; i++) {
        struct wr_field_write *w = &e->fields.writes[i];
        /* like X-Forwarded-For, which every origin gets */
        bool says_who = w->value.uses == WR_USES(CLIENT) && wr_onward_tells_who(w->name);
        key->edits |= w->keyed = (w->value.uses & beyond) && !says_who;
    }
    check_shared(r, o, node, target);
}

void wr_read_request_edits(struct wr_policy_reader *r, const struct wr_option *o,
                           const struct wr_tree_node *node, void *at)
{
    struct wr_route *route = at;
    struct wr_request_edits *e = &route->request;
    wr_policy_reader_section(r, o->kind->sub, node, e);
    e->target = e->strip.at || e->prefix.at || e->replace.parts || e->query_drops || e->query_writes;
    e->any = e->target || e->host.parts || e->fields.drops || e->fields.write_count;
    e->uses = e->fields.uses | e->replace.uses | e->host.uses;
    for (size_t i = 0; i < e->query_write_count; i++)
        e->uses |= e->query_writes[i].value.uses;
    if (e->host.parts && route->origin && !route->origin->pass_host)
        wr_policy_reader_error(r, o, node,
                               "pass_host: off of the origin \"%s\" replaces this Host: remove it",
                               route->origin->name);
    if (e->any && route->cache.enabled && !r->partial)
        key_values(r, o, node, route);
}
