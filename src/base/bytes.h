/* SPDX-License-Identifier: BSD-2-Clause */
/* Slices (borrowed octets) and buffers (owned, growing octets).
 *
 * A slice says nothing of who owns its octets: the function that hands one out says until when it holds.
 * Neither needs a NUL at its end. All functions: thread any, no locks. */
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

/* A slice over a NUL-ended string (NULL gives the empty slice). */
static inline struct wr_slice wr_slice_str(const char *s)
{
    return (struct wr_slice){ s, s ? strlen(s) : 0 };
}

static inline bool wr_slice_eq(struct wr_slice a, struct wr_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII letters fold, nothing else does (RFC 9110 5.1: field names, tokens). */
bool wr_slice_eq_nocase(struct wr_slice a, struct wr_slice b);
bool wr_slice_starts(struct wr_slice s, struct wr_slice prefix);
/* Does `pattern` match the whole of s? A '*' in it stands for any octets, none among them; others are
 * compared as `fold` gives them (NULL: as they are). Takes s.len * pattern.len steps at most. */
bool wr_slice_matches(struct wr_slice s, struct wr_slice pattern, char (*fold)(char));
/* Without SP and HTAB at both ends (OWS, RFC 9110 5.6.3). */
struct wr_slice wr_slice_trim(struct wr_slice s);
/* The same, and without the double quotes around what is left, if there are two. */
struct wr_slice wr_slice_unquote(struct wr_slice s);
/* Cuts at the first octet `sep`: gives what stands before it and moves *rest past it; without one gives all
 * and leaves *rest empty. At the end of input (rest->at == NULL) gives a slice whose `at` is NULL. */
struct wr_slice wr_slice_cut(struct wr_slice *rest, char sep);
/* Decimal digits only, whole slice. false: not such a number, or over `max`. */
bool wr_slice_u64(struct wr_slice s, uint64_t max, uint64_t *out) WR_MUST_USE;
/* A NUL-ended copy on the heap; the caller frees it. */
char *wr_slice_dup(struct wr_slice s) WR_MUST_USE;

static inline char wr_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char) (c | 0x20) : c;
}

#define WR_HEX_DIGITS "0123456789abcdef"

/* What a hexadecimal digit of either case is worth; -1: it is none. */
static inline int wr_hex_value(char c)
{
    c = wr_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies s in lower case; to: room for s.len octets, elsewhere than s. */
void wr_lower_copy(char *to, struct wr_slice s);

/* A growing buffer. Zeroed is empty and valid. Out of memory is a broken machine: it stops the process
 * (WR_CHECK). */
struct wr_buf {
    char *at;
    size_t len, cap;
};

/* Frees its octets: what wr_buf_fini() calls when there are any. */
void wr_buf_free(struct wr_buf *b);
/* Makes room for `more` octets after len: what wr_buf_reserve() calls when there is none. */
void wr_buf_grow(struct wr_buf *b, size_t more);
/* For messages and whatever isn't written per request: vsnprintf runs twice. */
void wr_buf_printf(struct wr_buf *b, const char *fmt, ...) WR_PRINTF(2, 3);
/* The number in decimal, with a sign if it is negative. */
void wr_buf_add_number(struct wr_buf *b, int64_t n);
void wr_buf_add_u64(struct wr_buf *b, uint64_t n);
/* The number in hexadecimal, lower case, without leading zeros. */
void wr_buf_add_hex(struct wr_buf *b, uint64_t n);

static inline void wr_buf_fini(struct wr_buf *b)
{
    if (b->at)
        wr_buf_free(b);
}

/* Room for `more` octets after len. The pointer holds until the next call that grows. */
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
