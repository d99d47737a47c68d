/* SPDX-License-Identifier: BSD-2-Clause */
/* READ: parses the head, once it is whole, and refuses what must not be guessed at. Then it sets the body
 * going, from the connection's buffer into the upload. */
#include "http/serialise.h"
#include "stats/stats.h"
#include "txn/txn.h"

/* --- the request's body: from the connection's buffer, without its framing, into the upload's flow --- */

static void end_upload(struct wr_txn *t, enum wr_err err, struct wr_slice trailers)
{
    t->body_open = false;
    wr_conn_expect_nothing(t->conn, true);
    wr_flow_end(t->upload, err, trailers);
}

static bool too_large(const struct wr_txn *t)
{
    uint64_t most = t->worker_policy->policy->max_body;
    return most > 0 && t->received > most && t->tunnel == NULL;
}

/* Ends the body with an error. If no answer has begun, the error is the answer. */
static void break_off(struct wr_txn *t, enum wr_err err, const char *why)
{
    end_upload(t, err, wr_slice(NULL, 0));
    t->close = true;
    if (t->stage < WR_TXN_DELIVER) {
        t->err = err;
        t->why = why;
        if (!t->running)
            wr_txn_wake(t);
    }
}

static void finish_body(struct wr_txn *t)
{
    struct wr_buf trailers = { 0 };
    bool odd_kept = wr_txn_peer_trusted(t) || t->worker_policy->policy->odd_names == WR_ODD_NAMES_KEEP;
    if (wr_trailers_clean(wr_buf_slice(&t->body.trailers), odd_kept, &trailers))
        end_upload(t, WR_OK, wr_buf_slice(&trailers));
    else
        break_off(t, WR_ERR_BAD_REQUEST, "malformed trailers");
    wr_buf_fini(&trailers);
}

void wr_txn_expect_body(struct wr_txn *t)
{
    const struct wr_policy *p = t->worker_policy->policy;
    if (t->tunnel) { /* who only listens may be silent: the origin's side knows whether the tunnel is idle */
        wr_conn_expect_nothing(t->conn, true);
        return;
    }
    struct wr_pace pace = { .pause = p->body_timeout, .over = p->min_rate_grace };
    bool invited = t->received > 0 || !t->head.expect_continue;
    if (invited && !t->head_done)
        pace.rate = p->min_rate;
    wr_conn_expect(t->conn, &pace);
}

bool wr_txn_awaits_body(const struct wr_txn *t)
{
    uint64_t most = t->worker_policy->policy->buffer_body;
    return t->body_open && t->head.framing == WR_FRAMING_LENGTH && !t->head.expect_continue &&
           t->received < most && wr_flow_room(t->upload) > 0; /* it may be full while memory is scarce */
}

/* The part of the body that the origin waits for has come. */
static void tell_buffered(struct wr_txn *t)
{
    bool waits = t->stage == WR_TXN_FOLLOW && t->waiter.flight == NULL && !t->running && !t->over;
    if (waits && t->err == WR_OK && !wr_txn_awaits_body(t))
        wr_txn_wake(t);
}

static void pump(struct wr_txn *t)
{
    struct wr_conn *c = t->conn;
    while (t->body_open) {
        if (wr_flow_room(t->upload) == 0) {
            wr_conn_expect_nothing(c, false); /* the origin is the slow one now, not the client */
            return;
        }
        struct wr_slice in = wr_conn_input(c), data;
        size_t before = in.len;
        enum wr_body_status status = wr_body_reader_eat(&t->body, &in, &data);
        if (status == WR_BODY_DATA) {
            wr_flow_append(t->upload, data);
            t->received += data.len;
        }
        wr_conn_eat(c, before - in.len);
        if (too_large(t)) {
            break_off(t, WR_ERR_BODY_TOO_LARGE, NULL);
        } else if (status == WR_BODY_END) {
            finish_body(t);
        } else if (status == WR_BODY_ERROR) {
            break_off(t, WR_ERR_BAD_REQUEST, t->body.why);
        } else if (status == WR_BODY_MORE) {
            if (c->eof && t->tunnel) {
                end_upload(t, WR_OK, wr_slice(NULL, 0));
                return;
            }
            if (c->eof) {
                break_off(t, WR_ERR_BAD_REQUEST, "the connection ended before the body was whole");
                return;
            }
            wr_txn_expect_body(t);
            return;
        }
    }
}

