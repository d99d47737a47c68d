/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal of purges in Redis: {ns}:{ks}:purges, a stream whose ids are instants. Here it is written and
 * read; who follows it is feed.h. Thread: the link's owner. */
#pragma once

#include "purge/purges.h"
#include "redis/link.h"

/* The journal is kept here, and this node writes into it under this name. redis and node are borrowed for
 * good; subscriber says what is known of Redis. Thread: start, before workers run. */
void wr_purges_share(struct wr_purges *p, const struct wr_policy_redis *redis,
                     const struct wr_subscriber *subscriber, const char *node);

/* Appends a purge that wr_purges_here() has made at instant `at`. said() is called once, never before this
 * returns, with the final instant; the table has it by then. With an error the feed says it again when Redis
 * is back. Nobody can call it off. Refused (Redis is away): an error now, said() never; the feed says it
 * later all the same. */
enum wr_err wr_purges_say(struct wr_purges *p, struct wr_link *link, const struct wr_purge *purge,
                          const char *who, struct wr_instant at,
                          void (*said)(void *ctx, enum wr_err err, struct wr_instant at), void *ctx);

enum wr_journal_answer {
    WR_JOURNAL_READ,   /* all that there was */
    WR_JOURNAL_MORE,   /* a page; there is more */
    WR_JOURNAL_LOST,   /* what this node has read is not there any more */
    WR_JOURNAL_FAILED, /* Redis is away, or late */
};

/* A question what has been purged since the table last heard; embedded in the asker. */
struct wr_journal_read {
    void (*done)(struct wr_journal_read *read, enum wr_journal_answer answer); /* the table has what came */
    bool late; /* with FAILED: there was no answer in time */
    /* private from here */
    struct wr_purges *purges;
    struct wr_call call;
    struct wr_mono sent;
};
/* Set done first. Refused: an error now, done never. */
enum wr_err wr_journal_read(struct wr_journal_read *read, struct wr_purges *p, struct wr_link *link,
                            struct wr_span patience) WR_MUST_USE;
/* Harmless on one that is done. */
static inline void wr_journal_cancel(struct wr_journal_read *read)
{
    wr_call_cancel(&read->call);
}

/* One line of the journal. Borrowed until the call returns. */
struct wr_purge_entry {
    struct wr_redis_time at;               /* the journal's clock: without Redis our own */
    struct wr_slice node, who, what, name; /* who: empty if an unsafe method has implied it */
    bool soft;
};
