/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds a tree of nodes from libyaml's events. Notes syntax errors with their place. */
#include "policy/tree.h"

#include <stdio.h>
#include <yaml.h>

#include "policy/environment.h"

#define DEEPEST 32 /* the deepest option lies at 6 */

struct anchor {
    struct anchor *older;
    const char *name;
    const struct wr_tree_node *node; /* NULL: incomplete; an alias to it here would contain itself */
};

struct builder {
    yaml_parser_t parser;
    struct wr_slice text;
    unsigned file; /* wr_place.file */
    struct wr_arena *arena;
    struct wr_policy_errors *errors;
    struct anchor *anchors;
    bool at_key; /* what comes next is the key of a mapping */
};

static struct wr_place place_of_mark(const struct builder *b, yaml_mark_t mark)
{
    return (struct wr_place){ (int) mark.line + 1, (int) mark.column + 1, b->file };
}

/* Is the character at the mark a tab? Tabs where YAML wants spaces are the most common error. */
static bool is_tab(struct wr_slice text, yaml_mark_t mark)
{
    size_t line = 0, column = 0, i = 0;
    for (; i < text.len && line < mark.line; i++)
        line += text.at[i] == '\n';
    for (; i < text.len && column < mark.column; i++)
        column += i + 1 == text.len || (text.at[i + 1] & 0xc0) != 0x80;
    return i < text.len && text.at[i] == '\t';
}

/* Finds the line and column of an offset: libyaml's reader reports offsets in bytes only. */
static struct wr_place place_at(const struct builder *b, size_t offset)
{
    struct wr_slice text = b->text;
    struct wr_place place = { 1, 1, b->file };
    for (size_t i = 0; i < offset && i < text.len; i++) {
        place.column++;
        if (text.at[i] == '\n')
            place = (struct wr_place){ place.line + 1, 1, b->file };
    }
    return place;
}

static void note_syntax(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    const char *problem = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR)
        wr_policy_error(b->errors, place_at(b, p->problem_offset), "not UTF-8 text: %s", problem);
    else if (p->error == YAML_SCANNER_ERROR && is_tab(b->text, p->problem_mark))
        wr_policy_error(b->errors, place_of_mark(b, p->problem_mark), "a tab cannot indent YAML: use spaces");
    else if (p->context)
        wr_policy_error(b->errors, place_of_mark(b, p->problem_mark), "%s, %s that began on line %d", problem,
                        p->context, (int) p->context_mark.line + 1);
    else
        wr_policy_error(b->errors, place_of_mark(b, p->problem_mark), "%s", problem);
}

static bool next_event(struct builder *b, yaml_event_t *event)
{
    if (yaml_parser_parse(&b->parser, event))
        return true;
    note_syntax(b);
    return false;
}

static void name_anchor(struct builder *b, const yaml_char_t *name, const struct wr_tree_node *node)
{
    if (name == NULL)
        return;
    for (struct anchor *a = b->anchors; a && node; a = a->older) {
        if (a->node == NULL && strcmp(a->name, (const char *) name) == 0) {
            a->node = node;
            return;
        }
    }
    struct anchor *new = wr_arena_alloc(b->arena, sizeof *new);
    *new = (struct anchor){ b->anchors, wr_arena_copy(b->arena, wr_slice_str((const char *) name)).at, node };
    b->anchors = new;
}

static const struct wr_tree_node *find_anchor(struct builder *b, const yaml_event_t *event)
{
    const char *name = (const char *) event->data.alias.anchor;
    const struct anchor *a = b->anchors;
    while (a && strcmp(a->name, name) != 0)
        a = a->older;
    if (a && a->node)
        return a->node;
    wr_policy_error(
        b->errors, place_of_mark(b, event->start_mark),
        a ? "the alias *%s stands within its own anchor" : "there is no anchor &%s before this alias", name);
    return NULL;
}

static const struct wr_tree_node *build(struct builder *b, const yaml_event_t *event, int depth);

