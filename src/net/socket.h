/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream socket that never blocks, and the events its owner waits for on it.
 *
 * Its event is edge-triggered and stays registered from start to end. So neither a pooled connection nor a
 * waiting one costs an epoll_ctl, and the kernel isn't asked again about what it has reported. Its report
 * is remembered here: readable() is called as long as there may be bytes. The socket knows nothing
 * of the protocol over it. Embedded in its owner. Thread: the loop's owner.
 *
 * Each direction has a deadline of its own (deadline.h). To wait for room is to name one: there is no other
 * way. To read without one is to take what comes; an owner that can't go on before the peer has sent
 * something says so by wr_socket_expect(). So whatever an owner waits for ends, whichever direction the peer
 * neglects. Of a write, the part that the peer's kernel has acknowledged counts as taken. The part in this
 * kernel's buffer doesn't: that may be megabytes, and then it tells nothing of a slow reader for long. */
#pragma once

#include <event2/event_struct.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/err.h"
#include "net/deadline.h"
#include "net/loop.h"
#include "net/sockaddr.h"

struct wr_socket;

enum wr_way { WR_READING, WR_WRITING };

/* The notifications of a socket to its owner. Each is a callback from libevent or from a timer. */
struct wr_socket_calls {
    void (*readable)(struct wr_socket *s); /* the owner calls wr_loop_tick() before it needs the time */
    void (*writable)(struct wr_socket *s); /* likewise */
    void (*late)(struct wr_socket *s, enum wr_way way); /* the peer is late in this direction */
};

struct wr_socket {
    int fd; /* -1: closed */
    const struct wr_socket_calls *calls;
    struct event event;
    bool reading, writing;      /* what the owner waits for now */
    bool filled;                /* there may be bytes or the end to read */
    bool emptied;               /* the last read took all there was */
    bool hung_up;               /* the peer has sent its last byte: read until the end */
    struct wr_deadline in, out; /* of reading, of writing */
    uint64_t taken;             /* how many bytes the peer had taken when that was last asked */
};

/* Takes over an accepted socket. Reads nothing before wr_socket_read() or wr_socket_expect(). */
void wr_socket_adopt(struct wr_socket *s, struct wr_loop *loop, int fd, const struct wr_socket_calls *calls);
/* Starts to connect. OK: *connected, or the socket becomes writable when wr_socket_outcome() is known: wait
 * for that by wr_socket_write(). CLOSED: refused or unreachable at once; the socket is closed. OVERLOADED:
 * the process has no descriptor left, but those that wr_socket_leave() has set aside. */
enum wr_err wr_socket_connect(struct wr_socket *s, struct wr_loop *loop, const struct wr_sockaddr *to,
                              const struct wr_socket_calls *calls, bool *connected) WR_MUST_USE;
/* Leaves the descriptors from `first` on for others: wr_socket_connect() is OVERLOADED instead of using them.
 * The kernel gives the lowest number that is free (POSIX), so a high one says that few are left. Thread:
 * start. */
void wr_socket_leave(int first);
/* Returns the outcome of wr_socket_connect(), OK or CLOSED, once the socket is writable. */
enum wr_err wr_socket_outcome(const struct wr_socket *s) WR_MUST_USE;
/* Reads as readv(2). */
ssize_t wr_socket_take(struct wr_socket *s, const struct iovec *iov, int count);
/* Writes as sendmsg(2). */
ssize_t wr_socket_put(struct wr_socket *s, const struct iovec *iov, int count);
/* Says that nothing more is expected. If the last read took all there was, no further read is made to find
 * that out. */
void wr_socket_rest(struct wr_socket *s);
/* Takes what arrives, or leaves it to the kernel: then the peer can't be late with it, and
 * wr_socket_expect() ends. No system call. */
void wr_socket_read(struct wr_socket *s, bool wanted);
/* Reads, and calls late() if the peer doesn't keep this pace. Goes on by the new pace if it expects already.
 * No system call. */
void wr_socket_expect(struct wr_socket *s, const struct wr_pace *pace);
/* Nothing depends on the peer's next bytes any more. Goes on reading. */
void wr_socket_expect_nothing(struct wr_socket *s);
/* Reads in the next turn, even if the kernel has reported nothing: a write may have shown an error. */
void wr_socket_read_again(struct wr_socket *s);
/* A write has not taken all: waits for room, and calls late() if the peer doesn't keep this pace. Goes on if
 * it waits already. */
void wr_socket_write(struct wr_socket *s, const struct wr_pace *pace);
/* There is nothing to write any more. */
void wr_socket_written(struct wr_socket *s);
/* There is more to write, but others come first: calls writable() in the next turn. */
void wr_socket_yield(struct wr_socket *s);
/* Has something arrived that nobody has read, or has the peer closed? One system call. */
bool wr_socket_pending(struct wr_socket *s);
/* Closes the socket; no callback runs any more. Harmless on a closed one. */
void wr_socket_close(struct wr_socket *s);
