/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that a policy includes. Thread: start or main, because files are read. */
#pragma once

#include "policy/tree.h"

/* Reads a file of at most 64 MB. included: it must be a regular file, so that reading it can't block. Returns
 * NULL, or why it can't be read. */
const char *wr_include_read(const char *path, bool included, struct wr_buf *out);

/* Parses the policy's text, whose name is errors->files[0], and all files that it includes, and joins them to
 * one mapping. The content of an included file counts as if it stood where `include` stands: lists are joined
 * in this order, origins and the like by their names; any other section stands in one file. The tree lies in
 * the arena. Returns NULL if a file is no YAML or can't be read; errors were noted then. */
const struct wr_tree_node *wr_include_join(struct wr_slice text, struct wr_arena *arena,
                                           struct wr_policy_errors *errors);
