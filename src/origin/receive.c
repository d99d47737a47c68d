/* SPDX-License-Identifier: BSD-2-Clause */
/* The receiving half of a run: reads heads, and the body into the response's flow. It pauses when the flow is
 * full. */
#include <errno.h>

#include "http/serialise.h"
#include "origin/origin_priv.h"

/* Bytes: if so much of a chunk is left, it is read directly into the flow; less is copied there. */
#define DIRECT 2048

static void broken(struct wr_exchange_run *run, const char *why)
{
    run->x->why = why;
    wr_run_finish(run, WR_ERR_ORIGIN_BROKEN);
}

/* Had the socket nothing to read just now? */
static bool nothing_now(ssize_t got)
{
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* --- the body --- */

static void whole(struct wr_exchange_run *run)
{
    struct wr_buf trailers = { 0 };
    bool good = wr_trailers_clean(wr_buf_slice(&run->in.body.trailers), true, &trailers);
    if (good)
        wr_flow_end(run->in.flow, WR_OK, wr_buf_slice(&trailers));
    wr_buf_fini(&trailers);
    if (good)
        wr_run_finish(run, WR_OK);
    else
        broken(run, "malformed trailers");
}

/* Takes bytes of the body. placed: they are already where the flow reserved room. Returns true if the
 * exchange has ended. */
static bool eat(struct wr_exchange_run *run, struct wr_slice bytes, bool placed)
{
    struct wr_receiving *in = &run->in;
    for (;;) {
        struct wr_slice content;
        switch (wr_body_reader_eat(&in->body, &bytes, &content)) {
        case WR_BODY_MORE:
            return false;
        case WR_BODY_DATA:
            if (placed)
                wr_flow_commit(in->flow, content.len);
            else
                wr_flow_append(in->flow, content);
            break;
        case WR_BODY_END:
            in->excess |= bytes.len > 0;
            whole(run);
            return true;
        case WR_BODY_ERROR:
            broken(run, in->body.why);
            return true;
        }
    }
}

static void closed(struct wr_exchange_run *run, bool orderly)
{
    if (!orderly || !wr_body_reader_closed(&run->in.body)) {
        wr_run_lost(run);
        return;
    }
    run->in.keep = false;
    whole(run);
}

/* Sets up one read: content goes directly into the flow, and what may follow it into the scratch buffer.
 * Returns the bytes that fit. */
static size_t aim(struct wr_exchange_run *run, struct iovec iov[2], int *count, size_t *direct)
{
    struct wr_receiving *in = &run->in;
    uint64_t ahead = wr_body_reader_run(&in->body);
    bool chunked = in->body.framing == WR_FRAMING_CHUNKED;
    *count = 0;
    *direct = 0;
    if (!chunked || ahead >= DIRECT) {
        size_t len;
        char *at = wr_flow_reserve(in->flow, &len);
        *direct = len < ahead ? len : (size_t) ahead;
        iov[(*count)++] = (struct iovec){ at, *direct };
    }
    size_t behind = *direct<ahead && * direct> 0 ? 0 : chunked ? WR_SCRATCH : 1;
    if (behind)
        iov[(*count)++] = (struct iovec){ run->origins->scratch, behind };
    return *direct + behind;
}

static void pause_reading(struct wr_exchange_run *run)
{
    run->in.paused = true;
    wr_socket_read(&run->conn->socket, false);
}

static void read_body(struct wr_exchange_run *run)
{
    struct wr_receiving *in = &run->in;
    for (size_t moved = 0; moved < WR_TURN;) {
        struct iovec iov[2];
        int count;
        size_t direct;
        if (wr_flow_room(in->flow) == 0) {
            pause_reading(run);
            break;
        }
        size_t most = aim(run, iov, &count, &direct);
        ssize_t got = wr_socket_take(&run->conn->socket, iov, count);
        if (nothing_now(got))
            break;
        if (got <= 0) {
            closed(run, got == 0);
            return;
        }
        size_t placed = (size_t) got < direct ? (size_t) got : direct;
        size_t behind = (size_t) got - placed;
        if (in->body.framing == WR_FRAMING_LENGTH && behind > 0)
            in->excess = true;
        if (placed > 0 && eat(run, wr_slice(iov[0].iov_base, placed), true))
            return;
        if (behind > 0 && eat(run, wr_slice(run->origins->scratch, behind), false))
            return;
        moved += (size_t) got;
        if ((size_t) got < most)
            break;
    }
    wr_run_wait(run);
}

void wr_receive_resume(struct wr_exchange_run *run)
{
    run->in.paused = false;
    wr_flow_hurry(run->in.flow, run->origins->loop->mono);
    wr_socket_read(&run->conn->socket, true);
    read_body(run);
}

/* --- the head --- */

static void begin_body(struct wr_exchange_run *run, const struct wr_head *head, struct wr_slice rest)
{
    struct wr_receiving *in = &run->in;
    struct wr_origin_conn *conn = run->conn;
    uint64_t length = head->content_length;
    enum wr_framing framing = head->framing;
    wr_run_head(run, head);
    if (conn->run != run)
        return; /* the owner has cancelled in on_head, or another server is asked */
    if (framing == WR_FRAMING_NONE) {
        in->excess = rest.len > 0;
        wr_run_finish(run, WR_OK);
        return;
    }
    WR_CHECK(in->flow != NULL);
    wr_body_reader_init(&in->body, framing, length);
    in->body.keep_trailers = true;
    in->body.of_origin = true;
    if (eat(run, rest, false))
        return;
    wr_buf_fini(&in->partial);
    wr_charge_set(&in->charge, 0);
    wr_run_wait(run);
}

/* Keeps the beginning of a head until more comes. */
static void keep_partial(struct wr_receiving *in, struct wr_slice rest)
{
    if (in->partial.len == 0) {
        wr_buf_add_slice(&in->partial, rest);
        wr_charge_set(&in->charge, in->partial.cap);
        return;
    }
    if (rest.at != in->partial.at) /* a head that comes byte by byte isn't moved each time */
        memmove(in->partial.at, rest.at, rest.len);
    in->partial.len = rest.len;
}

/* Passes on an interim response. Returns false if the exchange has ended. */
static bool interim(struct wr_exchange_run *run, const struct wr_head *head)
{
    struct wr_origin_conn *conn = run->conn;
    if (++run->in.interims > WR_MAX_INTERIM) {
        broken(run, "too many interim responses");
        return false;
    }
    if (run->x->on_interim)
        run->x->on_interim(run->x, head);
    if (conn->run != run)
        return false;
    wr_socket_expect_nothing(&conn->socket); /* the next head has its own time */
    wr_run_wait(run);
    return true;
}

/* Takes a 101: from now on both directions are the other protocol's. Returns false if the exchange has ended.
 */
static bool switch_protocol(struct wr_exchange_run *run, struct wr_head *head)
{
    if (run->x->upgrade == NULL || !wr_upgrade_agreed(run->x->upgrade, head)) {
        broken(run, run->x->upgrade ? "101 Switching Protocols, but not to what was asked for"
                                    : "101 Switching Protocols, which nobody asked for");
        return false;
    }
    run->in.tunnel = true;
    wr_timer_clear(&run->whole);
    head->framing = WR_FRAMING_CLOSE;
    head->keep_alive = false;
    return true;
}

static void take_heads(struct wr_exchange_run *run, struct wr_slice bytes)
{
    struct wr_receiving *in = &run->in;
    struct wr_head head;
    for (;;) {
        switch (wr_parse_response(&in->parse, bytes.at, bytes.len, WR_MAX_ORIGIN_HEAD, run->x->method,
                                  run->origins->fields, &head)) {
        case WR_PARSE_MORE:
            keep_partial(in, bytes);
            return;
        case WR_PARSE_ERROR:
            broken(run, in->parse.why);
            return;
        case WR_PARSE_DONE:
            break;
        }
        bytes = wr_slice_from(bytes, in->parse.length);
        in->parse = (struct wr_parse){ 0 };
        if (head.status == 101 && !switch_protocol(run, &head))
            return;
        if (head.status >= 200 || head.status == 101)
            break;
        if (!interim(run, &head))
            return;
        if (bytes.len == 0) {
            wr_buf_clear(&in->partial);
            return;
        }
    }
    begin_body(run, &head, bytes);
}

static void read_head(struct wr_exchange_run *run)
{
    struct wr_receiving *in = &run->in;
    char *scratch = run->origins->scratch;
    const struct iovec all = { scratch, WR_SCRATCH };
    ssize_t got = wr_socket_take(&run->conn->socket, &all, 1);
    if (nothing_now(got))
        return;
    if (got <= 0) {
        wr_run_lost(run);
        return;
    }
    in->begun = true;
    if (in->partial.len == 0) {
        take_heads(run, wr_slice(scratch, (size_t) got));
        return;
    }
    wr_buf_add(&in->partial, scratch, (size_t) got);
    wr_charge_set(&in->charge, in->partial.cap);
    take_heads(run, wr_buf_slice(&in->partial));
}

void wr_receive_reset(struct wr_receiving *in)
{
    wr_flow_unref(in->flow);
    wr_body_reader_fini(&in->body);
    wr_buf_fini(&in->partial);
    wr_charge_set(&in->charge, 0);
    *in = (struct wr_receiving){ 0 };
}

void wr_receive_more(struct wr_exchange_run *run)
{
    if (run->stage == WR_RUN_BODY)
        read_body(run);
    else
        read_head(run);
}
