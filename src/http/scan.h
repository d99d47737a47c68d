/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the end of a head, and refuses every byte and every line that no well-formed head contains.
 *
 * It runs before http-parser. After it each CR is followed by LF, each LF is preceded by CR (an origin may
 * send LF alone), no line is folded, and there is no control character but HTAB. So the cases in which
 * http-parser is too lenient never reach it. Thread: any. */
#pragma once

#include "base/bytes.h"

enum wr_scan_status { WR_SCAN_MORE, WR_SCAN_FOUND, WR_SCAN_BAD };

enum wr_line_ends {
    WR_LINES_CRLF, /* clients: a reader before weir may treat a bare LF like any other byte */
    WR_LINES_LF,   /* origins: a bare LF ends a line too (RFC 9112 2.2); weir writes the head anew */
};

/* Scans at[*scanned..len); *scanned is 0 at first, and moves to where the next call must go on. FOUND:
 * *scanned is the length of the head, with the empty line. BAD: *why is the reason (static text). A head
 * has at least one line: an empty first line is BAD. */
enum wr_scan_status wr_scan_head(const char *at, size_t len, enum wr_line_ends ends, size_t *scanned,
                                 const char **why);
