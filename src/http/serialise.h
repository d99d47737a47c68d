/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes heads in one unambiguous form: single spaces, CR LF, no folding, HTTP/1.1, values trimmed. What
 * parse.c refuses can't come out here as long as names and values come from a parsed head. Thread: any. */
#pragma once

#include "http/head.h"

/* "METHOD path[?query] HTTP/1.1" CR LF: the origin-form (or *) whatever form the target came in. */
void wr_head_write_request_line(struct wr_buf *b, const struct wr_head *h);
/* "HTTP/1.1 status reason" CR LF; the space stands even without a reason (RFC 9112 4). */
void wr_head_write_status_line(struct wr_buf *b, int status, struct wr_slice reason);
/* All fields that aren't hidden, each with CR LF; not the empty line. Host is among them if one was sent
 * (HTTP/1.0 may leave it out: then the forwarder writes it) and says what h->host says; framing
 * (Content-Length, Transfer-Encoding) and Connection never are: the forwarder writes those. */
void wr_head_write_fields(struct wr_buf *b, const struct wr_head *h);
/* One field. The caller vouches for value being free of control characters. */
void wr_head_write_field(struct wr_buf *b, struct wr_slice name, struct wr_slice value);
/* One field whose value is a number, such as Age. */
void wr_head_write_number(struct wr_buf *b, struct wr_slice name, int64_t value);
/* "Content-Length: n" or, for CHUNKED, "Transfer-Encoding: chunked"; nothing for NONE and CLOSE. */
void wr_head_write_framing(struct wr_buf *b, enum wr_framing framing, uint64_t content_length);
/* A raw trailer section (struct wr_body_reader's `trailers`) as it may be passed on, appended: without what
 * concerns the connection or must not stand in trailers (RFC 9110 6.5.1), and, unless odd_kept, odd names.
 * Empty is fine. false: malformed. */
bool wr_trailers_clean(struct wr_slice raw, bool odd_kept, struct wr_buf *out) WR_MUST_USE;
