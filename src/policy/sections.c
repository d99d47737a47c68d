/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of whole sections and lists of them, and of names that refer to them. */
#include "policy/reader.h"

/* Reads a section without special rules. */
void wr_read_map(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                 void *at)
{
    wr_policy_reader_section(r, o->kind->sub, node, at);
}

/* Reads "off" or "on", or the section. node NULL: the defaults, which are on. */
static bool read_switched(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    bool plain = node && node->kind == WR_NODE_SCALAR;
    wr_policy_reader_section(r, o->kind->sub, plain ? NULL : node, at);
    return !plain || wr_policy_reader_switch(node) == 1;
}

void wr_read_memory(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    ((struct wr_policy *) at)->memory = read_switched(r, o, node, at);
}

void wr_read_access(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    if (!read_switched(r, o, node, at))
        ((struct wr_policy *) at)->access_format = WR_ACCESS_OFF;
}

void wr_read_passive(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    struct wr_passive_policy *passive = at;
    passive->off = !read_switched(r, o, node, at);
    if (passive->max_pause.us < passive->pause.us)
        wr_policy_reader_error(r, o, node, "max_pause is less than pause");
}

void wr_read_query(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    struct wr_key_policy *key = at;
    key->no_query = !read_switched(r, o, node, at);
    if (key->strip_query && !key->query_keep && !key->query_drop && !r->partial)
        wr_policy_error(r->errors, wr_tree_node_get(node, "strip")->place,
                        "strip: keep or drop is missing beside it, to say which parameters are left out");
}

void wr_read_redis(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    ((struct wr_policy_redis *) at)->enabled = node != NULL;
    wr_read_map(r, o, node, at);
}

void wr_read_redis_tls(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       void *at)
{
    struct wr_policy_redis *redis = at;
    wr_read_map(r, o, node, at);
    if (node == NULL)
        return;
    if (!redis->tls)
        wr_policy_reader_error(r, o, node, "it belongs to a URL that begins with rediss://");
    if (!redis->tls_certificate != !redis->tls_key)
        wr_policy_reader_error(r, o, node, "certificate and key need each other");
}

void *wr_policy_reader_refer(struct wr_policy_reader *r, const struct wr_option *o,
                             const struct wr_tree_node *node, const struct wr_name_table *names,
                             const char *section)
{
    void *found = wr_name_table_get(names, node->text);
    if (found)
        return found;
    struct wr_guess guess = wr_guess_for(node->text);
    for (size_t i = 0; i < names->size; i++) {
        if (names->slots[i].value)
            wr_guess_offer(&guess, names->slots[i].name);
    }
    wr_policy_reader_error(r, o, node, "there is no \"%.*s\" in %s%s", WR_SLICE_ARG(node->text), section,
                           wr_guess_text(&guess, r->errors->arena));
    return NULL;
}

void wr_read_cache(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    struct wr_cache_policy *cache = at;
    if (node && node->kind == WR_NODE_SCALAR && wr_policy_reader_switch(node) < 0) {
        const struct wr_cache_policy *named = wr_policy_reader_refer(r, o, node, &r->caches, "caches");
        if (named)
            *cache = *named;
        return;
    }
    cache->enabled = read_switched(r, o, node, at);
    cache->has_ttl = wr_tree_node_get(node, "ttl") != NULL;
    cache->has_grace = wr_tree_node_get(node, "grace") != NULL;
    cache->has_stale_if_error = wr_tree_node_get(node, "stale_if_error") != NULL;
    if (cache->override && !cache->has_ttl && !r->partial)
        wr_policy_error(r->errors, wr_tree_node_get(node, "override")->place,
                        "override: ttl is missing beside it, to replace what the origin says");
}

void wr_read_no_tls(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    (void) at;
    wr_policy_reader_error(r, o, node, "%s", o->help);
}

/* Reads an item that may be a mapping or a bare address. */
static void read_addressed(struct wr_policy_reader *r, const struct wr_option *o,
                           const struct wr_tree_node *item, void *at)
{
    if (item->kind != WR_NODE_SCALAR) {
        wr_policy_reader_section(r, o->kind->sub, item, at);
        return;
    }
    const struct wr_tree_node key = { .kind = WR_NODE_SCALAR,
                                      .place = item->place,
                                      .text = WR_SLICE("address") };
    struct wr_tree_entry entry = { &key, item };
    const struct wr_tree_node map = {
        .kind = WR_NODE_MAP, .place = item->place, .entries = &entry, .count = 1
    };
    wr_policy_reader_section(r, o->kind->sub, &map, at);
}

/* Returns memory for the entries; notes an error if there are none. */
static void *room_for(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      size_t count, size_t size)
{
    if (count == 0)
        wr_policy_reader_error(r, o, node, "at least one is needed");
    return wr_arena_zalloc(r->arena, (count + 1) * size);
}

