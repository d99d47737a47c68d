/* SPDX-License-Identifier: BSD-2-Clause */
/* How the admin listener answers: as text or as JSON, with the fields that every answer has. */
#include "config.h"

#include <event2/buffer.h>

#include "admin/admin_priv.h"
#include "base/json.h"

bool wr_admin_wants_json(struct evhttp_request *req)
{
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(req), "Accept");
    return accept && strstr(accept, "json") != NULL;
}

void wr_admin_answer(struct evhttp_request *req, int status, const char *type, struct wr_buf *body)
{
    struct evkeyvalq *fields = evhttp_request_get_output_headers(req);
    struct evbuffer *out = evhttp_request_get_output_buffer(req);
    char length[24];
    snprintf(length, sizeof length, "%zu", body->len);
    evhttp_add_header(fields, "Content-Type", type);
    evhttp_add_header(fields, "Content-Length", length);
    evhttp_add_header(fields, "Cache-Control", "no-store");
    evhttp_add_header(fields, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(fields, WR_ADMIN_FIELD, PACKAGE_VERSION);
    if (evhttp_request_get_command(req) != EVHTTP_REQ_HEAD)
        WR_CHECK(evbuffer_add(out, body->at, body->len) == 0);
    wr_buf_fini(body);
    *body = (struct wr_buf){ 0 };
    evhttp_send_reply(req, status, NULL, NULL);
}

void wr_admin_text(struct evhttp_request *req, int status, const char *text)
{
    struct wr_buf body = { 0 };
    wr_buf_printf(&body, "%s\n", text);
    wr_admin_answer(req, status, "text/plain; charset=utf-8", &body);
}

static const char *title_of(int status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 422:
        return "Unprocessable Content";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

void wr_admin_add_text(struct wr_buf *body, const char *name, struct wr_slice value)
{
    wr_buf_printf(body, "\"%s\":", name);
    wr_json_string(body, value);
    wr_buf_add_char(body, ',');
}

void wr_admin_problem(struct evhttp_request *req, int status, struct wr_slice detail)
{
    struct wr_buf body = { 0 };
    while (detail.len && detail.at[detail.len - 1] == '\n')
        detail.len--;
    if (!wr_admin_wants_json(req)) {
        wr_buf_printf(&body, "%.*s\n", WR_SLICE_ARG(detail));
        wr_admin_answer(req, status, "text/plain; charset=utf-8", &body);
        return;
    }
    wr_buf_printf(&body,
                  "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":", title_of(status),
                  status);
    wr_json_string(&body, detail);
    wr_buf_add_str(&body, "}\n");
    wr_admin_answer(req, status, "application/problem+json", &body);
}

void wr_admin_done(struct evhttp_request *req, int status, const char *key, struct wr_slice value)
{
    struct wr_buf body = { 0 };
    if (!wr_admin_wants_json(req)) {
        wr_buf_printf(&body, "%s: %.*s\n", key, WR_SLICE_ARG(value));
        wr_admin_answer(req, status, "text/plain; charset=utf-8", &body);
        return;
    }
    wr_buf_printf(&body, "{\"%s\":", key);
    wr_json_string(&body, value);
    wr_buf_add_str(&body, "}\n");
    wr_admin_answer(req, status, "application/json", &body);
}
