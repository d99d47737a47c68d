/* SPDX-License-Identifier: BSD-2-Clause */
/* A node's heartbeat: tells the fleet that this node lives and what it does, and counts the living nodes.
 *
 * Every second the node enters itself into the ZSET {ns}:{ks}:nodes, scored by Redis's own clock, and
 * learns how many entries are younger than wr_node_lifetime() (nodes.lua: one call, no KEYS, no SCAN, no
 * clock of ours); and it writes the HASH {ns}:{ks}:node:<name> (pid, started, seen, workers, requests)
 * with the same lifetime, for weirctl and dashboards. A node that may serve from memory without Redis also
 * enters itself into the ZSET {ns}:{ks}:nodes:away, by the same script. There a silent node stays for
 * WR_NODE_SILENT_KEPT, so that a purge can name it. Each key has its own slot, and no script is about two of
 * them. Thread: the loop's owner. */
#pragma once

#include "redis/link.h"

/* Returns after how long without a heartbeat a node isn't counted any more. Longer than a node that is cut
 * off trusts its copies. */
struct wr_span wr_node_lifetime(const struct wr_policy_redis *redis);
/* So long a purge names a silent node that may serve from memory without Redis. */
#define WR_NODE_SILENT_KEPT WR_SPAN_S(3600)

struct wr_node;

struct wr_node_listener {
    /* the number of living nodes (this one included, never 0), when it is first known and whenever it has
     * changed; while Redis is away the last count stands */
    void (*counted)(void *ctx, unsigned nodes);
    void (*saw)(void *ctx, struct wr_slice name); /* called for each living node at each heartbeat; may be
                                                   * NULL */
    void (*forgotten)(void *ctx); /* Redis had lost this node, and may have lost others (it has evicted the
                                     set); may be NULL */
    void *ctx;
};
/* Starts the heartbeat. name: the node's name in the fleet; two nodes with one name count as one. link:
 * borrowed, must outlive the node. The caller owns the node. */
struct wr_node *wr_node_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link,
                            const char *name, const struct wr_node_listener *listener);
/* Has the fleet been told at least once that this node lives? */
bool wr_node_counted(const struct wr_node *node);
/* Whether this node may serve copies from memory that it can't compare with Redis, for longer than
 * max_staleness (no, until this is called). A purge that such a node doesn't hear of names it. */
void wr_node_set_serves_away(struct wr_node *node, bool serves);
/* Takes the node off the lists, if the link is ready. */
void wr_node_free(struct wr_node *node);