void wr_read_listens(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    struct wr_policy *p = at;
    p->listen_count = wr_tree_node_items(node);
    p->listens = room_for(r, o, node, p->listen_count, sizeof *p->listens);
    for (size_t i = 0; i < p->listen_count; i++)
        read_addressed(r, o, wr_tree_node_item(node, i), &p->listens[i]);
}

void wr_read_admins(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    struct wr_policy *p = at;
    if (node->kind == WR_NODE_SCALAR && wr_policy_reader_switch(node) == 0)
        return;
    p->admin_count = wr_tree_node_items(node);
    p->admins = room_for(r, o, node, p->admin_count, sizeof *p->admins);
    for (size_t i = 0; i < p->admin_count; i++) {
        const struct wr_tree_node *item = wr_tree_node_item(node, i);
        p->admins[i].allow = WR_RIGHTS_ALL;
        p->admins[i].file = wr_policy_reader_file(r, item);
        p->admins[i].line = item->place.line;
        p->admins[i].column = item->place.column;
        read_addressed(r, o, item, &p->admins[i]);
    }
}

void wr_read_servers(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    struct wr_origin_policy *origin = at;
    origin->server_count = wr_tree_node_items(node);
    origin->servers = room_for(r, o, node, origin->server_count, sizeof *origin->servers);
    for (size_t i = 0; i < origin->server_count; i++)
        read_addressed(r, o, wr_tree_node_item(node, i), &origin->servers[i]);
}

/* Reads a name that hasn't been used in this mapping, and makes it refer to `value`. */
static char *new_name(struct wr_policy_reader *r, const struct wr_tree_node *key, struct wr_name_table *names,
                      void *value)
{
    char *name = wr_policy_reader_copy(r, key->text);
    if (!wr_policy_reader_is_label(key->text))
        wr_policy_error(r->errors, key->place,
                        "\"%.*s\" is not a name of at most 64 letters, digits, \".\", \"-\" and \"_\"",
                        WR_SLICE_ARG(key->text));
    void **at = wr_name_table_at(names, wr_slice(name, key->text.len), r->arena);
    if (*at)
        wr_policy_error(r->errors, key->place, "the name \"%s\" stands here twice", name);
    else
        *at = value;
    return name;
}

void wr_read_origins(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    struct wr_policy *p = at;
    p->origin_count = node->count;
    p->origins = room_for(r, o, node, node->count, sizeof *p->origins);
    for (size_t i = 0; i < node->count; i++) {
        struct wr_origin_policy *origin = &p->origins[i];
        origin->index = i;
        origin->name = new_name(r, node->entries[i].key, &r->origins, origin);
        wr_policy_reader_section(r, o->kind->sub, node->entries[i].value, origin);
        if (origin->queue_timeout.us == 0)
            origin->queue_timeout = origin->connect_timeout;
    }
}

/* Notes that the algorithm has no burst, and which have one. */
static void note_no_burst(struct wr_policy_reader *r, enum wr_algorithm algorithm,
                          const struct wr_tree_node *burst)
{
    struct wr_word with[WR_ALGORITHM_COUNT];
    struct wr_words list = { with, 0 };
    struct wr_buf names = { 0 };
    for (size_t a = 0; a < WR_ALGORITHM_COUNT; a++)
        if (wr_algorithm_has_burst((enum wr_algorithm) a))
            with[list.count++] = wr_words_algorithm.at[a];
    wr_words_list(&names, &list, " and ");
    wr_policy_error(r->errors, burst->place, "burst: only %.*s have one, not %s",
                    WR_SLICE_ARG(wr_buf_slice(&names)), wr_words_text(&wr_words_algorithm, algorithm));
    wr_buf_fini(&names);
}

static void check_burst(struct wr_policy_reader *r, struct wr_limit_policy *limit,
                        const struct wr_tree_node *map)
{
    const struct wr_tree_node *burst = wr_tree_node_get(map, "burst");
    if (burst == NULL)
        limit->burst = limit->rate.count;
    else if (!wr_algorithm_has_burst(limit->algorithm))
        note_no_burst(r, limit->algorithm, burst);
}

void wr_read_limits(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    struct wr_policy *p = at;
    p->limit_count = node->count;
    p->limits = wr_arena_zalloc(r->arena, (node->count + 1) * sizeof *p->limits);
    for (size_t i = 0; i < node->count; i++) {
        struct wr_limit_policy *limit = &p->limits[i];
        limit->index = i;
        limit->name = new_name(r, node->entries[i].key, &r->limits, limit);
        wr_policy_reader_section(r, o->kind->sub, node->entries[i].value, limit);
        check_burst(r, limit, node->entries[i].value);
    }
}

/* Each route has the common parts in it already (policy/compose.h). They are read here too, so that a mistake
 * is found even where no route uses it. */
