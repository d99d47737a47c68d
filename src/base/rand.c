/* SPDX-License-Identifier: BSD-2-Clause */
/* Generates random numbers with xoshiro256** per thread. Tokens and seeds come from the kernel. */
#include "base/rand.h"

#include <sys/random.h>

static _Thread_local uint64_t state[4];
static _Thread_local bool seeded;

void wr_rand_secret(void *at, size_t len)
{
    WR_CHECK(getrandom(at, len, 0) == (ssize_t) len);
}

static inline uint64_t rotl(uint64_t x, int n)
{
    return (x << n) | (x >> (64 - n));
}

uint64_t wr_rand_u64(void)
{
    if (!seeded) {
        wr_rand_secret(state, sizeof state);
        state[0] |= 1; /* never all zero */
        seeded = true;
    }
    uint64_t result = rotl(state[1] * 5, 7) * 9, t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotl(state[3], 45);
    return result;
}

double wr_rand_unit(void)
{
    return (double) (wr_rand_u64() >> 11) * 0x1.0p-53;
}

uint64_t wr_rand_below(uint64_t bound)
{
    return (uint64_t) (((unsigned __int128) wr_rand_u64() * bound) >> 64);
}

void wr_rand_token(char *out, size_t bytes)
{
    unsigned char raw[32];
    WR_CHECK(bytes <= sizeof raw);
    wr_rand_secret(raw, bytes);
    for (size_t i = 0; i < bytes; i++) {
        out[2 * i] = WR_HEX_DIGITS[raw[i] >> 4];
        out[2 * i + 1] = WR_HEX_DIGITS[raw[i] & 15];
    }
    out[2 * bytes] = '\0';
}
