/* SPDX-License-Identifier: BSD-2-Clause */
/* Purges, from the wish to the fleet's word that it is done.
 *
 * At once in this process (purges.h), then in the journal, one script call. Each node hears that the journal
 * has grown, reads it, and writes into its own entry (node.h) how far it has come. A purge has ended when all
 * living nodes have come that far, or after max_staleness, for which a node that can't hear trusts its
 * memory. Who lives is what Redis says; for a while after it may have forgotten (restarted, flushed, another
 * connection) it is also who lived a moment ago. Which silent nodes may still serve something older is part
 * of the result (word.h).
 *
 * It lives on the main loop; wishes come from any thread. */
#pragma once

#include "purge/journal.h"
#include "purge/word.h"
#include "store/redis_store.h"

struct wr_purger;

/* link, redis_store: the main loop's own; NULL without Redis. node: this node's name in the fleet. All
 * borrowed. Thread: start. */
struct wr_purger *wr_purger_new(struct wr_loop *main_loop, struct wr_policy *policy, struct wr_purges *purges,
                                struct wr_link *link, struct wr_redis_store *redis_store, const char *node);
/* No wish may be waited for any more. Thread: start, after the loop ended. */
void wr_purger_free(struct wr_purger *p);

/* Somebody who waits for the end of a purge; embedded, zeroed. */
struct wr_purge_wait {
    void (*done)(struct wr_purge_wait *w); /* on the asker's loop; result is filled in, and what it points to
                                              is gone when this returns */
    struct wr_purge_result result;
    /* private from here */
    struct wr_note note;
    struct wr_purger *purger;
    struct wr_purge_job *job;
    struct wr_silent *silent;
};
/* Purges; in this process that has happened when this returns. who: for the journal. w: who waits on `loop`,
 * or NULL. done() is called once, never before this returns. Thread: any (the loop's owner's). */
void wr_purger_purge(struct wr_purger *p, const struct wr_purge *purge, const char *who, struct wr_loop *loop,
                     struct wr_purge_wait *w);
/* It isn't waited for any more; harmless on a zeroed or done one. Thread: the loop's owner's. */
void wr_purge_wait_cancel(struct wr_purge_wait *w);

/* Another node lives. Thread: main. */
void wr_purger_saw(struct wr_purger *p, struct wr_slice name);
/* The connection is back, or all has been flushed: Redis may have forgotten who lives. Thread: main. */
void wr_purger_disturbed(struct wr_purger *p);

/* Calls each() for the latest `most` purges that were asked for, newest first, then done(), never before this
 * returns. Thread: main. */
void wr_purger_list(struct wr_purger *p, unsigned most,
                    void (*each)(void *ctx, const struct wr_purge_entry *e),
                    void (*done)(void *ctx, enum wr_err err), void *ctx);
