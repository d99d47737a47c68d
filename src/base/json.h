/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing JSON strings (RFC 8259). Thread: any. */
#pragma once

#include "base/bytes.h"

/* Appends s as a JSON string, quotes included. Any octets go in, valid JSON in UTF-8 comes out: control
 * characters (C0, DEL, C1) as \u00XX, each octet that is not part of UTF-8 as U+FFFD. */
void wr_json_string(struct wr_buf *out, struct wr_slice s);
