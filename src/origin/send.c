/* SPDX-License-Identifier: BSD-2-Clause */
/* The sending half of a run: writes the request's head and body, chunked if its length isn't known. One write
 * takes as much as there is. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "edit/edit.h"
#include "http/serialise.h"
#include "origin/origin_priv.h"

#define MAX_PIECES 16 /* of the body, in one write */

static void on_body(struct wr_flow_reader *reader)
{
    struct wr_exchange_run *run = WR_CONTAINER(reader, struct wr_exchange_run, out.reader);
    bool between_tries = run->stage != WR_RUN_ASKING && run->stage != WR_RUN_BODY;
    if (!between_tries && !run->conn->socket.writing) /* a full socket reports by itself when it has room */
        wr_run_writable(run);
}

/* Splits the head after the request line. A Host field that the owner has put there is replaced by the
 * server's own. */
static void split_head(struct wr_exchange_run *run)
{
    struct wr_slice *lead = run->out.lead, head = run->x->head;
    const char *end = memchr(head.at, '\n', head.len);
    WR_CHECK(end != NULL);
    size_t line = (size_t) (end + 1 - head.at);
    struct wr_slice rest = wr_slice_from(head, line);
    if (rest.len > 5 && wr_slice_eq_nocase(wr_slice(rest.at, 5), WR_SLICE("Host:")))
        (void) wr_slice_cut(&rest, '\n');
    lead[WR_LEAD_LINE] = wr_slice(head.at, line);
    lead[WR_LEAD_HOST] = wr_slice_str(run->peer->server->host);
    lead[WR_LEAD_FIELDS] = rest;
}

enum wr_err wr_send_start(struct wr_exchange_run *run)
{
    struct wr_sending *out = &run->out;
    struct wr_exchange *x = run->x;
    memset(out->lead, 0, sizeof out->lead);
    if (run->origin->policy->pass_host || run->origins->probing) /* a check names its host itself */
        out->lead[WR_LEAD_LINE] = x->head;
    else
        split_head(run);
    out->chunk_left = x->request_chunked ? 0 : UINT64_MAX;
    out->last_chunk = out->done = out->refused = false;
    if (x->request == NULL || (out->reader.flow && out->reader.at == 0))
        return WR_OK; /* a reader that hasn't moved keeps the beginning of the body; a new reader could come
                         too late for it */
    wr_flow_reader_close(&out->reader);
    return wr_flow_reader_open(&out->reader, x->request, run->origins->loop, 0, on_body)
               ? WR_OK
               : WR_ERR_ORIGIN_CLOSED;
}

bool wr_send_uploads(const struct wr_exchange_run *run)
{
    return run->x->request && wr_flow_state(run->x->request) == WR_FLOW_ARRIVING;
}

bool wr_send_rewindable(const struct wr_exchange_run *run)
{
    return run->x->request == NULL || run->out.reader.at == 0 || wr_flow_kept(run->x->request);
}

void wr_send_stop(struct wr_exchange_run *run)
{
    wr_flow_reader_close(&run->out.reader);
}

bool wr_send_over(const struct wr_exchange_run *run)
{
    size_t left = 0;
    for (int i = 0; i < WR_LEAD_COUNT; i++)
        left += run->out.lead[i].len;
    return run->out.done || (run->x->upgrade && !run->in.tunnel && left == 0);
}

void wr_send_refused(struct wr_exchange_run *run)
{
    run->out.refused = true;
    wr_socket_written(&run->conn->socket);
    wr_send_stop(run);
    wr_peer_uploaded(run);
}

/* --- chunked (RFC 9112 7.1) --- */

static void begin_chunk(struct wr_sending *out, const struct iovec *body, int pieces)
{
    size_t bytes = 0;
    for (int i = 0; i < pieces; i++)
        bytes += body[i].iov_len;
    int len = snprintf(out->frame, sizeof out->frame, "%zx\r\n", bytes);
    out->lead[WR_LEAD_FRAME] = wr_slice(out->frame, (size_t) len);
    out->chunk_left = bytes + WR_CHUNK_END.len;
}

/* Returns the bytes of content that are left of the chunk; without chunks: of the whole body. */
static uint64_t content_left(const struct wr_exchange_run *run)
{
    uint64_t left = run->out.chunk_left;
    return run->x->request_chunked ? wr_chunk_content_left(left) : left;
}

