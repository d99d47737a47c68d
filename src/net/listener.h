/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets: for TCP one per worker with SO_REUSEPORT, so that the kernel spreads connections; Unix
 * sockets and those that systemd passed are shared by all workers. */
#pragma once

#include "net/loop.h"
#include "policy/policy.h"

struct wr_listener;

/* Binds and listens; a Unix socket is for owner and group (mode 0660). NULL and one line of reason in *why.
 * Thread: start. */
struct wr_listener *wr_listener_open(const struct wr_listen *listen, unsigned workers, struct wr_buf *why);
/* Closes what is still open; a Unix socket's file is removed. Thread: start. */
void wr_listener_close(struct wr_listener *l);
/* The socket of a listener opened for one worker; it stays the listener's. Thread: start. */
int wr_listener_fd(const struct wr_listener *l);

struct wr_accepted {
    int fd;                 /* the callee's from now on; non-blocking */
    unsigned char addr[16]; /* IPv4 mapped; zero for a Unix socket */
    uint16_t port;
    bool local; /* a Unix socket */
    bool proxy_protocol;
};

/* One worker's part of a listener. Embedded. Thread: the loop's owner. */
struct wr_accept {
    void (*accepted)(struct wr_accept *a, const struct wr_accepted *conn);
    struct wr_listener *listener;
    struct wr_loop *loop;
    struct event *event;
    struct wr_timer pause; /* out of descriptors: try again soon */
    int fd;
};
void wr_accept_start(struct wr_accept *a, struct wr_listener *l, struct wr_loop *loop,
                     void (*accepted)(struct wr_accept *, const struct wr_accepted *));
/* No more connections here; harmless twice. */
void wr_accept_stop(struct wr_accept *a);
/* As wr_accept_stop(), after accepting what is in the queue. When the last worker of a socket leaves it so,
 * the socket is closed: who connects from now on is refused at once and can turn to another node. A socket of
 * systemd's stays open there, for the next process. Each worker once, whether it accepts yet or not (then
 * a->event is NULL). */
void wr_accept_leave(struct wr_accept *a, struct wr_listener *l, unsigned index);

/* The socket systemd passed under this name (LISTEN_FDS, LISTEN_FDNAMES; sd_listen_fds(3)), or -1. A name of
 * digits is a number, from 0. Thread: start. */
int wr_systemd_socket(const char *name);
