/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32C (Castagnoli, 1993; the polynomial of RFC 3720 12.1): finds what broke on the way, not what somebody
 * forged. Thread: any. */
#pragma once

#include "base/bytes.h"

/* Continues `crc` (0 to begin) over the octets. */
uint32_t wr_crc32c(uint32_t crc, struct wr_slice octets);
