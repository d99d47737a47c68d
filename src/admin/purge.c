/* SPDX-License-Identifier: BSD-2-Clause */
/* POST /purge and GET /purges. Their answers may come after the client's connection has ended. */
#include <inttypes.h>
#include <stdlib.h>

#include "admin/admin_priv.h"
#include "base/json.h"

struct wr_admin_purge {
    struct evhttp_request *req; /* NULL: no client waits any more */
    bool listed;
    LIST_ENTRY(wr_admin_purge) entry;
    struct wr_buf body; /* the answer of /purges, as it grows */
    bool json;
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

static struct wr_admin_purge *wait_for(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_admin_purge *p = calloc(1, sizeof *p);
    WR_CHECK(p != NULL);
    p->req = req;
    p->listed = true;
    p->json = wr_admin_wants_json(req);
    LIST_INSERT_HEAD(&a->purges, p, entry);
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_client_gone, p);
    return p;
}

/* Ends the waiting and frees it. Returns the request to be answered, or NULL. */
static struct evhttp_request *end_wait(struct wr_admin_purge *p)
{
    struct evhttp_request *req = p->req;
    if (req) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
        forget(p);
    }
    wr_buf_fini(&p->body);
    free(p);
    return req;
}

void wr_admin_forget_purges(struct wr_admin *a)
{
    struct wr_admin_purge *p;
    while ((p = LIST_FIRST(&a->purges)) != NULL) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(p->req), NULL, NULL);
        forget(p);
    }
}

/* --- POST /purge --- */

static void list_silent(struct wr_buf *body, const struct wr_silent *silent)
{
    wr_buf_add_str(body, ",\"silent\":[");
    for (size_t i = 0; i < silent->count; i++) {
        wr_buf_add_str(body, i > 0 ? ",{\"node\":" : "{\"node\":");
        wr_json_string(body, silent->of[i].name);
        wr_buf_printf(body, ",\"seconds\":%lld}", (long long) wr_span_s(silent->of[i].span));
    }
    wr_buf_add_char(body, ']');
}

static void answer_purged(struct evhttp_request *req, const struct wr_purge_result *result)
{
    const struct wr_silent *silent = result->silent;
    struct wr_buf body = { 0 };
    bool json = wr_admin_wants_json(req);
    if (json) {
        wr_buf_printf(&body, "{\"purged\":true,\"nodes_told\":%u,\"nodes\":%u", result->confirmed,
                      result->live);
        if (silent)
            list_silent(&body, silent);
        wr_buf_add_str(&body, "}\n");
    } else {
        wr_buf_printf(&body, "purged: %u of %u nodes\n", result->confirmed, result->live);
        for (size_t i = 0; silent && i < silent->count; i++) {
            wr_silent_tell(&body, &silent->of[i]);
            wr_buf_add_char(&body, '\n');
        }
    }
    wr_admin_answer(req, 200, json ? "application/json" : "text/plain; charset=utf-8", &body);
}

static void on_purge_done(void *arg, const struct wr_purge_result *result)
{
    struct evhttp_request *req = end_wait(arg);
    if (req == NULL)
        return;
    if (result->err == WR_OK)
        answer_purged(req, result);
    else
        wr_admin_problem(
            req, 503,
            wr_slice_str("Purged on this node only: Redis could not be reached, so other nodes and Redis may "
                         "still have it. Try again."));
}

enum { SOFT, ALL, SCOPES, PARAMS = SCOPES + 4 };

static bool is_on(const struct wr_admin_param *param)
{
    return param->given && !wr_slice_eq(wr_buf_slice(&param->value), WR_SLICE("0"));
}

/* Finds the one parameter that names what is purged. Returns NULL and *why if there is none, or more than
 * one. */
static const struct wr_admin_param *chosen(const struct wr_admin_param *params, const char **why)
{
    const struct wr_admin_param *found = is_on(&params[ALL]) ? &params[ALL] : NULL;
    *why = "url, tag, prefix, host or all is missing";
    for (size_t i = SCOPES; i < PARAMS; i++) {
        if (!params[i].given)
            continue;
        if (found) {
            *why = "one of url, tag, prefix, host and all at a time";
            return NULL;
        }
        found = &params[i];
    }
    return found;
}

