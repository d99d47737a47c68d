/* SPDX-License-Identifier: BSD-2-Clause */
/* DELIVER: sends the answer, as far as the socket takes it and the flow has it. Then it waits for whichever
 * of the two is slower. */
#include "http/serialise.h"
#include "stats/stats.h"
#include "txn/txn.h"

#define MAX_IOV 16
#define MAX_TURN (256 * 1024) /* bytes per turn: one fast client must not starve the others */

static void on_flow_more(struct wr_flow_reader *r)
{
    wr_txn_wake(WR_CONTAINER(r, struct wr_txn, reader));
}

/* --- what stands between pieces of content: chunk sizes, part heads, the end --- */

static struct wr_slice frame_left(const struct wr_txn *t)
{
    return wr_slice_from(wr_buf_slice(&t->frame), t->frame_sent);
}

static void begin_frame(struct wr_txn *t)
{
    wr_buf_clear(&t->frame);
    t->frame_sent = 0;
}

static void frame_chunk(struct wr_txn *t, uint64_t length)
{
    begin_frame(t);
    wr_buf_add_hex(&t->frame, length);
    wr_buf_add(&t->frame, "\r\n", 2);
    t->chunk_left = length + WR_CHUNK_END.len;
}

static void frame_last_chunk(struct wr_txn *t)
{
    begin_frame(t);
    wr_buf_add_str(&t->frame, "0\r\n");
    if (t->wants_trailers)
        wr_txn_add_trailers(t, wr_flow_trailers(wr_txn_flow(t)), &t->frame);
    wr_buf_add_str(&t->frame, "\r\n");
    t->last_frame = true;
}

/* Begins the next part of a 206, or its end. Returns false if there is neither. */
static bool next_part(struct wr_txn *t)
{
    if (t->part >= t->answer.part_count) {
        if (t->answer.part_count < 2)
            return false;
        begin_frame(t);
        wr_txn_write_part_head(t, &t->frame, t->part);
        return t->last_frame = true;
    }
    struct wr_part *p = &t->answer.parts[t->part];
    begin_frame(t);
    if (t->answer.part_count > 1)
        wr_txn_write_part_head(t, &t->frame, t->part);
    wr_flow_reader_close(&t->reader);
    if (!wr_flow_reader_open_part(&t->reader, t->object->flow, &t->worker->loop, p->from, p->length,
                                  on_flow_more))
        return false;
    t->left = p->length;
    t->part++;
    return true;
}

/* --- one turn of sending --- */

struct load {
    struct iovec iov[MAX_IOV];
    int count;
    size_t head, frame, content, end; /* bytes of each in iov; `end`: of a chunk */
    enum wr_flow_state flow;
};

static void add_iov(struct load *l, struct wr_slice s, size_t *sum)
{
    if (s.len == 0)
        return;
    l->iov[l->count++] = (struct iovec){ (char *) (uintptr_t) s.at, s.len };
    *sum += s.len;
}

static void load_head(struct wr_txn *t, struct load *l)
{
    size_t stored = t->stored_head.len;
    if (t->head_sent < stored)
        add_iov(l, wr_slice_from(t->stored_head, t->head_sent), &l->head);
    size_t skip = t->head_sent > stored ? t->head_sent - stored : 0;
    add_iov(l, wr_slice_from(wr_buf_slice(&t->out), skip), &l->head);
}

/* Bytes of content that are still to send: of the chunk, or of the part. */
static uint64_t content_left(const struct wr_txn *t)
{
    return t->chunked ? wr_chunk_content_left(t->chunk_left) : t->left;
}

static uint64_t available(struct wr_txn *t, struct load *l)
{
    struct iovec probe[MAX_IOV];
    uint64_t sum = 0;
    int n = wr_flow_reader_peek(&t->reader, probe, MAX_IOV - 5, MAX_TURN, &l->flow);
    for (int i = 0; i < n; i++)
        sum += probe[i].iov_len;
    return sum;
}

static void load_content(struct wr_txn *t, struct load *l)
{
    l->flow = WR_FLOW_WHOLE;
    if (t->no_content || t->last_frame) {
        add_iov(l, frame_left(t), &l->frame);
        return;
    }
    if (t->chunked && t->chunk_left == 0 && frame_left(t).len == 0) {
        uint64_t n = available(t, l);
        if (n > 0)
            frame_chunk(t, n);
        else if (l->flow == WR_FLOW_WHOLE)
            frame_last_chunk(t);
    }
    add_iov(l, frame_left(t), &l->frame);
    uint64_t wanted = content_left(t) < MAX_TURN ? content_left(t) : MAX_TURN;
    if (!t->last_frame &&
        (wanted > 0 || t->chunk_left > 0)) { /* if no content is wanted: find out whether it is left behind */
        int n = wr_flow_reader_peek(&t->reader, l->iov + l->count, MAX_IOV - 1 - l->count, wanted, &l->flow);
        for (int i = 0; i < n; i++)
            l->content += l->iov[l->count + i].iov_len;
        l->count += n;
    }
    add_iov(l, wr_chunk_end_left(t->chunk_left, l->content), &l->end);
}

static void consume(struct wr_txn *t, struct load *l, size_t n)
{
    size_t head = n < l->head ? n : l->head;
    t->head_sent += head;
    n -= head;
    size_t frame = n < l->frame ? n : l->frame;
    t->frame_sent += frame;
    n -= frame;
    size_t content = n < l->content ? n : l->content;
    if (t->chunked)
        t->chunk_left -= n;
    else if (t->left != UINT64_MAX)
        t->left -= content;
    if (content == 0)
        return;
    wr_flow_reader_advance(&t->reader, content);
    t->sent += content;
}

