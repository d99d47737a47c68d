/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32C (Castagnoli, 1993; the polynomial of RFC 3720 12.1). It finds data that was damaged, not data that
 * was forged. Thread: any. */
#pragma once

#include "base/bytes.h"

/* Returns the checksum that continues `crc` over these bytes. crc: 0 to begin, or the result for the bytes
 * before them. */
uint32_t wr_crc32c(uint32_t crc, struct wr_slice bytes);
