/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin listener: accepts connections, finds the endpoint of a request and refuses what isn't allowed. */
#include "config.h"

#include "admin/admin.h"

#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "address/ip.h"
#include "admin/admin_priv.h"

#define IDLE_SECONDS 15       /* a client that neither sends nor takes anything for so long is cut off */
#define HEAD_MOST (16 * 1024) /* bytes */
#define BODY_MOST (64 * 1024) /* bytes */

/* --- finding the endpoint of a request --- */

struct endpoint {
    const char *path;
    unsigned methods; /* enum evhttp_cmd_type, or-ed */
    const char *allow;
    void (*serve)(struct wr_admin *a, struct evhttp_request *req);
};

#define LOOK EVHTTP_REQ_GET | EVHTTP_REQ_HEAD, "GET, HEAD"
#define ACT EVHTTP_REQ_POST, "POST"

static const struct endpoint endpoints[] = {
#define X(path, methods, name, manual) { path, methods, wr_admin_##name },
#include "admin/endpoints.def"
#undef X
};
#define ENDPOINTS (sizeof endpoints / sizeof endpoints[0])

static const struct endpoint *endpoint_of(const char *path)
{
    for (size_t i = 0; i < ENDPOINTS; i++)
        if (path && strcmp(endpoints[i].path, path) == 0)
            return &endpoints[i];
    return NULL;
}

/* Is the host in Origin "localhost" or an address? An attacker's name server can't answer for those. */
static bool is_literal_host(const char *host)
{
    unsigned char raw[16];
    struct wr_slice name = wr_slice_str(host);
    if (name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']')
        return wr_address_read(wr_slice(name.at + 1, name.len - 2), raw) && memchr(name.at, ':', name.len);
    return strcmp(host, "localhost") == 0 || (strchr(host, ':') == NULL && wr_address_read(name, raw));
}

/* Does the request come from a page of another origin? Browsers send Origin with every POST. A foreign page
 * must not drain a node that only the browser's machine can reach: its origin isn't ours, and if its name was
 * made to resolve to us (DNS rebinding), it is still a name. */
static bool from_foreign_page(struct evhttp_request *req)
{
    struct evkeyvalq *fields = evhttp_request_get_input_headers(req);
    const char *origin = evhttp_find_header(fields, "Origin"), *host = evhttp_find_header(fields, "Host");
    if (origin == NULL)
        return false;
    struct evhttp_uri *uri = evhttp_uri_parse(origin);
    const char *name = uri ? evhttp_uri_get_host(uri) : NULL;
    const char *authority = strstr(origin, "://");
    bool ours = name && authority && host && strcmp(authority + 3, host) == 0 && is_literal_host(name);
    if (uri)
        evhttp_uri_free(uri);
    return !ours;
}

static void refuse_unknown(struct evhttp_request *req)
{
    struct wr_buf all = { 0 };
    for (size_t i = 0; i < ENDPOINTS; i++)
        wr_buf_printf(&all, "%s%s",
                      i == 0              ? "There is "
                      : i + 1 < ENDPOINTS ? ", "
                                          : " and ",
                      endpoints[i].path);
    wr_buf_add_char(&all, '.');
    wr_admin_problem(req, 404, wr_buf_slice(&all));
    wr_buf_fini(&all);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct wr_admin *a = arg;
    wr_loop_tick(a->loop);
    const struct endpoint *e = endpoint_of(evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req)));
    if (e == NULL) {
        refuse_unknown(req);
    } else if ((e->methods & (unsigned) evhttp_request_get_command(req)) == 0) {
        evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", e->allow);
        wr_admin_problem(req, 405, WR_SLICE("The method is none of those in Allow."));
    } else if (from_foreign_page(req)) {
        wr_admin_problem(req, 403, WR_SLICE("A page of another origin may not do that."));
    } else {
        e->serve(a, req);
    }
}

/* --- accepting --- */

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;
    evconnlistener_enable(arg);
}

/* There are no file descriptors left, so accepting again at once would only spin: it pauses. (The argument is
 * evhttp's, so the pause knows only the listener; both end with the loop.) */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    const struct timeval pause = { 0, 100000 };
    (void) arg;
    wr_warn("cannot accept on the admin listener: %s; trying again in 100 ms", strerror(errno));
    evconnlistener_disable(listener);
    event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, on_pause_over, listener, &pause);
}

/* Starts accepting on a duplicate of the socket, because evhttp closes the socket that it accepts on. */
static bool start_accepting(struct wr_admin *a)
{
    int fd = fcntl(wr_listener_fd(a->listener), F_DUPFD_CLOEXEC, 0);
    struct evhttp_bound_socket *bound = fd < 0 ? NULL : evhttp_accept_socket_with_handle(a->http, fd);
    if (bound == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_failed);
    return true;
}

static void limit(struct wr_admin *a)
{
    evhttp_set_timeout(a->http, IDLE_SECONDS);
    evhttp_set_max_headers_size(a->http, HEAD_MOST);
    evhttp_set_max_body_size(a->http, BODY_MOST);
    evhttp_set_allowed_methods(a->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                            EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
}

/* --- making and freeing --- */

struct wr_admin *wr_admin_new(struct wr_loop *main_loop, const struct wr_policy *policy,
                              const struct wr_admin_host *host, struct wr_buf *why)
{
    struct wr_admin *a = calloc(1, sizeof *a);
    WR_CHECK(a != NULL && policy->has_admin);
    a->loop = main_loop;
    a->host = *host;
    a->started = wr_time_wall();
    LIST_INIT(&a->purges);
    const struct wr_listen listen = { .address = policy->admin };
    a->listener = wr_listener_open(&listen, 1, why);
    if (a->listener == NULL) {
        wr_admin_free(a);
        return NULL;
    }
    a->http = evhttp_new(main_loop->base);
    WR_CHECK(a->http != NULL);
    limit(a);
    evhttp_set_gencb(a->http, on_request, a);
    if (!start_accepting(a)) {
        wr_buf_printf(why, "cannot listen on %s: %s", policy->admin.text, strerror(errno));
        wr_admin_free(a);
        return NULL;
    }
    return a;
}

void wr_admin_free(struct wr_admin *a)
{
    if (a == NULL)
        return;
    wr_admin_forget_purges(a);
    if (a->http)
        evhttp_free(a->http);
    if (a->listener)
        wr_listener_close(a->listener);
    free(a);
}