static bool check_key(struct builder *b, const struct wr_tree_node *key)
{
    if (key->kind != WR_NODE_SCALAR)
        wr_policy_error(b->errors, key->place, "a key must be a word, not a list or mapping");
    else if (wr_tree_node_is(key, "<<") && !key->quoted)
        wr_policy_error(b->errors, key->place,
                        "merge keys (<<) are not supported: repeat the whole value with an alias");
    else
        return true;
    return false;
}

/* Reads items or pairs up to the end event. Returns false if an error was noted. */
static bool build_entries(struct builder *b, struct wr_tree_node *node, yaml_event_type_t end, int depth)
{
    const struct wr_tree_node *key = NULL;
    for (;;) {
        yaml_event_t event;
        if (!next_event(b, &event))
            return false;
        bool ended = event.type == end;
        b->at_key = node->kind == WR_NODE_MAP && key == NULL;
        const struct wr_tree_node *one = ended ? NULL : build(b, &event, depth + 1);
        yaml_event_delete(&event);
        if (ended)
            return true;
        if (one == NULL)
            return false;
        if (node->kind == WR_NODE_LIST) {
            wr_tree_node_add(node, NULL, one, b->arena);
        } else if (key == NULL) {
            if (!check_key(b, one))
                return false;
            key = one;
        } else {
            wr_tree_node_add(node, key, one, b->arena);
            key = NULL;
        }
    }
}

static const struct wr_tree_node *build_nested(struct builder *b, const yaml_event_t *event, int depth)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *anchor = list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
    if (depth >= DEEPEST) {
        wr_policy_error(b->errors, place_of_mark(b, event->start_mark), "nested too deeply");
        return NULL;
    }
    struct wr_tree_node *node = wr_arena_zalloc(b->arena, sizeof *node);
    node->kind = list ? WR_NODE_LIST : WR_NODE_MAP;
    node->place = place_of_mark(b, event->start_mark);
    name_anchor(b, anchor, NULL);
    if (!build_entries(b, node, list ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT, depth))
        return NULL;
    name_anchor(b, anchor, node);
    return node;
}

static const char *tag_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return (const char *) event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return (const char *) event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return (const char *) event->data.mapping_start.tag;
    default:
        return NULL;
    }
}

/* The values of variables are text and never YAML: so a value made of them is as good as quoted. */
static void fill_variables(struct builder *b, struct wr_tree_node *node)
{
    struct wr_slice text = node->text;
    const char *wrong = wr_environment_fill(text, b->arena, &node->text);
    if (wrong) {
        wr_policy_error(b->errors, node->place, "%s", wrong);
        node->broken = true;
    }
    node->quoted = node->quoted || (node->text.at != text.at && node->text.len > 0);
}

static const struct wr_tree_node *build_scalar(struct builder *b, const yaml_event_t *event)
{
    struct wr_tree_node *node = wr_arena_zalloc(b->arena, sizeof *node);
    node->kind = WR_NODE_SCALAR;
    node->place = place_of_mark(b, event->start_mark);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = wr_arena_copy(b->arena,
                               wr_slice((char *) event->data.scalar.value, event->data.scalar.length));
    if (memchr(node->text.at, '\0', node->text.len)) {
        wr_policy_error(b->errors, node->place, "a value must not hold a NUL character");
        return NULL;
    }
    if (!b->at_key)
        fill_variables(b, node);
    name_anchor(b, event->data.scalar.anchor, node);
    return node;
}

static const struct wr_tree_node *build(struct builder *b, const yaml_event_t *event, int depth)
{
    const char *tag = tag_of(event);
    if (tag) {
        wr_policy_error(b->errors, place_of_mark(b, event->start_mark),
                        "YAML tags (%s) have no meaning in a policy", tag);
        return NULL;
    }
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return find_anchor(b, event);
    case YAML_SCALAR_EVENT:
        return build_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return build_nested(b, event, depth);
    default: /* libyaml's grammar lets nothing else stand where a node does */
        WR_CHECK(false);
    }
}

