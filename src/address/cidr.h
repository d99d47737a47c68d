/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of addresses: 10.0.0.0/8, 2001:db8::/32. Thread: any. */
#pragma once

#include "base/bytes.h"

struct wr_cidr { /* IPv4 as ::ffff:a.b.c.d/96+n */
    unsigned char addr[16];
    unsigned bits;
};

/* Whether the address (as 16 octets) lies in one of the blocks. */
bool wr_cidr_has(const struct wr_cidr *blocks, size_t count, const unsigned char addr[16]);
/* Parses "10.0.0.0/8", "::1", ...: NULL or a reason. */
const char *wr_cidr_parse(struct wr_slice s, struct wr_cidr *out);
/* The address as text, NUL-ended; an IPv6 address as the /64 it lies in, because a client owns at least that
 * much. */
#define WR_CIDR_TEXT 50
void wr_cidr_client(const unsigned char addr[16], char out[WR_CIDR_TEXT]);
/* Clears the bits after the prefix. false: some were set. */
bool wr_cidr_mask(struct wr_cidr *block);
