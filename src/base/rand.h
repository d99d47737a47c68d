/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers: fast per-thread ones for jitter and choice, the kernel's for tokens nobody may guess.
 * Thread: any. */
#pragma once

#include "base/bytes.h"

uint64_t wr_rand_u64(void); /* xoshiro256** (Blackman and Vigna), seeded from the kernel per thread */
double wr_rand_unit(void);  /* uniform on [0, 1) */
uint64_t wr_rand_below(uint64_t bound); /* uniform enough on [0, bound), bound > 0 */
/* `octets` of the kernel's randomness as 2*octets hex digits and a NUL. octets <= 32. */
void wr_rand_token(char *out, size_t octets);
