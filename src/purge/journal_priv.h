/* SPDX-License-Identifier: BSD-2-Clause */
/* What journal.c and those who follow and list the journal share. */
#pragma once

#include "purge/journal.h"
#include "purge/purges_priv.h"

#define WR_JOURNAL_PATIENCE                                                                      \
    WR_SPAN_S(2)              /* for Redis to take a purge: a second try costs more than waiting \
                               */
#define WR_JOURNAL_PAGE 1000  /* entries read at once */
#define WR_UNSAID_MOST 100000 /* purges that wait for Redis; over that, everything is purged */

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

/* Fields of an entry as Redis gives it: *out for who looks at it, *purge for the table. false: not one of
 * ours. */
bool wr_journal_entry(const struct wr_reply *reply, struct wr_instant *at, struct wr_purge_entry *out,
                      struct wr_purge *purge) WR_MUST_USE;
/* Puts entries of the journal into the table. newest (may be NULL), oldest (may be NULL): of those of them
 * that can be read. */
void wr_journal_take(struct wr_purges *p, const struct wr_reply *entries, bool quiet,
                     struct wr_instant *newest, struct wr_instant *oldest);
/* An entry's fields and values, as the scripts append them: what, name, soft first. Gives how many
 * (WR_JOURNAL_WORDS at most). hex: room for the hashes. */
#define WR_JOURNAL_WORDS 14
size_t wr_journal_words(const struct wr_purges *p, const struct wr_purge *purge, struct wr_slice who,
                        struct wr_slice *out, char hex[2][WR_HASH_HEX + 1]);
/* Says one of those that Redis hasn't taken. false: there is none, or it can't be said now. */
bool wr_journal_say_unsaid(struct wr_purges *p, struct wr_link *link);
