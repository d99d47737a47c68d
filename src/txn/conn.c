/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's connection: reads heads and bodies, hands them to transactions, and sends answers. It also
 * closes connections that are idle, slow or draining. */
#include "txn/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stats/stats.h"
#include "txn/txn.h"

#define PAGE 4096
#define LINGER_S 30       /* seconds; for a body that is still coming after its answer ... */
#define LINGER_PAUSE_S 5  /* ... as long as it comes. These are nginx's lingering_time and _timeout */
#define LINGER_WHOLE_S 2  /* after a whole request, and while finishing: until the client closes, too */
#define FIRST_WORDS_S 1   /* seconds; while finishing, for the whole head of a new connection's request */
#define READS_PER_TURN 16 /* then other connections of the loop get their turn */
#define SPARE_BUFFERS 256 /* per worker: more free buffers than that are freed */

/* --- buffers: pooled per worker, linked through their first bytes --- */

static void take_buffer(struct wr_conn *c)
{
    struct wr_worker *w = c->worker;
    if (c->buffer)
        return;
    if (w->conns->spare_buffers) {
        c->buffer = w->conns->spare_buffers;
        memcpy(&w->conns->spare_buffers, c->buffer, sizeof w->conns->spare_buffers);
        w->conns->spare_buffer_count--;
    } else {
        c->buffer = malloc(WR_CONN_BUFFER);
        WR_CHECK(c->buffer != NULL);
    }
    c->base = c->from = c->to = c->scanned = 0;
}

/* A buffer takes memory page by page, as it fills for the first time. */
static void charge_buffer(struct wr_conn *c)
{
    size_t pages = (c->to + PAGE - 1) / PAGE * PAGE;
    if (pages > c->buffer_charge.bytes)
        wr_charge_set(&c->buffer_charge, pages);
}

static void charge_pending(struct wr_conn *c)
{
    wr_charge_set(&c->pending_charge, c->pending.cap);
}

static void give_buffer(struct wr_conn *c)
{
    struct wr_worker *w = c->worker;
    wr_charge_set(&c->buffer_charge, 0);
    if (c->buffer == NULL)
        return;
    if (!WR_RECYCLES || w->conns->spare_buffer_count == SPARE_BUFFERS) {
        free(c->buffer);
    } else {
        memcpy(c->buffer, &w->conns->spare_buffers, sizeof w->conns->spare_buffers);
        w->conns->spare_buffers = c->buffer;
        w->conns->spare_buffer_count++;
    }
    c->buffer = NULL;
    c->base = c->from = c->to = c->scanned = 0;
}

struct wr_slice wr_conn_input(struct wr_conn *c)
{
    return wr_slice(c->buffer ? c->buffer + c->from : "", c->to - c->from);
}

void wr_conn_eat(struct wr_conn *c, size_t bytes)
{
    WR_CHECK(bytes <= c->to - c->from);
    c->from += bytes;
}

/* --- how long the client may take --- */

static const struct wr_policy *policy_of(const struct wr_conn *c)
{
    return c->worker->worker_policy->policy;
}

static bool finishing(const struct wr_conn *c)
{
    return wr_shared_life(c->worker->shared) == WR_LIFE_FINISHING;
}

/* Returns how long a head may take. A process that ends doesn't wait for one that somebody may never send. */
static struct wr_span head_patience(const struct wr_conn *c)
{
    return finishing(c) ? WR_SPAN_S(FIRST_WORDS_S) : policy_of(c)->header_timeout;
}

void wr_conn_expect(struct wr_conn *c, const struct wr_pace *pace)
{
    if (!c->eof)
        wr_socket_expect(&c->socket, pace);
}

void wr_conn_expect_nothing(struct wr_conn *c, bool read)
{
    wr_socket_expect_nothing(&c->socket);
    wr_socket_read(&c->socket, read && !c->eof);
}

/* Begins to wait for something new, for `most` at most. */
static void expect_within(struct wr_conn *c, struct wr_span most)
{
    wr_conn_expect_nothing(c, true);
    wr_conn_expect(c, &(struct wr_pace){ .whole = most });
}