void wr_read_caches(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    (void) at;
    r->partial = true;
    for (size_t i = 0; i < node->count; i++) {
        const struct wr_tree_node *key = node->entries[i].key;
        struct wr_cache_policy *cache = wr_arena_zalloc(r->arena, sizeof *cache);
        (void) new_name(r, key, &r->caches, cache);
        if (wr_policy_reader_switch(key) >= 0)
            wr_policy_error(r->errors, key->place,
                            "a cache can't be called %.*s: as a value that is a switch",
                            WR_SLICE_ARG(key->text));
        wr_policy_reader_section(r, o->kind->sub, node->entries[i].value, cache);
    }
    r->partial = false;
}

void wr_read_headers(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    (void) at;
    for (size_t i = 0; i < node->count; i++) {
        struct wr_field_edits *edits = wr_arena_zalloc(r->arena, sizeof *edits);
        (void) new_name(r, node->entries[i].key, &r->headers, edits);
        wr_policy_reader_section(r, o->kind->sub, node->entries[i].value, edits);
    }
}

void wr_read_defaults(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      void *at)
{
    struct wr_route *route = wr_arena_zalloc(r->arena, sizeof *route);
    (void) at;
    for (size_t i = 0; node && i < node->count; i++) {
        const struct wr_tree_node *key = node->entries[i].key;
        const struct wr_option *one = wr_option_of(o->kind->sub, key->text);
        if (one && (one->flags & WR_OPTION_SINGLE))
            wr_policy_error(r->errors, key->place, "%s can't stand in defaults: it belongs to each route",
                            one->key);
    }
    r->partial = true;
    wr_policy_reader_section(r, o->kind->sub, node, route);
    r->partial = false;
}

void wr_read_header_names(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    (void) at;
    for (size_t i = 0; i < wr_tree_node_items(node); i++) {
        const struct wr_tree_node *item = wr_policy_reader_scalar(r, o, wr_tree_node_item(node, i));
        if (item)
            (void) wr_policy_reader_refer(r, o, item, &r->headers, "headers");
    }
}

/* The files themselves are read before (policy/include.h). */
void wr_read_include(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    (void) at;
    for (size_t i = 0; i < wr_tree_node_items(node); i++)
        (void) wr_policy_reader_scalar(r, o, wr_tree_node_item(node, i));
}

/* Notes where the route stands, and gives it a label for as long as it has no name. */
static void set_place(struct wr_policy_reader *r, const struct wr_tree_node *item, struct wr_route *route)
{
    const char *own = r->policy->file, *slash = strrchr(own, '/');
    size_t folder = slash ? (size_t) (slash + 1 - own) : 0;
    route->line = item->place.line;
    route->file = wr_policy_reader_file(r, item);
    if (item->place.file == 0) {
        route->label = wr_arena_printf(r->arena, "%d", route->line);
        return;
    }
    bool beside = strncmp(route->file, own, folder) == 0;
    route->label = wr_arena_printf(r->arena, "%s:%d", route->file + (beside ? folder : 0), route->line);
}

void wr_read_routes(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    struct wr_policy *p = at;
    p->route_count = wr_tree_node_items(node);
    p->routes = room_for(r, o, node, p->route_count, sizeof *p->routes);
    for (size_t i = 0; i < p->route_count; i++) {
        const struct wr_tree_node *item = wr_tree_node_item(node, i);
        p->routes[i].index = i;
        set_place(r, item, &p->routes[i]);
        wr_policy_reader_section(r, o->kind->sub, item, &p->routes[i]);
        wr_policy_reader_answer(r, item, &p->routes[i]);
    }
}

void wr_read_route_name(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *node, void *at)
{
    struct wr_route *route = at;
    (void) o;
    route->name = new_name(r, node, &r->routes, route);
    route->label = wr_slice_str(route->name);
}

void wr_read_origin_name(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    *(const struct wr_origin_policy **) at = wr_policy_reader_refer(r, o, node, &r->origins, "origins");
}

void wr_read_limit_names(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_route *route = at;
    size_t count = wr_tree_node_items(node);
    route->limits = wr_arena_zalloc(r->arena, (count + 1) * sizeof *route->limits);
    if (count > WR_MAX_ROUTE_LIMITS)
        wr_policy_reader_error(r, o, node, "%zu limits are too many for one route: at most %d", count,
                               WR_MAX_ROUTE_LIMITS);
    const struct wr_tree_node *item;
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;) {
        const struct wr_limit_policy *limit = wr_policy_reader_refer(r, o, item, &r->limits, "limits");
        bool twice = false;
        for (size_t j = 0; j < route->limit_count; j++)
            twice = twice || route->limits[j] == limit;
        if (twice)
            wr_policy_reader_error(r, o, item, "\"%s\" stands here twice", limit->name);
        else if (limit)
            route->limits[route->limit_count++] = limit;
    }
}
