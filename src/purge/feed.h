/* SPDX-License-Identifier: BSD-2-Clause */
/* Follows the journal for the table of this process, on the main loop.
 *
 * When it starts it reads the journal from its end backwards: what has been fetched since the oldest purge
 * read so far is proven at once. From then on it reads what comes, as soon as the subscriber reports it, or
 * now and then where Redis reports nothing. Then it writes into the node's own entry how far it has come,
 * which is the word that other nodes' purges wait for.
 *
 * The journal may be lost: evicted, flushed, or gone with a server whose replica lagged. Each node sees that
 * what it has read last isn't there, and says again what it knows (journal_again.lua: nothing stands there
 * twice). What was purged while Redis was away is said when it is back. */
#pragma once

#include "purge/journal.h"

struct wr_feed;

/* All borrowed. Thread: start. */
struct wr_feed *wr_feed_new(struct wr_loop *main_loop, struct wr_policy *policy, struct wr_purges *p,
                            struct wr_link *link);
void wr_feed_free(struct wr_feed *f);
/* The journal has grown; anything: or who knows what has happened. Thread: main. */
void wr_feed_heard(struct wr_feed *f, bool anything);
