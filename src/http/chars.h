/* SPDX-License-Identifier: BSD-2-Clause */
/* Classes of bytes in HTTP's grammar, and iteration over comma-separated lists. Thread: any. */
#pragma once

#include "base/bytes.h"

enum wr_char_class {
    WR_CHAR_TOKEN = 1,   /* tchar (RFC 9110 5.6.2) */
    WR_CHAR_TARGET = 2,  /* may stand in a request target: every visible byte but '#', and 0x80-0xFF. RFC 3986
                          * allows  less, but browsers send the rest unescaped, and no reader can mistake it
                          * for  the end of the  target */
    WR_CHAR_REGNAME = 4, /* may stand in a registered name, '%' included (RFC 3986 3.2.2) */
    WR_CHAR_FIELD = 8,   /* may stand in a field value: VCHAR, obs-text, SP, HTAB (RFC 9110 5.5) */
    WR_CHAR_HEX = 16,
    WR_CHAR_DIGIT = 32,
    WR_CHAR_ETAG = 64, /* etagc (RFC 9110 8.8.3) */
    WR_CHAR_KEY =
        128, /* may stand in the key of a structured field: lower case, digits, "_-.*" (RFC 9651 3.1.2) */
};

extern const uint8_t wr_char_classes[256];

static inline bool wr_char_is(char c, enum wr_char_class class)
{
    return wr_char_classes[(unsigned char) c] & class;
}

/* Returns how many bytes at the front belong to the class. */
static inline size_t wr_char_span(struct wr_slice s, enum wr_char_class class)
{
    size_t n = 0;
    while (n < s.len && wr_char_is(s.at[n], class))
        n++;
    return n;
}

/* Is s not empty, and does each of its bytes belong to the class? */
static inline bool wr_chars_all(struct wr_slice s, enum wr_char_class class)
{
    return s.len > 0 && wr_char_span(s, class) == s.len;
}

/* A #list (RFC 9110 5.6.1) that is being read. */
struct wr_list {
    struct wr_slice rest;
    bool unended; /* a quoted string was met that doesn't end: from there on, a quote is a character like
                   * others
                   */
};

/* Begins to read a field's value. Its bytes are borrowed. */
static inline struct wr_list wr_list(struct wr_slice value)
{
    return (struct wr_list){ .rest = value };
}

/* Takes the next element, trimmed. Skips empty elements; a comma inside a quoted string does not separate.
 * Returns false if there are no more. All elements together cost time in proportion to the value's length. */
bool wr_list_next(struct wr_list *list, struct wr_slice *item);
/* Returns the length of the quoted string at the front, with both quotes, or 0 if there is none or it does
 * not end. */
size_t wr_quoted_span(struct wr_slice s);
