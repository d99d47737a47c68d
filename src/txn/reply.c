/* SPDX-License-Identifier: BSD-2-Clause */
/* weir's own responses: short, with a reason that a person can use, as text, as HTML or as problem details
 * (RFC 9457). The request's Accept decides which. A page of the policy comes before them. */
#include "base/json.h"
#include "http/accept.h"
#include "http/date.h"
#include "txn/txn.h"

static void write_json(struct wr_txn *t, const struct wr_err_info *info, struct wr_buf *body)
{
    wr_buf_add_str(body, "{\"type\":\"about:blank\",\"title\":");
    wr_json_string(body, wr_slice_str(info->title));
    wr_buf_printf(body, ",\"status\":%d,\"detail\":", info->status);
    wr_json_string(body, wr_slice_str(info->detail));
    if (t->why) {
        wr_buf_add_str(body, ",\"reason\":");
        wr_json_string(body, wr_slice_str(t->why));
    }
    struct wr_slice id = wr_txn_request_id(t);
    if (id.len) {
        wr_buf_add_str(body, ",\"request_id\":");
        wr_json_string(body, id);
    }
    wr_buf_add_str(body, "}\n");
}

static void write_text(struct wr_txn *t, const struct wr_err_info *info, struct wr_buf *body)
{
    wr_buf_printf(body, "%d %s\n\n%s\n", info->status, info->title, info->detail);
    if (t->why)
        wr_buf_printf(body, "Reason: %s.\n", t->why);
    struct wr_slice id = wr_txn_request_id(t);
    if (id.len)
        wr_buf_printf(body, "Request: %.*s\n", WR_SLICE_ARG(id));
}

/* Writes text so that HTML shows it and does nothing else with it. */
static void write_escaped(struct wr_buf *body, const char *text)
{
    for (; *text; text++) {
        if (strchr("<>&\"'", *text))
            wr_buf_printf(body, "&#%d;", *text);
        else
            wr_buf_add_char(body, *text);
    }
}

static void write_html(struct wr_txn *t, const struct wr_err_info *info, struct wr_buf *body)
{
    wr_buf_printf(body,
                  "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width\"><title>%d %s</title>\n"
                  "<h1>%s</h1>\n<p>",
                  info->status, info->title, info->title);
    write_escaped(body, info->detail);
    if (t->why) {
        wr_buf_add_str(body, "</p>\n<p>Reason: ");
        write_escaped(body, t->why);
        wr_buf_add_char(body, '.');
    }
    struct wr_slice id = wr_txn_request_id(t);
    if (id.len) {
        wr_buf_add_str(body, "</p>\n<p>Request: ");
        write_escaped(body, wr_arena_copy(&t->arena, id).at);
    }
    wr_buf_add_str(body, "</p>\n</html>\n");
}

/* Writes the content in the form that the client prefers; returns its media type. */
static const char *write_content(struct wr_txn *t, const struct wr_err_info *info, struct wr_buf *body)
{
    const struct wr_head *came = wr_txn_came(t);
    const struct wr_page *page = wr_txn_error_page(t, info->status);
    if (page) {
        wr_buf_add_slice(body, page->body);
        return page->type;
    }
    if (wr_accept_prefers_html(came)) {
        write_html(t, info, body);
        return "text/html; charset=utf-8";
    }
    if (wr_accept_prefers_json(came)) {
        write_json(t, info, body);
        return "application/problem+json";
    }
    write_text(t, info, body);
    return "text/plain; charset=utf-8";
}

static void write_retry_after(struct wr_txn *t)
{
    if (t->err == WR_ERR_LIMITED) {
        int i = wr_limit_refused_by(&t->ask);
        int64_t us = i >= 0 ? t->ask.verdicts[i].retry_after.us : 0;
        int64_t s = (us + WR_US_PER_S - 1) / WR_US_PER_S;
        wr_buf_printf(&t->out, "Retry-After: %lld\r\n", (long long) (s > 0 ? s : 1));
    } else if (t->err == WR_ERR_MAINTENANCE) {
        wr_buf_printf(&t->out, "Retry-After: %lld\r\n",
                      (long long) wr_span_s(t->route->maintenance.retry_after));
    } else if (wr_err_info(t->err)->status == 503) {
        wr_buf_add_str(&t->out, "Retry-After: 1\r\n");
    }
}

/* Only where the origin was asked: a response that a proxy makes up doesn't go through the cache (RFC 9211
 * 2). */
static void write_cache_status(struct wr_txn *t)
{
    if (t->fwd == WR_FWD_NONE || t->route == NULL)
        return;
    const struct wr_cache_status s = { .fwd = t->route->cache.enabled ? t->fwd : WR_FWD_BYPASS,
                                       .detail = wr_slice_str(wr_err_info(t->err)->name) };
    wr_buf_add_str(&t->out, "Cache-Status: ");
    wr_cache_status_write(&t->out, t->worker->shared->name, &s);
    wr_buf_add(&t->out, "\r\n", 2);
}

void wr_txn_write_reply(struct wr_txn *t)
{
    const struct wr_err_info *info = wr_err_info(t->err);
    struct wr_buf body = { 0 };
    char date[WR_DATE_LEN + 1];
    wr_date_format(t->worker->loop.now, date);
    const char *type = write_content(t, info, &body);
    t->status = info->status;
    t->close = t->close || t->refused || t->body_open;
    t->no_content = true;
    t->answer.part_count = 0;
    wr_buf_printf(&t->out,
                  "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: "
                  "no-store\r\n",
                  info->status, info->title, date, type, body.len);
    write_retry_after(t);
    write_cache_status(t);
    wr_txn_write_common(t);
    wr_txn_edit_head(t);
    wr_buf_add(&t->out, "\r\n", 2);
    if (t->head.method != WR_METHOD_HEAD) {
        wr_buf_add_slice(&t->out, wr_buf_slice(&body));
        t->sent = body.len;
    }
    wr_buf_fini(&body);
}
