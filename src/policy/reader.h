/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a tree into the policy by the table of options, and what the readers of values have in common.
 *
 * A reader gets a node that already has the shape of its kind, writes to `at` and notes what is wrong; it
 * never stops the reading, so that one run finds every error. Thread: any; one reader belongs to one
 * reading. */
#pragma once

#include "policy/name_table.h"
#include "policy/options.h"

struct wr_policy_reader {
    struct wr_policy *policy;
    struct wr_arena *arena; /* the policy's */
    struct wr_policy_errors *errors;
    struct wr_name_table origins, limits; /* by name, as far as read */
};

/* Fills in the defaults of a section, then what the mapping says. map: NULL leaves it at the defaults. */
void wr_policy_reader_section(struct wr_policy_reader *r, enum wr_section section,
                              const struct wr_tree_node *map, void *at);
/* Cross-checks what no single option can see, and fills in the defaults that depend on other options. */
void wr_policy_reader_finish(struct wr_policy_reader *r, const struct wr_tree_node *root);

/* Notes "key: ..." at the node. */
void wr_policy_reader_error(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, const char *fmt, ...) WR_PRINTF(4, 5);
/* The item as a scalar that isn't null; NULL: an error was noted. */
const struct wr_tree_node *wr_policy_reader_scalar(struct wr_policy_reader *r, const struct wr_option *o,
                                                   const struct wr_tree_node *item);
/* Which of the words the text is: their enum's value; -1: none, and an error with a suggestion was noted at
 * the node. */
int wr_policy_reader_choice(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, struct wr_slice text,
                            const struct wr_words *words);
/* "on", "true", "off" or "false". -1: something else, nothing noted. */
int wr_policy_reader_switch(const struct wr_tree_node *node);
/* The text as a NUL-ended string in the policy's arena. */
char *wr_policy_reader_copy(struct wr_policy_reader *r, struct wr_slice text);
/* May a parameter of a query be called so, or match it as a pattern? If not, an error is noted at the node.
 */
bool wr_policy_reader_parameter(struct wr_policy_reader *r, const struct wr_option *o,
                                const struct wr_tree_node *node, struct wr_slice name);
/* At most 64 letters, digits, '.', '-' and '_': what the operator's own names are made of. */
bool wr_policy_reader_is_label(struct wr_slice s);
/* A token of HTTP (RFC 9110 5.6.2). */
bool wr_policy_reader_is_token(struct wr_slice s);
