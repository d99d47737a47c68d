/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers. Fast ones per thread serve jitter and choice; the kernel's serve tokens that nobody may
 * guess. Thread: any. */
#pragma once

#include "base/bytes.h"

uint64_t wr_rand_u64(void); /* xoshiro256** (Blackman and Vigna), seeded from the kernel per thread */
double wr_rand_unit(void);  /* uniform on [0, 1) */
uint64_t wr_rand_below(uint64_t bound); /* uniform enough on [0, bound), bound > 0 */
/* Writes `octets` random bytes of the kernel as 2 * octets hexadecimal digits and a NUL. octets <= 32. */
void wr_rand_token(char *out, size_t octets);
