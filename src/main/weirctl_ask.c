/* SPDX-License-Identifier: BSD-2-Clause */
/* Connects to the admin listener and sends one request over it. It says on stderr why there is no answer. */
#include "main/weirctl_priv.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"

#define PATIENCE_SECONDS 30 /* for each read and write */

int wr_ctl_complain(const char *fmt, ...)
{
    va_list ap;
    fputs("weirctl: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return -1;
}

/* --- the connection --- */

static const char *advice(int err)
{
    switch (err) {
    case ENOENT:
        return " (is weir running, and does its policy name another address? -s and WEIR_SOCKET do)";
    case EACCES:
        return " (the socket belongs to weir's user and group: try as root or as a member)";
    case ECONNREFUSED:
        return " (nothing listens there: weir is not running)";
    default:
        return "";
    }
}

static int connect_unix(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof at.sun_path)
        return wr_ctl_complain("%s: the path is too long for a socket", path);
    strcpy(at.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &at, sizeof at) < 0) {
        int err = errno;
        if (fd >= 0)
            close(fd);
        return wr_ctl_complain("cannot connect to %s: %s%s", path, strerror(err), advice(err));
    }
    return fd;
}

#define SCHEME "http://"

/* Splits "host:port" or "http://host:port"; a slash after it is allowed. Returns false if it isn't that. */
static bool split_http(const char *where, char host[256], char port[8])
{
    const char *at = strncmp(where, SCHEME, strlen(SCHEME)) == 0 ? where + strlen(SCHEME) : where;
    const char *colon = strrchr(at, ':');
    size_t host_len = colon ? (size_t) (colon - at) : 0,
           port_len = colon ? strspn(colon + 1, "0123456789") : 0;
    if (host_len > 2 && at[0] == '[' && at[host_len - 1] == ']') {
        at++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len > 255 || port_len == 0 || port_len > 5 ||
        (colon[1 + port_len] && strcmp(colon + 1 + port_len, "/") != 0))
        return false;
    memcpy(host, at, host_len);
    host[host_len] = '\0';
    memcpy(port, colon + 1, port_len);
    port[port_len] = '\0';
    return true;
}

static int connect_tcp(const char *where)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    char host[256], port[8];
    if (!split_http(where, host, port))
        return wr_ctl_complain("%s is neither the path of a socket nor HOST:PORT", where);
    int wrong = getaddrinfo(host, port, &hints, &found), fd = -1, err = 0;
    if (wrong)
        return wr_ctl_complain("%s: %s", host, gai_strerror(wrong));
    for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
            err = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd >= 0 ? fd : wr_ctl_complain("cannot connect to %s: %s%s", where, strerror(err), advice(err));
}

/* A path has a slash; an address and a port have none, or stand behind http://. */
static bool is_http(const char *where)
{
    return strncmp(where, SCHEME, strlen(SCHEME)) == 0 || (strchr(where, '/') == NULL && strchr(where, ':'));
}

static int connect_to(const char *where)
{
    const struct timeval patience = { PATIENCE_SECONDS, 0 };
    int fd = is_http(where) ? connect_tcp(where) : connect_unix(where);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    return fd;
}

/* --- one request --- */

static bool send_all(int fd, struct wr_slice left)
{
    while (left.len > 0) {
        ssize_t n = send(fd, left.at, left.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            left = wr_slice_from(left, n);
    }
    return true;
}

static bool receive_all(int fd, struct wr_buf *in)
{
    for (;;) {
        char *at = wr_buf_reserve(in, 16 * 1024);
        ssize_t n = recv(fd, at, 16 * 1024, 0);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            in->len += (size_t) n;
    }
}

/* Reads "HTTP/1.x NNN ...", the fields, an empty line, and the body up to the end, as the request was
 * HTTP/1.0. Returns false if it isn't an answer of an admin listener. */
static bool read_reply(struct wr_asked *r)
{
    struct wr_slice text = wr_buf_slice(&r->text), code = wr_slice(NULL, 0);
    const char *end = text.len > 12 ? memmem(text.at, text.len, "\r\n\r\n", 4) : NULL;
    uint64_t status;
    if (end == NULL || memcmp(text.at, "HTTP/1.", 7) != 0)
        return false;
    code = wr_slice(text.at + 9, 3);
    if (!wr_slice_u64(code, 999, &status))
        return false;
    r->status = (int) status;
    r->body = wr_slice(end + 4, text.len - (size_t) (end + 4 - text.at));
    struct wr_slice head = wr_slice(text.at, (size_t) (end - text.at)), line;
    while ((line = wr_slice_cut(&head, '\n')).at)
        if (wr_slice_eq_nocase(wr_slice_cut(&line, ':'), WR_SLICE(WR_ADMIN_FIELD)))
            return true;
    return false;
}

static void write_request(const struct wr_asking *a, const char *method, const char *target,
                          struct wr_slice body, struct wr_buf *out)
{
    wr_buf_printf(out, "%s %s HTTP/1.0\r\nHost: localhost\r\nAccept: %s\r\n", method, target,
                  a->json ? "application/json" : "text/plain");
    if (a->token)
        wr_buf_printf(out, "Authorization: Bearer %s\r\n", a->token);
    if (body.at)
        wr_buf_printf(out, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n",
                      body.len);
    wr_buf_add_str(out, "\r\n");
    wr_buf_add_slice(out, body);
}

static bool ask_once(const struct wr_asking *a, const char *method, const char *target, struct wr_slice body,
                     struct wr_asked *r)
{
    struct wr_buf out = { 0 };
    *r = (struct wr_asked){ 0 };
    int fd = connect_to(a->where);
    if (fd < 0)
        return false;
    write_request(a, method, target, body, &out);
    bool sent = send_all(fd, wr_buf_slice(&out));
    bool came = sent && receive_all(fd, &r->text);
    if (!came)
        wr_ctl_complain("%s: %s", a->where, errno == EAGAIN ? "no answer in time" : strerror(errno));
    else if (!read_reply(r)) {
        wr_ctl_complain("%s: what listens there is not weir's admin listener", a->where);
        came = false;
    }
    close(fd);
    wr_buf_fini(&out);
    if (!came)
        wr_buf_fini(&r->text);
    return came;
}

bool wr_ctl_ask(const struct wr_asking *a, const char *method, const char *target, struct wr_slice body,
                struct wr_asked *r)
{
    if (strcmp(method, "POST") == 0) {
        if (!ask_once(a, "GET", "/healthz", wr_slice(NULL, 0), r))
            return false;
        wr_buf_fini(&r->text);
    }
    return ask_once(a, method, target, body, r);
}

int wr_ctl_end_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    wr_ctl_complain("cannot write to stdout: %s", strerror(errno));
    return WR_EXIT_REFUSED;
}
