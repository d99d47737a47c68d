/* SPDX-License-Identifier: BSD-2-Clause */
/* Carries out purges, from the request to the fleet's word that the purge is done.
 *
 * 1. It purges at once in this process (purges.h).
 * 2. It writes the purge into the journal, by one script call.
 * 3. Each node hears that the journal has grown, reads it, and writes into its own entry (redis/node.h) how
 *    far it has read.
 * 4. The purge has ended when all living nodes have read that far, or after max_staleness: for so long a node
 *    that can't hear trusts its memory.
 *
 * Redis says which nodes live. For a while after it may have forgotten some (restart, flush, another
 * connection), the nodes that lived a moment ago count as well. The result says which silent nodes may still
 * serve something older (word.h).
 *
 * The purger lives on the main loop; purges are requested on any thread. */
#pragma once

#include "purge/journal.h"
#include "purge/word.h"
#include "store/redis_store.h"

struct wr_purger;

/* Makes a purger, which the caller owns. link, redis_store: those of the main loop; NULL without Redis. node:
 * this node's name in the fleet. All are borrowed, and the policy is counted. Thread: start. */
struct wr_purger *wr_purger_new(struct wr_loop *main_loop, struct wr_policy *policy, struct wr_purges *purges,
                                struct wr_link *link, struct wr_redis_store *redis_store, const char *node);
/* Frees it; NULL is fine. Nobody may be waiting for a purge any more. Thread: start, after the loop ended. */
void wr_purger_free(struct wr_purger *p);

/* Waits for the end of a purge. Embedded in the asker's struct, zeroed. */
struct wr_purge_wait {
    void (*done)(struct wr_purge_wait *w); /* called on the asker's loop; result is filled in, and what it
                                              points to is freed when this returns */
    struct wr_purge_result result;
    /* private from here on */
    struct wr_note note;
    struct wr_purger *purger;
    struct wr_purge_job *job;
    struct wr_silent *silent;
};
/* Purges; in this process that is done when this returns. who: the one who asked, for the journal. w: waits
 * on `loop`; or NULL. done() is called once, never before this function returns. purge and who are copied.
 * Thread: any; with w, the owner of the loop. */
void wr_purger_purge(struct wr_purger *p, const struct wr_purge *purge, const char *who, struct wr_loop *loop,
                     struct wr_purge_wait *w);
/* Stops waiting: done() is not called any more. Does nothing on one that is zeroed or done. Thread: the owner
 * of the loop. */
void wr_purge_wait_cancel(struct wr_purge_wait *w);

/* Says that another node was seen alive. Thread: main. */
void wr_purger_saw(struct wr_purger *p, struct wr_slice name);
/* Says that the connection is back, or that all was flushed: Redis may have forgotten which nodes live.
 * Thread: main. */
void wr_purger_disturbed(struct wr_purger *p);

/* Calls each() for the latest `most` purges that somebody asked for, newest first, and then done(); neither
 * before this function returns. Thread: main. */
void wr_purger_list(struct wr_purger *p, unsigned most,
                    void (*each)(void *ctx, const struct wr_purge_entry *e),
                    void (*done)(void *ctx, enum wr_err err), void *ctx);
