/* SPDX-License-Identifier: BSD-2-Clause */
/* The course of an exchange: trying peers, waiting, sending again, ending. Only this file
 * changes a run's stage. */
#include <stdlib.h>

#include "origin/lives_priv.h"

#define HALF_CLOSED \
    WR_SPAN_S(5) /* what a server may be silent for, once it knows that its tunnel's client has closed */

/* --- trying peers --- */

/* The request has found this out about its peer. Checks judge by themselves (probe.c). */
static void found(struct wr_exchange_run *run, enum wr_finding finding)
{
    if (!run->origins->probing)
        wr_backend_found(run->peer->backend, &run->origin->policy->passive, finding, run->asked_at,
                         run->origins->loop->mono);
}

/* Gets ready to send the request over the run's connection. It leaves together with the other requests of
 * this turn. */
static enum wr_err ask(struct wr_exchange_run *run)
{
    struct wr_origins *o = run->origins;
    enum wr_err err = wr_send_start(run);
    if (err != WR_OK)
        return err;
    run->stage = WR_RUN_ASKING;
    run->x->sent = o->loop->now;
    run->asked_at = o->loop->mono;
    run->x->reused = run->conn->used;
    wr_socket_read(&run->conn->socket, true);
    run->asking = true;
    TAILQ_INSERT_TAIL(&o->asking, run, entry);
    wr_note_post(&o->ask);
    return WR_OK;
}

static void asked(struct wr_exchange_run *run)
{
    if (!run->asking)
        return;
    run->asking = false;
    TAILQ_REMOVE(&run->origins->asking, run, entry);
}

void wr_run_ask(struct wr_note *note)
{
    struct wr_origins *o = WR_CONTAINER(note, struct wr_origins, ask);
    struct wr_exchange_run *run;
    while ((run = TAILQ_FIRST(&o->asking)) != NULL)
        wr_run_writable(run);
}

/* Returns the time after which it is known whether a server that is being tried answers. */
static struct wr_span longest_try(const struct wr_exchange_run *run)
{
    return (struct wr_span){ run->origin->policy->connect_timeout.us + run->patience->response_timeout.us };
}

/* Asks this peer. OK: the run is under way. ORIGIN_REFUSED: another peer may be tried. */
static enum wr_err try_peer(struct wr_exchange_run *run, struct wr_peer *peer)
{
    bool connected;
    wr_peer_use(run, peer);
    run->x->server = peer->server->policy->address.text;
    run->x->why = NULL;
    if (run->x->attempts++ > 0)
        WR_COUNT(origin_retries);
    run->x->trial = !run->origins->probing &&
                    wr_backend_try(peer->backend, run->origins->loop->mono, longest_try(run));
    if (!run->fresh && wr_pool_take(peer, run)) {
        WR_COUNT(origin_reused);
        return ask(run);
    }
    enum wr_err err = wr_origin_conn_open(run, run->origin->policy->connect_timeout, &connected);
    if (err != WR_OK)
        return err == WR_ERR_OVERLOADED ? err : WR_ERR_ORIGIN_REFUSED;
    if (connected)
        return ask(run);
    run->stage = WR_RUN_CONNECTING;
    return WR_OK;
}

/* This run won't use the peer any more. */
static void avoid(struct wr_exchange_run *run, const struct wr_peer *peer)
{
    wr_buf_add(&run->tried, &peer->id, sizeof peer->id);
}

/* The present peer can't be reached. The process remembers that, too. */
static void give_up_peer(struct wr_exchange_run *run, enum wr_err err)
{
    found(run, WR_FOUND_UNREACHABLE);
    run->last = err;
    avoid(run, run->peer);
}

static enum wr_pick choose(struct wr_exchange_run *run, struct wr_peer **peer)
{
    if (run->pinned)
        return WR_PICK_NONE; /* it has already been tried */
    if (!wr_queue_passes_by(run))
        return WR_PICK_FULL;
    return wr_balance_pick(run, peer);
}

/* Might an address that is being asked for help a run for which there is no peer? */
static bool may_come(const struct wr_exchange_run *run)
{
    return !run->pinned && !run->careful && wr_origin_resolves(run->origin);
}

