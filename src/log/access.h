/* SPDX-License-Identifier: BSD-2-Clause */
/* The access log: one line per request, combined or json, to stderr or a file, written by a thread of its
 * own.
 *
 * A worker formats into its own buffer and never waits for the disk: full buffers are handed to the writer;
 * when it can't keep up, lines are dropped and counted, answers are not delayed. USR1 reopens the file. */
#pragma once

#include "base/units.h"
#include "base/words.h"

enum wr_access_format {
#define X(ID, word, write) WR_ACCESS_##ID,
#include "log/formats.def"
#undef X
};
extern const struct wr_words wr_words_access_format;

struct wr_access_line {
    struct wr_wall started; /* wall clock: the head was complete */
    struct wr_slice client; /* the identified address */
    struct wr_slice method, target, host, referer, user_agent, request_id;
    struct wr_slice route;  /* the line of the policy it stands in; empty: none */
    int minor;              /* HTTP/1.minor */
    int status;             /* 0: the client left before an answer */
    uint64_t sent;          /* content octets to the client */
    uint64_t received;      /* content octets from the client */
    const char *cache;      /* "hit", "miss", "stale", "pass", "collapsed", ... */
    struct wr_slice server; /* of the origin; empty: none was asked */
    const char *error;      /* name of the error, or NULL */
    struct wr_span total;   /* from started to the last octet */
    struct wr_span first;   /* from started to the head of the answer; -1: none */
};

struct wr_access;

/* Starts the writer. file: NULL for stderr. NULL and *why (static or strerror text) if the file can't be
 * opened. Thread: start. */
struct wr_access *wr_access_new(enum wr_access_format format, const char *file, const char **why);
/* Writes what is left and ends the writer. How many lines could not be written in all. Thread: start, after
 * the workers have ended. */
uint64_t wr_access_free(struct wr_access *a);
/* The calling thread's buffer; made on first use. Thread: any. */
void wr_access_write(struct wr_access *a, const struct wr_access_line *line);
/* Hands over what the calling thread has gathered; called by a timer so that lines appear within a second.
 * Thread: any. */
void wr_access_flush(struct wr_access *a);
/* Opens the file anew (after logrotate moved it). Thread: main. */
void wr_access_reopen(struct wr_access *a);
/* Lines that were not written: the writer could not keep up, or the disk refused them. Thread: any. */
uint64_t wr_access_dropped(const struct wr_access *a);
