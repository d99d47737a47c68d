/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as 16 octets: IPv6 as it is, IPv4 as an IPv4-mapped one (RFC 4291 2.5.5.2). Thread: any. */
#pragma once

#include "base/bytes.h"

#define WR_ADDRESS_TEXT 46 /* INET6_ADDRSTRLEN */

/* v4: four octets. */
void wr_address_map(const void *v4, unsigned char addr[16]);
bool wr_address_is_v4(const unsigned char addr[16]);
/* Reads "192.0.2.1" or "2001:db8::1". false: neither; *addr is undefined then. */
bool wr_address_read(struct wr_slice text, unsigned char addr[16]) WR_MUST_USE;
/* The address as text, NUL-ended (IPv4 mapped: as IPv4). */
void wr_address_text(const unsigned char addr[16], char out[WR_ADDRESS_TEXT]);
