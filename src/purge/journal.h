/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal of purges in Redis: {ns}:{ks}:purges, a stream whose ids are instants. This file writes and
 * reads it; feed.h follows it. Thread: the link's owner. */
#pragma once

#include "purge/purges.h"
#include "redis/link.h"

/* Says where the journal is and under which name this node writes into it. redis and node are borrowed for
 * good. subscriber says what is known of Redis. Thread: start, before workers run. */
void wr_purges_share(struct wr_purges *p, const struct wr_policy_redis *redis,
                     const struct wr_subscriber *subscriber, const char *node);

/* Appends a purge that wr_purges_here() has made at the instant `at`. said() is called once, never before
 * this function returns, with the final instant; by then the table has it. It can't be cancelled. After an
 * error the feed writes the purge again when Redis is back. If Redis is away, returns an error and said() is
 * never called; the feed still writes the purge later. purge and who are copied. */
enum wr_err wr_purges_say(struct wr_purges *p, struct wr_link *link, const struct wr_purge *purge,
                          const char *who, struct wr_instant at,
                          void (*said)(void *ctx, enum wr_err err, struct wr_instant at), void *ctx);

/* The result of reading the journal. */
enum wr_journal_answer {
    WR_JOURNAL_READ,   /* everything there was */
    WR_JOURNAL_MORE,   /* one page; there is more */
    WR_JOURNAL_LOST,   /* what this node has read last is no longer there */
    WR_JOURNAL_FAILED, /* Redis is away or late */
};

/* Reads what has been purged since the table was last updated. Embedded in the asker's struct. */
struct wr_journal_read {
    /* The table already holds what was read. */
    void (*done)(struct wr_journal_read *read, enum wr_journal_answer answer);
    bool late;           /* with FAILED: no answer came in time */
    struct wr_mono sent; /* with READ: the table holds all that the journal held then */
    /* private from here on */
    struct wr_purges *purges;
    struct wr_call call;
};
/* Starts it; set done first. patience: the timeout. Returns an error if the call is refused: then done is
 * never called. */
enum wr_err wr_journal_read(struct wr_journal_read *read, struct wr_purges *p, struct wr_link *link,
                            struct wr_span patience) WR_MUST_USE;
/* Is the answer still to come? */
static inline bool wr_journal_reading(const struct wr_journal_read *read)
{
    return wr_call_pending(&read->call);
}
/* Cancels it: done is not called any more. Does nothing if it has already been called. */
static inline void wr_journal_cancel(struct wr_journal_read *read)
{
    wr_call_cancel(&read->call);
}

/* One entry of the journal. Its texts are borrowed until the call returns. */
struct wr_purge_entry {
    struct wr_redis_time at;               /* on the journal's clock; without Redis, our own */
    struct wr_slice node, who, what, name; /* who: empty if an unsafe method caused the purge */
    bool soft;
};
