/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares, splits and reads slices, and grows buffers. Lower case and decimal numbers work on several
 * bytes at once. */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool wr_slice_eq_nocase(struct wr_slice a, struct wr_slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (wr_lower(a.at[i]) != wr_lower(b.at[i]))
            return false;
    return true;
}

/* Lowers eight bytes at once. The sums set the highest bit of each byte whose low seven bits lie between
 * 'A' and 'Z'. */
static uint64_t lower_eight(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    uint64_t low = x & ~high;
    uint64_t upper = ((low + ones * (0x80 - 'A')) ^ (low + ones * (0x7f - 'Z'))) & ~x & high;
    return x | upper >> 2;
}

/* Copies eight bytes at a time. The last eight overlap those before them if s.len is no multiple of 8. */
void wr_lower_copy(char *to, struct wr_slice s)
{
    if (s.len < 8) {
        for (size_t i = 0; i < s.len; i++)
            to[i] = wr_lower(s.at[i]);
        return;
    }
    for (size_t i = 0;; i = i + 16 <= s.len ? i + 8 : s.len - 8) {
        uint64_t x;
        memcpy(&x, s.at + i, 8);
        x = lower_eight(x);
        memcpy(to + i, &x, 8);
        if (i + 8 == s.len)
            return;
    }
}

bool wr_slice_starts(struct wr_slice s, struct wr_slice prefix)
{
    return s.len >= prefix.len && wr_slice_eq(wr_slice(s.at, prefix.len), prefix);
}

bool wr_slice_matches(struct wr_slice s, struct wr_slice pattern, char (*fold)(char))
{
    size_t i = 0, p = 0, star = SIZE_MAX, retry = 0; /* only the last star can need another try */
    while (i < s.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = ++p;
            retry = i;
        } else if (p < pattern.len &&
                   (s.at[i] == pattern.at[p] || (fold && fold(s.at[i]) == fold(pattern.at[p])))) {
            i++;
            p++;
        } else if (star != SIZE_MAX) {
            p = star;
            i = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

struct wr_slice wr_slice_trim(struct wr_slice s)
{
    while (s.len > 0 && is_ows(s.at[0]))
        s.at++, s.len--;
    while (s.len > 0 && is_ows(s.at[s.len - 1]))
        s.len--;
    return s;
}

struct wr_slice wr_slice_unquote(struct wr_slice s)
{
    s = wr_slice_trim(s);
    return s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"' ? wr_slice(s.at + 1, s.len - 2) : s;
}

struct wr_slice wr_slice_cut(struct wr_slice *rest, char sep)
{
    struct wr_slice all = *rest;
    if (all.at == NULL)
        return all;
    const char *hit = all.len ? memchr(all.at, sep, all.len) : NULL;
    if (hit == NULL) {
        *rest = wr_slice(NULL, 0);
        return all;
    }
    size_t before = (size_t) (hit - all.at);
    *rest = wr_slice(hit + 1, all.len - before - 1);
    return wr_slice(all.at, before);
}

#define SURE_DIGITS 19 /* any number of so many digits fits into 64 bits */

bool wr_slice_u64(struct wr_slice s, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        uint64_t digit = (uint64_t) (s.at[i] - '0');
        if (i >= SURE_DIGITS && n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    if (n > max)
        return false;
    *out = n;
    return true;
}

char *wr_slice_dup(struct wr_slice s)
{
    char *copy = malloc(s.len + 1);
    WR_CHECK(copy != NULL);
    if (s.len)
        memcpy(copy, s.at, s.len);
    copy[s.len] = '\0';
    return copy;
}

void wr_buf_free(struct wr_buf *b)
{
    free(b->at);
    *b = (struct wr_buf){ 0 };
}

void wr_buf_grow(struct wr_buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap * 2 : 256;
    if (cap < b->len + more)
        cap = b->len + more;
    b->at = realloc(b->at, cap);
    WR_CHECK(b->at != NULL);
    b->cap = cap;
}

static unsigned digits_of(uint64_t n)
{
    unsigned count = 1;
    for (; n >= 100; n /= 100)
        count += 2;
    return count + (n >= 10);
}

/* Writes two digits at a time, which halves the divisions. */
void wr_buf_add_u64(struct wr_buf *b, uint64_t n)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
        "49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
        "9899";
    size_t len = digits_of(n);
    char *to = wr_buf_reserve(b, len), *at = to + len;
    for (; n >= 10; n /= 100)
        memcpy(at -= 2, pairs + n % 100 * 2, 2);
    if (at > to)
        *--at = (char) ('0' + n);
    b->len += len;
}

void wr_buf_add_number(struct wr_buf *b, int64_t n)
{
    if (n < 0)
        wr_buf_add_char(b, '-');
    wr_buf_add_u64(b, n < 0 ? -(uint64_t) n : (uint64_t) n);
}

void wr_buf_add_hex(struct wr_buf *b, uint64_t n)
{
    char digits[16], *at = digits + sizeof digits;
    do
        *--at = WR_HEX_DIGITS[n & 15];
    while ((n >>= 4) > 0);
    wr_buf_add(b, at, (size_t) (digits + sizeof digits - at));
}

void wr_buf_printf(struct wr_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    WR_CHECK(need >= 0);
    char *at = wr_buf_reserve(b, (size_t) need + 1);
    va_start(ap, fmt);
    vsnprintf(at, (size_t) need + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t) need;
}
