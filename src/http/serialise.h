/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes heads in one unambiguous form: single spaces, CR LF, no folding, HTTP/1.1, values trimmed. parse.c
 * refuses all else, so nothing else can be written if names and values come from a parsed head. Thread:
 * any. */
#pragma once

#include "http/head.h"

/* Appends "METHOD path[?query] HTTP/1.1" CR LF: the origin-form (or *), whatever form the target had. */
void wr_head_write_request_line(struct wr_buf *b, const struct wr_head *h);
/* Appends "HTTP/1.1 status reason" CR LF. The space is written even if the reason is empty (RFC 9112 4). */
void wr_head_write_status_line(struct wr_buf *b, int status, struct wr_slice reason);
/* Appends all fields that aren't hidden, each with CR LF, without the empty line after them. Host is among
 * them if one was sent, with the value of h->host; if HTTP/1.0 left it out, the forwarder writes it. The
 * forwarder also writes framing (Content-Length, Transfer-Encoding) and Connection, which are never among
 * them. */
void wr_head_write_fields(struct wr_buf *b, const struct wr_head *h);
/* Appends one field. The caller makes sure that the value has no control characters. */
void wr_head_write_field(struct wr_buf *b, struct wr_slice name, struct wr_slice value);
/* Appends one field with a number, such as Age. */
void wr_head_write_number(struct wr_buf *b, struct wr_slice name, int64_t value);
/* Appends "Content-Length: n" or, for CHUNKED, "Transfer-Encoding: chunked"; for NONE and CLOSE nothing. */
void wr_head_write_framing(struct wr_buf *b, enum wr_framing framing, uint64_t content_length);
/* Appends a raw trailer section (`trailers` of struct wr_body_reader) in the form that may be passed on:
 * without fields that concern the connection or must not stand in trailers (RFC 9110 6.5.1) and, unless
 * odd_kept, without odd names. raw may be empty. Returns false if it is malformed. */
bool wr_trailers_clean(struct wr_slice raw, bool odd_kept, struct wr_buf *out) WR_MUST_USE;

/* The end of a chunk leaves with the chunk, so that a reader that reads chunk by chunk doesn't wait for the
 * next one. `left` below: how many bytes of the chunk's content and its end have not been sent yet. */
#define WR_CHUNK_END WR_SLICE("\r\n")
/* Returns how many of those bytes are content. */
static inline uint64_t wr_chunk_content_left(uint64_t left)
{
    return left > WR_CHUNK_END.len ? left - WR_CHUNK_END.len : 0;
}
/* Returns what of the chunk's end follows `content` bytes of its content: nothing if more content does. */
static inline struct wr_slice wr_chunk_end_left(uint64_t left, size_t content)
{
    if (left == 0 || content < wr_chunk_content_left(left))
        return wr_slice(NULL, 0);
    size_t len = left < WR_CHUNK_END.len ? (size_t) left : WR_CHUNK_END.len;
    return wr_slice(WR_CHUNK_END.at + WR_CHUNK_END.len - len, len);
}