/* A head has begun to come. Its time runs from the first byte on, however slowly the rest comes. */
static void expect_head(struct wr_conn *c)
{
    const struct wr_policy *p = policy_of(c);
    wr_conn_expect_nothing(c, true);
    wr_conn_expect(
        c, &(struct wr_pace){ .whole = head_patience(c), .rate = p->min_rate, .over = p->min_rate_grace });
}

/* The socket has not taken all. */
static void wait_for_room(struct wr_conn *c)
{
    const struct wr_policy *p = policy_of(c);
    wr_socket_write(&c->socket, &(struct wr_pace){
                                    .pause = p->send_timeout, .rate = p->min_rate, .over = p->send_timeout });
}

void wr_conn_yield(struct wr_conn *c)
{
    wr_socket_yield(&c->socket);
}

/* Sends those of its answers that wait for the end of the batch. */
static void send_staged(struct wr_conn *c)
{
    if (c->member.staged)
        wr_batch_flush(c->worker->conns->batch);
}

/* --- how a connection ends --- */

static void free_conn(struct wr_deferred_free *deferred)
{
    struct wr_conn *c = WR_CONTAINER(deferred, struct wr_conn, deferred);
    give_buffer(c); /* not earlier: the transaction that ended with it has logged fields of its head */
    c->magic = 0;
    free(c);
}

void wr_conn_kill(struct wr_conn *c)
{
    struct wr_worker *w = c->worker;
    send_staged(c); /* these answers were given before the event that ends the connection */
    if (c->socket.fd < 0)
        return;
    wr_batch_remove(w->conns->batch, &c->member);
    wr_socket_close(&c->socket);
    if (c->txn)
        wr_txn_abort(c->txn);
    wr_buf_fini(&c->pending);
    charge_pending(c);
    TAILQ_REMOVE(&w->conns->list, c, entry);
    w->conn_count--;
    wr_conns_leave(w);
    WR_GAUGE_DOWN(connections_open);
    wr_loop_defer_free(&w->loop, &c->deferred, free_conn);
    wr_worker_check_idle(w);
}

/* Closes the connection without losing the answer. The client may still be sending, and a reset would make it
 * drop what it hasn't read (RFC 9112 9.6). unread: the rest of a request is known to be on its way. */
static void linger(struct wr_conn *c, bool unread)
{
    c->state = WR_CONN_LINGER;
    if (c->eof || shutdown(c->socket.fd, SHUT_WR) < 0) {
        wr_conn_kill(c);
        return;
    }
    take_buffer(c);
    c->base = c->from = c->to = 0;
    struct wr_pace pace = { .whole = WR_SPAN_S(LINGER_WHOLE_S) };
    if (unread && !finishing(c))
        pace = (struct wr_pace){ .whole = WR_SPAN_S(LINGER_S), .pause = WR_SPAN_S(LINGER_PAUSE_S) };
    wr_conn_expect_nothing(c, true);
    wr_conn_expect(c, &pace);
}

/* --- reading heads --- */

static void become_idle(struct wr_conn *c)
{
    if (c->to == c->from) {
        give_buffer(c);
        c->partial = false;
        expect_within(c, c->requests ? policy_of(c)->idle_timeout : head_patience(c));
    } else if (!c->partial) {
        c->partial = true;
        expect_head(c);
    }
}

void wr_conn_begin(struct wr_conn *c)
{
    c->state = WR_CONN_BUSY;
    c->requests++;
    c->partial = false;
    wr_socket_expect_nothing(&c->socket);
}

/* Reads the PROXY header. Returns false if it isn't whole yet, or if it was bad and the connection has ended.
 */
static bool proxy_done(struct wr_conn *c)
{
    struct wr_proxy header;
    switch (wr_proxy_parse(wr_conn_input(c), &header)) {
    case WR_PROXY_MORE:
        return false;
    case WR_PROXY_BAD:
        WR_COUNT(bad_proxy_headers);
        wr_conn_kill(c);
        return false;
    case WR_PROXY_DONE:
        break;
    }
    c->wants_proxy = false;
    c->peer.who = header.who;
    c->peer.secure = header.secure;
    if (header.who == WR_PROXY_CLIENT) {
        c->peer.local = false;
        memcpy(c->peer.addr, header.addr, sizeof c->peer.addr);
        c->peer.port = header.port;
    }
    wr_conn_eat(c, header.length);
    return true;
}

