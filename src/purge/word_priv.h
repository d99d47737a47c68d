/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the fleet for its word on a purge. Thread: main. */
#pragma once

#include "base/instant.h"
#include "purge/word.h"
#include "redis/link.h"

/* What this node knows of the others. */
struct wr_fleet {
    struct wr_loop *loop;
    struct wr_policy *policy; /* borrowed, as are link and node */
    struct wr_link *link;
    const char *node; /* this node's name */
    struct wr_buf nodes_key, away_key;
    struct wr_fleet_node *peers; /* that have been seen alive */
    struct wr_mono disturbed;    /* when Redis may have forgotten who lives */
};

/* link: NULL without Redis; then nobody is to be asked. */
void wr_fleet_init(struct wr_fleet *fleet, struct wr_loop *loop, struct wr_policy *policy,
                   struct wr_link *link, const char *node);
void wr_fleet_fini(struct wr_fleet *fleet);
/* Another node lives. */
void wr_fleet_saw(struct wr_fleet *fleet, struct wr_slice name);
/* Redis may have forgotten who lives. */
void wr_fleet_disturbed(struct wr_fleet *fleet);

/* The question about one purge; embedded. */
struct wr_purge_word {
    struct wr_fleet *fleet;
    void (*given)(
        struct wr_purge_word *word); /* all living nodes know, or max_staleness is over; called once */
    unsigned confirmed, live;        /* others than this node */
    struct wr_silent *silent;        /* NULL: none; who takes it over sets it to NULL */
    /* private to word.c from here */
    struct wr_instant at;
    struct wr_mono deadline;
    struct wr_timer timer;
    unsigned poll_ms;
    struct wr_call nodes_call, away_call;
    struct wr_arena arena; /* for one poll */
    struct asked_node *nodes;
    struct wr_slice *away;               /* names and scores, in the arena */
    size_t node_count, away_count, open; /* open: questions without an answer */
    bool unanswered;                     /* one of them has failed in this poll */
};

void wr_purge_word_init(struct wr_purge_word *word, struct wr_fleet *fleet,
                        void (*given)(struct wr_purge_word *word));
/* Asks until all know that something was purged at this instant. given() may be called before this returns.
 */
void wr_purge_word_ask(struct wr_purge_word *word, struct wr_instant at);
/* Calls off what is under way. */
void wr_purge_word_fini(struct wr_purge_word *word);
