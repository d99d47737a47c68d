/* SPDX-License-Identifier: BSD-2-Clause */
/* Wraps a non-blocking socket with one edge-triggered event. Remembers what the kernel has reported. */
#include "net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t wr_recv(int fd, void *at, size_t len)
{
    return syscall(SYS_recvfrom, fd, at, len, 0, NULL, NULL);
}

ssize_t wr_send(int fd, const struct iovec *iov, int count)
{
    if (count == 1)
        return syscall(SYS_sendto, fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL, NULL, 0);
    struct msghdr msg = { .msg_iov = (struct iovec *) (uintptr_t) iov, .msg_iovlen = (size_t) count };
    return syscall(SYS_sendmsg, fd, &msg, MSG_NOSIGNAL);
}

static bool may_read(const struct wr_socket *s)
{
    return s->fd >= 0 && s->reading && s->filled;
}

/* Calls readable() and writable(). A reset that arrives together with bytes has the same edge, and libevent
 * reports it like others. Only a further read shows it, so an owner that waits for more reads until there
 * is nothing. */
static void on_fd_event(evutil_socket_t fd, short what, void *arg)
{
    struct wr_socket *s = arg;
    (void) fd;
    wr_loop_tick(s->loop);
    s->filled |= (what & (EV_READ | EV_CLOSED)) != 0;
    s->hung_up |= (what & EV_CLOSED) != 0;
    s->emptied = false;
    if ((what & EV_WRITE) && s->writing)
        s->writable(s);
    if (may_read(s))
        s->readable(s);
    if (may_read(s) && s->emptied)
        s->readable(s);
    if (may_read(s))
        event_active(&s->event, EV_READ, 0);
}

enum wr_err wr_socket_connect(struct wr_socket *s, struct wr_loop *loop, const struct wr_sockaddr *to,
                              bool *connected)
{
    s->loop = loop;
    s->reading = s->writing = s->filled = s->emptied = s->hung_up = false;
    s->fd = socket(to->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return errno == EAFNOSUPPORT ? WR_ERR_CLOSED : WR_ERR_OVERLOADED;
    int on = 1;
    if (to->at.ss_family != AF_UNIX) /* a head and its body leave in one write: there is nothing to wait
                                      * for */
        (void) setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *connected = connect(s->fd, (const struct sockaddr *) &to->at, to->len) == 0;
    int why = *connected ? 0 : errno;
    event_assign(&s->event, loop->base, s->fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
                 on_fd_event, s);
    if (*connected || why == EINPROGRESS) {
        WR_CHECK(event_add(&s->event, NULL) == 0);
        return WR_OK;
    }
    wr_socket_close(s);
    return why == EADDRNOTAVAIL ? WR_ERR_OVERLOADED : WR_ERR_CLOSED; /* no local port is left */
}

enum wr_err wr_socket_outcome(const struct wr_socket *s)
{
    int why = 0;
    socklen_t len = sizeof why;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &why, &len) != 0)
        return WR_ERR_CLOSED;
    return why == 0 ? WR_OK : WR_ERR_CLOSED;
}

ssize_t wr_socket_take(struct wr_socket *s, const struct iovec *iov, int count)
{
    size_t room = 0;
    for (int i = 0; i < count; i++)
        room += iov[i].iov_len;
    ssize_t n = count == 1 ? wr_recv(s->fd, iov->iov_base, iov->iov_len) : readv(s->fd, iov, count);
    s->emptied = n > 0 && (size_t) n < room;
    if (n < 0 && errno == EAGAIN)
        s->filled = false;
    return n;
}

void wr_socket_rest(struct wr_socket *s)
{
    if (s->emptied && !s->hung_up)
        s->filled = false;
}

void wr_socket_read(struct wr_socket *s, bool wanted)
{
    if (s->reading == wanted)
        return;
    s->reading = wanted;
    if (wanted && s->filled) /* the edge has passed */
        event_active(&s->event, EV_READ, 0);
}

void wr_socket_write(struct wr_socket *s, bool wanted)
{
    s->writing = wanted;
}

void wr_socket_yield(struct wr_socket *s)
{
    s->writing = true;
    event_active(&s->event, EV_WRITE, 0);
}

bool wr_socket_pending(struct wr_socket *s)
{
    char octet;
    bool pending = recv(s->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
    if (!pending)
        s->filled = false;
    return pending;
}

void wr_socket_close(struct wr_socket *s)
{
    if (s->fd < 0)
        return;
    event_del(&s->event);
    s->reading = s->writing = false;
    close(s->fd);
    s->fd = -1;
}
