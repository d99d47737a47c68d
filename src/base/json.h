/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing JSON strings (RFC 8259). Thread: any. */
#pragma once

#include "base/bytes.h"

/* Appends s as a JSON string with its quotes. s may hold any bytes; the output is always valid JSON in
 * UTF-8. Control characters (C0, DEL, C1) become \u00XX; each byte that is not part of UTF-8 becomes
 * U+FFFD. */
void wr_json_string(struct wr_buf *out, struct wr_slice s);
