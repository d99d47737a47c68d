/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of the daemon: what its files share. Thread: main. */
#pragma once

#include "admin/admin.h"
#include "main/drain.h"
#include "main/workers.h"
#include "net/names.h"
#include "purge/feed.h"
#include "purge/purger.h"
#include "redis/evictions.h"
#include "redis/node.h"

struct server {
    struct wr_loop loop; /* the main loop */
    struct wr_policy *policy;
    struct wr_policy *first; /* the policy it started with, for what takes effect at a restart only */
    struct wr_shared shared;
    struct wr_names *names; /* addresses of host names, for the whole process */
    struct wr_workers *workers;
    struct wr_listener **listeners;
    size_t listener_count;
    struct wr_admin *admin;
    struct wr_link *link; /* the main loop's own, for heartbeats, purges and checks; NULL: no Redis */
    struct wr_redis_store *redis_store;
    struct wr_node *node;
    struct wr_feed *feed;
    struct wr_evictions *evictions;
    char node_name[128], link_name[128]; /* its names among the nodes, and in Redis's list of clients */
    struct wr_buf purges_key;            /* the key of the journal */
    LIST_HEAD(, purge) purges;           /* purges that the admin listener waits for */
    struct event *signals[4];
    struct wr_timer tick, opening;
    struct wr_drain drain;
    struct wr_admin_reload reloaded; /* how the last reload ended */
    struct wr_buf pending;           /* what waits for a restart: words separated by ", " */
    struct wr_switches switches;     /* what weirctl has put into maintenance */
    struct wr_mono started;
};

/* --- reload.c --- */

/* Reads the policy again. who asks stands in the log. Returns false and the errors, a line each, if the
 * policy in force stays. s->pending then says what waits for a restart. */
bool wr_server_reload(struct server *s, const char *who, struct wr_buf *errors);
/* Tells the fleet whether other nodes' purges are to name this node while it is silent. */
void wr_server_tell_serves_away(struct server *s);

/* --- admin_host.c --- */

/* Fills in what the admin listeners may ask of the daemon. */
void wr_server_admin_host(struct server *s, struct wr_admin_host *host);
/* Ends the purges that the admin listeners wait for. */
void wr_server_end_purges(struct server *s);
