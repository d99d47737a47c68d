/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream socket that never blocks, and the events its owner waits for on it.
 *
 * Its event is edge-triggered and stays registered from start to end. So neither a pooled connection nor a
 * waiting one costs an epoll_ctl, and the kernel isn't asked again about what it has reported. What it
 * reported is remembered here: readable() is called as long as there may be bytes. The socket knows nothing
 * of the protocol over it. Embedded in its owner. Thread: the loop's owner. */
#pragma once

#include <event2/event_struct.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/err.h"
#include "net/loop.h"
#include "net/names.h"

struct wr_socket {
    int fd; /* -1: closed */
    struct wr_loop *loop;
    struct event event;
    bool reading, writing;                 /* what the owner waits for now */
    bool filled;                           /* there may be bytes or the end to read */
    bool emptied;                          /* the last read took all there was */
    bool hung_up;                          /* the peer has sent its last byte: read until the end */
    void (*readable)(struct wr_socket *s); /* the loop has ticked */
    void (*writable)(struct wr_socket *s);
};

/* recv(2), and send(2) or sendmsg(2), as direct system calls. In the C library these are points where a
 * thread may be cancelled; in a process with threads that costs two locked instructions each, and no thread
 * here is ever cancelled. */
ssize_t wr_recv(int fd, void *at, size_t len);
/* Uses send(2) for one piece, which costs the kernel less than a list of one. */
ssize_t wr_send(int fd, const struct iovec *iov, int count);

/* Starts to connect. OK: *connected, or the socket becomes writable when wr_socket_outcome() is known.
 * CLOSED: refused or unreachable at once; the socket is closed. OVERLOADED: the process has no descriptor
 * left. */
enum wr_err wr_socket_connect(struct wr_socket *s, struct wr_loop *loop, const struct wr_sockaddr *to,
                              bool *connected) WR_MUST_USE;
/* Returns the outcome of wr_socket_connect(), OK or CLOSED, once the socket is writable. */
enum wr_err wr_socket_outcome(const struct wr_socket *s) WR_MUST_USE;
/* Reads as readv(2). */
ssize_t wr_socket_take(struct wr_socket *s, const struct iovec *iov, int count);
/* Says that nothing more is expected. If the last read took all there was, no further read is made to find
 * that out. */
void wr_socket_rest(struct wr_socket *s);
/* Wait, or stop waiting, for bytes to read, or for room to write after a write has not taken all. No system
 * call. */
void wr_socket_read(struct wr_socket *s, bool wanted);
void wr_socket_write(struct wr_socket *s, bool wanted);
/* There is more to write, but others come first: calls writable() in the next turn. */
void wr_socket_yield(struct wr_socket *s);
/* Has something arrived that nobody has read, or has the peer closed? One system call. */
bool wr_socket_pending(struct wr_socket *s);
/* Closes the socket; no callback runs any more. Harmless on a closed one. */
void wr_socket_close(struct wr_socket *s);
