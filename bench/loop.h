/* SPDX-License-Identifier: BSD-2-Clause */
/* A minimal HTTP server: one epoll loop, one thread. The program chooses the replies: the ceiling and the
 * origin of the benchmark are the same loop and differ only in bench_choose(). It reads no fields and knows
 * no request bodies. A head ends at the blank line. */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <stddef.h>

struct bench_reply {
    const char *bytes; /* head and body */
    size_t size;
};

/* Written by the program: returns the reply to a request. head: the request up to and including the blank
 * line, valid during the call. The reply must stay valid for good. */
const struct bench_reply *bench_choose(const char *head, size_t size);

/* Makes a 200 with a body of `body` bytes and these fields (each with its CRLF). It is dated now, so that a
 * cache finds it fresh for the day after the program's start. Ends the program if there is no memory. */
void bench_reply_init(struct bench_reply *reply, size_t body, const char *fields);

/* Serves 127.0.0.1:port until the process is ended. If it can't listen, it writes a message to stderr and
 * returns the exit status. */
int bench_serve(int port);

#endif
