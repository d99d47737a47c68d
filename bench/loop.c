/* SPDX-License-Identifier: BSD-2-Clause */
/* Implements bench/loop.h: reads what a connection sends, and sends a reply for each head in it. */
#define _GNU_SOURCE
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 8192, EVENTS_MAX = 512 };

struct loop_conn {
    int fd;
    size_t filled;                   /* bytes of in[] with requests that aren't answered yet */
    const struct bench_reply *reply; /* the reply that is being sent, or NULL */
    size_t sent;
    bool wants_write;
    char in[HEAD_MAX];
};

static int loop_fd;

void bench_reply_init(struct bench_reply *reply, size_t body, const char *fields)
{
    char head[1024], date[64];
    time_t now = time(NULL);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
    int length = snprintf(head, sizeof(head),
                          "HTTP/1.1 200 OK\r\nDate: %s\r\n"
                          "Content-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n",
                          date, body, fields);
    char *bytes = malloc((size_t) length + body);
    if (bytes == NULL || length >= (int) sizeof(head)) {
        fputs("no room for a reply\n", stderr);
        exit(1);
    }
    memcpy(bytes, head, (size_t) length);
    memset(bytes + length, 'x', body);
    reply->bytes = bytes;
    reply->size = (size_t) length + body;
}

static void conn_close(struct loop_conn *conn)
{
    close(conn->fd);
    free(conn);
}

/* Watches for room to send only while a reply waits for it. */
static void conn_watch(struct loop_conn *conn, bool wants_write)
{
    if (conn->wants_write == wants_write)
        return;
    conn->wants_write = wants_write;
    struct epoll_event event = { .events = wants_write ? EPOLLOUT : EPOLLIN, .data.ptr = conn };
    epoll_ctl(loop_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

/* Sends what is left of the reply. Returns false if the connection is gone. */
static bool conn_send(struct loop_conn *conn)
{
    ssize_t n = send(conn->fd, conn->reply->bytes + conn->sent, conn->reply->size - conn->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        return false;
    if (n > 0)
        conn->sent += (size_t) n;
    if (conn->sent == conn->reply->size) {
        conn->reply = NULL;
        conn->sent = 0;
    }
    return true;
}

/* Answers the whole requests in the buffer, in order, until a reply doesn't fit into the socket. */
static bool conn_answer(struct loop_conn *conn)
{
    while (conn->reply == NULL) {
        char *end = memmem(conn->in, conn->filled, "\r\n\r\n", 4);
        if (end == NULL)
            break;
        size_t size = (size_t) (end - conn->in) + 4;
        conn->reply = bench_choose(conn->in, size);
        conn->filled -= size;
        memmove(conn->in, conn->in + size, conn->filled);
        if (!conn_send(conn))
            return false;
    }
    conn_watch(conn, conn->reply != NULL);
    return true;
}

static bool conn_read(struct loop_conn *conn)
{
    if (conn->filled == HEAD_MAX)
        return false;
    ssize_t n = recv(conn->fd, conn->in + conn->filled, HEAD_MAX - conn->filled, 0);
    if (n < 0)
        return errno == EAGAIN;
    if (n == 0)
        return false;
    conn->filled += (size_t) n;
    return conn_answer(conn);
}

static void conn_turn(struct loop_conn *conn)
{
    bool alive = conn->reply != NULL ? conn_send(conn) && conn_answer(conn) : conn_read(conn);
    if (!alive)
        conn_close(conn);
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct loop_conn *conn = malloc(sizeof(*conn));
        if (conn == NULL) {
            close(fd);
            return;
        }
        conn->fd = fd;
        conn->filled = conn->sent = 0;
        conn->reply = NULL;
        conn->wants_write = false;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
        epoll_ctl(loop_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_at(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 || listen(fd, 4096) != 0) {
        perror("listen");
        return -1;
    }
    return fd;
}

int bench_serve(int port)
{
    int listener = listen_at(port);
    if (listener < 0)
        return 1;
    loop_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event accepting = { .events = EPOLLIN, .data.ptr = NULL };
    epoll_ctl(loop_fd, EPOLL_CTL_ADD, listener, &accepting);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(loop_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener);
            else
                conn_turn(events[i].data.ptr);
        }
    }
}