static void refuse(struct evhttp_request *req, const char *what, const char *why)
{
    struct wr_buf detail = { 0 };
    wr_buf_printf(&detail, "%s%s%s", what, *what ? ": " : "", why);
    wr_admin_problem(req, 400, wr_buf_slice(&detail));
    wr_buf_fini(&detail);
}

static void start(struct wr_admin *a, struct evhttp_request *req, const struct wr_admin_param *what,
                  bool soft)
{
    const char *why = NULL;
    struct wr_admin_purge *p = wait_for(a, req);
    if (!a->host.purge(a->host.ctx, a->who, what->name, wr_buf_slice(&what->value), soft, on_purge_done, p,
                       &why)) {
        end_wait(p);
        refuse(req, what->name, why);
    }
}

void wr_admin_purge(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_admin_param params[PARAMS] = {
        [SOFT] = { .name = "soft" }, [ALL] = { .name = "all" }, { .name = "url" },
        { .name = "tag" },           { .name = "prefix" },      { .name = "host" },
    };
    const char *why = wr_admin_read(req, params, PARAMS);
    const struct wr_admin_param *what = why ? NULL : chosen(params, &why);
    if (what)
        start(a, req, what, is_on(&params[SOFT]));
    else
        refuse(req, "", why);
    wr_admin_params_fini(params, PARAMS);
}

/* --- GET /purges --- */

static void write_instant(struct wr_buf *body, struct wr_redis_time at)
{
    time_t s = (time_t) wr_time_s(at);
    struct tm tm;
    char text[32];
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    wr_buf_printf(body, "%s.%03dZ", text, (int) (at.us / 1000 % 1000));
}

static void on_entry(void *arg, const struct wr_admin_purged *e)
{
    struct wr_admin_purge *p = arg;
    struct wr_buf at = { 0 };
    write_instant(&at, e->at);
    if (p->json) {
        wr_buf_add_str(&p->body, p->body.len ? ",\n {" : "[\n {");
        wr_admin_add_text(&p->body, "at", wr_buf_slice(&at));
        wr_admin_add_text(&p->body, "node", e->node);
        wr_admin_add_text(&p->body, "who", e->who);
        wr_admin_add_text(&p->body, "what", e->what);
        wr_admin_add_text(&p->body, "name", e->name);
        wr_buf_printf(&p->body, "\"soft\":%s}", e->soft ? "true" : "false");
    } else {
        wr_buf_printf(&p->body, "%.*s  %-4s  %-6.*s  %.*s  (%.*s on %.*s)\n", WR_SLICE_ARG(wr_buf_slice(&at)),
                      e->soft ? "soft" : "hard", WR_SLICE_ARG(e->what), WR_SLICE_ARG(e->name),
                      WR_SLICE_ARG(e->who), WR_SLICE_ARG(e->node));
    }
    wr_buf_fini(&at);
}

static void on_listed(void *arg, enum wr_err err)
{
    struct wr_admin_purge *p = arg;
    struct wr_buf body = p->body;
    bool json = p->json;
    p->body = (struct wr_buf){ 0 };
    struct evhttp_request *req = end_wait(p);
    if (req && err != WR_OK) {
        wr_admin_problem(req, 503, wr_slice_str("The journal of purges is in Redis, which does not answer."));
    } else if (req) {
        if (json)
            wr_buf_add_str(&body, body.len ? "\n]\n" : "[]\n");
        wr_admin_answer(req, 200, json ? "application/json" : "text/plain; charset=utf-8", &body);
    }
    wr_buf_fini(&body);
}

void wr_admin_purges(struct wr_admin *a, struct evhttp_request *req)
{
    a->host.purges(a->host.ctx, on_entry, on_listed, wait_for(a, req));
}