/* Reads the events around and between documents. *root is the root of the first document. */
static bool build_stream(struct builder *b, const struct wr_tree_node **root)
{
    for (;;) {
        yaml_event_t event;
        if (!next_event(b, &event))
            return false;
        yaml_event_type_t type = event.type;
        bool good = true;
        if (type == YAML_DOCUMENT_START_EVENT && *root) {
            wr_policy_error(b->errors, place_of_mark(b, event.start_mark),
                            "a second YAML document starts here: a policy is a single document");
            good = false;
        } else if (type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                   type == YAML_MAPPING_START_EVENT || type == YAML_ALIAS_EVENT) {
            *root = build(b, &event, 0);
            good = *root != NULL;
        }
        yaml_event_delete(&event);
        if (!good)
            return false;
        if (type == YAML_STREAM_END_EVENT)
            return true;
    }
}

bool wr_tree_parse(struct wr_slice text, unsigned file, struct wr_arena *arena,
                   struct wr_policy_errors *errors, const struct wr_tree_node **root)
{
    if (wr_slice_starts(text, WR_SLICE("\xef\xbb\xbf"))) /* a byte order mark, which YAML allows in front */
        text = wr_slice_from(text, 3);
    struct builder b = { .text = text, .file = file, .arena = arena, .errors = errors };
    *root = NULL;
    WR_CHECK(yaml_parser_initialize(&b.parser));
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *) (text.at ? text.at : ""), text.len);
    bool good = build_stream(&b, root);
    yaml_parser_delete(&b.parser);
    return good;
}

void wr_tree_node_add(struct wr_tree_node *node, const struct wr_tree_node *key,
                      const struct wr_tree_node *value, struct wr_arena *arena)
{
    if ((node->count & (node->count - 1)) == 0) { /* full at each power of two */
        struct wr_tree_entry *wider = wr_arena_alloc(arena,
                                                     (node->count ? 2 * node->count : 1) * sizeof *wider);
        if (node->count)
            memcpy(wider, node->entries, node->count * sizeof *wider);
        node->entries = wider;
    }
    node->entries[node->count++] = (struct wr_tree_entry){ key, value };
}

struct wr_tree_node *wr_tree_node_new(enum wr_node_kind kind, const struct wr_tree_node *at,
                                      struct wr_arena *arena)
{
    struct wr_tree_node *node = wr_arena_zalloc(arena, sizeof *node);
    node->kind = kind;
    node->place = at->place;
    return node;
}

const struct wr_tree_node *wr_tree_node_join(const struct wr_tree_node *first,
                                             const struct wr_tree_node *second, const struct wr_tree_node *at,
                                             struct wr_arena *arena)
{
    const struct wr_tree_node *both[] = { first, second };
    struct wr_tree_node *list = wr_tree_node_new(WR_NODE_LIST, at, arena);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < wr_tree_node_items(both[i]); k++)
            wr_tree_node_add(list, NULL, wr_tree_node_item(both[i], k), arena);
    return list;
}

const struct wr_tree_node *wr_tree_node_get(const struct wr_tree_node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == WR_NODE_MAP && i < map->count; i++) {
        if (wr_tree_node_is(map->entries[i].key, key))
            return map->entries[i].value;
    }
    return NULL;
}

bool wr_tree_node_is(const struct wr_tree_node *node, const char *word)
{
    return node && node->kind == WR_NODE_SCALAR && wr_slice_eq(node->text, wr_slice_str(word));
}

bool wr_tree_node_is_null(const struct wr_tree_node *node)
{
    if (node->kind != WR_NODE_SCALAR || node->quoted)
        return false;
    return node->text.len == 0 || wr_tree_node_is(node, "~") || wr_tree_node_is(node, "null");
}

size_t wr_tree_node_items(const struct wr_tree_node *node)
{
    return node->kind == WR_NODE_LIST ? node->count : 1;
}

const struct wr_tree_node *wr_tree_node_item(const struct wr_tree_node *node, size_t i)
{
    return node->kind == WR_NODE_LIST ? node->entries[i].value : node;
}