/* Starts the requests that are whole in the buffer, one after another. A transaction that ends within its
 * first turn comes back through wr_conn_next() and leaves the rest to this loop. While answers wait for the
 * socket, nothing is started: new answers must not overtake them, and a client that doesn't read gets nothing
 * more to read. */
static void look_for_heads(struct wr_conn *c)
{
    if (c->wants_proxy && !proxy_done(c))
        return;
    c->looking = true;
    while (c->socket.fd >= 0 && c->state == WR_CONN_HEAD && c->pending.len == 0 && c->to > c->from &&
           wr_txn_start(c))
        ;
    c->looking = false;
    if (c->eof || finishing(c))
        send_staged(c);
    if (c->socket.fd < 0 || c->state != WR_CONN_HEAD)
        return;
    if (c->pending.len > 0)
        return; /* go_on_sending() calls this again */
    if (c->eof) {
        wr_conn_kill(c); /* it has sent nothing more, or an incomplete head */
        return;
    }
    if (finishing(c) && c->to == c->from && c->requests > 0) {
        linger(c, false);
        return;
    }
    become_idle(c);
}

/* The batch lets this connection work on what has arrived. */
static void on_look(struct wr_batch_member *m)
{
    struct wr_conn *c = WR_CONTAINER(m, struct wr_conn, member);
    look_for_heads(c);
    /* There were more bytes than fitted into the buffer, or a FIN or a reset has come already, or a body goes
     * on: see read_once(). */
    bool more = c->socket.filled || (c->txn && c->txn->body_open);
    if (c->socket.fd >= 0 && more)
        wr_socket_read_again(&c->socket);
}

void wr_conn_next(struct wr_conn *c, bool keep, bool unread)
{
    c->txn = NULL;
    if (!keep) {
        linger(c, unread);
        return;
    }
    c->state = WR_CONN_HEAD;
    c->scanned = c->base = 0;
    if (!c->looking)
        look_for_heads(c);
}

/* --- what the kernel reports of the socket --- */

/* Makes room at the end of the buffer. Returns how many bytes; 0: it is full. Unused bytes move to the front,
 * but never over the head of the running transaction. */
static size_t make_buffer_room(struct wr_conn *c)
{
    take_buffer(c);
    if (c->from > c->base && (c->from == c->to || c->to == WR_CONN_BUFFER)) {
        memmove(c->buffer + c->base, c->buffer + c->from, c->to - c->from);
        c->to -= c->from - c->base;
        c->from = c->base;
    }
    return WR_CONN_BUFFER - c->to;
}

static void on_eof(struct wr_conn *c)
{
    c->eof = true;
    wr_socket_read(&c->socket, false);
    send_staged(c);
    if (c->state == WR_CONN_BUSY && wr_txn_is_left(c->txn))
        wr_conn_kill(c);
    else if (c->state == WR_CONN_BUSY)
        wr_txn_input(
            c->txn); /* a body will never be whole; without one the client may still want its answer */
    else if (c->pending.len == 0) /* otherwise answers are still to be sent */
        wr_conn_kill(c);
}

static void on_bytes(struct wr_conn *c)
{
    switch (c->state) {
    case WR_CONN_HEAD:
        wr_batch_add(c->worker->conns->batch, &c->member);
        break;
    case WR_CONN_BUSY:
        wr_txn_input(c->txn);
        break;
    case WR_CONN_LINGER:
        c->from = c->to = 0;
        break;
    }
}

/* Reads once. Returns false if there is nothing more to do now. */
static bool read_once(struct wr_conn *c)
{
    size_t room = make_buffer_room(c);
    if (room == 0) {
        wr_socket_read(&c->socket, false);
        return false;
    }
    const struct iovec rest = { c->buffer + c->to, room };
    ssize_t n = wr_socket_take(&c->socket, &rest, 1);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0 && c->to == c->from && c->state == WR_CONN_HEAD)
        give_buffer(c);
    if (n < 0) {
        if (errno != EAGAIN)
            wr_conn_kill(c);
        return false;
    }
    if (n == 0) {
        on_eof(c);
        return false;
    }
    c->to += (size_t) n;
    charge_buffer(c);
    /* The socket is empty now, and the kernel reports what comes later. Only a FIN or a reset that came
     * before has been reported already. A reset would show when sending (libevent doesn't tell of it), but a
     * connection that waits for more of a body has to read on. */
    if (!(c->txn && c->txn->body_open))
        wr_socket_rest(&c->socket);
    on_bytes(c);
    return c->socket.fd >= 0 && !c->member.queued;
}

