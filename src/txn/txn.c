/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver of transactions: it takes one from stage to stage, and keeps the memory of ended ones. Only
 * drive() writes the stage. */
#include "txn/txn.h"

#include <stddef.h>
#include <stdlib.h>

#include "stats/stats.h"

#define SPARE_TXNS 1024 /* per worker: more free transactions than that are freed */

struct stage_functions {
    enum wr_txn_stage (*enter)(struct wr_txn *);
    enum wr_txn_stage (*resume)(struct wr_txn *);
};

static const struct stage_functions steps[] = {
#define X(id, name) [WR_TXN_##id] = { wr_txn_##name##_enter, wr_txn_##name##_resume },
#include "txn/stages.def"
#undef X
};

/* --- making and freeing: pooled per worker --- */

static struct wr_txn *spare(struct wr_worker *w)
{
    if (w->conns->spare_txns == NULL) {
        struct wr_txn *t = calloc(1, sizeof *t);
        WR_CHECK(t != NULL);
        w->conns->spare_txns = t;
        w->conns->spare_txn_count = 1;
    }
    return w->conns->spare_txns;
}

static struct wr_txn *txn_take(struct wr_conn *c)
{
    struct wr_worker *w = c->worker;
    struct wr_txn *t = spare(w);
    w->conns->spare_txns = t->next_spare;
    w->conns->spare_txn_count--;
    t->next_spare = NULL;
    t->magic = WR_TXN_MAGIC;
    t->conn = c;
    c->txn = t;
    t->worker = w;
    t->worker_policy = wr_worker_policy_ref(w->worker_policy);
    t->started = w->loop.now;
    t->started_mono = w->loop.mono;
    t->first = WR_SPAN_NONE;
    return t;
}

/* Cancels all that the transaction has started, and drops its references. */
static void disarm(struct wr_txn *t)
{
    t->over = true;
    wr_timer_fini(&t->whole);
    if (t->parked)
        wr_batch_forget(t->worker->conns->batch, &t->parking);
    if (t->limit == WR_LIMIT_PENDING)
        wr_limit_cancel(&t->ask);
    wr_txn_leave_memory_wait(t);
    wr_waiter_leave(&t->waiter);
    wr_txn_purge_cancel(t);
    wr_txn_leave_invalidation(t);
    wr_txn_leave_rest(t);
    wr_flow_reader_close(&t->reader);
    if (t->upload) {
        if (t->body_open || (t->tunnel && wr_flow_state(t->upload) == WR_FLOW_ARRIVING))
            wr_flow_end(t->upload, WR_ERR_CLOSED, wr_slice(NULL, 0));
        wr_note_fini(&t->upload_room);
        wr_flow_unref(t->upload);
        wr_body_reader_fini(&t->body);
        t->upload = NULL;
    }
    wr_txn_leave_tunnel(t);
    wr_object_unref(t->rest);
    wr_hot_give(t->worker->hot, t->object);
    wr_hot_give(t->worker->hot, t->marker);
    wr_object_unref(t->stale);
    wr_object_unref(t->copy);
}

static void put_by(struct wr_txn *t)
{
    struct wr_worker *w = t->worker;
    t->next_spare = w->conns->spare_txns;
    w->conns->spare_txns = t;
    w->conns->spare_txn_count++;
}

/* Empties it for another request, which must not read anything of this one. */
static void reset(struct wr_txn *t)
{
    wr_arena_reset(&t->arena);
    wr_buf_clear(&t->out);
    wr_buf_clear(&t->frame);
    memset(t, 0, offsetof(struct wr_txn, arena));
}

static void recycle(struct wr_txn *t)
{
    struct wr_worker *w = t->worker;
    if (!WR_RECYCLES || w->conns->spare_txn_count == SPARE_TXNS) {
        wr_txn_free_spare(t);
        return;
    }
    reset(t);
    t->worker = w;
    put_by(t);
}

/* Gives back a transaction for which READ has parsed an incomplete head, and nothing else has happened. */
static void give_back(struct wr_txn *t)
{
    t->conn->txn = NULL;
    wr_worker_policy_unref(t->worker_policy);
    put_by(t);
}

static void free_txn(struct wr_deferred_free *deferred)
{
    recycle(WR_CONTAINER(deferred, struct wr_txn, deferred));
}

static void txn_end(struct wr_txn *t)
{
    struct wr_conn *c = t->conn;
    bool keep = !t->close, unread = t->refused || t->head.framing != WR_FRAMING_NONE;
    disarm(t);
    wr_worker_policy_unref(t->worker_policy);
    t->worker_policy = NULL;
    if (t->waited)
        wr_loop_defer_free(&t->worker->loop, &t->deferred, free_txn);
    else
        recycle(t);
    if (c)
        wr_conn_next(c, keep, unread);
}

void wr_txn_abort(struct wr_txn *t)
{
    if (t->over)
        return;
    WR_COUNT(clients_gone);
    t->conn->txn = NULL;
    t->conn = NULL;
    t->close = t->waited = true;
    if (t->running)
        return; /* the driver finds out when the stage returns */
    wr_txn_log_enter(t);
    txn_end(t);
}

