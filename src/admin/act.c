/* SPDX-License-Identifier: BSD-2-Clause */
/* The endpoints that change the process: POST /reload, /maintenance, /drain and /undrain. */
#include <event2/buffer.h>

#include "admin/admin_priv.h"
#include "base/json.h"

/* --- parameters --- */

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

const char *wr_admin_read(struct evhttp_request *req, struct wr_admin_param *params, size_t count)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
    return wr_admin_params(wr_slice_str(query), body_of(req), has_json_body(req), params, count);
}

/* --- the process --- */

/* Adds what waits for a restart: ["listen","workers"] in JSON. */
static void add_pending(struct wr_buf *body, struct wr_slice pending, bool json)
{
    struct wr_slice rest = pending, word;
    const char *between = "";
    if (!json) {
        wr_buf_printf(body, "%s%.*s%s", pending.len ? "restart pending: " : "", WR_SLICE_ARG(pending),
                      pending.len ? "\n" : "");
        return;
    }
    wr_buf_add_str(body, ",\"restart_pending\":[");
    while ((word = wr_slice_trim(wr_slice_cut(&rest, ','))).len > 0) {
        wr_buf_add_str(body, between);
        wr_json_string(body, word);
        between = ",";
    }
    wr_buf_add_char(body, ']');
}

void wr_admin_reload(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf errors = { 0 }, pending = { 0 }, body = { 0 };
    bool json = wr_admin_wants_json(req);
    if (a->host.reload(a->host.ctx, a->who, &errors, &pending)) {
        wr_buf_add_str(&body, json ? "{\"reloaded\":\"the new policy is in force\""
                                   : "reloaded: the new policy is in force\n");
        add_pending(&body, wr_buf_slice(&pending), json);
        wr_buf_add_str(&body, json ? "}\n" : "");
        wr_admin_answer(req, 200, json ? "application/json" : "text/plain; charset=utf-8", &body);
    } else {
        wr_admin_problem(req, 422, wr_buf_slice(&errors));
    }
    wr_buf_fini(&pending);
    wr_buf_fini(&errors);
}

/* --- maintenance --- */

enum { STATE, ROUTE, ORIGIN, MAINTENANCE_PARAMS };

static void maintain(struct wr_admin *a, struct evhttp_request *req, const struct wr_admin_param *params,
                     bool on)
{
    const struct wr_admin_param *which = params[ROUTE].given ? &params[ROUTE] : &params[ORIGIN];
    enum wr_switch_scope scope = params[ROUTE].given    ? WR_SWITCH_ROUTE
                                 : params[ORIGIN].given ? WR_SWITCH_ORIGIN
                                                        : WR_SWITCH_ALL;
    struct wr_buf now = { 0 };
    if (a->host.maintain(a->host.ctx, a->who, scope, wr_buf_slice(&which->value), on, &now))
        wr_admin_done(req, 200, "maintenance", wr_buf_slice(&now));
    else
        wr_admin_problem(req, 409, wr_buf_slice(&now));
    wr_buf_fini(&now);
}

void wr_admin_maintenance(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_admin_param params[MAINTENANCE_PARAMS] = {
        [STATE] = { .name = "state" },
        [ROUTE] = { .name = "route" },
        [ORIGIN] = { .name = "origin" },
    };
    const char *why = wr_admin_read(req, params, MAINTENANCE_PARAMS);
    struct wr_slice state = wr_buf_slice(&params[STATE].value);
    bool on = wr_slice_eq(state, WR_SLICE("on"));
    if (why == NULL && !on && !wr_slice_eq(state, WR_SLICE("off")))
        why = "state is on or off";
    if (why == NULL && params[ROUTE].given && params[ORIGIN].given)
        why = "one of route and origin at a time";
    if (why)
        wr_admin_problem(req, 400, wr_slice_str(why));
    else
        maintain(a, req, params, on);
    wr_admin_params_fini(params, MAINTENANCE_PARAMS);
}

/* --- drain --- */

void wr_admin_drain(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf now = { 0 };
    a->host.drain(a->host.ctx, a->who, &now);
    wr_admin_done(req, 202, "state", wr_buf_slice(&now));
    wr_buf_fini(&now);
}

void wr_admin_undrain(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf now = { 0 };
    if (a->host.undrain(a->host.ctx, a->who, &now)) {
        wr_admin_done(req, 200, "state", wr_buf_slice(&now));
    } else {
        struct wr_buf why = { 0 };
        wr_buf_printf(&why, "There is no drain to undo: the node is %.*s", WR_SLICE_ARG(wr_buf_slice(&now)));
        wr_admin_problem(req, 409, wr_buf_slice(&why));
        wr_buf_fini(&why);
    }
    wr_buf_fini(&now);
}
