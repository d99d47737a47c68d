/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the sections of a policy by the table of options. Checks shapes and keys, and fills in defaults. */
#include "policy/reader.h"

#include <stdarg.h>
#include <stdio.h>

void wr_policy_reader_error(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, const char *fmt, ...)
{
    char text[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    wr_policy_error(r->errors, node->place, "%s: %s", o->key, text);
}

const struct wr_tree_node *wr_policy_reader_scalar(struct wr_policy_reader *r, const struct wr_option *o,
                                                   const struct wr_tree_node *item)
{
    if (item->broken)
        return NULL;
    if (item->kind == WR_NODE_SCALAR && !wr_tree_node_is_null(item))
        return item;
    wr_policy_reader_error(r, o, item,
                           item->kind == WR_NODE_SCALAR ? "an item of the list is empty"
                                                        : "the items of the list must be single values");
    return NULL;
}

const struct wr_tree_node *wr_policy_reader_next(struct wr_policy_reader *r, const struct wr_option *o,
                                                 const struct wr_tree_node *list, size_t *i)
{
    const struct wr_tree_node *item = NULL;
    while (item == NULL && *i < wr_tree_node_items(list))
        item = wr_policy_reader_scalar(r, o, wr_tree_node_item(list, (*i)++));
    return item;
}

int wr_policy_reader_choice(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, struct wr_slice text,
                            const struct wr_words *words)
{
    int value = wr_words_find(words, text);
    if (value >= 0)
        return value;
    struct wr_guess guess = wr_guess_for(text);
    struct wr_buf list = { 0 };
    for (size_t i = 0; i < words->count; i++)
        wr_guess_offer(&guess, wr_slice_str(words->at[i].text));
    wr_words_list(&list, words, " or ");
    wr_policy_reader_error(r, o, node, "\"%.*s\" is not %.*s%s", WR_SLICE_ARG(text),
                           WR_SLICE_ARG(wr_buf_slice(&list)), wr_guess_text(&guess, r->errors->arena));
    wr_buf_fini(&list);
    return -1;
}

int wr_policy_reader_switch(const struct wr_tree_node *node)
{
    if (wr_tree_node_is(node, "on") || wr_tree_node_is(node, "true"))
        return 1;
    if (wr_tree_node_is(node, "off") || wr_tree_node_is(node, "false"))
        return 0;
    return -1;
}

char *wr_policy_reader_copy(struct wr_policy_reader *r, struct wr_slice text)
{
    return (char *) wr_arena_copy(r->arena, text).at;
}

const char *wr_policy_reader_file(struct wr_policy_reader *r, const struct wr_tree_node *node)
{
    return node->place.file == 0 ? r->policy->file
                                 : wr_policy_reader_copy(r, wr_slice_str(r->errors->files[node->place.file]));
}

bool wr_policy_reader_is_token(struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = wr_lower(s.at[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c))))
            return false;
    }
    return s.len > 0;
}

