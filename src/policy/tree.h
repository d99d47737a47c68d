/* SPDX-License-Identifier: BSD-2-Clause */
/* A YAML document as nodes that know their place in the file.
 *
 * Only these two files know libyaml. A node owns nothing: it and its text lie in the arena given to
 * wr_tree_parse(). An alias shares the node of its anchor. Thread: any. */
#pragma once

#include "policy/policy_error.h"

enum wr_node_kind { WR_NODE_SCALAR, WR_NODE_LIST, WR_NODE_MAP };

struct wr_tree_node;

struct wr_tree_entry {
    const struct wr_tree_node *key; /* a scalar; NULL in a list */
    const struct wr_tree_node *value;
};

struct wr_tree_node {
    enum wr_node_kind kind;
    struct wr_place place;
    struct wr_slice text;          /* SCALAR; NUL-ended */
    bool quoted;                   /* SCALAR: in quotes, a block or a variable, so never a null */
    bool broken;                   /* SCALAR: its text is wrong, and an error was noted */
    struct wr_tree_entry *entries; /* LIST, MAP: in the order of the file */
    size_t count;
};

/* Parses text. file: for the places of its nodes. *root: NULL if the text holds no document. Returns false if
 * it is no YAML; an error was noted then. Values are filled from the environment (policy/environment.h), keys
 * aren't. */
bool wr_tree_parse(struct wr_slice text, unsigned file, struct wr_arena *arena,
                   struct wr_policy_errors *errors, const struct wr_tree_node **root);
/* Makes an empty node of this kind in the arena; errors name the place of the node `at`. */
struct wr_tree_node *wr_tree_node_new(enum wr_node_kind kind, const struct wr_tree_node *at,
                                      struct wr_arena *arena);
/* Makes a list of the items of `first`, then those of `second`; errors name the place of the node `at`. */
const struct wr_tree_node *wr_tree_node_join(const struct wr_tree_node *first,
                                             const struct wr_tree_node *second, const struct wr_tree_node *at,
                                             struct wr_arena *arena);
/* Appends an entry to a list (key NULL) or mapping under construction, in the arena. */
void wr_tree_node_add(struct wr_tree_node *node, const struct wr_tree_node *key,
                      const struct wr_tree_node *value, struct wr_arena *arena);
/* Returns the value of a key (the first one if it is repeated), or NULL. `map` may be NULL. */
const struct wr_tree_node *wr_tree_node_get(const struct wr_tree_node *map, const char *key);
/* Is the node a scalar with this text? node may be NULL. */
bool wr_tree_node_is(const struct wr_tree_node *node, const char *word);
/* Is the node empty where a value belongs: "", ~ or null, without quotes? */
bool wr_tree_node_is_null(const struct wr_tree_node *node);
/* Return the number of entries of a list and one of them. A node that is no list counts as a list of one. */
size_t wr_tree_node_items(const struct wr_tree_node *node);
const struct wr_tree_node *wr_tree_node_item(const struct wr_tree_node *node, size_t i);