static enum wr_err wait_for_place(struct wr_exchange_run *run)
{
    wr_peer_uploaded(run);
    enum wr_err err = wr_queue_join(run);
    if (err != WR_OK)
        return err;
    run->stage = WR_RUN_QUEUED;
    wr_timer_set(&run->deadline, run->origin->policy->queue_timeout);
    return WR_OK;
}

static enum wr_err wait_for_address(struct wr_exchange_run *run)
{
    run->stage = WR_RUN_RESOLVING;
    TAILQ_INSERT_TAIL(&run->origin->resolving, run, entry);
    wr_timer_set(&run->deadline, run->origin->policy->connect_timeout);
    return WR_OK;
}

/* No peer is left to try. */
static enum wr_err none_left(struct wr_exchange_run *run)
{
    if (run->last != WR_OK)
        return run->last;
    if (run->origin->count == 0)
        run->x->why = wr_origin_why_none(run->origin);
    return run->origin->count > 0 && !run->careful ? WR_ERR_ORIGIN_DOWN : WR_ERR_ORIGIN_REFUSED;
}

/* Begins with `first`, or if it is NULL with a peer that balancing chooses. OK: the run is under way. */
static enum wr_err try_peers(struct wr_exchange_run *run, struct wr_peer *first)
{
    for (struct wr_peer *peer = first;; peer = NULL) {
        enum wr_pick pick = peer ? WR_PICK_PEER : choose(run, &peer);
        if (pick == WR_PICK_FULL)
            return wait_for_place(run);
        if (pick != WR_PICK_PEER)
            return may_come(run) ? wait_for_address(run) : none_left(run);
        enum wr_err err = try_peer(run, peer);
        if (err != WR_ERR_ORIGIN_REFUSED)
            return err;
        give_up_peer(run, err);
    }
}

/* As try_peers(), for callbacks: ends the run on an error. */
static void try_next_peer(struct wr_exchange_run *run, struct wr_peer *first)
{
    enum wr_err err = try_peers(run, first);
    if (err != WR_OK)
        wr_run_finish(run, err);
}

/* The connection couldn't be made. */
static void not_connected(struct wr_exchange_run *run, enum wr_err err)
{
    wr_origin_conn_close(run->conn);
    give_up_peer(run, err);
    try_next_peer(run, NULL);
}

void wr_run_connected(struct wr_exchange_run *run, enum wr_err err)
{
    if (err != WR_OK) {
        not_connected(run, WR_ERR_ORIGIN_REFUSED);
        return;
    }
    err = ask(run);
    if (err != WR_OK)
        wr_run_finish(run, err);
}

/* Takes the run out of the list in which it waits, if it does. */
static void stop_waiting(struct wr_exchange_run *run)
{
    if (run->stage == WR_RUN_QUEUED)
        wr_queue_leave(run);
    else if (run->stage == WR_RUN_RESOLVING)
        TAILQ_REMOVE(&run->origin->resolving, run, entry);
    wr_timer_clear(&run->deadline);
}

void wr_run_resume(struct wr_exchange_run *run)
{
    stop_waiting(run);
    run->dequeued = run->dequeued || run->stage == WR_RUN_QUEUED;
    run->stage = WR_RUN_CHOOSING;
    try_next_peer(run, NULL);
}

bool wr_run_resolved(struct wr_exchange_run *run)
{
    enum wr_pick pick = wr_balance_pick(run, NULL);
    return pick == WR_PICK_PEER || pick == WR_PICK_FULL || !may_come(run);
}

/* --- while it is under way --- */

struct wr_span wr_run_idle(const struct wr_exchange_run *run)
{
    if (!run->in.tunnel)
        return run->patience->idle_timeout;
    return run->out.done ? HALF_CLOSED : run->x->tunnel_timeout;
}

