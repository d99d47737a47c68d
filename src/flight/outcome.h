/* SPDX-License-Identifier: BSD-2-Clause */
/* The words by which a node that fetches tells the nodes that wait how the fetch goes, and what these do
 * then. Pure. Thread: any. */
#pragma once

#include "base/bytes.h"

/* How a fetch ended, or that it is arriving (outcomes.def). COUNT: a word that this version of weir doesn't
 * know. */
enum wr_outcome {
#define X(id, word, then) WR_OUTCOME_##id,
#include "flight/outcomes.def"
#undef X
    WR_OUTCOME_COUNT
};

/* The next step of a waiting node that hears the word. */
enum wr_then {
    WR_THEN_LOOK,    /* reads the object from Redis */
    WR_THEN_CONTEND, /* tries to get the lock; the node that gets it fetches next */
    WR_THEN_LEARN,   /* reads of the purge in the journal; then as CONTEND */
    WR_THEN_FETCH,   /* fetches without the lock */
    WR_THEN_PASS,    /* lets each request fetch by itself */
};

/* Returns the word; a constant. outcome: not COUNT. */
struct wr_slice wr_outcome_word(enum wr_outcome outcome);
/* Finds the outcome of that word, or COUNT. */
enum wr_outcome wr_outcome_of(struct wr_slice word);
/* Returns what the outcome leads to. COUNT leads to LOOK: whatever happened, Redis knows. */
enum wr_then wr_outcome_then(enum wr_outcome outcome);
