/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's connection: its socket, the bytes that have been read and not used yet, and at most one
 * transaction.
 *
 * Responses keep the order of requests, because the next request waits in the buffer until the transaction
 * before it has ended. An idle connection holds no buffer and no transaction. Thread: the worker's. */
#pragma once

#include "http/body.h"
#include "net/budget.h"
#include "net/proxy.h"
#include "net/socket.h"
#include "txn/batch.h"
#include "worker/worker.h"

#define WR_CONN_BUFFER (64 * 1024) /* bytes; a request's head must fit into it */
#define WR_CONN_MAGIC 0x636f6e6eu
#define WR_CONNS_REFUSED 64 /* connections beyond the bound that are open to be told so, at most */

struct wr_txn;

enum wr_conn_state {
    WR_CONN_HEAD,   /* waits for a request's head, or the rest of it */
    WR_CONN_BUSY,   /* a transaction runs */
    WR_CONN_LINGER, /* the last answer has been sent: reads what the client still sends, so that the client
                       can read the answer */
};

/* The other end: the client, or the proxy in front of it. */
struct wr_conn_peer {
    unsigned char addr[16]; /* an IPv4 address is mapped (RFC 4291 2.5.5.2); zero for a Unix socket */
    bool local;             /* a Unix socket */
    uint16_t port;
    enum wr_proxy_who who; /* whom the PROXY header names; CLIENT if there is no such header */
    bool secure;           /* the PROXY header says that the client used TLS */
};

/* Is there room for another client, over all workers? */
enum wr_conns_room {
    WR_CONNS_ROOM,
    WR_CONNS_FULL,    /* it is told that there isn't (503) */
    WR_CONNS_CROWDED, /* so many are being told that this one is closed at once; it isn't counted */
};

/* The things that a worker's connections and transactions share. Thread: the worker's. */
struct wr_conns {
    TAILQ_HEAD(, wr_conn) list; /* worker->conn_count connections */
    struct wr_batch *batch;
    struct wr_txn *spare_txns; /* memory kept for the next transactions */
    unsigned spare_txn_count;
    char *spare_buffers; /* memory kept for the next buffers, linked through their first bytes */
    unsigned spare_buffer_count;
    TAILQ_HEAD(, wr_txn) memory_waiters; /* the one that waits longest first: memory_wait.c */
    struct wr_timer memory_timer;        /* set while any waits */
};

struct wr_conn {
    unsigned magic;
    enum wr_conn_state state;
    struct wr_socket socket;
    struct wr_worker *worker;
    const struct wr_listen *listen; /* where it was accepted */
    bool eof;                       /* the end of what the client sends has been read */
    bool partial;                   /* the buffer holds part of a head, and header_timeout runs */
    bool wants_proxy;               /* a PROXY header must come first */
    bool looking;                   /* the requests in the buffer are being started one after another */
    char *buffer;                   /* NULL when idle */
    size_t base;     /* a running transaction's head lies before this offset and must not move */
    size_t from, to; /* offsets of the bytes that have been read and not used */
    size_t scanned;  /* how many bytes have been searched for the end of a head */
    struct wr_txn *txn;
    uint64_t requests;
    TAILQ_ENTRY(wr_conn) entry;
    struct wr_batch_member member;
    struct wr_conn_peer peer;
    struct wr_charge buffer_charge, pending_charge; /* what `buffer` and `pending` hold in flight */
    struct wr_buf pending; /* small answers and 1xx that the socket hasn't taken yet; they are sent first */
    struct wr_deferred_free deferred;
};

/* Makes what the connections of a worker share. The worker owns it. Thread: start. */
struct wr_conns *wr_conns_new(struct wr_worker *worker);
/* Frees it once all connections and the worker's loop have ended. Thread: start. */
void wr_conns_free(struct wr_conns *c);

/* Counts one more client of the process. Returns whether there is room for it; see enum wr_conns_room. */
enum wr_conns_room wr_conns_enter(struct wr_worker *worker) WR_MUST_USE;
/* The client has gone. */
void wr_conns_leave(struct wr_worker *worker);

/* Starts a connection; takes over the socket `fd`. `listen` outlives it. The connection frees itself when it
 * ends. wants_proxy: a PROXY header must come first. Thread: the worker's. */
void wr_conn_new(struct wr_worker *worker, int fd, const struct wr_listen *listen,
                 const struct wr_conn_peer *peer, bool wants_proxy);
/* The transaction has ended. keep: the connection may carry another request; else it is closed. unread: the
 * rest of the request may still be coming, and is read for a while so that the client gets its answer. */
void wr_conn_next(struct wr_conn *c, bool keep, bool unread);
/* Closes the connection at once, and ends its transaction. Frees nothing before the end of the loop's turn.
 */
void wr_conn_kill(struct wr_conn *c);
/* The process finishes: closes connections that are idle or have sent half a head; those that have sent
 * nothing yet have a second, and those that have had their last answer two. The others are closed after their
 * answer. */
void wr_conns_drain(struct wr_worker *worker);
/* Closes all connections at once. */
void wr_conns_cut(struct wr_worker *worker);

/* --- for the transaction --- */
/* The bytes that have been read and not used. Valid until the next read. */
struct wr_slice wr_conn_input(struct wr_conn *c);
/* Takes this many bytes off the front of the input, because they have been used. */
void wr_conn_eat(struct wr_conn *c, size_t bytes);
/* A whole head has been read: until wr_conn_next() the connection is its transaction's. */
void wr_conn_begin(struct wr_conn *c);
/* More of the request's body is wanted, at this pace: wr_txn_late() is called if the client doesn't keep it.
 */
void wr_conn_expect(struct wr_conn *c, const struct wr_pace *pace);
/* Nothing more is wanted of the client for now. read: pipelined requests are read nevertheless. */
void wr_conn_expect_nothing(struct wr_conn *c, bool read);
/* Sends. Returns how many bytes were taken, or -1 if the client has gone. If fewer than all were taken, the
 * transaction is woken when there is room; a client that takes nothing for client.send_timeout loses its
 * connection. A small answer is staged, so that the answers to pipelined
 * requests leave together. */
ssize_t wr_conn_send(struct wr_conn *c, const struct iovec *iov, int count);
/* There is more to send, but other connections go first: the transaction is woken in the next turn. */
void wr_conn_yield(struct wr_conn *c);
/* Sends a small interim (1xx) response, or keeps it until the socket has room. */
void wr_conn_send_interim(struct wr_conn *c, struct wr_slice bytes);
