/* SPDX-License-Identifier: BSD-2-Clause */
/* Wraps a non-blocking socket with one edge-triggered event and a deadline for each direction. Remembers what
 * the kernel has reported. */
#include "net/socket.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* recv(2), and send(2) or sendmsg(2), as direct system calls. In the C library these are points where a
 * thread may be cancelled; in a process with threads that costs two locked instructions each, and no thread
 * here is ever cancelled. */
static ssize_t receive(int fd, void *at, size_t len)
{
    return syscall(SYS_recvfrom, fd, at, len, 0, NULL, NULL);
}

/* Uses send(2) for one piece, which costs the kernel less than a list of one. */
static ssize_t send_pieces(int fd, const struct iovec *iov, int count)
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
    s->filled |= (what & (EV_READ | EV_CLOSED)) != 0;
    s->hung_up |= (what & EV_CLOSED) != 0;
    s->emptied = false;
    if ((what & EV_WRITE) && s->writing)
        s->calls->writable(s);
    if (may_read(s))
        s->calls->readable(s);
    if (may_read(s) && s->emptied)
        s->calls->readable(s);
    if (may_read(s))
        event_active(&s->event, EV_READ, 0);
}

/* --- deadlines --- */

/* Returns how many bytes the peer has taken, ever. One system call. */
static uint64_t bytes_taken(const struct wr_socket *s)
{
    int left = 0;
    if (ioctl(s->fd, SIOCOUTQ, &left) != 0 || left < 0 || (uint64_t) left > s->out.moved)
        return s->out.moved;
    return s->out.moved - (uint64_t) left;
}

static void on_read_deadline(struct wr_timer *timer)
{
    struct wr_socket *s = WR_CONTAINER(timer, struct wr_socket, in.timer);
    if (wr_deadline_is_over(&s->in, s->in.moved))
        s->calls->late(s, WR_READING);
}

static void on_write_deadline(struct wr_timer *timer)
{
    struct wr_socket *s = WR_CONTAINER(timer, struct wr_socket, out.timer);
    uint64_t taken = bytes_taken(s);
    if (taken > s->taken)
        s->out.last = timer->loop->mono;
    s->taken = taken;
    if (wr_deadline_is_over(&s->out, taken))
        s->calls->late(s, WR_WRITING);
}

/* --- life --- */

/* Sets up the socket around `fd`. The event must be added yet. */
static void begin(struct wr_socket *s, struct wr_loop *loop, int fd, const struct wr_socket_calls *calls)
{
    s->fd = fd;
    s->calls = calls;
    s->reading = s->writing = s->filled = s->emptied = s->hung_up = false;
    s->taken = 0;
    wr_deadline_init(&s->in, loop, on_read_deadline);
    wr_deadline_init(&s->out, loop, on_write_deadline);
    if (fd >= 0)
        event_assign(&s->event, loop->base, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
                     on_fd_event, s);
}

void wr_socket_adopt(struct wr_socket *s, struct wr_loop *loop, int fd, const struct wr_socket_calls *calls)
{
    begin(s, loop, fd, calls);
    WR_CHECK(event_add(&s->event, NULL) == 0);
}

static int left_from = INT_MAX; /* set before there are other threads */

void wr_socket_leave(int first)
{
    left_from = first;
}

enum wr_err wr_socket_connect(struct wr_socket *s, struct wr_loop *loop, const struct wr_sockaddr *to,
                              const struct wr_socket_calls *calls, bool *connected)
{
    begin(s, loop, socket(to->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), calls);
    if (s->fd < 0)
        return errno == EAFNOSUPPORT ? WR_ERR_CLOSED : WR_ERR_OVERLOADED;
    if (s->fd >= left_from) {
        wr_socket_close(s);
        return WR_ERR_OVERLOADED;
    }
    int on = 1;
    if (to->at.ss_family != AF_UNIX) /* a head and its body leave in one write: there is nothing to wait
                                      * for */
        (void) setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *connected = connect(s->fd, (const struct sockaddr *) &to->at, to->len) == 0;
    int why = *connected ? 0 : errno;
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
    ssize_t n = count == 1 ? receive(s->fd, iov->iov_base, iov->iov_len) : readv(s->fd, iov, count);
    s->emptied = n > 0 && (size_t) n < room;
    if (n > 0)
        wr_deadline_moved(&s->in, (size_t) n);
    if (n < 0 && errno == EAGAIN)
        s->filled = false;
    return n;
}

ssize_t wr_socket_put(struct wr_socket *s, const struct iovec *iov, int count)
{
    ssize_t n = send_pieces(s->fd, iov, count);
    if (n > 0)
        wr_deadline_moved(&s->out, (size_t) n);
    return n;
}

void wr_socket_rest(struct wr_socket *s)
{
    if (s->emptied && !s->hung_up)
        s->filled = false;
}

void wr_socket_read(struct wr_socket *s, bool wanted)
{
    if (!wanted)
        wr_socket_expect_nothing(s);
    if (s->reading == wanted)
        return;
    s->reading = wanted;
    if (wanted && s->filled) /* the edge has passed */
        event_active(&s->event, EV_READ, 0);
}

void wr_socket_expect(struct wr_socket *s, const struct wr_pace *pace)
{
    wr_socket_read(s, true);
    wr_deadline_wait(&s->in, pace, s->in.moved);
}

void wr_socket_expect_nothing(struct wr_socket *s)
{
    wr_deadline_stop(&s->in);
}

void wr_socket_read_again(struct wr_socket *s)
{
    s->filled = true;
    event_active(&s->event, EV_READ, 0);
}

void wr_socket_write(struct wr_socket *s, const struct wr_pace *pace)
{
    s->writing = true;
    if (!s->out.waits)
        s->taken = bytes_taken(s);
    wr_deadline_wait(&s->out, pace, s->taken);
}

void wr_socket_written(struct wr_socket *s)
{
    s->writing = false;
    wr_deadline_stop(&s->out);
}

void wr_socket_yield(struct wr_socket *s)
{
    s->writing = true;
    event_active(&s->event, EV_WRITE, 0);
    event_base_loopcontinue(event_get_base(&s->event)); /* the others' sockets are polled first */
}

bool wr_socket_pending(struct wr_socket *s)
{
    char byte;
    bool pending = recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
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
    wr_timer_fini(&s->in.timer);
    wr_timer_fini(&s->out.timer);
    close(s->fd);
    s->fd = -1;
}
