/* SPDX-License-Identifier: BSD-2-Clause */
/* Computes CRC-32C, by the processor's instruction where there is one and by tables elsewhere. Both give the
 * same result. */
#include "store/crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* bits in reversed order */

static uint32_t tables[8][256]; /* tables[k][b]: the effect of byte b after k further bytes */

__attribute__((constructor)) static void build_tables(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++)
            tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
}

/* Works on eight bytes at a time ("slicing by 8", Kounavis and Berry, 2005). */
static uint32_t by_tables(uint32_t crc, const unsigned char *at, size_t len)
{
    for (; len >= 8; at += 8, len -= 8) {
        crc ^= (uint32_t) at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16 | (uint32_t) at[3] << 24;
        crc = tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^ tables[5][crc >> 16 & 0xff] ^
              tables[4][crc >> 24] ^ tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^
              tables[0][at[7]];
    }
    for (; len > 0; at++, len--)
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xff];
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const unsigned char *at,
                                                                 size_t len)
{
    uint64_t wide = crc, word;
    for (; len >= 8; at += 8, len -= 8) {
        memcpy(&word, at, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t) wide;
    for (; len > 0; at++, len--)
        crc = _mm_crc32_u8(crc, *at);
    return crc;
}

uint32_t wr_crc32c(uint32_t crc, struct wr_slice bytes)
{
    const unsigned char *at = (const unsigned char *) bytes.at;
    if (__builtin_cpu_supports("sse4.2"))
        return ~by_instruction(~crc, at, bytes.len);
    return ~by_tables(~crc, at, bytes.len);
}
#else
uint32_t wr_crc32c(uint32_t crc, struct wr_slice bytes)
{
    return ~by_tables(~crc, (const unsigned char *) bytes.at, bytes.len);
}
#endif
