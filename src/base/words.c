/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks words up in a list and writes the list out. */
#include "base/words.h"

int wr_words_find(const struct wr_words *words, struct wr_slice text)
{
    for (size_t i = 0; i < words->count; i++)
        if (wr_slice_eq(text, wr_slice_str(words->at[i].text)))
            return (int) i;
    return -1;
}

void wr_words_list(struct wr_buf *out, const struct wr_words *words, const char *last)
{
    for (size_t i = 0; i < words->count; i++)
        wr_buf_printf(out, "%s%s", i == 0 ? "" : i + 1 < words->count ? ", " : last, words->at[i].text);
}
