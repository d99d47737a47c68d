/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as 16 bytes: IPv6 as it is, IPv4 in IPv4-mapped form (RFC 4291 2.5.5.2). Thread: any. */
#pragma once

#include "base/bytes.h"

#define WR_ADDRESS_TEXT 46 /* INET6_ADDRSTRLEN */

/* Writes the IPv4 address at v4 (4 bytes in network order) in IPv4-mapped form. */
void wr_address_map(const void *v4, unsigned char addr[16]);
/* Is it an IPv4-mapped address? */
bool wr_address_is_v4(const unsigned char addr[16]);
/* Reads "192.0.2.1" or "2001:db8::1". Returns false for anything else; addr is undefined then. */
bool wr_address_read(struct wr_slice text, unsigned char addr[16]) WR_MUST_USE;
/* Writes the address as text and a NUL. An IPv4-mapped address is written as IPv4. */
void wr_address_text(const unsigned char addr[16], char out[WR_ADDRESS_TEXT]);
