/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of journal.c, for the files that follow and list the journal. Thread: the link's owner. */
#pragma once

#include "purge/journal.h"
#include "purge/purges_priv.h"

/* Timeout for Redis to take a purge: waiting costs less than a second try. */
#define WR_JOURNAL_PATIENCE WR_SPAN_S(2)
#define WR_JOURNAL_PAGE 1000  /* entries read at once */
#define WR_UNSAID_MOST 100000 /* purges that wait for Redis; if there are more, everything is purged */

/* A purge that Redis hasn't taken yet. */
struct wr_purge_unsaid {
    TAILQ_ENTRY(wr_purge_unsaid) entry;
    struct wr_call call;
    struct wr_purges *purges;
    struct wr_link *link;
    struct wr_purge purge; /* its name is our own copy */
    char *who;
    struct wr_instant at;
    void (*said)(void *ctx, enum wr_err err, struct wr_instant at);
    void *ctx;
};

/* Reads an entry from Redis's reply: into *out to show it, and into *purge for the table. Both borrow from
 * the reply. Returns false if it isn't one of ours. */
bool wr_journal_entry(const struct wr_reply *reply, struct wr_instant *at, struct wr_purge_entry *out,
                      struct wr_purge *purge) WR_MUST_USE;
/* Puts entries of the journal into the table. *newest and *oldest (each may be NULL): moved to the newest and
 * oldest entry that could be read. */
void wr_journal_take(struct wr_purges *p, const struct wr_reply *entries, bool quiet,
                     struct wr_instant *newest, struct wr_instant *oldest);
/* Gives the fields and values of an entry as the scripts append them (what, name, soft first) and returns
 * their number, at most WR_JOURNAL_WORDS. hex: room for the hashes. out borrows from all of them. */
#define WR_JOURNAL_WORDS 14
size_t wr_journal_words(const struct wr_purges *p, const struct wr_purge *purge, struct wr_slice who,
                        struct wr_slice *out, char hex[2][WR_HASH_HEX + 1]);
/* Writes one of the purges that Redis hasn't taken. Returns false if there is none, or if it can't be written
 * now. */
bool wr_journal_say_unsaid(struct wr_purges *p, struct wr_link *link);
