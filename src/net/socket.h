/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream socket that never blocks, and what its owner waits for on it.
 *
 * Its event is edge-triggered and stands from the first to the last: neither a pooled connection nor one that
 * waits costs an epoll_ctl, and the kernel isn't asked again about what it has told already. So what it said
 * is remembered here, and the owner sees a socket that calls readable() as long as there may be octets. It
 * knows nothing of what is said over it. Embedded in its owner. Thread: the loop's owner. */
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
    bool reading, writing;                 /* what is waited for now */
    bool filled;                           /* there may be octets, or the end */
    bool emptied;                          /* the last read took all there was */
    bool hung_up;                          /* the peer has sent its last: reads until the end */
    void (*readable)(struct wr_socket *s); /* the loop has ticked */
    void (*writable)(struct wr_socket *s);
};

/* recv(2), and send(2) or sendmsg(2). Not through the C library, whose versions are points where a thread may
 * be cancelled: in a process with threads they pay for that with two locked instructions, and no thread here
 * is ever cancelled. */
ssize_t wr_recv(int fd, void *at, size_t len);
/* One piece costs the kernel less than a list of one. */
ssize_t wr_send(int fd, const struct iovec *iov, int count);

/* Starts to connect. OK: *connected, or it becomes writable once wr_socket_outcome() is known. CLOSED:
 * refused or unreachable at once; the socket is closed. OVERLOADED: the process has no descriptor left. */
enum wr_err wr_socket_connect(struct wr_socket *s, struct wr_loop *loop, const struct wr_sockaddr *to,
                              bool *connected) WR_MUST_USE;
/* Once writable after wr_socket_connect(): OK, or CLOSED. */
enum wr_err wr_socket_outcome(const struct wr_socket *s) WR_MUST_USE;
/* Reads as readv(2). */
ssize_t wr_socket_take(struct wr_socket *s, const struct iovec *iov, int count);
/* Nothing more is expected: if the last read took all there was, no further one need show that there is no
 * more. */
void wr_socket_rest(struct wr_socket *s);
/* Wait (or no longer) for octets to read; for room to write, once a write has not taken all. Costs nothing.
 */
void wr_socket_read(struct wr_socket *s, bool wanted);
void wr_socket_write(struct wr_socket *s, bool wanted);
/* There is more to write, but others first: writable() in the next turn. */
void wr_socket_yield(struct wr_socket *s);
/* Something has arrived that nobody has read, or the peer has closed: one system call. */
bool wr_socket_pending(struct wr_socket *s);
/* Harmless when closed. No callback runs any more. */
void wr_socket_close(struct wr_socket *s);
