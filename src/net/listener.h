/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets. For TCP there is one per worker with SO_REUSEPORT, so that the kernel spreads
 * connections. Unix sockets and those passed by systemd are shared by all workers. */
#pragma once

#include "net/loop.h"
#include "policy/policy.h"

struct wr_listener;

/* Binds and listens, or takes a socket of systemd's. `listen` must outlive the listener. A Unix socket is for
 * owner and group (mode 0660). Returns NULL and one line with the reason in *why on failure. The caller owns
 * the listener. Thread: start. */
struct wr_listener *wr_listener_open(const struct wr_listen *listen, unsigned workers, struct wr_buf *why);
/* Closes the sockets that are still open, removes a Unix socket's file and frees the listener. Thread:
 * start. */
void wr_listener_close(struct wr_listener *l);
/* Returns the socket of a listener that was opened for one worker. The listener still owns it. Thread:
 * start. */
int wr_listener_fd(const struct wr_listener *l);

struct wr_accepted {
    int fd;                 /* owned by the callee; non-blocking */
    unsigned char addr[16]; /* IPv4 mapped; zero for a Unix socket */
    uint16_t port;
    bool local; /* came over a Unix socket */
    const struct wr_listen *listen;
};

/* One worker's part of a listener. Embedded. Thread: the loop's owner. */
struct wr_accept {
    void (*accepted)(struct wr_accept *a, const struct wr_accepted *conn);
    struct wr_listener *listener;
    struct wr_loop *loop;
    struct event *event;
    struct wr_timer pause; /* out of descriptors: try again later */
    bool stuck;            /* it has paused, and hasn't emptied its queue since */
    int fd;
};
void wr_accept_start(struct wr_accept *a, struct wr_listener *l, struct wr_loop *loop,
                     void (*accepted)(struct wr_accept *, const struct wr_accepted *));
/* Stops accepting on this worker. May be called twice. */
void wr_accept_stop(struct wr_accept *a);
/* Accepts what is in the queue, then does as wr_accept_stop(). When the last worker has left a socket in
 * this way, the socket is closed: new connections are refused at once, and clients can go to another node.
 * A socket of systemd's stays open there, for the next process. Each worker calls this once, whether it
 * accepts yet or not (then a->event is NULL). */
void wr_accept_leave(struct wr_accept *a, struct wr_listener *l, unsigned index);
