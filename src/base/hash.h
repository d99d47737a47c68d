/* SPDX-License-Identifier: BSD-2-Clause */
/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012), under one key for all fleets.
 *
 * The hash names stored responses in Redis, so every node must compute the same value and the key never
 * changes. The key is therefore no secret: anybody can look for texts whose hashes have the same bits. Code
 * that finds an object by its hash must compare the whole text of the key too, and a table in memory is
 * indexed by wr_hash_place(). Thread: any. */
#pragma once

#include "base/bytes.h"

struct wr_hash {
    uint64_t lo, hi;
};

#define WR_HASH_HEX 32 /* characters, without NUL */

/* Returns the hash of the bytes. */
struct wr_hash wr_hash_of(struct wr_slice s);
/* Writes WR_HASH_HEX lower-case digits and a NUL. */
void wr_hash_hex(struct wr_hash h, char out[WR_HASH_HEX + 1]);
/* Reads what wr_hash_hex() wrote. Returns false for anything else. */
bool wr_hash_read(struct wr_slice hex, struct wr_hash *out) WR_MUST_USE;

extern uint64_t wr_hash_salt[2]; /* drawn from the kernel before main() */

/* Returns the place of a hash in a table in memory: 64 bits, of which any may choose a row. The place depends
 * on a secret of this process, so nobody can send texts that all fall into one row. */
static inline uint64_t wr_hash_place(struct wr_hash h)
{
    unsigned __int128 product = (unsigned __int128) (h.lo ^ wr_hash_salt[0]) * (h.hi ^ wr_hash_salt[1]);
    return (uint64_t) product ^ (uint64_t) (product >> 64);
}

static inline bool wr_hash_eq(struct wr_hash a, struct wr_hash b)
{
    return a.lo == b.lo && a.hi == b.hi;
}
