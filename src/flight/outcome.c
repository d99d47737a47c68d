/* SPDX-License-Identifier: BSD-2-Clause */
/* The outcomes' words and consequences, out of outcomes.def. */
#include "flight/outcome.h"

static const struct {
    struct wr_slice word;
    enum wr_then then;
} outcomes[] = {
#define X(id, word, then) [WR_OUTCOME_##id] = { WR_SLICE_INIT(word), WR_THEN_##then },
#include "flight/outcomes.def"
#undef X
};

struct wr_slice wr_outcome_word(enum wr_outcome outcome)
{
    return outcomes[outcome].word;
}

enum wr_outcome wr_outcome_of(struct wr_slice word)
{
    enum wr_outcome o = 0;
    while (o < WR_OUTCOME_COUNT && !wr_slice_eq(outcomes[o].word, word))
        o++;
    return o;
}

enum wr_then wr_outcome_then(enum wr_outcome outcome)
{
    return outcome < WR_OUTCOME_COUNT ? outcomes[outcome].then : WR_THEN_LOOK;
}
