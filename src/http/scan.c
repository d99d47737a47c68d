/* SPDX-License-Identifier: BSD-2-Clause */
/* Scans a head for control characters, many bytes at a time where the processor can. Checks each line end
 * and finds the empty line. */
#include "http/scan.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Returns the position of the first byte in at[i..len) that is a control character other than HTAB, or
 * len. */
static size_t next_control(const char *at, size_t i, size_t len)
{
#if defined(__SSE2__)
    const __m128i last_control = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f), tab = _mm_set1_epi8('\t');
    for (; i + 16 <= len; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *) (const void *) (at + i));
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, last_control), v);
        __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, tab), low), _mm_cmpeq_epi8(v, del));
        unsigned hits = (unsigned) _mm_movemask_epi8(bad);
        if (hits)
            return i + (unsigned) __builtin_ctz(hits);
    }
#endif
    for (; i < len; i++) {
        unsigned char c = (unsigned char) at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            break;
    }
    return i;
}

static enum wr_scan_status bad(const char **why, const char *text)
{
    *why = text;
    return WR_SCAN_BAD;
}

/* at[i] is a control character. Returns the length of the line end there; 0 if it is none, and *why is the
 * reason; -1 if more bytes are needed. */
static int line_end(const char *at, size_t i, size_t len, enum wr_line_ends ends, const char **why)
{
    if (at[i] == '\n') {
        *why = "a bare LF in the head";
        return ends == WR_LINES_LF;
    }
    *why = at[i] == '\r' ? "a bare CR in the head" : "a control character in the head";
    if (at[i] != '\r')
        return 0;
    if (i + 1 == len)
        return -1;
    return at[i + 1] == '\n' ? 2 : 0;
}

enum wr_scan_status wr_scan_head(const char *at, size_t len, enum wr_line_ends ends, size_t *scanned,
                                 const char **why)
{
    const char *wrong = NULL;
    size_t i = *scanned;
    for (;;) {
        i = *scanned = next_control(at, i, len);
        if (i == len)
            return WR_SCAN_MORE;
        /* Another line or another line end must follow. Until enough has arrived, the next call comes back
         * to this line end. */
        int end = line_end(at, i, len, ends, &wrong), last;
        if (end < 0)
            return WR_SCAN_MORE;
        if (end == 0)
            return bad(why, wrong);
        if (i == 0)
            return bad(why, "an empty line before the head");
        size_t next = i + (size_t) end;
        if (next == len)
            return WR_SCAN_MORE;
        if (at[next] == ' ' || at[next] == '\t')
            return bad(why, "a line of the head begins with white space (folded, or before the first field)");
        if (at[next] == '\r' || at[next] == '\n') {
            last = line_end(at, next, len, ends, &wrong);
            if (last < 0)
                return WR_SCAN_MORE;
            if (last == 0)
                return bad(why, wrong);
            *scanned = next + (size_t) last;
            return WR_SCAN_FOUND;
        }
        i = next;
    }
}