/* The head has to come whole within response_timeout; of the body, a piece within idle_timeout. */
static void expect_answer(struct wr_exchange_run *run)
{
    const struct wr_patience *p = run->patience;
    struct wr_pace pace = run->stage == WR_RUN_BODY ? (struct wr_pace){ .pause = wr_run_idle(run) }
                                                    : (struct wr_pace){ .whole = p->response_timeout };
    wr_socket_expect(&run->conn->socket, &pace);
}

void wr_run_wait(struct wr_exchange_run *run)
{
    struct wr_span look = { 0 };
    if (run->in.paused)
        look = wr_flow_hurry(run->in.flow, run->origins->loop->mono);
    if (look.us > 0)
        wr_timer_set(&run->deadline, look);
    else
        wr_timer_clear(&run->deadline);
    /* A server that hasn't got the whole request may wait for it before it answers. Until then it is late
     * only if it doesn't take the request (send.c). If there is nothing to send, it is the client's turn, and
     * the client has a deadline of its own. Nothing comes of a tunnel's body before the answer. */
    if (!run->in.paused && (run->out.done || run->out.refused || run->x->upgrade))
        expect_answer(run);
}

void wr_run_writable(struct wr_exchange_run *run)
{
    asked(run);
    if (run->in.tunnel) /* a tunnel is idle if nothing moves in either direction */
        wr_socket_expect_nothing(&run->conn->socket);
    enum wr_err err = wr_send_more(run);
    if (err != WR_OK)
        wr_run_finish(run, err);
    else
        wr_run_wait(run);
}

/* The peer has failed this run, but may be well. */
static void leave_peer(struct wr_exchange_run *run, enum wr_err err)
{
    run->last = err;
    avoid(run, run->peer);
}

/* Sends the request again, from its beginning. first: as for try_peers(). */
static void try_again(struct wr_exchange_run *run, struct wr_peer *first)
{
    asked(run);
    wr_timer_clear(&run->deadline);
    wr_origin_conn_close(run->conn);
    try_next_peer(run, first);
}

/* Sends it to another peer. That is one retry. It has had a place, so it doesn't queue behind others. */
static void ask_elsewhere(struct wr_exchange_run *run)
{
    run->resends++;
    run->dequeued = true;
    wr_receive_reset(&run->in);
    try_again(run, NULL);
}

/* The policy may want another peer to be asked upon this status. */
static bool is_unwanted(struct wr_exchange_run *run, int status)
{
    if (!wr_statuses_have(&run->origin->policy->retry_on, status))
        return false;
    run->careful = true;
    leave_peer(run, WR_ERR_ORIGIN_BROKEN);
    return wr_retry_elsewhere(run);
}

void wr_run_head(struct wr_exchange_run *run, const struct wr_head *head)
{
    if (is_unwanted(run, head->status)) {
        found(run, WR_FOUND_ANSWER);
        ask_elsewhere(run);
        return;
    }
    run->stage = WR_RUN_BODY;
    wr_socket_expect_nothing(&run->conn->socket);
    run->in.keep = head->keep_alive && head->framing != WR_FRAMING_CLOSE;
    run->x->answered = run->origins->loop->now;
    found(run, WR_FOUND_ANSWER);
    if (!run->origins->probing)
        wr_backend_head(run->peer->backend, head->status,
                        wr_time_since(run->origins->loop->mono, run->asked_at));
    if (run->out.refused)
        wr_send_refused(run);
    run->x->on_head(run->x, head);
}

void wr_exchange_clock(struct wr_exchange *x, struct wr_span error)
{
    wr_backend_clock(x->run->peer->backend, error, x->run->origins->loop->mono);
}

void wr_exchange_into(struct wr_exchange *x, struct wr_flow *flow)
{
    struct wr_exchange_run *run = x->run;
    WR_CHECK(run != NULL && run->stage == WR_RUN_BODY && run->in.flow == NULL);
    run->in.flow = wr_flow_ref(flow);
    wr_flow_producer(flow, &run->room);
}

/* response_timeout has passed without an answer: tries another peer that is well, if there is one. */
static void unanswered(struct wr_exchange_run *run)
{
    found(run, WR_FOUND_SILENCE);
    run->careful = true;
    leave_peer(run, WR_ERR_ORIGIN_TIMEOUT);
    if (!run->in.begun && wr_retry_elsewhere(run))
        ask_elsewhere(run);
    else
        wr_run_finish(run, WR_ERR_ORIGIN_TIMEOUT);
}

