/* SPDX-License-Identifier: BSD-2-Clause */
/* Completes routes by `defaults`, `caches` and `headers`. */
#include "policy/compose.h"

#include "http/head.h"
#include "policy/options.h"

struct composer {
    struct wr_arena *arena;
    const struct wr_tree_node *caches, *headers; /* NULL: none */
};

static bool is_map(const struct wr_tree_node *node)
{
    return node && node->kind == WR_NODE_MAP;
}

/* --- edits: those of `base` first, then those of `own` --- */

static bool same_name(enum wr_section section, struct wr_slice name, struct wr_slice pattern)
{
    return section == WR_SECTION_query_edits ? wr_slice_matches(name, pattern, NULL)
                                             : wr_field_name_matches(name, pattern);
}

/* Do the edits drop what earlier ones write under this name? */
static bool drops(enum wr_section section, const struct wr_tree_node *edits, struct wr_slice name)
{
    const struct wr_tree_node *set = wr_tree_node_get(edits, "set"),
                              *remove = wr_tree_node_get(edits, "remove");
    for (size_t i = 0; is_map(set) && i < set->count; i++)
        if (same_name(section, name, set->entries[i].key->text))
            return true;
    for (size_t i = 0; remove && i < wr_tree_node_items(remove); i++)
        if (wr_tree_node_item(remove, i)->kind == WR_NODE_SCALAR &&
            same_name(section, name, wr_tree_node_item(remove, i)->text))
            return true;
    return false;
}

/* Joins the tables of what `set` or `add` writes. own: NULL if the later edits have no such table. */
static const struct wr_tree_node *join_writes(struct composer *c, enum wr_section section,
                                              const struct wr_tree_node *edits,
                                              const struct wr_tree_node *own, const struct wr_tree_node *base)
{
    if (!is_map(base) || (own && !is_map(own)))
        return own ? own : base;
    struct wr_tree_node *map = wr_tree_node_new(WR_NODE_MAP, own ? own : base, c->arena);
    for (size_t i = 0; i < base->count; i++) {
        const struct wr_tree_node *key = base->entries[i].key, *value = base->entries[i].value;
        const struct wr_tree_node *more = wr_tree_node_get(own, key->text.at);
        if (!drops(section, edits, key->text))
            wr_tree_node_add(map, key, more ? wr_tree_node_join(value, more, more, c->arena) : value,
                             c->arena);
    }
    for (size_t i = 0; own && i < own->count; i++)
        if (wr_tree_node_get(map, own->entries[i].key->text.at) == NULL)
            wr_tree_node_add(map, own->entries[i].key, own->entries[i].value, c->arena);
    return map;
}

static const struct wr_tree_node *join_edits(struct composer *c, enum wr_section section,
                                             const struct wr_tree_node *own, const struct wr_tree_node *base)
{
    struct wr_tree_node *map = wr_tree_node_new(WR_NODE_MAP, own, c->arena);
    for (size_t i = 0; i < own->count; i++)
        if (wr_tree_node_get(base, own->entries[i].key->text.at) == NULL)
            wr_tree_node_add(map, own->entries[i].key, own->entries[i].value, c->arena);
    for (size_t i = 0; i < base->count; i++) {
        const struct wr_tree_node *key = base->entries[i].key, *value = base->entries[i].value;
        const struct wr_tree_node *mine = wr_tree_node_get(own, key->text.at);
        const struct wr_option *o = wr_option_of(section, key->text);
        enum wr_shape shape = o ? o->kind->shape : WR_SHAPE_SCALAR;
        if (shape == WR_SHAPE_TABLE)
            value = join_writes(c, section, own, mine, value);
        else if (mine && shape == WR_SHAPE_LIST)
            value = wr_tree_node_join(value, mine, mine, c->arena);
        else if (shape == WR_SHAPE_MAP && is_map(mine) && is_map(value))
            value = join_edits(c, o->kind->sub, mine, value);
        else if (mine)
            value = mine;
        wr_tree_node_add(map, key, value, c->arena);
    }
    return map;
}

/* --- sections: option by option --- */

static const struct wr_tree_node *join_section(struct composer *c, enum wr_section section,
                                               const struct wr_tree_node *own,
                                               const struct wr_tree_node *base);

/* Returns what counts where both give a value. */
static const struct wr_tree_node *join_value(struct composer *c, const struct wr_option *o,
                                             const struct wr_tree_node *own, const struct wr_tree_node *base)
{
    if (o == NULL || !is_map(own) || !is_map(base))
        return own;
    switch (o->kind->sub) {
    case WR_SECTION_request_edits:
    case WR_SECTION_response_edits:
        return join_edits(c, o->kind->sub, own, base);
    case WR_SECTION_NONE:
        return o->kind->shape == WR_SHAPE_TABLE ? join_section(c, WR_SECTION_NONE, own, base) : own;
    default:
        return join_section(c, o->kind->sub, own, base);
    }
}

/* Joins two mappings; section NONE: those of a table, whose rows are whole. */
static const struct wr_tree_node *join_section(struct composer *c, enum wr_section section,
                                               const struct wr_tree_node *own,
                                               const struct wr_tree_node *base)
{
    struct wr_tree_node *map = wr_tree_node_new(WR_NODE_MAP, own, c->arena);
    for (size_t i = 0; i < own->count; i++) {
        const struct wr_tree_node *key = own->entries[i].key, *value = own->entries[i].value;
        const struct wr_tree_node *other = wr_tree_node_get(base, key->text.at);
        if (other)
            value = join_value(c, wr_option_of(section, key->text), value, other);
        wr_tree_node_add(map, key, value, c->arena);
    }
    for (size_t i = 0; i < base->count; i++)
        if (wr_tree_node_get(own, base->entries[i].key->text.at) == NULL)
            wr_tree_node_add(map, base->entries[i].key, base->entries[i].value, c->arena);
    return map;
}

