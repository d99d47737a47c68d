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

ssize_t wr_send(int fd, const void *at, size_t len)
{
    return syscall(SYS_sendto, fd, at, len, MSG_NOSIGNAL, NULL, 0);
}

ssize_t wr_sendmsg(int fd, const struct msghdr *msg)
{
    return syscall(SYS_sendmsg, fd, msg, MSG_NOSIGNAL);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct wr_socket *s = arg;
    (void) fd;
    (void) what;
    wr_loop_tick(s->loop);
    s->readable(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct wr_socket *s = arg;
    (void) fd;
    (void) what;
    wr_loop_tick(s->loop);
    s->writable(s);
}

enum wr_err wr_socket_connect(struct wr_socket *s, struct wr_loop *loop, const struct wr_sockaddr *to, bool *connected)
{
    s->loop = loop;
    s->reading = s->writing = false;
    s->read_event = s->write_event = NULL;
    s->fd = socket(to->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return errno == EAFNOSUPPORT ? WR_ERR_CLOSED : WR_ERR_OVERLOADED;
    int on = 1;
    if (to->at.ss_family != AF_UNIX) /* a head and its body leave in one write: nothing to wait for */
        (void) setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *connected = connect(s->fd, (const struct sockaddr *) &to->at, to->len) == 0;
    if (*connected || errno == EINPROGRESS)
        return WR_OK;
    enum wr_err err = errno == EADDRNOTAVAIL ? WR_ERR_OVERLOADED : WR_ERR_CLOSED; /* no local port left */
    wr_socket_close(s);
    return err;
}

enum wr_err wr_socket_outcome(const struct wr_socket *s)
{
    int why = 0;
    socklen_t len = sizeof why;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &why, &len) != 0)
        return WR_ERR_CLOSED;
    return why == 0 ? WR_OK : WR_ERR_CLOSED;
}

static void want(struct wr_socket *s, struct event **event, bool *state, bool wanted, short what, event_callback_fn on)
{
    if (*state == wanted)
        return;
    if (*event == NULL) {
        *event = event_new(s->loop->base, s->fd, (short) (what | EV_PERSIST), on, s);
        WR_CHECK(*event != NULL);
    }
    WR_CHECK((wanted ? event_add(*event, NULL) : event_del(*event)) == 0);
    *state = wanted;
}

void wr_socket_read(struct wr_socket *s, bool wanted)
{
    want(s, &s->read_event, &s->reading, wanted, EV_READ, on_readable);
}

void wr_socket_write(struct wr_socket *s, bool wanted)
{
    want(s, &s->write_event, &s->writing, wanted, EV_WRITE, on_writable);
}

bool wr_socket_pending(const struct wr_socket *s)
{
    char octet;
    return recv(s->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

void wr_socket_close(struct wr_socket *s)
{
    if (s->fd < 0)
        return;
    if (s->read_event)
        event_free(s->read_event);
    if (s->write_event)
        event_free(s->write_event);
    s->read_event = s->write_event = NULL;
    s->reading = s->writing = false;
    close(s->fd);
    s->fd = -1;
}