/* A note that was posted for an exchange which has ended since may come when the run serves another one, or
 * none. Then it does no harm. */
static void on_room(struct wr_note *note)
{
    struct wr_exchange_run *run = WR_CONTAINER(note, struct wr_exchange_run, room);
    if (run->stage == WR_RUN_BODY && run->in.paused)
        wr_receive_resume(run);
}

static void on_deadline(struct wr_timer *t)
{
    struct wr_exchange_run *run = WR_CONTAINER(t, struct wr_exchange_run, deadline);
    switch (run->stage) {
    case WR_RUN_QUEUED:
        wr_run_finish(run, WR_ERR_QUEUE_TIMEOUT);
        break;
    case WR_RUN_RESOLVING:
        run->x->why = wr_origin_why_none(run->origin);
        wr_run_finish(run, WR_ERR_ORIGIN_TIMEOUT);
        break;
    case WR_RUN_BODY:
        wr_run_wait(run);
        break;
    case WR_RUN_CONNECTING:
    case WR_RUN_ASKING:
    case WR_RUN_CHOOSING:
    case WR_RUN_SPARE:
        WR_CHECK(!"only the connection has a deadline now");
    }
}

static void on_whole(struct wr_timer *t)
{
    struct wr_exchange_run *run = WR_CONTAINER(t, struct wr_exchange_run, whole);
    run->x->why = "origins.NAME.total_timeout is over";
    wr_run_finish(run, WR_ERR_ORIGIN_TIMEOUT);
}

void wr_run_late(struct wr_exchange_run *run, enum wr_way way)
{
    if (run->stage == WR_RUN_CONNECTING) {
        not_connected(run, WR_ERR_ORIGIN_TIMEOUT);
    } else if (run->stage == WR_RUN_ASKING) {
        unanswered(run);
    } else if (way == WR_WRITING) { /* it answers without reading the rest of the request */
        wr_send_refused(run);
        wr_run_wait(run);
    } else {
        found(run, WR_FOUND_LATE);
        wr_run_finish(run, WR_ERR_ORIGIN_TIMEOUT);
    }
}

/* The peer has closed the connection. It may close a pooled one just when it is used, which isn't the
 * server's fault: a request that may be sent twice is sent again over a new connection (RFC 9112 9.3.1). If
 * it ends a new connection without an answer, the server has failed, and another one is asked. */
void wr_run_lost(struct wr_exchange_run *run)
{
    bool wordless = run->stage == WR_RUN_ASKING && !run->in.begun;
    run->fresh = true;
    if (wordless && !run->conn->used) {
        found(run, WR_FOUND_END);
        leave_peer(run, WR_ERR_ORIGIN_CLOSED);
        if (wr_retry_elsewhere(run)) {
            ask_elsewhere(run);
            return;
        }
    } else if (wordless && wr_retry_may(run)) {
        try_again(run, run->peer);
        return;
    }
    wr_run_finish(run, WR_ERR_ORIGIN_CLOSED);
}

/* --- the beginning and the end --- */

struct wr_exchange_run *wr_run_new(struct wr_origins *o)
{
    struct wr_exchange_run *run = calloc(1, sizeof *run);
    WR_CHECK(run != NULL);
    run->origins = o;
    wr_timer_init(&run->deadline, o->loop, on_deadline);
    wr_timer_init(&run->whole, o->loop, on_whole);
    wr_note_init(&run->room, o->loop, on_room);
    return run;
}

void wr_run_free(struct wr_exchange_run *run)
{
    wr_timer_fini(&run->deadline);
    wr_timer_fini(&run->whole);
    wr_note_fini(&run->room);
    wr_buf_fini(&run->tried);
    wr_buf_fini(&run->out.tail);
    free(run);
}

