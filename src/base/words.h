/* SPDX-License-Identifier: BSD-2-Clause */
/* Words that stand for the values of an enum. One list (a file of X-macro rows) generates both, so that rows
 * can be added and moved and no word changes its meaning.
 *
 *     enum wr_colour {
 *     #define COLOUR(ID, word, about) WR_COLOUR_##ID,
 *     #include "room/colours.def"
 *         WR_COLOUR_COUNT
 *     };
 *     static const struct wr_word colours[] = {
 *     #define COLOUR(ID, word, about) [WR_COLOUR_##ID] = { #word, about },
 *     #include "room/colours.def"
 *     };
 *     const struct wr_words wr_words_colour = WR_WORDS(colours);
 *
 * Static memory. Thread: any. */
#pragma once

#include "base/bytes.h"

struct wr_word {
    const char *text;
    const char
        *about; /* the text after the word in the manual: ": sentences." or " does something."; NULL: none */
};

struct wr_words { /* indexed by the enum's value */
    const struct wr_word *at;
    size_t count;
};

#define WR_WORDS(array)                           \
    {                                             \
        array, sizeof(array) / sizeof((array)[0]) \
    }

/* Returns the word of a value. */
static inline const char *wr_words_text(const struct wr_words *words, size_t value)
{
    WR_CHECK(value < words->count && words->at[value].text);
    return words->at[value].text;
}

/* Returns the value of a word, or -1 if it is none of them. */
int wr_words_find(const struct wr_words *words, struct wr_slice text) WR_MUST_USE;
/* Appends all words as "a, b" + last + "c". */
void wr_words_list(struct wr_buf *out, const struct wr_words *words, const char *last);
