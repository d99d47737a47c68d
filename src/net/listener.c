/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens listening sockets and accepts connections on each worker. */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "address/ip.h"
#include "log/log.h"
#include "net/passed.h"
#include "net/sockaddr.h"
#include "stats/stats.h"

#define BACKLOG 4096
#define ACCEPTS_PER_TURN 64

struct wr_listener {
    const struct wr_listen *listen;
    char *unix_path; /* removed when the listener is closed */
    unsigned users;  /* workers that haven't left; atomic */
    unsigned count;  /* number of fds: one per worker, or one */
    int fds[];       /* if there are several, each belongs to its worker while workers run */
};

static int bind_and_listen(const struct sockaddr *at, socklen_t len, bool shared_port)
{
    int fd = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return -1;
    if (at->sa_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (shared_port)
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (at->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, at, len) < 0 || listen(fd, BACKLOG) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int open_unix(struct wr_listener *l, const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(at.sun_path, path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive = probe >= 0 && connect(probe, (struct sockaddr *) &at, sizeof at) == 0;
    if (probe >= 0)
        close(probe);
    struct stat st;
    if (!alive && stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path); /* a socket file of a process that was killed */
    mode_t before = umask(
        0117); /* owner and group only: a peer is trusted like a trusted proxy, or may purge and drain */
    int fd = alive ? -1 : bind_and_listen((struct sockaddr *) &at, sizeof at, false);
    umask(before);
    if (alive)
        errno = EADDRINUSE;
    if (fd >= 0)
        l->unix_path = wr_slice_dup(wr_slice_str(path));
    return fd;
}

/* Opens a socket without SO_REUSEPORT first: otherwise a second daemon could share the port unnoticed. */
static int open_tcp(struct wr_listener *l, const struct wr_address *address)
{
    struct wr_sockaddr at;
    if (!wr_address_literal(address->host, address->port, &at)) {
        errno = EINVAL;
        return -1;
    }
    int probe = bind_and_listen((struct sockaddr *) &at.at, at.len, false);
    if (probe < 0)
        return -1;
    close(probe);
    for (unsigned i = 0; i < l->count; i++) {
        l->fds[i] = bind_and_listen((struct sockaddr *) &at.at, at.len, true);
        if (l->fds[i] < 0)
            return -1;
    }
    return l->fds[0];
}

struct wr_listener *wr_listener_open(const struct wr_listen *listen, unsigned workers, struct wr_buf *why)
{
    const struct wr_address *a = &listen->address;
    unsigned count = a->kind == WR_ADDRESS_IP ? workers : 1;
    struct wr_listener *l = calloc(1, sizeof *l + count * sizeof l->fds[0]);
    WR_CHECK(l != NULL);
    l->count = count;
    l->users = workers;
    l->listen = listen;
    for (unsigned i = 0; i < count; i++)
        l->fds[i] = -1;
    errno = ENOENT;
    if (a->kind == WR_ADDRESS_UNIX)
        l->fds[0] = open_unix(l, a->host);
    else if (a->kind == WR_ADDRESS_SYSTEMD)
        l->fds[0] = wr_passed_take(a->host);
    else
        open_tcp(l, a);
    if (l->fds[count - 1] >= 0) {
        if (a->kind == WR_ADDRESS_SYSTEMD)
            evutil_make_socket_nonblocking(l->fds[0]);
        return l;
    }
    if (a->kind == WR_ADDRESS_SYSTEMD)
        wr_buf_printf(why, "cannot listen on %s: systemd passed no socket of that name", a->text);
    else
        wr_buf_printf(why, "cannot listen on %s: %s", a->text, strerror(errno));
    wr_listener_close(l);
    return NULL;
}

static void close_fd(struct wr_listener *l, unsigned i)
{
    if (l->fds[i] >= 0)
        close(l->fds[i]);
    l->fds[i] = -1;
}

static void remove_path(struct wr_listener *l)
{
    if (l->unix_path)
        unlink(l->unix_path);
    free(l->unix_path);
    l->unix_path = NULL; /* from now on another process may have bound the path */
}

void wr_listener_close(struct wr_listener *l)
{
    for (unsigned i = 0; i < l->count; i++)
        close_fd(l, i);
    remove_path(l);
    free(l);
}

int wr_listener_fd(const struct wr_listener *l)
{
    return l->fds[0];
}

/* --- accepting --- */

static void describe(const struct sockaddr_storage *from, struct wr_accepted *conn)
{
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) from;
        memcpy(conn->addr, &in6->sin6_addr, 16);
        conn->port = ntohs(in6->sin6_port);
    } else if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *) from;
        wr_address_map(&in->sin_addr, conn->addr);
        conn->port = ntohs(in->sin_port);
    } else {
        conn->local = true;
    }
}

