/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a tree into the policy by the table of options, and has what the readers of values share.
 *
 * A reader gets a node that already has the shape of its kind, writes to `at`, and notes errors. It never
 * stops the reading, so one run finds every error. Thread: any; each reader belongs to one reading of a
 * policy. */
#pragma once

#include "http/chars.h"
#include "policy/name_table.h"
#include "policy/options.h"

struct wr_policy_reader {
    struct wr_policy *policy;
    struct wr_arena *arena; /* the policy's */
    struct wr_policy_errors *errors;
    struct wr_name_table origins, limits, caches, headers, routes; /* by name, as far as read */
    bool partial; /* what is read is part of routes: what it lacks may stand in the rest of them */
};

/* Fills in the defaults of a section, then what the mapping says. map: NULL leaves it at the defaults. */
void wr_policy_reader_section(struct wr_policy_reader *r, enum wr_section section,
                              const struct wr_tree_node *map, void *at);
/* Checks options against each other, and fills in the defaults that depend on other options. */
void wr_policy_reader_finish(struct wr_policy_reader *r, const struct wr_tree_node *root);

/* Notes the error "key: ..." at the node. */
void wr_policy_reader_error(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, const char *fmt, ...) WR_PRINTF(4, 5);
/* Returns the item as a scalar that isn't null; NULL: an error was noted. */
const struct wr_tree_node *wr_policy_reader_scalar(struct wr_policy_reader *r, const struct wr_option *o,
                                                   const struct wr_tree_node *item);
/* Returns the next item of a list that is a scalar, or NULL after the last. A single value counts as a list
 * of one. An error is noted for each item that is passed over. *i: 0 before the first call. */
const struct wr_tree_node *wr_policy_reader_next(struct wr_policy_reader *r, const struct wr_option *o,
                                                 const struct wr_tree_node *list, size_t *i);
/* Returns the enum's value of the word that the text is. Returns -1 if it is none; an error with a
 * suggestion was then noted at the node. */
int wr_policy_reader_choice(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, struct wr_slice text,
                            const struct wr_words *words);
/* Returns 1 for "on" and "true", 0 for "off" and "false", -1 for anything else. Notes nothing. */
int wr_policy_reader_switch(const struct wr_tree_node *node);
/* Returns a NUL-ended copy in the policy's arena. */
char *wr_policy_reader_copy(struct wr_policy_reader *r, struct wr_slice text);
/* Returns the name of the file in which the node stands. It lives as long as the policy. */
const char *wr_policy_reader_file(struct wr_policy_reader *r, const struct wr_tree_node *node);
/* May a query parameter have this name, or match it as a pattern? If not, an error is noted at the node. */
bool wr_policy_reader_parameter(struct wr_policy_reader *r, const struct wr_option *o,
                                const struct wr_tree_node *node, struct wr_slice name);
/* Reads a template; chars: what its own text may consist of. Returns false if an error was noted. */
bool wr_policy_reader_template(struct wr_policy_reader *r, const struct wr_option *o,
                               const struct wr_tree_node *node, enum wr_char_class chars,
                               struct wr_template *out);
/* Returns the path of a file that the policy names: absolute, or in systemd's directory of credentials, or
 * beside the file that names it. */
struct wr_slice wr_policy_reader_locate(struct wr_policy_reader *r, const struct wr_tree_node *name);
/* Reads a list of address blocks into the policy's arena. */
struct wr_cidr *wr_policy_reader_blocks(struct wr_policy_reader *r, const struct wr_option *o,
                                        const struct wr_tree_node *node, size_t *count);
/* Reads "404" or "5xx" (as 5). Returns 0 for anything else. */
int wr_policy_reader_status(struct wr_slice s);
/* Returns what a name refers to, of those in the section. Returns NULL if an error was noted. */
void *wr_policy_reader_refer(struct wr_policy_reader *r, const struct wr_option *o,
                             const struct wr_tree_node *node, const struct wr_name_table *names,
                             const char *section);
/* Checks that a route says who answers. item: the route in the file. */
void wr_policy_reader_answer(struct wr_policy_reader *r, const struct wr_tree_node *item,
                             struct wr_route *route);
/* Is it a label: at most 64 letters, digits, '.', '-' and '_', as the operator's own names must be? */
bool wr_policy_reader_is_label(struct wr_slice s);
/* Is it a token (RFC 9110 5.6.2)? */
bool wr_policy_reader_is_token(struct wr_slice s);
