/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the head of a request or a response out of contiguous octets, strictly.
 *
 * The first line is read here, octet for octet as RFC 9112 has it: http-parser knows a fixed list of methods
 * and refuses every other (RFC 9110 16.1.1 wants them forwarded), takes any version and target, and would
 * only cost time. It stands after a first line of our own making and reads the fields. What it lets through
 * there although RFC 9112 forbids it is refused before it runs (scan.h) and after, so that no other parser
 * behind us can understand the same octets differently (request smuggling). One thing that is valid stays
 * refused, by http-parser: HTAB after the value of Content-Length or Transfer-Encoding. No I/O, no clock.
 * Thread: any. */
#pragma once

#include "http/head.h"

struct wr_parse_limits {
    size_t target; /* longest request target, octets: beyond it 414 */
    size_t head;   /* longest head, octets: beyond it 431 */
};

enum wr_parse_status {
    WR_PARSE_MORE, /* the head is not complete: call again with more octets after the same ones */
    WR_PARSE_DONE,
    WR_PARSE_ERROR, /* err and why say what is wrong; the connection must be closed */
};

struct wr_parse {
    size_t scanned;  /* how far the end of the head has been looked for: zero before each new message */
    size_t length;   /* DONE: octets of the head, the empty line included */
    enum wr_err err; /* ERROR: BAD_REQUEST, TARGET_TOO_LONG, HEAD_TOO_LARGE, VERSION, NOT_IMPLEMENTED ... */
    const char *why; /* ERROR: static text for a person, such as "space before the colon of a field" */
};

/* at[0..len) is what has arrived so far of the message. On DONE *head is filled; its slices point into `at`,
 * its field array is `fields` (room for WR_MAX_FIELDS). Empty lines (CR LF) before a request line are skipped
 * and counted in length (RFC 9112 2.2). */
enum wr_parse_status wr_parse_request(struct wr_parse *p, const char *at, size_t len,
                                      const struct wr_parse_limits *limits, struct wr_field *fields,
                                      struct wr_head *head);
/* What can be told of a request that was refused: for the log, and for the form of the answer. *head gets the
 * method, the target and the version if the first line has them, and the fields that stand on lines of their
 * own; nothing of it is checked further, and nothing may be decided by it. len may be 0. */
void wr_parse_salvage(const char *at, size_t len, struct wr_field *fields, struct wr_head *head);
/* As wr_parse_request() for a response to `method`. 1xx are heads like any other with framing NONE. Errors
 * are ORIGIN_BROKEN. */
enum wr_parse_status wr_parse_response(struct wr_parse *p, const char *at, size_t len, size_t max_head,
                                       enum wr_method method, struct wr_field *fields, struct wr_head *head);
/* Reads a raw trailer section (struct wr_body_reader's `trailers`) into fields[0..WR_MAX_FIELDS). Those that
 * concern the connection or must not stand in trailers (WR_FF_NO_TRAILER, RFC 9110 6.5.1) are hidden. Slices
 * point into raw. false: not a well-formed section, or too many fields. */
bool wr_parse_trailers(struct wr_slice raw, struct wr_field *fields, size_t *count) WR_MUST_USE;
