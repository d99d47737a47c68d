/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that writes other threads' lines to a file or to stderr, from a queue of limited length.
 *
 * So no thread that serves requests waits for the disk or for the reader of stderr: it hands over batches
 * of lines. If the queue is full, a batch is dropped and counted. */
#pragma once

#include <sys/queue.h>

#include "base/units.h"

/* Whole lines for the writer. Owner: the thread that fills the batch, until the writer has taken it. */
struct wr_log_batch {
    STAILQ_ENTRY(wr_log_batch) entry;
    size_t lines;
    size_t len, cap;
    char bytes[];
};

struct wr_log_writer;

/* Starts the thread. what: the log's name in messages about failures (static text), or NULL: failures are
 * only counted. file: opened for appending (the path is copied), or NULL for stderr. most: how many batches
 * may wait. Returns NULL and sets *why (static or strerror's text) if the file can't be opened. Thread:
 * start. */
struct wr_log_writer *wr_log_writer_new(const char *what, const char *file, size_t most, const char **why);
/* Writes the waiting batches and ends the thread. If stderr takes nothing, gives up after 2 s. The caller
 * frees w with wr_log_writer_free() once it has read the count of dropped lines. Thread: the one that
 * started w. */
void wr_log_writer_end(struct wr_log_writer *w);
void wr_log_writer_free(struct wr_log_writer *w);
/* Returns an empty batch with room for at least `room` bytes. The caller owns it. Thread: any. */
struct wr_log_batch *wr_log_writer_batch(struct wr_log_writer *w, size_t room);
/* Takes over the batch and returns true. If the queue is full, counts its lines as dropped and returns
 * false; the batch stays the caller's. Never waits for I/O. Thread: any. */
bool wr_log_writer_take(struct wr_log_writer *w, struct wr_log_batch *b) WR_MUST_USE;
/* Makes the thread open the file again before its next write, after logrotate has moved it. Thread: any. */
void wr_log_writer_reopen(struct wr_log_writer *w);
/* Returns how many lines were not written, because the queue was full or the file refused them. Thread:
 * any. */
uint64_t wr_log_writer_dropped(const struct wr_log_writer *w);
