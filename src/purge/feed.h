/* SPDX-License-Identifier: BSD-2-Clause */
/* Follows the journal of purges for this process's table, on the main loop.
 *
 * At the start it reads the journal backwards from its end. Objects fetched since the oldest purge read so
 * far are proven at once. From then on it reads what is added, as soon as the subscriber reports it, or at
 * intervals where Redis reports nothing. After each reading it writes into the node's own entry how far it
 * has read: other nodes' purges wait for that.
 *
 * The journal may be lost: evicted, flushed, or gone with a server whose replica lagged behind. Each node
 * notices that the entry it has read last is missing, and writes again what it knows (journal_again.lua,
 * which adds nothing twice). Purges made while Redis was away are written when it is back. */
#pragma once

#include "purge/journal.h"

struct wr_feed;

/* Makes the feed, which the caller owns, and starts it. All arguments are borrowed, and the policy is
 * counted. free: NULL is fine. Thread: start. */
struct wr_feed *wr_feed_new(struct wr_loop *main_loop, struct wr_policy *policy, struct wr_purges *p,
                            struct wr_link *link);
void wr_feed_free(struct wr_feed *f);
/* Says that the journal has grown. anything: it isn't known what has happened, so it may also be lost.
 * Thread: main. */
void wr_feed_heard(struct wr_feed *f, bool anything);
