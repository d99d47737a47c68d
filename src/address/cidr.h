/* SPDX-License-Identifier: BSD-2-Clause */
/* Address blocks: 10.0.0.0/8, 2001:db8::/32. Thread: any. */
#pragma once

#include "base/bytes.h"

struct wr_cidr { /* IPv4 as ::ffff:a.b.c.d and 96 + its bits */
    unsigned char addr[16];
    unsigned bits;
};

/* Does the address (16 bytes) lie in one of the blocks? */
bool wr_cidr_has(const struct wr_cidr *blocks, size_t count, const unsigned char addr[16]);
/* Parses "10.0.0.0/8", "::1" and the like. Returns NULL, or the reason for the error (static text). */
const char *wr_cidr_parse(struct wr_slice s, struct wr_cidr *out);
/* Writes the address as text and a NUL. An IPv6 address is written as its /64, because a client usually has
 * at least a /64 for itself. */
#define WR_CIDR_TEXT 50
void wr_cidr_client(const unsigned char addr[16], char out[WR_CIDR_TEXT]);
/* Clears the bits after the prefix. Returns false if some were set. */
bool wr_cidr_mask(struct wr_cidr *block);