static void read_more(struct wr_conn *c)
{
    if (c->member.queued)
        return; /* on_look() goes on reading */
    for (int i = 0; i < READS_PER_TURN; i++)
        if (!c->socket.reading || !c->socket.filled || !read_once(c))
            return;
}

/* --- sending --- */

/* Returns how many bytes the socket took, 0 if none, or -1 if the client has gone. */
static ssize_t put_out(struct wr_conn *c, const struct iovec *iov, int count)
{
    ssize_t n;
    do
        n = wr_socket_put(&c->socket, iov, count);
    while (n < 0 && errno == EINTR);
    return n < 0 && errno == EAGAIN ? 0 : n;
}

static void send_pending(struct wr_conn *c)
{
    const struct iovec all = { c->pending.at, c->pending.len };
    ssize_t n = put_out(c, &all, 1);
    if (n < 0) {
        wr_conn_kill(c);
        return;
    }
    memmove(c->pending.at, c->pending.at + n, c->pending.len - (size_t) n);
    c->pending.len -= (size_t) n;
    if (c->pending.len > 0) {
        wait_for_room(c);
        return;
    }
    wr_buf_fini(&c->pending);
    charge_pending(c);
    wr_socket_written(&c->socket);
}

/* Sends staged bytes. Bytes that the socket doesn't take are kept, and the next answer waits for them. */
static void put_staged(struct wr_conn *c, struct wr_slice bytes)
{
    size_t sent = 0;
    if (c->pending.len == 0) {
        const struct iovec all = { (char *) (uintptr_t) bytes.at, bytes.len };
        ssize_t n = put_out(c, &all, 1);
        if (n < 0) { /* a transaction may be on the stack, so the connection ends in a callback of its own */
            wr_socket_read_again(&c->socket);
            return;
        }
        sent = (size_t) n;
    }
    if (sent == bytes.len)
        return;
    wr_buf_add_slice(&c->pending, wr_slice_from(bytes, sent));
    charge_pending(c);
    wait_for_room(c);
    if (c->txn == NULL) { /* no request is looked at before the client has read what is its own */
        c->partial = false;
        wr_socket_expect_nothing(&c->socket);
    }
}

static bool on_send(struct wr_batch_member *m, struct wr_slice bytes)
{
    struct wr_conn *c = WR_CONTAINER(m, struct wr_conn, member);
    put_staged(c, bytes);
    return c->pending.len == 0;
}

/* May the answer be staged? Not the last one, and not while bytes wait for the socket: then the transaction
 * waits too, and nothing more is read from a client that takes nothing. */
static bool may_stage(const struct wr_conn *c)
{
    return c->pending.len == 0 && !c->txn->close && !finishing(c);
}

ssize_t wr_conn_send(struct wr_conn *c, const struct iovec *iov, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += iov[i].iov_len;
    if (may_stage(c) && wr_batch_stage(c->worker->conns->batch, &c->member, iov, count, bytes))
        return (ssize_t) bytes;
    send_staged(c);
    if (c->pending.len > 0) /* the kernel will report when there is room */
        return 0;
    ssize_t n = put_out(c, iov, count);
    if (n >= 0 && (size_t) n < bytes)
        wait_for_room(c);
    else
        wr_socket_written(&c->socket);
    return n;
}

void wr_conn_send_interim(struct wr_conn *c, struct wr_slice bytes)
{
    send_staged(c);
    wr_buf_add_slice(&c->pending, bytes);
    charge_pending(c);
    if (c->socket.fd >= 0)
        wr_conn_yield(c);
}

