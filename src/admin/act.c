/* SPDX-License-Identifier: BSD-2-Clause */
/* The endpoints that change the process: POST /reload and POST /drain. */
#include "admin/admin_priv.h"

/* --- the process --- */

void wr_admin_reload(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf errors = { 0 };
    if (a->host.reload(a->host.ctx, &errors))
        wr_admin_done(req, 200, "reloaded", "the new policy is in force");
    else
        wr_admin_problem(req, 422, wr_buf_slice(&errors));
    wr_buf_fini(&errors);
}

void wr_admin_drain(struct wr_admin *a, struct evhttp_request *req)
{
    wr_admin_done(req, 202, "draining", "no new connections; weir exits after the last response");
    a->host.drain(a->host.ctx);
}