static void on_upload_room(struct wr_note *note)
{
    struct wr_txn *t = WR_CONTAINER(note, struct wr_txn, upload_room);
    pump(t);
    tell_buffered(t);
}

void wr_txn_input(struct wr_txn *t)
{
    if (!t->body_open)
        return;
    pump(t);
    tell_buffered(t);
}

void wr_txn_open_upload(struct wr_txn *t, enum wr_framing framing, uint64_t length)
{
    uint64_t expected = framing == WR_FRAMING_LENGTH ? length : UINT64_MAX;
    bool small = framing == WR_FRAMING_CHUNKED || (framing == WR_FRAMING_LENGTH && length <= WR_FLOW_WINDOW);
    bool keep = small && wr_method_is_idempotent(t->head.method); /* it may have to be sent again */
    t->upload = wr_flow_new(expected, keep, WR_FLOW_WINDOW);
    wr_note_init(&t->upload_room, &t->worker->loop, on_upload_room);
    wr_flow_producer(t->upload, &t->upload_room);
    wr_body_reader_init(&t->body, framing, length);
    t->body.keep_trailers = true;
    t->body_open = true;
}

/* --- the head --- */

static enum wr_txn_stage refuse_body(struct wr_txn *t, enum wr_err err, const char *why)
{
    wr_txn_identify(t); /* the log needs the client */
    return wr_txn_refuse(t, err, why);
}

/* Parses the head. The connection remembers how many bytes have been searched for its end. */
static enum wr_parse_status parse(struct wr_txn *t)
{
    struct wr_conn *c = t->conn;
    const struct wr_policy *policy = t->worker_policy->policy;
    const struct wr_parse_limits limits = { policy->max_target, policy->max_head };
    struct wr_slice in = wr_conn_input(c);
    t->parse = (struct wr_parse){ .scanned = c->scanned };
    enum wr_parse_status status = wr_parse_request(&t->parse, in.at, in.len, &limits, t->fields, &t->head);
    if (status == WR_PARSE_MORE)
        c->scanned = t->parse.scanned;
    return status;
}

enum wr_txn_stage wr_txn_read_enter(struct wr_txn *t)
{
    struct wr_conn *c = t->conn;
    if (parse(t) == WR_PARSE_MORE)
        return WR_TXN_UNREAD;
    wr_conn_begin(c);
    WR_COUNT(requests);
    if (t->parse.err != WR_OK) {
        WR_COUNT(bad_requests);
        return wr_txn_refuse_unread(t, t->parse.err, t->parse.why);
    }
    wr_conn_eat(c, t->parse.length);
    c->base = c->from;
    t->close = !t->head.keep_alive;
    wr_txn_limit_time(t);
    uint64_t most = t->worker_policy->policy->max_body;
    if (t->head.framing == WR_FRAMING_LENGTH && most > 0 && t->head.content_length > most) {
        t->close = true;
        return refuse_body(t, WR_ERR_BODY_TOO_LARGE, NULL);
    }
    if (t->head.framing != WR_FRAMING_NONE) {
        wr_txn_open_upload(t, t->head.framing, t->head.content_length);
        pump(t);
        if (t->err != WR_OK) /* the body's first bytes were bad already */
            return refuse_body(t, t->err, t->why);
    }
    return WR_TXN_IDENTIFY;
}

enum wr_txn_stage wr_txn_read_resume(struct wr_txn *t)
{
    (void) t;
    return WR_TXN_WAIT;
}

void wr_txn_late(struct wr_txn *t)
{
    if (t->body_open)
        break_off(t, WR_ERR_REQUEST_TIMEOUT, "the body did not arrive in time");
}