/* --- routes --- */

/* Returns a copy of the mapping in which the key has this value. key: static. */
static const struct wr_tree_node *replace(struct composer *c, const struct wr_tree_node *map, const char *key,
                                          const struct wr_tree_node *value)
{
    struct wr_tree_node *copy = wr_tree_node_new(WR_NODE_MAP, map, c->arena);
    bool there = false;
    for (size_t i = 0; i < map->count; i++) {
        bool this = wr_tree_node_is(map->entries[i].key, key);
        wr_tree_node_add(copy, map->entries[i].key, this && !there ? value : map->entries[i].value, c->arena);
        there = there || this;
    }
    if (!there) {
        struct wr_tree_node *name = wr_tree_node_new(WR_NODE_SCALAR, value, c->arena);
        name->text = wr_slice_str(key);
        wr_tree_node_add(copy, name, value, c->arena);
    }
    return copy;
}

/* Puts the named cache where the name of one stands. */
static const struct wr_tree_node *resolve_cache(struct composer *c, const struct wr_tree_node *map)
{
    const struct wr_tree_node *cache = wr_tree_node_get(map, "cache");
    if (cache == NULL || cache->kind != WR_NODE_SCALAR)
        return map;
    const struct wr_tree_node *named = wr_tree_node_get(c->caches, cache->text.at);
    return named ? replace(c, map, "cache", named) : map;
}

/* Puts the edits of the named headers in front of those of the route. */
static const struct wr_tree_node *resolve_headers(struct composer *c, const struct wr_tree_node *route)
{
    const struct wr_tree_node *names = wr_tree_node_get(route, "headers"),
                              *response = wr_tree_node_get(route, "response");
    for (size_t i = names ? wr_tree_node_items(names) : 0; i-- > 0;) {
        const struct wr_tree_node *name = wr_tree_node_item(names, i);
        const struct wr_tree_node *edits = name->kind == WR_NODE_SCALAR
                                               ? wr_tree_node_get(c->headers, name->text.at)
                                               : NULL;
        if (!is_map(edits) || (response && !is_map(response)))
            continue;
        response = response ? join_edits(c, WR_SECTION_response_edits, response, edits) : edits;
    }
    return response ? replace(c, route, "response", response) : route;
}

/* Returns the defaults that a route takes: what only an origin needs is nothing to one that answers by
 * itself. */
static const struct wr_tree_node *defaults_for(struct composer *c, const struct wr_tree_node *defaults,
                                               const struct wr_tree_node *route)
{
    if (wr_tree_node_get(route, "redirect") == NULL && wr_tree_node_get(route, "respond") == NULL)
        return defaults;
    struct wr_tree_node *rest = wr_tree_node_new(WR_NODE_MAP, defaults, c->arena);
    for (size_t i = 0; i < defaults->count; i++) {
        const struct wr_option *o = wr_option_of(WR_SECTION_route, defaults->entries[i].key->text);
        if (o == NULL || !(o->flags & WR_OPTION_ASKS))
            wr_tree_node_add(rest, defaults->entries[i].key, defaults->entries[i].value, c->arena);
    }
    return rest;
}

static const struct wr_tree_node *compose_route(struct composer *c, const struct wr_tree_node *route,
                                                const struct wr_tree_node *defaults)
{
    if (!is_map(route))
        return route;
    if (defaults)
        route = join_section(c, WR_SECTION_route, route, defaults_for(c, defaults, route));
    return resolve_headers(c, resolve_cache(c, route));
}

/* Returns the defaults without what belongs to single routes; the reader notes that. */
static const struct wr_tree_node *usable_defaults(struct composer *c, const struct wr_tree_node *defaults)
{
    if (!is_map(defaults))
        return NULL;
    struct wr_tree_node *usable = wr_tree_node_new(WR_NODE_MAP, defaults, c->arena);
    for (size_t i = 0; i < defaults->count; i++) {
        const struct wr_option *o = wr_option_of(WR_SECTION_route, defaults->entries[i].key->text);
        if (o && !(o->flags & WR_OPTION_SINGLE))
            wr_tree_node_add(usable, defaults->entries[i].key, defaults->entries[i].value, c->arena);
    }
    return resolve_cache(c, usable);
}

const struct wr_tree_node *wr_compose(const struct wr_tree_node *root, struct wr_arena *arena)
{
    struct composer c = { arena, wr_tree_node_get(root, "caches"), wr_tree_node_get(root, "headers") };
    const struct wr_tree_node *routes = wr_tree_node_get(root, "routes");
    const struct wr_tree_node *defaults = usable_defaults(&c, wr_tree_node_get(root, "defaults"));
    if (routes == NULL || wr_tree_node_is_null(routes))
        return root;
    struct wr_tree_node *list = wr_tree_node_new(WR_NODE_LIST, routes, c.arena);
    for (size_t i = 0; i < wr_tree_node_items(routes); i++)
        wr_tree_node_add(list, NULL, compose_route(&c, wr_tree_node_item(routes, i), defaults), arena);
    return replace(&c, root, "routes", list);
}
