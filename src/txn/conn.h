/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's connection: its socket, what has been read and not used yet, and at most one transaction at a
 * time.
 *
 * Replies keep the order of requests because the next request waits in the buffer until the transaction
 * before it has ended. An idle connection holds no buffer and no transaction.
 *
 * Its event is edge-triggered and stands from the first to the last: no request needs epoll_ctl. So what the
 * socket said is remembered (`readable`) until a read has shown that there is no more. Thread: the worker's.
 */
#pragma once

#include <event2/event_struct.h>

#include "http/body.h"
#include "net/proxy.h"
#include "txn/batch.h"
#include "worker/worker.h"

#define WR_CONN_BUFFER (64 * 1024)
#define WR_CONN_MAGIC 0x636f6e6eu

struct wr_txn;

enum wr_conn_state {
    WR_CONN_HEAD,   /* waits for a request's head, or the rest of it */
    WR_CONN_BUSY,   /* a transaction runs */
    WR_CONN_LINGER, /* the last answer is out: reads what the client still sends, so that it can read the
                       answer */
};

struct wr_conn_peer {
    unsigned char addr[16]; /* IPv4 mapped; zero for a Unix socket */
    bool local;             /* a Unix socket */
    uint16_t port;
    enum wr_proxy_who who; /* CLIENT where no header comes first, too */
    bool secure;           /* the header says that the client spoke TLS */
};

/* What a worker's connections and transactions share. Thread: the worker's. */
struct wr_conns {
    TAILQ_HEAD(, wr_conn) list; /* worker->conn_count of them */
    struct wr_batch *batch;     /* what has arrived in this turn, and the answers that leave with its end */
    struct wr_txn *spare_txns;  /* kept for the next ones */
    unsigned spare_txn_count;
    char *spare_buffers; /* linked through their first bytes */
    unsigned spare_buffer_count;
};

struct wr_conn {
    unsigned magic;
    enum wr_conn_state state;
    int fd;
    struct event event;
    struct wr_worker *worker;
    bool reading;     /* octets are wanted */
    bool readable;    /* there may be some */
    bool hung_up;     /* the client has sent its last: reads until the end */
    bool writing;     /* room in the socket is waited for */
    bool eof;         /* the client sends no more */
    bool partial;     /* a part of a head is in the buffer, and the clock runs */
    bool wants_proxy; /* a PROXY header comes first */
    bool looking;     /* requests in the buffer are being started one after another */
    char *buffer;     /* NULL when idle */
    size_t base;      /* a running transaction's head lies before this and must not move */
    size_t from, to;  /* what is in it and not used */
    size_t scanned;   /* how far the end of a head has been looked for */
    struct wr_txn *txn;
    uint64_t requests;
    struct wr_timer timer;
    TAILQ_ENTRY(wr_conn) entry;
    struct wr_batch_member member;
    struct wr_conn_peer peer;
    struct wr_buf pending; /* whole small answers and 1xx that the socket did not take yet: before all else */
    struct wr_deferred_free deferred;
};

/* One for each worker. Thread: start. */
struct wr_conns *wr_conns_new(struct wr_worker *worker);
/* Once all of them have ended, and the worker's loop. Thread: start. */
void wr_conns_free(struct wr_conns *c);

/* Takes over the socket. Thread: the worker's. */
void wr_conn_new(struct wr_worker *worker, int fd, const struct wr_conn_peer *peer, bool wants_proxy);
/* The transaction has ended; keep: the connection may carry another request. */
void wr_conn_next(struct wr_conn *c, bool keep);
/* Ends it at once, and its transaction with it. */
void wr_conn_kill(struct wr_conn *c);
/* Draining: idle connections end now (those that have asked nothing yet, after a second), the others after
 * their answer. */
void wr_conns_drain(struct wr_worker *worker);
/* All connections end now. */
void wr_conns_cut(struct wr_worker *worker);

/* --- for the transaction --- */
struct wr_slice wr_conn_input(struct wr_conn *c);
void wr_conn_eat(struct wr_conn *c, size_t octets);
/* A request has been read: until wr_conn_next() the connection is its transaction's. */
void wr_conn_begin(struct wr_conn *c);
/* Read on: more of the request's body is wanted (or not). */
void wr_conn_want_read(struct wr_conn *c, bool on);
/* Sends; what the socket took, or -1: the client has gone. Less than all: the transaction is woken when there
 * is room. Small answers to pipelined requests are taken at once and leave together. */
ssize_t wr_conn_send(struct wr_conn *c, const struct iovec *iov, int count);
/* There is more to send, but others first: the transaction is woken in the next turn. */
void wr_conn_yield(struct wr_conn *c);
/* Sends, or keeps until it can: small interim responses. */
void wr_conn_send_interim(struct wr_conn *c, struct wr_slice octets);
