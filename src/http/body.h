/* SPDX-License-Identifier: BSD-2-Clause */
/* Removes the framing from a body as it arrives: Content-Length, chunked (strict) or until close.
 *
 * The chunked coding is decoded here, not by http-parser. That accepts sizes with rubbish after them, any
 * two bytes as the end of a chunk, a CR with any byte after it as the end of a line, and extensions without
 * a limit in all. Each of these lets two readers see the end of a message in different places.
 *
 * Here a line ends in CR LF and nothing else. Extensions are skipped (a quoted string in them must end).
 * All that isn't content is limited: extensions to a fixed amount and a share of the content, trailers to
 * 64 KB. From an origin two more things are accepted, which no reader can mistake: white space after a
 * chunk size, and LF alone after a trailer.
 *
 * No I/O, and no memory but for trailers. Thread: the owner's. */
#pragma once

#include "http/head.h"

enum wr_body_status {
    WR_BODY_MORE,  /* all bytes are consumed, and the body goes on */
    WR_BODY_DATA,  /* *out is a piece of content, within the bytes given */
    WR_BODY_END,   /* the body is complete; the bytes after it belong to the next message */
    WR_BODY_ERROR, /* r->why says why */
};

struct wr_body_reader {
    enum wr_framing framing;
    uint64_t left;          /* LENGTH: bytes still to come; CHUNKED: of this chunk */
    uint64_t total;         /* content bytes returned so far */
    int state;              /* CHUNKED: private to body.c */
    unsigned line;          /* bytes of the current chunk-size or trailer line */
    uint64_t overhead;      /* bytes of chunk extensions so far: limited */
    unsigned trailer_size;  /* bytes of the trailer section so far: 64 KB at most */
    const char *why;        /* ERROR */
    struct wr_buf trailers; /* the raw trailer section, when `keep_trailers` */
    bool keep_trailers;
    bool of_origin;
};

void wr_body_reader_init(struct wr_body_reader *r, enum wr_framing framing, uint64_t content_length);
void wr_body_reader_fini(struct wr_body_reader *r);
/* Consumes bytes from the front of *in (and moves it on) until it can return one of the states above. While
 * it returns DATA, call it again. */
enum wr_body_status wr_body_reader_eat(struct wr_body_reader *r, struct wr_slice *in, struct wr_slice *out);
/* Call when the peer has closed the connection. Returns true if the body is complete by that: CLOSE
 * framing, or nothing was left. */
bool wr_body_reader_closed(const struct wr_body_reader *r);
/* Returns how many of the next bytes are content for sure. LENGTH: all that are left; CLOSE: SIZE_MAX;
 * CHUNKED: those left of this chunk. */
uint64_t wr_body_reader_run(const struct wr_body_reader *r);
