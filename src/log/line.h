/* SPDX-License-Identifier: BSD-2-Clause */
/* One access line as text: pure, so that whatever octets a client sends can be tried on it. It knows no file
 * and no thread. */
#pragma once

#include "log/access.h"

/* More of a field than this is cut off: a line stays bounded whatever the policy lets in. */
#define WR_ACCESS_FIELD_MOST 2048

/* Appends the line and its newline. What a client chose is escaped, so that nothing it sends makes another
 * line or another field: \xHH in combined; in json every line is valid JSON in UTF-8 (RFC 8259), and each
 * octet that is not UTF-8 becomes U+FFFD. Thread: any. */
void wr_access_format(enum wr_access_format format, const struct wr_access_line *line, struct wr_buf *out);