bool wr_policy_reader_is_label(struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = wr_lower(s.at[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return false;
    }
    return s.len > 0 && s.len <= 64;
}

static const char *kind_of(const struct wr_tree_node *node)
{
    static const char *const names[] = {
        [WR_NODE_SCALAR] = "a single value",
        [WR_NODE_LIST] = "a list",
        [WR_NODE_MAP] = "a mapping",
    };
    return names[node->kind];
}

/* Has the node the shape that the option's reader expects? If not, an error is noted. */
static bool check_shape(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *node)
{
    const char *wanted = NULL;
    bool scalar = node->kind == WR_NODE_SCALAR, list = node->kind == WR_NODE_LIST,
         map = node->kind == WR_NODE_MAP;
    switch (o->kind->shape) {
    case WR_SHAPE_SCALAR:
        wanted = scalar ? NULL : "a single value";
        break;
    case WR_SHAPE_LIST:
        wanted = scalar || list ? NULL : "a list [a, b, ...]";
        break;
    case WR_SHAPE_MAP:
    case WR_SHAPE_NAMED:
    case WR_SHAPE_TABLE:
        wanted = map ? NULL : "a mapping (key: value)";
        break;
    case WR_SHAPE_SWITCH:
        wanted = map || wr_policy_reader_switch(node) >= 0 ? NULL : "off or a mapping (key: value)";
        break;
    case WR_SHAPE_CHOICE:
        wanted = scalar || map ? NULL : "off, a name or a mapping (key: value)";
        break;
    case WR_SHAPE_ITEMS:
    case WR_SHAPE_REFUSED:
        break; /* the item's own reader checks its shape */
    }
    if (wanted == NULL)
        return true;
    if (scalar)
        wr_policy_reader_error(r, o, node, "%s belongs here, not \"%.*s\"", wanted, WR_SLICE_ARG(node->text));
    else
        wr_policy_reader_error(r, o, node, "%s belongs here, not %s", wanted, kind_of(node));
    return false;
}

/* Notes an unknown key and suggests a similar one of this section, or the section that has this key. */
static void note_unknown(struct wr_policy_reader *r, enum wr_section section, const struct wr_tree_node *key)
{
    struct wr_guess guess = wr_guess_for(key->text);
    const struct wr_option *elsewhere = NULL;
    for (size_t i = 0; i < wr_option_count; i++) {
        const struct wr_option *o = &wr_options[i];
        if (o->kind->shape == WR_SHAPE_REFUSED)
            continue;
        if (o->section == section)
            wr_guess_offer(&guess, wr_slice_str(o->key));
        else if (elsewhere == NULL && wr_slice_eq(key->text, wr_slice_str(o->key)))
            elsewhere = o;
    }
    if (guess.best.at == NULL && elsewhere) {
        const char *path = wr_sections[elsewhere->section].path;
        guess.best = wr_arena_printf(r->errors->arena, "%s%s%s", path, *path ? "." : "", elsewhere->key);
    }
    const char *path = wr_sections[section].path;
    wr_policy_error(r->errors, key->place, "unknown key \"%.*s\" %s%s%s", WR_SLICE_ARG(key->text),
                    *path ? "in " : "", *path ? path : "at the top level",
                    wr_guess_text(&guess, r->errors->arena));
}

/* Checks that each key belongs to the section and stands once. */
static void check_keys(struct wr_policy_reader *r, enum wr_section section, const struct wr_tree_node *map)
{
    struct wr_name_table seen = { 0 };
    for (size_t i = 0; i < map->count; i++) {
        const struct wr_tree_node *key = map->entries[i].key;
        void **at = wr_name_table_at(&seen, key->text, r->errors->arena);
        const struct wr_tree_node *first = *at;
        if (first)
            wr_policy_error(r->errors, key->place, "the key \"%.*s\" stands here twice: first on line %d",
                            WR_SLICE_ARG(key->text), first->place.line);
        else if (wr_option_of(section, key->text) == NULL)
            note_unknown(r, section, key);
        if (first == NULL)
            *at = (void *) key;
    }
}

static void read_default(struct wr_policy_reader *r, const struct wr_option *o, void *at)
{
    if (o->kind->sub != WR_SECTION_NONE && o->kind->shape != WR_SHAPE_ITEMS &&
        o->kind->shape != WR_SHAPE_NAMED) {
        o->kind->read(r, o, NULL, at);
    } else if (wr_option_has_default(o)) {
        size_t before = r->errors->count;
        const struct wr_tree_node node = { .kind = WR_NODE_SCALAR, .text = wr_slice_str(o->fallback) };
        o->kind->read(r, o, &node, at);
        WR_CHECK(r->errors->count == before); /* the table's own default */
    }
}

static void read_option(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *map,
                        void *at)
{
    const struct wr_tree_node *node = wr_tree_node_get(map, o->key);
    read_default(r, o, at);
    if (node == NULL) {
        if (map && (o->flags & WR_OPTION_REQUIRED) && !r->partial)
            wr_policy_error(r->errors, map->place, "%s is missing here", o->key);
    } else if (wr_tree_node_is_null(node)) {
        wr_policy_reader_error(r, o, node, "a value is missing");
    } else if (!node->broken && check_shape(r, o, node)) {
        o->kind->read(r, o, node, at);
    }
}

void wr_policy_reader_section(struct wr_policy_reader *r, enum wr_section section,
                              const struct wr_tree_node *map, void *at)
{
    if (map && map->kind != WR_NODE_MAP) {
        wr_policy_error(r->errors, map->place, "a mapping (key: value) belongs here, not %s", kind_of(map));
        map = NULL;
    }
    if (map)
        check_keys(r, section, map);
    for (size_t i = 0; i < wr_option_count; i++) {
        const struct wr_option *o = &wr_options[i];
        if (o->section == section)
            read_option(r, o, map, (char *) at + o->offset);
    }
}
