/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the fleet for its word on a purge. Thread: main. */
#pragma once

#include "base/instant.h"
#include "purge/word.h"
#include "redis/link.h"

/* This node's knowledge of the other nodes. */
struct wr_fleet {
    struct wr_loop *loop;
    struct wr_policy *policy; /* borrowed, as link and node are */
    struct wr_link *link;
    const char *node; /* this node's name */
    struct wr_buf nodes_key, away_key;
    struct wr_fleet_node *peers; /* the nodes that were seen alive */
    struct wr_mono disturbed;    /* monotonic: when Redis may have forgotten which nodes live */
};

/* Sets up an embedded struct. link: NULL without Redis; then no node is asked. fini frees what it holds. */
void wr_fleet_init(struct wr_fleet *fleet, struct wr_loop *loop, struct wr_policy *policy,
                   struct wr_link *link, const char *node);
void wr_fleet_fini(struct wr_fleet *fleet);
/* Another node was seen alive. */
void wr_fleet_saw(struct wr_fleet *fleet, struct wr_slice name);
/* Redis may have forgotten which nodes live. */
void wr_fleet_disturbed(struct wr_fleet *fleet);

/* The question about one purge. Embedded in its owner's struct. */
struct wr_purge_word {
    struct wr_fleet *fleet;
    void (*given)(struct wr_purge_word
                      *word); /* all living nodes have confirmed, or max_staleness is over; called once */
    unsigned confirmed, live; /* other nodes than this one */
    struct wr_silent *silent; /* NULL: none; the owner may take it over and set this to NULL */
    /* private to word.c from here on */
    struct wr_instant at;
    struct wr_mono deadline;
    struct wr_timer timer;
    unsigned poll_ms;
    struct wr_call nodes_call, away_call;
    struct wr_arena arena; /* for one poll */
    struct asked_node *nodes;
    struct wr_slice *away;               /* names and scores, in the arena */
    size_t node_count, away_count, open; /* open: questions without an answer */
    bool unanswered;                     /* a question of this poll has failed */
};

/* Sets up an embedded struct; given: see there. */
void wr_purge_word_init(struct wr_purge_word *word, struct wr_fleet *fleet,
                        void (*given)(struct wr_purge_word *word));
/* Asks until all living nodes know of the purge at this instant. given() may be called before this returns.
 */
void wr_purge_word_ask(struct wr_purge_word *word, struct wr_instant at);
/* Cancels what is under way and frees it; given() is not called any more. */
void wr_purge_word_fini(struct wr_purge_word *word);
