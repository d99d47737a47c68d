/* SPDX-License-Identifier: BSD-2-Clause */
/* A node's heartbeat: tells the fleet that this node lives and what it does, and counts who else does.
 *
 * Every second the node enters itself into the ZSET {ns}:{ks}:nodes, scored by Redis's own clock, and
 * learns how many entries are younger than wr_node_lifetime() (nodes.lua: one call, no KEYS, no SCAN, no
 * clock of ours); and it writes the HASH {ns}:{ks}:node:<name> (pid, started, seen, workers, requests)
 * with the same lifetime, for weirctl and dashboards. Two keys, two slots, no script over both. Thread:
 * the loop's owner. */
#pragma once

#include "redis/link.h"

/* Silent for so long: not counted any more. Longer than a node that can't hear trusts what it holds. */
struct wr_span wr_node_lifetime(const struct wr_policy_redis *redis);

struct wr_node;

struct wr_node_listener {
    /* the number of living nodes (this one included, never 0), when it is first known and whenever it has
     * changed; while Redis is away the last count stands */
    void (*counted)(void *ctx, unsigned nodes);
    void (*saw)(void *ctx, struct wr_slice name); /* each that lives, every time; may be NULL */
    void (*forgotten)(void *ctx); /* Redis had lost this node, and may have lost others (it has evicted the
                                     set); may be NULL */
    void *ctx;
};
/* name: which node of the fleet this is; two nodes of one name count as one. link: borrowed, must outlive the
 * node. */
struct wr_node *wr_node_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link,
                            const char *name, const struct wr_node_listener *listener);
/* Whether the fleet has been told that this node lives, once at least. */
bool wr_node_counted(const struct wr_node *node);
/* Takes the node off the list, if the link is ready (the loop must turn once more for that to be sent). */
void wr_node_free(struct wr_node *node);