/* not: the peer that another exchange is waiting for, or NULL. */
static enum wr_err start(struct wr_exchange *x, struct wr_origin *origin, struct wr_peer *pinned,
                         const struct wr_peer * not )
{
    struct wr_exchange_run *run = wr_origins_run(origin->origins);
    wr_retry_earn(origin);
    WR_CHECK(x->run == NULL && x->origin == origin->policy);
    x->run = run;
    x->sent = x->answered = (struct wr_wall){ 0 };
    x->attempts = 0;
    x->reused = x->trial = false;
    x->server = x->why = NULL;
    run->x = x;
    run->origin = origin;
    run->patience = x->patience ? x->patience : &origin->policy->patience;
    run->pinned = pinned != NULL;
    run->fresh = pinned != NULL;
    run->careful = x->careful;
    if (not )
        avoid(run, not );
    if (origin->policy->total_timeout.us > 0)
        wr_timer_set(&run->whole, origin->policy->total_timeout);
    enum wr_err err = try_peers(run, pinned);
    if (err != WR_OK) {
        wr_origins_count(err);
        wr_exchange_cancel(x);
    }
    return err;
}

enum wr_err wr_exchange_start(struct wr_exchange *x, struct wr_origins *origins)
{
    return start(x, &origins->list[x->origin->index], NULL, NULL);
}

enum wr_err wr_exchange_start_beside(struct wr_exchange *x, struct wr_origins *origins,
                                     const struct wr_exchange *first, bool same)
{
    struct wr_peer *silent = first->run->peer;
    x->careful = true;
    enum wr_err err = start(x, &origins->list[x->origin->index], NULL, silent);
    return err != WR_OK && same && !wr_pool_full(silent, false)
               ? start(x, silent->server->origin, silent, NULL)
               : err;
}

bool wr_exchange_silent(struct wr_exchange *x)
{
    struct wr_exchange_run *run = x->run;
    if (run == NULL || run->stage != WR_RUN_ASKING || run->in.begun)
        return false;
    found(run, WR_FOUND_SILENCE);
    return true;
}

enum wr_err wr_exchange_start_at(struct wr_exchange *x, struct wr_peer *peer)
{
    return start(x, peer->server->origin, peer, NULL);
}

/* Undoes what the run has begun. From now on it is spare. */
static void end_run(struct wr_exchange_run *run, enum wr_err err)
{
    struct wr_receiving *in = &run->in;
    bool reusable = err == WR_OK && in->keep && !in->excess && wr_send_over(run) && !run->origins->closing &&
                    !run->peer->gone;
    stop_waiting(run);
    asked(run);
    if (run->x->trial)
        wr_backend_untried(run->peer->backend, run->origins->loop->mono);
    wr_timer_clear(&run->whole);
    wr_send_stop(run);
    run->out.reader.at = 0;
    if (run->conn && reusable)
        wr_pool_give(run);
    else if (run->conn)
        wr_origin_conn_close(run->conn);
    if (in->flow && wr_flow_state(in->flow) == WR_FLOW_ARRIVING)
        wr_flow_end(in->flow, err, wr_slice(NULL, 0));
    wr_receive_reset(in);
    wr_peer_use(run, NULL);
    wr_buf_clear(&run->tried);
    run->last = WR_OK;
    run->resends = 0;
    run->turn = 0;
    run->fresh = run->dequeued = run->careful = false;
    run->x->run = NULL;
    run->x = NULL;
    run->stage = WR_RUN_SPARE;
    wr_origins_spare(run);
}

void wr_run_finish(struct wr_exchange_run *run, enum wr_err err)
{
    struct wr_exchange *x = run->x;
    wr_origins_count(err);
    bool broke_off = err == WR_ERR_ORIGIN_BROKEN ||
                     (err == WR_ERR_ORIGIN_CLOSED && run->stage == WR_RUN_BODY);
    if (broke_off && !run->origins->probing)
        wr_backend_cut(run->peer->backend);
    end_run(run, err);
    x->on_end(x, err);
}

void wr_exchange_cancel(struct wr_exchange *x)
{
    if (x->run)
        end_run(x->run, WR_ERR_CANCELLED);
}