static void go_on_sending(struct wr_conn *c)
{
    if (c->pending.len > 0)
        send_pending(c);
    if (c->socket.fd < 0 || c->pending.len > 0)
        return;
    if (c->txn) {
        wr_txn_wake(c->txn);
        return;
    }
    wr_socket_written(&c->socket);
    if (c->state == WR_CONN_HEAD)
        look_for_heads(c);
}

/* --- what the socket reports --- */

static struct wr_conn *conn_of(struct wr_socket *s)
{
    struct wr_conn *c = WR_CONTAINER(s, struct wr_conn, socket);
    WR_CHECK(c->magic == WR_CONN_MAGIC);
    return c;
}

static void on_readable(struct wr_socket *s)
{
    struct wr_conn *c = conn_of(s);
    if (c->state != WR_CONN_HEAD) /* heads are looked at later, and the batch reads the clock then */
        wr_loop_tick(&c->worker->loop);
    read_more(c);
}

static void on_writable(struct wr_socket *s)
{
    struct wr_conn *c = conn_of(s);
    wr_loop_tick(&c->worker->loop);
    go_on_sending(c);
}

static void on_late(struct wr_socket *s, enum wr_way way)
{
    struct wr_conn *c = conn_of(s);
    bool writing = way == WR_WRITING;
    if (c->state == WR_CONN_BUSY && !writing) {
        wr_txn_late(c->txn);
    } else if (c->state == WR_CONN_HEAD && !writing && c->to > c->from) {
        c->state = WR_CONN_BUSY;
        wr_txn_start_refusal(c, WR_ERR_REQUEST_TIMEOUT, "the header section did not arrive in time");
    } else
        wr_conn_kill(c); /* it is idle, or doesn't read its answer */
}

/* --- how a connection begins --- */

static const struct wr_socket_calls calls = { on_readable, on_writable, on_late };

void wr_conn_new(struct wr_worker *worker, int fd, const struct wr_listen *listen,
                 const struct wr_conn_peer *peer, bool wants_proxy)
{
    const enum wr_conns_room room = wr_conns_enter(worker);
    WR_COUNT(connections);
    if (room == WR_CONNS_CROWDED) {
        close(fd);
        return;
    }
    struct wr_conn *c = calloc(1, sizeof *c);
    WR_CHECK(c != NULL);
    c->magic = WR_CONN_MAGIC;
    c->worker = worker;
    c->listen = listen;
    c->peer = *peer;
    c->wants_proxy = wants_proxy;
    c->member.look = on_look;
    c->member.send = on_send;
    int on = 1;
    if (!peer->local)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    wr_socket_adopt(&c->socket, &worker->loop, fd, &calls);
    TAILQ_INSERT_TAIL(&worker->conns->list, c, entry);
    worker->conn_count++;
    WR_GAUGE_UP(connections_open);
    wr_socket_read(&c->socket, true);
    if (room == WR_CONNS_FULL) {
        c->state = WR_CONN_BUSY;
        wr_txn_start_refusal(c, WR_ERR_OVERLOADED, "too many connections");
        return;
    }
    expect_within(c, head_patience(c));
}

/* Has something arrived that hasn't been looked at yet? It may be the rest of a request, and to close the
 * socket now would reset it. */
static bool has_input(const struct wr_conn *c)
{
    char byte;
    return c->member.queued || recv(c->socket.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void wr_conns_drain(struct wr_worker *worker)
{
    struct wr_conn *c, *next;
    for (c = TAILQ_FIRST(&worker->conns->list); c; c = next) {
        next = TAILQ_NEXT(c, entry);
        if (c->state == WR_CONN_LINGER)
            expect_within(c, WR_SPAN_S(LINGER_WHOLE_S));
        if (c->state != WR_CONN_HEAD || c->pending.len > 0)
            continue;
        bool idle = c->requests > 0, half = c->to > c->from;
        if ((idle || half) && !has_input(c))
            wr_conn_kill(c);
        else /* its request may be on its way */
            expect_within(c, WR_SPAN_S(FIRST_WORDS_S));
    }
    wr_worker_check_idle(worker);
}

void wr_conns_cut(struct wr_worker *worker)
{
    struct wr_conn *c;
    while ((c = TAILQ_FIRST(&worker->conns->list)) != NULL)
        wr_conn_kill(c);
}
