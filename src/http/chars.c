/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the table of byte classes. Splits lists and finds the end of quoted strings. */
#include "http/chars.h"

/* Each entry is the sum of the classes (enum wr_char_class) of its byte. tests/unit/http/test_chars.c
 * recomputes the table from the RFCs' grammar. */
const uint8_t wr_char_classes[256] = {
    0,   0,   0,   0,   0,   0,   0,   0,   0,   8,   0,   0,   0,   0,   0,   0,   /* 00 */
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   /* 10 */
    8,   79,  10,  73,  79,  79,  79,  79,  78,  78,  207, 79,  78,  207, 207, 74,  /* 20 */
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 74,  78,  74,  78,  74,  74,  /* 30 */
    74,  95,  95,  95,  95,  95,  95,  79,  79,  79,  79,  79,  79,  79,  79,  79,  /* 40 */
    79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  74,  74,  74,  75,  207, /* 50 */
    75,  223, 223, 223, 223, 223, 223, 207, 207, 207, 207, 207, 207, 207, 207, 207, /* 60 */
    207, 207, 207, 207, 207, 207, 207, 207, 207, 207, 207, 74,  75,  74,  79,  0,   /* 70 */
    74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  /* 80 */
    74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  /* 90 */
    74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  /* a0 */
    74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  /* b0 */
    74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  /* c0 */
    74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  /* d0 */
    74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  /* e0 */
    74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  74,  /* f0 */
};

size_t wr_quoted_span(struct wr_slice s)
{
    if (s.len == 0 || s.at[0] != '"')
        return 0;
    for (size_t i = 1; i < s.len; i++) {
        if (s.at[i] == '"')
            return i + 1;
        if (s.at[i] == '\\')
            i++;
    }
    return 0;
}

/* Returns the length of the element at the front, up to its comma. If a quoted string doesn't end, none that
 * begins later does: its closing quote would have ended this one too. So the end is looked for only once. */
static size_t element_span(struct wr_list *list)
{
    struct wr_slice s = list->rest;
    size_t i = 0;
    while (i < s.len && s.at[i] != ',') {
        size_t quoted = 0;
        if (s.at[i] == '"' && !list->unended) {
            quoted = wr_quoted_span(wr_slice_from(s, i));
            list->unended = quoted == 0;
        }
        i += quoted ? quoted : 1;
    }
    return i;
}

bool wr_list_next(struct wr_list *list, struct wr_slice *item)
{
    while (list->rest.len > 0) {
        const char *at = list->rest.at;
        size_t len = element_span(list), eaten = len < list->rest.len ? len + 1 : len;
        *item = wr_slice_trim(wr_slice(at, len));
        list->rest = wr_slice(at + eaten, list->rest.len - eaten);
        if (item->len > 0)
            return true;
    }
    return false;
}
