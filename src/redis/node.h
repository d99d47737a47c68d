/* A node's heartbeat: tells the fleet that this node lives and what it does, and counts who else does.
 *
 * Every second the node enters itself into the ZSET {ns}:{ks}:nodes, scored by Redis's own clock, and
 * learns how many entries are younger than WR_NODE_LIFETIME (nodes.lua: one call, no KEYS, no SCAN, no
 * clock of ours); and it writes the HASH {ns}:{ks}:node:<name> (pid, started, seen, workers, requests)
 * with the same lifetime, for weirctl and dashboards. Two keys, two slots, no script over both. Thread:
 * the loop's owner. */
#pragma once

#include "redis/link.h"

#define WR_NODE_LIFETIME WR_SPAN_S(5) /* silent for so long: not counted any more */

struct wr_node;

/* name: which node of the fleet this is; two nodes of one name count as one. counted: called when the number
 * of living nodes (this one included, never 0) is first known and whenever it has changed; while Redis is
 * away the last count stands. link: borrowed, must outlive the node. */
struct wr_node *wr_node_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link,
                            const char *name, void (*counted)(void *ctx, unsigned nodes), void *ctx);
/* Whether the fleet has been told that this node lives, once at least. */
bool wr_node_counted(const struct wr_node *node);
/* Takes the node off the list, if Redis is near (the loop must turn once more for that to be sent). */
void wr_node_free(struct wr_node *node);
