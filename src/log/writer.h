/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that writes the lines of others to a file or to stderr, from a queue with a bound.
 *
 * No thread that serves waits for the disk, or for whoever reads stderr: it hands over batches of lines, and
 * a batch that finds the queue full is dropped and counted. */
#pragma once

#include <sys/queue.h>

#include "base/units.h"

/* Whole lines on their way to the writer. Memory: whoever has it, until the writer has taken it. */
struct wr_log_batch {
    STAILQ_ENTRY(wr_log_batch) entry;
    size_t lines;
    size_t len, cap;
    char octets[];
};

struct wr_log_writer;

/* Starts the thread. what: the log's name in messages about failures, static; NULL: failures are only
 * counted. file: opened for appending, copied; NULL: stderr. most: batches that may wait. NULL and *why
 * (static or strerror text) if the file can't be opened. Thread: start. */
struct wr_log_writer *wr_log_writer_new(const char *what, const char *file, size_t most, const char **why);
/* Writes what waits and ends the thread; if stderr takes nothing, it gives up after 2 s. The caller frees w
 * with wr_log_writer_free() once it has read the count of dropped lines. Thread: the one that started it. */
void wr_log_writer_end(struct wr_log_writer *w);
void wr_log_writer_free(struct wr_log_writer *w);
/* An empty batch for at least `room` bytes, with lines and len 0. Thread: any. */
struct wr_log_batch *wr_log_writer_batch(struct wr_log_writer *w, size_t room);
/* Takes over the batch, and true; or counts its lines as dropped, and false: the queue is full, and the batch
 * stays the caller's. Thread: any. Never waits for I/O. */
bool wr_log_writer_take(struct wr_log_writer *w, struct wr_log_batch *b) WR_MUST_USE;
/* Opens the file anew before the next write (after logrotate moved it). Thread: any. */
void wr_log_writer_reopen(struct wr_log_writer *w);
/* Lines that were not written: the queue was full, or the file refused them. Thread: any. */
uint64_t wr_log_writer_dropped(const struct wr_log_writer *w);
