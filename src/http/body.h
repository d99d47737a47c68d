/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes the framing off a body as it arrives: Content-Length, chunked (strict) or until close.
 *
 * The chunked coding is decoded here and not by http-parser, which takes sizes with rubbish after them, any
 * two octets for the end of a chunk, a CR with any octet after it for the end of a line, and extensions
 * without a total: each of them lets a message end at different places for different readers. Here a line
 * ends in CR LF and in nothing else, extensions are read over (a quoted string in them must end), and what
 * isn't content is bounded: extensions by a fixed amount and a share of the content, trailers by 64 KB. Of an
 * origin two things more are taken, which no reader mistakes: white space after a chunk size, and LF alone
 * after a trailer. No I/O, no memory of its own but for trailers. Thread: the owner's. */
#pragma once

#include "http/head.h"

enum wr_body_status {
    WR_BODY_MORE,  /* all octets eaten, the body goes on */
    WR_BODY_DATA,  /* *out holds a piece of content, inside the octets given */
    WR_BODY_END,   /* the body is whole; octets after it belong to the next message */
    WR_BODY_ERROR, /* why */
};

struct wr_body_reader {
    enum wr_framing framing;
    uint64_t left;          /* LENGTH: octets still to come; CHUNKED: of this chunk */
    uint64_t total;         /* content octets handed out so far */
    int state;              /* CHUNKED: private to body.c */
    unsigned line;          /* octets of the present chunk-size or trailer line */
    uint64_t overhead;      /* octets of chunk extensions so far: bounded by a share of the content */
    unsigned trailer_size;  /* octets of the trailer section so far: 64 KB at most */
    const char *why;        /* ERROR */
    struct wr_buf trailers; /* the raw trailer section, when `keep_trailers` */
    bool keep_trailers;
    bool of_origin;
};

void wr_body_reader_init(struct wr_body_reader *r, enum wr_framing framing, uint64_t content_length);
void wr_body_reader_fini(struct wr_body_reader *r);
/* Eats from the front of *in (moves it on) until it can say one of the above. Call again while it says DATA.
 */
enum wr_body_status wr_body_reader_eat(struct wr_body_reader *r, struct wr_slice *in, struct wr_slice *out);
/* The peer closed: true if the body is whole by that (CLOSE framing, or nothing was left). */
bool wr_body_reader_closed(const struct wr_body_reader *r);
/* Octets that may be taken without looking inside (LENGTH: left; CLOSE: SIZE_MAX; CHUNKED: left of this
 * chunk). */
uint64_t wr_body_reader_run(const struct wr_body_reader *r);