static unsigned stuck_count; /* parts of listeners that are stuck, in all threads; atomic */

/* Descriptors and memory are missing for the whole process, so one line is logged for all listeners. */
static void become_stuck(struct wr_accept *a)
{
    const char *why = strerror(errno);
    if (a->stuck)
        return;
    a->stuck = true;
    if (__atomic_add_fetch(&stuck_count, 1, __ATOMIC_RELAXED) == 1)
        wr_warn("cannot accept on %s: %s; trying every 100 ms", a->listener->listen->address.text, why);
}

static void come_unstuck(struct wr_accept *a)
{
    if (!a->stuck)
        return;
    a->stuck = false;
    if (__atomic_sub_fetch(&stuck_count, 1, __ATOMIC_RELAXED) == 0)
        wr_info("accepting connections again");
}

/* Pauses when there are no descriptors or no memory left: accepting again at once would only spin. */
static void pause_accepting(struct wr_accept *a)
{
    become_stuck(a);
    WR_COUNT(accept_failures);
    event_del(a->event);
    wr_timer_set(&a->pause, WR_SPAN_MS(100));
}

/* Accepts one connection. Returns false if the queue is empty or accepting isn't possible now. */
static bool accept_one(struct wr_accept *a)
{
    struct sockaddr_storage from = { 0 };
    socklen_t len = sizeof from;
    struct wr_accepted conn = { .listen = a->listener->listen };
    conn.fd = accept4(a->fd, (struct sockaddr *) &from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (conn.fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(a);
        else if (errno == EAGAIN)
            come_unstuck(a);
        return false; /* EAGAIN, or a connection that has been closed already */
    }
    describe(&from, &conn);
    a->accepted(a, &conn);
    return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct wr_accept *a = arg;
    (void) fd;
    (void) what;
    wr_loop_tick(a->loop);
    for (int i = 0; i < ACCEPTS_PER_TURN && a->event; i++)
        if (!accept_one(a))
            return;
}

static void on_pause_over(struct wr_timer *timer)
{
    struct wr_accept *a = WR_CONTAINER(timer, struct wr_accept, pause);
    event_add(a->event, NULL);
}

void wr_accept_start(struct wr_accept *a, struct wr_listener *l, struct wr_loop *loop,
                     void (*accepted)(struct wr_accept *, const struct wr_accepted *))
{
    a->accepted = accepted;
    a->listener = l;
    a->loop = loop;
    a->fd = l->fds[l->count > 1 ? loop->index : 0];
    a->event = event_new(loop->base, a->fd, EV_READ | EV_PERSIST, on_acceptable, a);
    WR_CHECK(a->event != NULL && event_add(a->event, NULL) == 0);
    wr_timer_init(&a->pause, loop, on_pause_over);
}

void wr_accept_stop(struct wr_accept *a)
{
    if (a->event == NULL)
        return;
    event_free(a->event);
    a->event = NULL;
    come_unstuck(a);
    wr_timer_fini(&a->pause);
}

void wr_accept_leave(struct wr_accept *a, struct wr_listener *l, unsigned index)
{
    for (int i = 0; i < BACKLOG && a->event && accept_one(a); i++)
        ;
    wr_accept_stop(a);
    bool last = __atomic_sub_fetch(&l->users, 1, __ATOMIC_ACQ_REL) == 0;
    if (l->count > 1) {
        close_fd(l, index);
    } else if (last) {
        close_fd(l, 0);
        remove_path(l);
    }
}
