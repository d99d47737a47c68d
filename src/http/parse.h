/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the head of a request or a response from contiguous bytes, strictly.
 *
 * The first line is read here, byte by byte as RFC 9112 defines it. http-parser has a fixed list of methods
 * and refuses all others (RFC 9110 16.1.1 wants them forwarded), accepts any version and target, and would
 * only cost time. So it is given a first line of ours, and then reads the fields. Where it accepts what RFC
 * 9112 forbids, checks before (scan.h) and after it refuse. So no other parser behind weir can understand
 * the same bytes differently (request smuggling).
 *
 * One valid form stays refused, by http-parser: HTAB after the value of Content-Length or
 * Transfer-Encoding. No I/O, no clock. Thread: any. */
#pragma once

#include "http/head.h"

struct wr_parse_limits {
    size_t target; /* longest request target in bytes; a longer one gets 414 */
    size_t head;   /* longest head in bytes; a longer one gets 431 */
};

enum wr_parse_status {
    WR_PARSE_MORE, /* the head is incomplete: call again with the same bytes and more after them */
    WR_PARSE_DONE,
    WR_PARSE_ERROR, /* err and why say what is wrong; the connection must be closed */
};

struct wr_parse {
    size_t scanned;  /* how far the search for the end of the head has come: set to 0 before each new
                      * message */
    size_t length;   /* DONE: length of the head in bytes, with the empty line */
    enum wr_err err; /* ERROR: BAD_REQUEST, TARGET_TOO_LONG, HEAD_TOO_LARGE, VERSION, NOT_IMPLEMENTED ... */
    const char *why; /* ERROR: static text for a person, such as "space before the colon of a field" */
};

/* at[0..len): the bytes of the message that have arrived so far. On DONE *head is filled; its slices point
 * into `at`, and its field array is `fields` (room for WR_MAX_FIELDS). Empty lines (CR LF) before a request
 * line are skipped and counted in length (RFC 9112 2.2). */
enum wr_parse_status wr_parse_request(struct wr_parse *p, const char *at, size_t len,
                                      const struct wr_parse_limits *limits, struct wr_field *fields,
                                      struct wr_head *head);
/* Reads what it can from a refused request, for the log and for the form of the answer. *head gets the
 * method, target and version if the first line has them, and the fields that stand on lines of their own.
 * Nothing is checked further, so no decision may depend on it. len may be 0. */
void wr_parse_salvage(const char *at, size_t len, struct wr_field *fields, struct wr_head *head);
/* As wr_parse_request(), for a response to `method`. A 1xx response is a head like any other, with framing
 * NONE. Every error is ORIGIN_BROKEN. */
enum wr_parse_status wr_parse_response(struct wr_parse *p, const char *at, size_t len, size_t max_head,
                                       enum wr_method method, struct wr_field *fields, struct wr_head *head);
/* Reads a raw trailer section (`trailers` of struct wr_body_reader) into fields[0..WR_MAX_FIELDS). Hides
 * fields that concern the connection or must not stand in trailers (WR_FF_NO_TRAILER, RFC 9110 6.5.1).
 * Slices point into raw. Returns false if the section is malformed or has too many fields. */
bool wr_parse_trailers(struct wr_slice raw, struct wr_field *fields, size_t *count) WR_MUST_USE;
