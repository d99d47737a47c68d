/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin listeners: accept connections, and find the endpoint of a request. */
#include "config.h"

#include "admin/admin.h"

#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/admin_priv.h"

#define IDLE_SECONDS 15       /* a client that neither sends nor takes anything for so long is cut off */
#define HEAD_MOST (16 * 1024) /* bytes */
#define BODY_MOST (64 * 1024) /* bytes */

/* --- finding the endpoint of a request --- */

struct endpoint {
    const char *path;
    unsigned methods; /* enum evhttp_cmd_type, or-ed */
    const char *allow;
    enum wr_right right;
    void (*serve)(struct wr_admin *a, struct evhttp_request *req);
};

#define LOOK EVHTTP_REQ_GET | EVHTTP_REQ_HEAD, "GET, HEAD"
#define ACT EVHTTP_REQ_POST, "POST"

static const struct endpoint endpoints[] = {
#define X(path, methods, right, name, manual) { path, methods, WR_RIGHT_##right, wr_admin_##name },
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

static bool stuck; /* it cannot accept, and has said so. Thread: main */

static void on_request(struct evhttp_request *req, void *arg)
{
    const struct wr_admin_listener *l = arg;
    stuck = false;
    wr_loop_tick(l->admin->loop);
    const struct endpoint *e = endpoint_of(evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req)));
    if (e == NULL) {
        refuse_unknown(req);
    } else if ((e->methods & (unsigned) evhttp_request_get_command(req)) == 0) {
        evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", e->allow);
        wr_admin_problem(req, 405, WR_SLICE("The method is none of those in Allow."));
    } else if (wr_admin_may(l, req, e->right)) {
        e->serve(l->admin, req);
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
    if (!stuck)
        wr_warn("cannot accept on the admin listener: %s; trying every 100 ms", strerror(errno));
    stuck = true;
    evconnlistener_disable(listener);
    event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, on_pause_over, listener, &pause);
}

/* Starts accepting on a duplicate of the socket, because evhttp closes the socket that it accepts on. */
static bool start_accepting(struct wr_admin_listener *l)
{
    int fd = fcntl(wr_listener_fd(l->socket), F_DUPFD_CLOEXEC, 0);
    struct evhttp_bound_socket *bound = fd < 0 ? NULL : evhttp_accept_socket_with_handle(l->http, fd);
    if (bound == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_failed);
    return true;
}

static void limit(struct evhttp *http)
{
    evhttp_set_timeout(http, IDLE_SECONDS);
    evhttp_set_max_headers_size(http, HEAD_MOST);
    evhttp_set_max_body_size(http, BODY_MOST);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                         EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
}

/* --- making and freeing --- */

/* Returns false and *why if it can't listen. */
static bool open_one(struct wr_admin *a, const struct wr_admin_policy *policy, struct wr_buf *why)
{
    struct wr_admin_listener *l = &a->listeners[a->listener_count];
    *l = (struct wr_admin_listener){ .admin = a, .policy = policy, .listen = { .address = policy->address } };
    l->socket = wr_listener_open(&l->listen, 1, why);
    if (l->socket == NULL)
        return false;
    a->listener_count++;
    l->http = evhttp_new(a->loop->base);
    WR_CHECK(l->http != NULL);
    limit(l->http);
    evhttp_set_gencb(l->http, on_request, l);
    if (start_accepting(l))
        return true;
    wr_buf_printf(why, "cannot listen on %s: %s", policy->address.text, strerror(errno));
    return false;
}

struct wr_admin *wr_admin_new(struct wr_loop *main_loop, const struct wr_policy *policy,
                              const struct wr_admin_host *host, struct wr_buf *why)
{
    struct wr_admin *a = calloc(1, sizeof *a);
    WR_CHECK(a != NULL);
    a->loop = main_loop;
    a->host = *host;
    a->server_name = policy->server_name;
    a->started = wr_time_wall();
    LIST_INIT(&a->purges);
    a->listeners = calloc(policy->admin_count + 1, sizeof *a->listeners);
    WR_CHECK(a->listeners != NULL);
    for (size_t i = 0; i < policy->admin_count; i++) {
        if (open_one(a, &policy->admins[i], why))
            continue;
        if (policy->admins[i].line > 0) {
            wr_admin_free(a);
            return NULL;
        }
        wr_warn("%.*s: weir goes on without it; `admin` in the policy names another address, or off",
                WR_SLICE_ARG(wr_buf_slice(why)));
        why->len = 0;
    }
    return a;
}

void wr_admin_free(struct wr_admin *a)
{
    if (a == NULL)
        return;
    wr_admin_forget_purges(a);
    for (size_t i = 0; i < a->listener_count; i++) {
        if (a->listeners[i].http)
            evhttp_free(a->listeners[i].http);
        wr_listener_close(a->listeners[i].socket);
    }
    free(a->listeners);
    free(a);
}