void wr_txn_free_spare(struct wr_txn *t)
{
    wr_arena_fini(&t->arena);
    wr_buf_fini(&t->out);
    wr_buf_fini(&t->frame);
    free(t);
}

/* --- the driver --- */

/* Runs stages until one waits or the transaction ends. Returns what the last stage returned: WAIT, DONE or
 * UNREAD. After DONE and UNREAD the transaction is gone. */
static enum wr_txn_stage drive(struct wr_txn *t, enum wr_txn_stage next)
{
    WR_CHECK(t->magic == WR_TXN_MAGIC && !t->running && !t->over);
    t->running = true;
    while (next < WR_TXN_WAIT && t->conn) {
        t->stage = next;
        next = steps[next].enter(t);
    }
    t->running = false;
    if (next == WR_TXN_UNREAD) {
        give_back(t);
        return next;
    }
    if (t->conn == NULL && next != WR_TXN_DONE)
        wr_txn_log_enter(t);
    if (t->conn == NULL || next == WR_TXN_DONE)
        txn_end(t);
    return next;
}

static void resume(struct wr_txn *t)
{
    WR_CHECK(t->magic == WR_TXN_MAGIC && !t->running && !t->over);
    t->running = true;
    enum wr_txn_stage next = steps[t->stage].resume(t);
    t->running = false;
    if (next != WR_TXN_WAIT || t->conn == NULL)
        drive(t, next);
}

void wr_txn_wake(struct wr_txn *t)
{
    t->waited = true;
    resume(t);
}

void wr_txn_on_unparked(struct wr_batch_parking *p)
{
    resume(WR_CONTAINER(p, struct wr_txn, parking));
}

/* --- from the connection --- */

bool wr_txn_start(struct wr_conn *c)
{
    return drive(txn_take(c), WR_TXN_READ) != WR_TXN_UNREAD;
}

/* client.request_timeout is over. */
static void on_whole(struct wr_timer *timer)
{
    struct wr_txn *t = WR_CONTAINER(timer, struct wr_txn, whole);
    if (t->stage < WR_TXN_DELIVER) {
        t->waited = true;
        drive(t, wr_txn_refuse(t, t->body_open ? WR_ERR_REQUEST_TIMEOUT : WR_ERR_ORIGIN_TIMEOUT,
                               "client.request_timeout is over"));
        return;
    }
    t->err = WR_ERR_TIMEOUT;
    wr_conn_kill(t->conn);
}

void wr_txn_limit_time(struct wr_txn *t)
{
    struct wr_span most = t->worker_policy->policy->request_timeout;
    if (most.us == 0)
        return;
    wr_timer_init(&t->whole, &t->worker->loop, on_whole);
    wr_timer_set(&t->whole, most);
}

/* Does it wait for something that an origin or Redis is still to bring? A client that has sent all its
 * requests and then reads the answers that are there hasn't left. */
bool wr_txn_is_left(const struct wr_txn *t)
{
    if (t->worker_policy->policy->abort == WR_CLIENT_ABORT_FINISH || t->body_open ||
        wr_result_is(t->result, WR_RF_STORED))
        return false; /* a body that isn't whole is an error of its own */
    if (t->stage == WR_TXN_FOLLOW)
        return !wr_result_is(t->result, WR_RF_FOUND);
    return t->stage == WR_TXN_DELIVER && t->object && !t->no_content &&
           wr_flow_state(wr_txn_flow(t)) == WR_FLOW_ARRIVING;
}

void wr_txn_start_refusal(struct wr_conn *c, enum wr_err err, const char *why)
{
    struct wr_txn *t = txn_take(c);
    drive(t, wr_txn_refuse_unread(t, err, why));
}

/* Is it a header of the PROXY protocol? Then the balancer and the policy disagree, which an HTTP parser's
 * message wouldn't tell. */
static bool is_proxy_header(struct wr_slice in)
{
    struct wr_proxy header;
    return wr_proxy_parse(in, &header) == WR_PROXY_DONE;
}

enum wr_txn_stage wr_txn_refuse_unread(struct wr_txn *t, enum wr_err err, const char *why)
{
    struct wr_slice in = wr_conn_input(t->conn);
    if (err == WR_ERR_BAD_REQUEST && is_proxy_header(in))
        why = "a header of the PROXY protocol, which is taken from trusted_proxies only and where "
              "proxy_protocol is on";
    wr_parse_salvage(in.at, in.len, t->fields, &t->head);
    wr_txn_identify(t);
    t->refused = t->close = true;
    return wr_txn_refuse(t, err, why);
}

void wr_txn_answer_with(struct wr_txn *t, struct wr_object *object, enum wr_result result)
{
    wr_object_unref(t->object);
    memset(&t->answering, 0, sizeof t->answering);
    t->object = object;
    t->result = result;
}

enum wr_txn_stage wr_txn_refuse(struct wr_txn *t, enum wr_err err, const char *why)
{
    wr_txn_leave_memory_wait(t);
    wr_waiter_leave(&t->waiter);
    wr_txn_answer_with(t, NULL, WR_RESULT_NONE);
    t->err = err;
    t->why = why;
    return WR_TXN_DELIVER;
}