static void end_chunks(struct wr_sending *out, const struct wr_exchange *x)
{
    struct wr_slice trailers = wr_flow_trailers(x->request);
    wr_buf_clear(&out->tail);
    wr_buf_add_str(&out->tail, "0\r\n");
    if (x->edits)
        wr_edit_write_kept(x->edits, trailers, &out->tail);
    else
        wr_buf_add_slice(&out->tail, trailers);
    wr_buf_add_str(&out->tail, "\r\n");
    out->lead[WR_LEAD_FRAME] = wr_buf_slice(&out->tail);
    out->last_chunk = true;
}

/* --- writing --- */

/* Gives the pieces of the body that are sent next, and prepares the frame before them. *over: nothing comes
 * after them. */
static enum wr_err plan_body(struct wr_exchange_run *run, struct iovec *body, int *pieces, bool *over)
{
    struct wr_sending *out = &run->out;
    struct wr_exchange *x = run->x;
    enum wr_flow_state state;
    *pieces = 0;
    *over = x->request == NULL || out->last_chunk;
    if (*over)
        return WR_OK;
    bool between = x->request_chunked && out->chunk_left == 0;
    if (!between && content_left(run) == 0)
        return WR_OK; /* only the chunk's end is left */
    uint64_t most = between || content_left(run) > WR_TURN ? WR_TURN : content_left(run);
    *pieces = wr_flow_reader_peek(&out->reader, body, MAX_PIECES, most, &state);
    if (*pieces > 0) {
        if (between)
            begin_chunk(out, body, *pieces);
        return WR_OK;
    }
    if (state == WR_FLOW_BROKEN)
        return wr_flow_err(x->request);
    *over = state == WR_FLOW_WHOLE;
    if (*over && x->request_chunked)
        end_chunks(out, x);
    return WR_OK;
}

static size_t gather(const struct wr_exchange_run *run, struct iovec *iov, int *count,
                     const struct iovec *body, int pieces)
{
    const struct wr_sending *out = &run->out;
    size_t bytes = 0, content = 0;
    int n = 0;
    for (int i = 0; i < WR_LEAD_COUNT; i++)
        if (out->lead[i].len > 0)
            iov[n++] = (struct iovec){ (char *) (uintptr_t) out->lead[i].at, out->lead[i].len };
    for (int i = 0; i < pieces; i++) {
        iov[n++] = body[i];
        content += body[i].iov_len;
    }
    struct wr_slice end = wr_chunk_end_left(out->chunk_left, content);
    if (end.len > 0)
        iov[n++] = (struct iovec){ (char *) (uintptr_t) end.at, end.len };
    for (int i = 0; i < n; i++)
        bytes += iov[i].iov_len;
    *count = n;
    return bytes;
}

static void written(struct wr_exchange_run *run, size_t bytes)
{
    struct wr_sending *out = &run->out;
    for (int i = 0; i < WR_LEAD_COUNT && bytes > 0; i++) {
        struct wr_slice *lead = &out->lead[i];
        size_t n = bytes < lead->len ? bytes : lead->len;
        *lead = wr_slice_from(*lead, n);
        bytes -= n;
    }
    size_t content = bytes < content_left(run) ? bytes : (size_t) content_left(run);
    if (run->x->request_chunked)
        out->chunk_left -= bytes;
    if (content > 0)
        wr_flow_reader_advance(&out->reader, content);
}

enum wr_err wr_send_more(struct wr_exchange_run *run)
{
    struct wr_sending *out = &run->out;
    struct wr_socket *socket = &run->conn->socket;
    size_t moved = 0;
    while (!out->done && !out->refused) {
        struct iovec body[MAX_PIECES], iov[MAX_PIECES + WR_LEAD_COUNT + 1];
        int pieces, count;
        bool over;
        enum wr_err err = plan_body(run, body, &pieces, &over);
        if (err != WR_OK)
            return err;
        size_t bytes = gather(run, iov, &count, body, pieces);
        if (bytes == 0) {
            out->done = over;
            if (over && run->in.tunnel)
                (void) shutdown(socket->fd, SHUT_WR); /* the client has closed its half */
            break;
        }
        if (moved >= WR_TURN) {
            wr_socket_yield(socket);
            return WR_OK;
        }
        ssize_t n = wr_socket_put(socket, iov, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            out->refused = true;
            if (run->stage == WR_RUN_BODY)
                wr_send_stop(run);
            break;
        }
        if (n > 0)
            written(run, (size_t) n);
        if (n < (ssize_t) bytes) {
            const struct wr_pace pace = { .pause = wr_run_idle(run) };
            wr_socket_write(socket, &pace);
            return WR_OK;
        }
        moved += bytes;
        out->done = over;
    }
    wr_socket_written(socket);
    if (out->done || out->refused)
        wr_peer_uploaded(run);
    return WR_OK;
}
