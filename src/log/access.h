/* SPDX-License-Identifier: BSD-2-Clause */
/* The access log: one line per request, as combined or JSON, to stderr or a file. A thread of its own
 * writes it.
 *
 * A worker formats lines into its own buffer and never waits for the disk: it hands full buffers to the
 * writer thread. If the writer can't keep up, lines are dropped and counted; answers are not delayed. The
 * signal USR1 reopens the file. */
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
    struct wr_wall started; /* when the head was complete */
    struct wr_slice client; /* address of the client, after trusted proxies' fields were read */
    struct wr_slice method, target, host, referer, user_agent, request_id;
    struct wr_slice route;  /* where the policy has the route; empty: none */
    int minor;              /* HTTP/1.minor */
    int status;             /* 0: the client left before an answer */
    uint64_t sent;          /* content bytes sent to the client */
    uint64_t received;      /* content bytes received from the client */
    const char *cache;      /* "hit", "miss", "stale", "pass", "collapsed", ... */
    struct wr_slice server; /* the origin's server; empty: none was asked */
    const char *error;      /* name of the error, or NULL */
    struct wr_span total;   /* from `started` to the last byte */
    struct wr_span first;   /* from `started` to the head of the answer; -1: no answer */
};

struct wr_access;

/* Opens the log and starts the writer thread. file: its path, or NULL for stderr. Returns NULL and sets
 * *why (strerror's text) if the file can't be opened. The caller owns the log. Thread: any. */
struct wr_access *wr_access_new(enum wr_access_format format, const char *file, const char **why);
/* Writes the remaining lines, ends the writer thread and frees the log. Returns how many lines were dropped
 * in all. NULL is allowed. Thread: any, after all threads that log have ended. */
uint64_t wr_access_free(struct wr_access *a);
/* Appends the line to the calling thread's buffer, which is made on first use. Never blocks on the disk.
 * Thread: any. */
void wr_access_write(struct wr_access *a, const struct wr_access_line *line);
/* Hands the calling thread's buffer to the writer. A timer calls it, so that lines appear within a second.
 * Thread: any. */
void wr_access_flush(struct wr_access *a);
/* Makes the writer open the file again, after logrotate has moved it. Thread: any; the main thread calls
 * it. */
void wr_access_reopen(struct wr_access *a);
/* Returns how many lines were not written, because the writer could not keep up or the disk refused them.
 * Thread: any. */
uint64_t wr_access_dropped(const struct wr_access *a);
