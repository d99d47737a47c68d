/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the end of a head and refuses, on the way, every octet and every line that no well-formed head
 * contains.
 *
 * This is what runs before http-parser: after it, each CR is followed by LF, each LF preceded by CR (but for
 * an origin's), no line is folded, and there is no control octet but HTAB, so that http-parser's leniencies
 * about all these are never reached. Thread: any. */
#pragma once

#include "base/bytes.h"

enum wr_scan_status { WR_SCAN_MORE, WR_SCAN_FOUND, WR_SCAN_BAD };

enum wr_line_ends {
    WR_LINES_CRLF, /* clients: each may have a reader before us that takes LF for an octet like any other */
    WR_LINES_LF,   /* origins: a bare LF ends a line, too (RFC 9112 2.2); we write what we have read anew */
};

/* Looks at at[*scanned..len) (start with 0) and moves *scanned to where the next call has to go on. FOUND:
 * *scanned is the length of the head, the empty line included. BAD: *why says why (static text). A head
 * consists of at least one line: an empty first one is BAD. */
enum wr_scan_status wr_scan_head(const char *at, size_t len, enum wr_line_ends ends, size_t *scanned,
                                 const char **why);
