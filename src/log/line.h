/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats one access line. Pure, so that tests can try any bytes that a client may send. Knows no file and
 * no thread. */
#pragma once

#include "log/access.h"

/* A field is cut off after so many bytes, so a line stays bounded whatever the policy admits. */
#define WR_ACCESS_FIELD_MOST 2048

/* Appends the line and a newline. Text that the client chose is escaped, so that it can't forge another
 * line or field. combined: \xHH. json: every line is valid JSON in UTF-8 (RFC 8259); each byte that is not
 * UTF-8 becomes U+FFFD. Thread: any. */
void wr_access_format(enum wr_access_format format, const struct wr_access_line *line, struct wr_buf *out);
