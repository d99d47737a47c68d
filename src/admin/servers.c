/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /servers and POST /server: what the addresses of servers do, and orders about servers. */
#include <inttypes.h>

#include "admin/admin_priv.h"

/* --- GET /servers --- */

static void add_object(void *arg, const struct wr_server_facts *f)
{
    struct wr_buf *body = arg;
    double mean = f->answers ? (double) f->answer_us / (double) f->answers : 0;
    wr_buf_add_str(body, body->len ? ",\n {" : "[\n {");
    wr_admin_add_text(body, "origin", wr_slice_str(f->origin));
    wr_admin_add_text(body, "server", wr_slice_str(f->server));
    if (f->address)
        wr_admin_add_text(body, "address", wr_slice_str(f->address));
    wr_admin_add_text(body, "state", wr_slice_str(wr_words_text(&wr_words_server_state, f->state)));
    wr_admin_add_text(body, "why", wr_slice_str(f->why));
    wr_buf_printf(body, "\"since_seconds\":%lld,\"rest_seconds\":%.3f,\"weight\":%u,\"active\":%" PRId64,
                  (long long) wr_span_s(f->since), (double) f->rest.us / 1e6, f->weight, f->active);
    wr_buf_printf(body, ",\"requests\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"status_5xx\":%" PRIu64,
                  f->requests, f->failed, f->status_5xx);
    wr_buf_printf(body, ",\"mean_ms\":%.1f,\"recent_ms\":%.1f", mean / 1e3, (double) f->recently.us / 1e3);
    wr_buf_printf(body, ",\"checks\":%" PRIu64 ",\"checks_failed\":%" PRIu64 "}", f->checks,
                  f->checks_failed);
}

static void add_line(void *arg, const struct wr_server_facts *f)
{
    struct wr_buf *body = arg, name = { 0 };
    wr_buf_printf(&name, f->address ? "%s/%s at %s" : "%s/%s", f->origin, f->server, f->address);
    wr_buf_printf(body, "%-40.*s %-8s %7llds %7" PRId64 " %10" PRIu64 " %8" PRIu64 " %8" PRIu64 " %7.1f ms",
                  WR_SLICE_ARG(wr_buf_slice(&name)), wr_words_text(&wr_words_server_state, f->state),
                  (long long) wr_span_s(f->since), f->active, f->requests, f->failed, f->status_5xx,
                  (double) f->recently.us / 1e3);
    wr_buf_printf(body, *f->why ? "  %s\n" : "\n", f->why);
    wr_buf_fini(&name);
}

void wr_admin_servers(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf body = { 0 };
    bool json = wr_admin_wants_json(req);
    if (!json)
        wr_buf_printf(&body, "%-40s %-8s %8s %7s %10s %8s %8s %10s  %s\n", "origin/server", "state", "since",
                      "active", "requests", "failed", "5xx", "recently", "why");
    wr_servers_each(a->host.backends, a->loop->mono, json ? add_object : add_line, &body);
    if (json)
        wr_buf_add_str(&body, body.len ? "\n]\n" : "[]\n");
    wr_admin_answer(req, 200, json ? "application/json" : "text/plain; charset=utf-8", &body);
}

/* --- POST /server --- */

enum { NAME, ORDER, PARAMS };

static void give_order(struct wr_admin *a, struct evhttp_request *req, struct wr_slice name,
                       enum wr_server_order order)
{
    struct wr_buf text = { 0 };
    unsigned count = wr_servers_order(a->host.backends, a->who, name, order, a->loop->mono);
    if (count > 0) {
        wr_buf_printf(&text, "%s, %u server%s", wr_words_text(&wr_words_server_order, order), count,
                      count > 1 ? "s of this name" : "");
        wr_admin_done(req, 200, "ordered", wr_buf_slice(&text));
    } else {
        wr_buf_printf(&text, "There is no server \"%.*s\" in the policy: /servers lists all",
                      WR_SLICE_ARG(name));
        wr_admin_problem(req, 409, wr_buf_slice(&text));
    }
    wr_buf_fini(&text);
}

void wr_admin_server(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_admin_param params[PARAMS] = { [NAME] = { .name = "server" }, [ORDER] = { .name = "order" } };
    const char *why = wr_admin_read(req, params, PARAMS);
    int order = wr_words_find(&wr_words_server_order, wr_buf_slice(&params[ORDER].value));
    if (why == NULL && order < 0)
        why = "order is enable, drain or disable";
    if (why)
        wr_admin_problem(req, 400, wr_slice_str(why));
    else
        give_order(a, req, wr_buf_slice(&params[NAME].value), (enum wr_server_order) order);
    wr_admin_params_fini(params, PARAMS);
}
