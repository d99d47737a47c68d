/* The paths that change something: POST /purge, /reload, /drain. */
#include <event2/buffer.h>
#include <stdlib.h>

#include "admin/admin_priv.h"
#include "admin/input.h"

/* --- purge: its answer may come later than the question's connection lives --- */

struct wr_admin_purge {
    struct evhttp_request *req; /* NULL: nobody waits any more */
    bool listed;
    LIST_ENTRY(wr_admin_purge) entry;
};

static void forget(struct wr_admin_purge *p)
{
    if (p->listed)
        LIST_REMOVE(p, entry);
    p->listed = false;
    p->req = NULL;
}

static void on_client_gone(struct evhttp_connection *connection, void *arg)
{
    (void) connection;
    forget(arg);
}

static void on_purged(void *arg, enum wr_err err)
{
    struct wr_admin_purge *p = arg;
    struct evhttp_request *req = p->req;
    if (req) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
        forget(p);
    }
    free(p);
    if (req == NULL)
        return;
    if (err == WR_OK)
        wr_admin_done(req, 200, "purged", "1 URL");
    else
        wr_admin_problem(req, 503, WR_SLICE("Purged on this node. Redis could not be told: it and other nodes "
                                            "may still have it. Try again."));
}

void wr_admin_forget_purges(struct wr_admin *a)
{
    struct wr_admin_purge *p;
    while ((p = LIST_FIRST(&a->purges)) != NULL) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(p->req), NULL, NULL);
        forget(p);
    }
}

static struct wr_slice body_of(struct evhttp_request *req)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t len = evbuffer_get_length(in);
    return wr_slice((const char *) evbuffer_pullup(in, -1), len);
}

static bool has_json_body(struct evhttp_request *req)
{
    const char *type = evhttp_find_header(evhttp_request_get_input_headers(req), "Content-Type");
    return type && wr_slice_eq_nocase(wr_slice(type, strcspn(type, "; \t")), WR_SLICE("application/json"));
}

void wr_admin_purge(struct wr_admin *a, struct evhttp_request *req)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
    struct wr_buf url = { 0 };
    const char *why = wr_admin_input(wr_slice_str(query), body_of(req), has_json_body(req), "url", &url);
    if (why == NULL) {
        struct wr_admin_purge *p = calloc(1, sizeof *p);
        WR_CHECK(p != NULL);
        p->req = req;
        p->listed = true;
        LIST_INSERT_HEAD(&a->purges, p, entry);
        evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_client_gone, p);
        wr_buf_add_char(&url, '\0');
        if (!a->host.purge_url(a->host.ctx, url.at, on_purged, p, &why)) {
            evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
            forget(p);
            free(p);
        }
    }
    wr_buf_fini(&url);
    if (why) {
        struct wr_buf detail = { 0 };
        wr_buf_printf(&detail, "url: %s", why);
        wr_admin_problem(req, 400, wr_buf_slice(&detail));
        wr_buf_fini(&detail);
    }
}

/* --- the process --- */

void wr_admin_reload(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf mistakes = { 0 };
    if (a->host.reload(a->host.ctx, &mistakes))
        wr_admin_done(req, 200, "reloaded", "the new policy is in force");
    else
        wr_admin_problem(req, 422, wr_buf_slice(&mistakes));
    wr_buf_fini(&mistakes);
}

void wr_admin_drain(struct wr_admin *a, struct evhttp_request *req)
{
    wr_admin_done(req, 202, "draining", "no new connections; it ends when the last answer is out");
    a->host.drain(a->host.ctx);
}
