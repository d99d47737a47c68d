/* SPDX-License-Identifier: BSD-2-Clause */
/* flood PORT PATH URLS CONNECTIONS DEPTH SECONDS: a client that costs little CPU time, to measure a
 * server on all processors. Each connection sends DEPTH HEAD requests at once, for PATH0, PATH1 ... in turn,
 * and the next DEPTH when all are answered. Prints the number of answers, and the seconds of CPU time that
 * the client itself took. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 2048, DEPTH_MAX = 256, READ = 64 * 1024 };

struct flood_conn {
    int fd;
    char *burst; /* its requests, as one text */
    size_t burst_size;
    int waited_for; /* answers that are still to come */
    size_t filled;  /* bytes of heads[] */
    char heads[HEAD_MAX + READ];
};

static int depth;
static unsigned long answered;

static void fail(const char *what)
{
    fprintf(stderr, "flood: %s\n", what);
    exit(1);
}

static void make_burst(struct flood_conn *conn, const char *path, int first, int urls)
{
    conn->burst = malloc((size_t) depth * (strlen(path) + 80));
    if (conn->burst == NULL)
        fail("no memory");
    for (int i = 0; i < depth; i++)
        conn->burst_size += (size_t) sprintf(conn->burst + conn->burst_size,
                                             "HEAD %s%d HTTP/1.1\r\nHost: bench.example\r\n\r\n", path,
                                             (first + i) % urls);
}

/* The size of the first head, 0 if it isn't whole. Mostly it is as large as the one before, so the end is
 * looked for there first. */
static size_t head_size(const char *at, size_t size)
{
    static size_t usual = 4;
    if (size >= usual && memcmp(at + usual - 4, "\r\n\r\n", 4) == 0)
        return usual;
    const char *blank = memmem(at, size, "\r\n\r\n", 4);
    return blank == NULL ? 0 : (usual = (size_t) (blank - at) + 4);
}

static void take(struct flood_conn *conn)
{
    char *at = conn->heads, *end = conn->heads + conn->filled;
    for (size_t size; (size = head_size(at, (size_t) (end - at))) > 0; at += size) {
        if (size < 12 || memcmp(at, "HTTP/1.1 200", 12) != 0)
            fail("an answer other than 200");
        conn->waited_for--;
        answered++;
    }
    conn->filled = (size_t) (end - at);
    if (conn->filled > HEAD_MAX)
        fail("an answer without end of its head");
    memmove(conn->heads, at, conn->filled);
}

static void ask(struct flood_conn *conn)
{
    conn->waited_for = depth;
    if (send(conn->fd, conn->burst, conn->burst_size, MSG_NOSIGNAL) != (ssize_t) conn->burst_size)
        fail("the requests didn't fit into the socket");
}

static void turn(struct flood_conn *conn)
{
    ssize_t n = recv(conn->fd, conn->heads + conn->filled, READ, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        fail("the server has closed a connection");
    conn->filled += (size_t) n;
    take(conn);
    if (conn->waited_for == 0)
        ask(conn);
}

static struct flood_conn *open_conn(int loop, int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t) port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct flood_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL || (conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0 ||
        connect(conn->fd, (struct sockaddr *) &at, sizeof(at)) != 0)
        fail("can't connect");
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
    epoll_ctl(loop, EPOLL_CTL_ADD, conn->fd, &event);
    return conn;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc != 7 || (depth = atoi(argv[5])) < 1 || depth > DEPTH_MAX || atoi(argv[3]) < 1) {
        fputs("usage: flood PORT PATH URLS CONNECTIONS DEPTH SECONDS\n", stderr);
        return 2;
    }
    int loop = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < atoi(argv[4]); i++) {
        struct flood_conn *conn = open_conn(loop, atoi(argv[1]));
        make_burst(conn, argv[2], i * 7, atoi(argv[3])); /* each connection begins at another URL */
        ask(conn);
    }
    struct epoll_event events[256];
    for (double end = now() + atof(argv[6]); now() < end;) {
        int n = epoll_wait(loop, events, 256, 100);
        for (int i = 0; i < n; i++)
            turn(events[i].data.ptr);
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%lu %.3f\n", answered,
           (double) (used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double) (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}
