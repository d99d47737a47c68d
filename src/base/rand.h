/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers. Fast ones per thread serve jitter and choice; the kernel's serve tokens that nobody may
 * guess. Thread: any. */
#pragma once

#include "base/bytes.h"

uint64_t wr_rand_u64(void); /* xoshiro256** (Blackman and Vigna), seeded from the kernel per thread */
double wr_rand_unit(void);  /* uniform on [0, 1) */
uint64_t wr_rand_below(uint64_t bound); /* uniform enough on [0, bound), bound > 0 */
/* Takes that many random bytes from the kernel (at most 32), and writes them as hexadecimal digits, two for
 * each, and a NUL. */
void wr_rand_token(char *out, size_t bytes);
/* Fills `at` with bytes of the kernel. Unlike those above they tell nothing of others that were drawn. len <=
 * 256. */
void wr_rand_secret(void *at, size_t len);
