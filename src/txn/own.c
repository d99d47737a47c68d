/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers that a route gives by itself: redirects, fixed responses, and pages in place of errors. */
#include "edit/edit.h"
#include "http/accept.h"
#include "http/date.h"
#include "http/serialise.h"
#include "txn/txn.h"

/* The reason phrase; empty for statuses that a policy rarely names. */
static struct wr_slice reason_of(int status)
{
    static const struct {
        int status;
        struct wr_slice reason;
    } reasons[] = {
        { 200, WR_SLICE_INIT("OK") },
        { 204, WR_SLICE_INIT("No Content") },
        { 301, WR_SLICE_INIT("Moved Permanently") },
        { 302, WR_SLICE_INIT("Found") },
        { 303, WR_SLICE_INIT("See Other") },
        { 307, WR_SLICE_INIT("Temporary Redirect") },
        { 308, WR_SLICE_INIT("Permanent Redirect") },
        { 403, WR_SLICE_INIT("Forbidden") },
        { 404, WR_SLICE_INIT("Not Found") },
        { 410, WR_SLICE_INIT("Gone") },
        { 500, WR_SLICE_INIT("Internal Server Error") },
        { 502, WR_SLICE_INIT("Bad Gateway") },
        { 503, WR_SLICE_INIT("Service Unavailable") },
        { 504, WR_SLICE_INIT("Gateway Timeout") },
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return WR_SLICE("");
}

static void begin_head(struct wr_txn *t, int status)
{
    char date[WR_DATE_LEN + 1];
    wr_date_format(t->worker->loop.now, date);
    t->status = status;
    t->close = t->close || t->body_open;
    t->no_content = true;
    t->answer.part_count = 0;
    wr_head_write_status_line(&t->out, status, reason_of(status));
    wr_head_write_field(&t->out, WR_SLICE("Date"), wr_slice(date, WR_DATE_LEN));
}

/* Ends the head, and writes the content after it. */
static void finish(struct wr_txn *t, const struct wr_page *page)
{
    bool empty = t->status == 204 || t->status == 304;
    if (!empty)
        wr_head_write_number(&t->out, WR_SLICE("Content-Length"), (int64_t) page->body.len);
    wr_txn_write_common(t);
    wr_txn_edit_head(t);
    wr_buf_add(&t->out, "\r\n", 2);
    if (t->head.method == WR_METHOD_HEAD || empty)
        return;
    wr_buf_add_slice(&t->out, page->body);
    t->sent = page->body.len;
}

static void write_redirect(struct wr_txn *t, const struct wr_redirect *redirect)
{
    static const struct wr_page none = { .body = WR_SLICE_INIT("") };
    static const unsigned personal = WR_USES(CLIENT) | WR_USES(HEADER) | WR_USES(COOKIE) | WR_USES(TIME) |
                                     WR_USES(REQUEST_ID);
    struct wr_edit_source s = wr_txn_edit_source(t, redirect->to.uses);
    begin_head(t, redirect->status);
    wr_head_write_field(&t->out, WR_SLICE("Location"), wr_edit_location(redirect, &s, &t->arena));
    if (redirect->to.uses & personal) /* a cache behind us must not give it to others */
        wr_buf_add_str(&t->out, "Cache-Control: no-store\r\n");
    finish(t, &none);
}

static void write_respond(struct wr_txn *t, const struct wr_respond *respond)
{
    bool typed = respond->page.body.len == 0;
    for (size_t i = 0; i < respond->headers.write_count; i++)
        typed = typed || respond->headers.writes[i].id == WR_F_CONTENT_TYPE;
    begin_head(t, respond->status);
    if (!typed)
        wr_head_write_field(&t->out, WR_SLICE("Content-Type"), wr_slice_str(respond->page.type));
    wr_txn_edit_write(t, &respond->headers);
    finish(t, &respond->page);
}

void wr_txn_write_own(struct wr_txn *t)
{
    if (t->route->answer == WR_ANSWER_REDIRECT)
        write_redirect(t, &t->route->redirect);
    else
        write_respond(t, &t->route->respond);
}

enum wr_txn_stage wr_txn_answer_own(struct wr_txn *t)
{
    /* A switch may have changed since the route was found to answer by itself, so it alone doesn't decide. */
    if (t->route->answer == WR_ANSWER_ORIGIN || wr_route_maintained(t->route))
        return wr_txn_refuse(t, WR_ERR_MAINTENANCE, NULL);
    wr_txn_answer_with(t, NULL, WR_RESULT_NONE);
    t->own = true;
    return WR_TXN_DELIVER;
}

/* --- pages in place of errors --- */

const struct wr_page *wr_txn_error_page(const struct wr_txn *t, int status)
{
    const struct wr_page *page = NULL;
    if (t->route == NULL)
        return NULL;
    if (t->err == WR_ERR_MAINTENANCE && t->route->maintenance.page.type)
        page = &t->route->maintenance.page;
    else if (t->err != WR_OK || (t->route->error_pages.origin && status >= 500))
        page = wr_error_page(&t->route->error_pages, status);
    return page && !wr_accept_prefers_json(wr_txn_came(t)) ? page : NULL;
}

bool wr_txn_write_page(struct wr_txn *t)
{
    const struct wr_page *page = wr_txn_error_page(t, t->object->meta.status);
    struct wr_head stored;
    if (page == NULL)
        return false;
    wr_build_head(t->object, &t->arena, &stored);
    const struct wr_field *retry = wr_head_get(&stored, WR_F_RETRY_AFTER);
    begin_head(t, t->object->meta.status);
    wr_head_write_field(&t->out, WR_SLICE("Content-Type"), wr_slice_str(page->type));
    wr_buf_add_str(&t->out, "Cache-Control: no-store\r\n");
    if (retry)
        wr_head_write_field(&t->out, WR_SLICE("Retry-After"), retry->value);
    wr_txn_write_cache_status(t);
    finish(t, page);
    wr_waiter_leave(&t->waiter); /* nobody reads the origin's content */
    return true;
}
