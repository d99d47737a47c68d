/* SPDX-License-Identifier: BSD-2-Clause */
/* Computes SipHash-2-4 with 128 bits of output. Writes hashes as hexadecimal digits and reads them. */
#include "base/hash.h"

#include <endian.h>

#include "base/rand.h"

uint64_t wr_hash_salt[2];

__attribute__((constructor)) static void draw_salt(void)
{
    wr_rand_secret(wr_hash_salt, sizeof wr_hash_salt);
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int n)
{
    return (x << n) | (x >> (64 - n));
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_absorb(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    sip_round(s);
    s->v0 ^= m;
}

static inline uint64_t sip_squeeze(struct sip *s)
{
    for (int i = 0; i < 4; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

struct wr_hash wr_hash_of(struct wr_slice in)
{
    /* The key: the bytes of "weir cache key 1" as two little-endian words. */
    const uint64_t k0 = UINT64_C(0x6361632072696577), k1 = UINT64_C(0x312079656b206568);
    struct sip s = { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
                     k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) };
    size_t whole = in.len & ~(size_t) 7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t m;
        memcpy(&m, in.at + i, 8);
        sip_absorb(&s, le64toh(m));
    }
    uint64_t last = (uint64_t) in.len << 56;
    for (size_t i = whole; i < in.len; i++)
        last |= (uint64_t) (unsigned char) in.at[i] << (8 * (i - whole));
    sip_absorb(&s, last);

    struct wr_hash h;
    s.v2 ^= 0xee;
    h.lo = sip_squeeze(&s);
    s.v1 ^= 0xdd;
    h.hi = sip_squeeze(&s);
    return h;
}

/* Writes four bytes as eight digits, all at once: spreads the bytes, splits each into its two halves, and
 * moves values over 9 up to the letters. */
static void hex_of(const unsigned char bytes[4], char out[8])
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint32_t in;
    memcpy(&in, bytes, 4);
    uint64_t x = le32toh(in);
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x >> 4 | x << 8) & (ones * 0x0f);
    x += ones * '0' + ((x + ones * 6) >> 4 & ones) * ('a' - '0' - 10);
    x = htole64(x);
    memcpy(out, &x, 8);
}

void wr_hash_hex(struct wr_hash h, char out[WR_HASH_HEX + 1])
{
    uint64_t word[2] = { htobe64(h.hi), htobe64(h.lo) };
    unsigned char bytes[WR_HASH_HEX / 2];
    memcpy(bytes, word, sizeof bytes);
    for (int i = 0; i < WR_HASH_HEX / 2; i += 4)
        hex_of(bytes + i, out + i * 2);
    out[WR_HASH_HEX] = '\0';
}

bool wr_hash_read(struct wr_slice hex, struct wr_hash *out)
{
    uint64_t half[2] = { 0, 0 };
    if (hex.len != WR_HASH_HEX)
        return false;
    for (size_t i = 0; i < WR_HASH_HEX; i++) {
        int digit = wr_hex_value(hex.at[i]);
        if (digit < 0 || hex.at[i] != wr_lower(hex.at[i]))
            return false;
        half[i / 16] = half[i / 16] << 4 | (uint64_t) digit;
    }
    *out = (struct wr_hash){ .hi = half[0], .lo = half[1] };
    return true;
}
