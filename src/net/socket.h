/* A stream socket that never blocks, and what its owner waits for on it.
 *
 * Both events are persistent: a pooled connection that only ever reads costs no epoll_ctl per request. It knows nothing
 * of what is said over it. Embedded in its owner. Thread: the loop's owner. */
#pragma once

#include <sys/socket.h>

#include "base/err.h"
#include "net/loop.h"
#include "net/names.h"

struct wr_socket {
    int fd; /* -1: closed */
    struct wr_loop *loop;
    struct event *read_event, *write_event; /* made when first wanted */
    bool reading, writing;                  /* what is waited for now */
    void (*readable)(struct wr_socket *s);  /* the loop has ticked */
    void (*writable)(struct wr_socket *s);
};

/* recv(2), send(2), sendmsg(2). Not through the C library, whose versions are points where a thread may be cancelled: in a
 * process with threads they pay for that with two locked instructions, and no thread here is ever cancelled. */
ssize_t wr_recv(int fd, void *at, size_t len);
ssize_t wr_send(int fd, const void *at, size_t len);
ssize_t wr_sendmsg(int fd, const struct msghdr *msg);

/* Starts to connect. OK: *connected, or it becomes writable once wr_socket_outcome() is known. CLOSED: refused or
 * unreachable at once; the socket is closed. OVERLOADED: the process has no descriptor left. */
enum wr_err wr_socket_connect(struct wr_socket *s, struct wr_loop *loop, const struct wr_sockaddr *to, bool *connected)
    WR_MUST_USE;
/* Once writable after wr_socket_connect(): OK, or CLOSED. */
enum wr_err wr_socket_outcome(const struct wr_socket *s) WR_MUST_USE;
/* Wait (or no longer) for octets to read or for room to write. Costs nothing when that is so already. */
void wr_socket_read(struct wr_socket *s, bool wanted);
void wr_socket_write(struct wr_socket *s, bool wanted);
/* Something has arrived that nobody has read, or the peer has closed: one system call. */
bool wr_socket_pending(const struct wr_socket *s);
/* Harmless when closed. No callback runs any more. */
void wr_socket_close(struct wr_socket *s);
