/* SPDX-License-Identifier: BSD-2-Clause */
/* Slices (borrowed bytes) and buffers (owned, growing bytes).
 *
 * A slice doesn't say who owns its bytes: the function that returns one documents how long it is valid.
 * Neither a slice nor a buffer needs a NUL at its end. Thread: any; no locks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

struct wr_slice {
    const char *at;
    size_t len;
};

/* A slice over a string literal, fit for static tables. */
#define WR_SLICE(lit) ((struct wr_slice){ "" lit "", sizeof(lit) - 1 })
#define WR_SLICE_INIT(lit)         \
    {                              \
        "" lit "", sizeof(lit) - 1 \
    }
/* For printf's "%.*s". */
#define WR_SLICE_ARG(s) (int) (s).len, (s).at ? (s).at : ""

static inline struct wr_slice wr_slice(const char *at, size_t len)
{
    return (struct wr_slice){ at, len };
}

/* What is left of a slice without its first n bytes; n is at most s.len. s may be empty with at NULL, and
 * adding 0 to NULL is undefined. */
static inline struct wr_slice wr_slice_from(struct wr_slice s, size_t n)
{
    return (struct wr_slice){ n > 0 ? s.at + n : s.at, s.len - n };
}

/* A slice over a NUL-ended string (NULL gives the empty slice). */
static inline struct wr_slice wr_slice_str(const char *s)
{
    return (struct wr_slice){ s, s ? strlen(s) : 0 };
}

static inline bool wr_slice_eq(struct wr_slice a, struct wr_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Compares without regard to the case of ASCII letters. All other bytes must be equal (RFC 9110 5.1: field
 * names, tokens). */
bool wr_slice_eq_nocase(struct wr_slice a, struct wr_slice b);
/* Does s begin with `prefix`? */
bool wr_slice_starts(struct wr_slice s, struct wr_slice prefix);
/* Does `pattern` match the whole of s? A '*' in it stands for any number of bytes, also none. All other
 * bytes are compared after `fold` (NULL: as they are). Takes at most s.len * pattern.len steps. */
bool wr_slice_matches(struct wr_slice s, struct wr_slice pattern, char (*fold)(char));
/* Returns s without SP and HTAB at both ends (OWS, RFC 9110 5.6.3). */
struct wr_slice wr_slice_trim(struct wr_slice s);
/* Trims s, then removes the double quotes around the rest if it has both. */
struct wr_slice wr_slice_unquote(struct wr_slice s);
/* Splits at the first byte `sep`: returns what precedes it and moves *rest behind it. Without a `sep`,
 * returns all of *rest and sets rest->at to NULL. If rest->at is NULL (the end of the input), returns a
 * slice whose `at` is NULL. */
struct wr_slice wr_slice_cut(struct wr_slice *rest, char sep);
/* Reads a decimal number: the slice holds digits and nothing else. Returns false if it is no such number or
 * is greater than `max`; *out is unchanged then. */
bool wr_slice_u64(struct wr_slice s, uint64_t max, uint64_t *out) WR_MUST_USE;
/* A NUL-ended copy on the heap; the caller frees it. */
char *wr_slice_dup(struct wr_slice s) WR_MUST_USE;

static inline char wr_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char) (c | 0x20) : c;
}

#define WR_HEX_DIGITS "0123456789abcdef"

/* Returns the value of a hexadecimal digit of either case, or -1 if c is none. */
static inline int wr_hex_value(char c)
{
    c = wr_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies s in lower case. `to` has room for s.len bytes and doesn't overlap s. */
void wr_lower_copy(char *to, struct wr_slice s);

/* A growing buffer. All zero is an empty, valid buffer. Out of memory stops the process (WR_CHECK). */
struct wr_buf {
    char *at;
    size_t len, cap;
};

/* Frees the bytes. Called by wr_buf_fini() if there are any. */
void wr_buf_free(struct wr_buf *b);
/* Makes room for `more` bytes after len. Called by wr_buf_reserve() if there is too little room. */
void wr_buf_grow(struct wr_buf *b, size_t more);
/* Appends text formatted like printf(). For messages and other rare text: vsnprintf() runs twice. */
void wr_buf_printf(struct wr_buf *b, const char *fmt, ...) WR_PRINTF(2, 3);
/* Appends the number in decimal, with a sign if it is negative. */
void wr_buf_add_number(struct wr_buf *b, int64_t n);
void wr_buf_add_u64(struct wr_buf *b, uint64_t n);
/* Appends the number in hexadecimal, in lower case, without leading zeros. */
void wr_buf_add_hex(struct wr_buf *b, uint64_t n);

/* Frees the bytes and leaves the buffer empty. */
static inline void wr_buf_fini(struct wr_buf *b)
{
    if (b->at)
        wr_buf_free(b);
}

/* Returns a pointer to room for `more` bytes after len. It is valid until the next call that grows the
 * buffer. */
static inline char *wr_buf_reserve(struct wr_buf *b, size_t more)
{
    if (b->cap - b->len < more)
        wr_buf_grow(b, more);
    return b->at + b->len;
}

static inline void wr_buf_add(struct wr_buf *b, const void *at, size_t len)
{
    if (len == 0)
        return;
    memcpy(wr_buf_reserve(b, len), at, len);
    b->len += len;
}

static inline void wr_buf_add_slice(struct wr_buf *b, struct wr_slice s)
{
    wr_buf_add(b, s.at, s.len);
}

static inline void wr_buf_add_str(struct wr_buf *b, const char *s)
{
    wr_buf_add(b, s, strlen(s));
}

static inline void wr_buf_add_char(struct wr_buf *b, char c)
{
    *wr_buf_reserve(b, 1) = c;
    b->len++;
}

static inline struct wr_slice wr_buf_slice(const struct wr_buf *b)
{
    return (struct wr_slice){ b->at, b->len };
}

static inline void wr_buf_clear(struct wr_buf *b)
{
    b->len = 0;
}
