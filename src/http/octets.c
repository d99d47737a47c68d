#include "http/octets.h"

/* Each entry is the sum of the classes (enum wr_octet_class) of its octet; tests/unit/http/test_octets.c
 * recomputes them from the RFCs' grammar. */
const uint8_t wr_octets[256] = {
    0,   0,   0,   0,   0,   0,   0,   0,   0,   8,   0,   0,   0,   0,   0,   0,   /* 00 */
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   /* 10 */
    8,   79,  8,   73,  79,  79,  79,  79,  78,  78,  207, 79,  78,  207, 207, 74,  /* 20 */
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 74,  78,  72,  78,  72,  74,  /* 30 */
    74,  95,  95,  95,  95,  95,  95,  79,  79,  79,  79,  79,  79,  79,  79,  79,  /* 40 */
    79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  74,  72,  74,  73,  207, /* 50 */
    73,  223, 223, 223, 223, 223, 223, 207, 207, 207, 207, 207, 207, 207, 207, 207, /* 60 */
    207, 207, 207, 207, 207, 207, 207, 207, 207, 207, 207, 72,  73,  72,  79,  0,   /* 70 */
    72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  /* 80 */
    72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  /* 90 */
    72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  /* a0 */
    72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  /* b0 */
    72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  /* c0 */
    72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  /* d0 */
    72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  /* e0 */
    72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  72,  /* f0 */
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

bool wr_list_next(struct wr_slice *rest, struct wr_slice *item)
{
    while (rest->len > 0) {
        size_t i = 0;
        while (i < rest->len && rest->at[i] != ',') {
            size_t quoted = wr_quoted_span(wr_slice(rest->at + i, rest->len - i));
            i += quoted ? quoted : 1;
        }
        *item = wr_slice_trim(wr_slice(rest->at, i));
        size_t eaten = i < rest->len ? i + 1 : i;
        *rest = wr_slice(rest->at + eaten, rest->len - eaten);
        if (item->len > 0)
            return true;
    }
    return false;
}