/* Is there nothing more to send? */
static bool complete(struct wr_txn *t, const struct load *l)
{
    if (t->head_sent < t->stored_head.len + t->out.len || frame_left(t).len > 0)
        return false;
    if (t->no_content || t->last_frame)
        return true;
    if (t->chunked)
        return false;
    if (t->left == UINT64_MAX)
        return l->flow == WR_FLOW_WHOLE && t->sent == t->rest_from + wr_flow_length(wr_txn_flow(t));
    return t->left == 0 && !next_part(t);
}

static enum wr_txn_stage cut_answer(struct wr_txn *t, enum wr_err err)
{
    t->err = err;
    wr_conn_kill(t->conn); /* only a cut connection tells the client that the content is not whole */
    return WR_TXN_WAIT;
}

/* Asks for the rest of the content, for this reader alone, or cuts the answer for the reason `why`. */
static enum wr_txn_stage ask_rest(struct wr_txn *t, enum wr_err why)
{
    t->rest_why = why;
    return wr_txn_ask_rest(t) ? WR_TXN_WAIT : cut_answer(t, why);
}

/* The flow has broken off. If the content came out of Redis, its rest is asked for elsewhere; else the answer
 * is cut. */
static enum wr_txn_stage broken_off(struct wr_txn *t, enum wr_err why)
{
    return wr_result_is(t->result, WR_RF_STORED) ? ask_rest(t, why) : cut_answer(t, why);
}

static enum wr_txn_stage send_on(struct wr_txn *t)
{
    size_t turn = 0;
    for (;;) {
        struct load l; /* not zeroed as a whole, because iov is most of it */
        l.count = 0;
        l.head = l.frame = l.content = l.end = 0;
        load_head(t, &l);
        load_content(t, &l);
        if (l.flow == WR_FLOW_BEHIND)
            return ask_rest(t, WR_ERR_TOO_SLOW);
        size_t total = l.head + l.frame + l.content + l.end;
        if (total == 0) {
            if (complete(t, &l))
                return WR_TXN_LOG;
            if (l.flow == WR_FLOW_BROKEN)
                return broken_off(t, wr_flow_err(wr_txn_flow(t)));
            if (l.flow == WR_FLOW_WHOLE && t->left != UINT64_MAX && t->left > 0 && !t->chunked)
                return cut_answer(t, WR_ERR_ORIGIN_CLOSED); /* the content was shorter than announced */
            if (frame_left(t).len > 0)
                continue;
            return WR_TXN_WAIT; /* the flow's reader wakes the transaction */
        }
        if (turn >= MAX_TURN) {
            wr_conn_yield(t->conn);
            return WR_TXN_WAIT;
        }
        ssize_t n = wr_conn_send(t->conn, l.iov, l.count);
        if (n < 0)
            return cut_answer(t, WR_ERR_CLOSED);
        consume(t, &l, (size_t) n);
        turn += (size_t) n;
        WR_COUNT_N(bytes_sent, (uint64_t) n);
        if ((size_t) n < total)
            return WR_TXN_WAIT; /* the connection wakes the transaction when there is room */
        if (complete(t, &l))
            return WR_TXN_LOG;
    }
}

/* --- how the answer begins --- */

static bool open_reader(struct wr_txn *t)
{
    if (t->no_content)
        return true;
    if (t->answer.part_count > 0)
        return next_part(t);
    return wr_flow_reader_open(&t->reader, t->object->flow, &t->worker->loop, 0, on_flow_more);
}

/* Begins anew because the beginning of the content has gone. Either it grew too large to be kept while this
 * request waited, or it came in pieces out of Redis, for others that wanted less. In the second case Redis
 * still has it. */
static enum wr_txn_stage begin_elsewhere(struct wr_txn *t)
{
    bool in_redis = wr_result_is(t->result, WR_RF_REDIS);
    wr_waiter_leave(&t->waiter);
    wr_txn_answer_with(t, NULL, WR_RESULT_NONE);
    wr_buf_clear(&t->out);
    memset(&t->delivering, 0, sizeof t->delivering);
    t->again++;
    return in_redis ? wr_txn_look_up(t) : wr_txn_fetch_alone(t, t->fwd);
}

static enum wr_txn_stage begin_answer(struct wr_txn *t)
{
    if (t->err != WR_OK) {
        wr_txn_write_reply(t);
    } else if (t->own) {
        wr_txn_write_own(t);
    } else if (!(t->route->error_pages.origin && wr_txn_write_page(t))) {
        wr_txn_write_head(t);
        if (!open_reader(t))
            return begin_elsewhere(t);
    }
    wr_waiter_begun(&t->waiter);
    t->head_done = true;
    wr_txn_begin_tunnel(t);
    if (t->body_open)
        wr_txn_expect_body(t); /* the client may wait for this answer before it sends more */
    t->first = wr_time_since(t->worker->loop.mono, t->started_mono);
    return send_on(t);
}

enum wr_txn_stage wr_txn_deliver_enter(struct wr_txn *t)
{
    if (t->err == WR_OK && t->fetch == WR_FETCH_ALONE && wr_txn_invalidate(t))
        return WR_TXN_WAIT;
    return begin_answer(t);
}

static enum wr_txn_stage go_on_elsewhere(struct wr_txn *t)
{
    switch (wr_txn_take_rest(t, on_flow_more)) {
    case WR_FLOW_ARRIVING:
        return WR_TXN_WAIT;
    case WR_FLOW_WHOLE:
        return send_on(t);
    default:
        return cut_answer(t, t->rest_why);
    }
}

enum wr_txn_stage wr_txn_deliver_resume(struct wr_txn *t)
{
    if (t->invalidation)
        return WR_TXN_WAIT;
    if (t->rest_asked)
        return go_on_elsewhere(t);
    return t->head_done ? send_on(t) : begin_answer(t);
}
