/* SPDX-License-Identifier: BSD-2-Clause */
/* The endpoints that change the process: POST /reload, /drain and /undrain. */
#include "admin/admin_priv.h"
#include "base/json.h"

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
