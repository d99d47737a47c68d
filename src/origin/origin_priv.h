/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share.
 *
 *   wr_origins            one per worker and policy
 *     wr_origin           one per origin of the policy: who waits for a free place
 *       wr_origin_server           one per server: idle connections, addresses, how busy it is
 *         wr_origin_conn         one connection: idle, or lent to a run
 *   wr_exchange_run       what an exchange has while it is under way; recycled
 *   wr_backend            what the process knows of a server's health; shared by all workers
 *
 * A run goes QUEUED? -> RESOLVING? -> CONNECTING? -> ASKING -> BODY?, and back when it tries again. Only
 * exchange.c changes its stage. */
#pragma once

#include "http/body.h"
#include "http/parse.h"
#include "net/names.h"
#include "net/socket.h"
#include "origin/exchange.h"
#include "origin/health_priv.h"
#include "stats/stats.h"

/* Bytes read at once: of a head, of the framing of chunks, and of what follows a whole body. */
#define WR_SCRATCH (16 * 1024)
#define WR_MAX_ORIGIN_HEAD (64 * 1024)
#define WR_MAX_INTERIM 32    /* interim responses to one request, at most */
#define WR_TURN (256 * 1024) /* bytes moved for one exchange before the others have their turn */

/* One connection. It belongs to its server's pool while it is idle, and to a run while it is lent. */
struct wr_origin_conn {
    struct wr_socket socket;
    struct wr_origin_server *peer;
    struct wr_exchange_run *run; /* the run that uses it; NULL: it is idle or closed */
    bool used; /* has carried a whole exchange, so the peer may close it at any moment (RFC 9112 9.5) */
    struct wr_sockaddr at;
    struct wr_mono idle_since;
    TAILQ_ENTRY(wr_origin_conn) entry; /* in the server's list of idle connections */
    struct wr_deferred_free deferred;
};
TAILQ_HEAD(wr_origin_conn_list, wr_origin_conn);
TAILQ_HEAD(wr_run_list, wr_exchange_run);

/* One server of an origin, as one worker sees it. */
struct wr_origin_server {
    const struct wr_server *server;
    struct wr_origin *origin;
    struct wr_backend *backend;
    size_t index; /* in its origin */
    /* Used last first: so the few that are needed stay in use, and the rest time out. */
    struct wr_origin_conn_list idle;
    unsigned idle_count;
    unsigned open; /* connections, including idle ones */
    struct wr_timer idle_timer;
    struct wr_addresses addresses; /* count 0: not known yet */
    struct wr_name_query refresh;  /* asks for the addresses anew while pooled connections are in use */
    size_t next_address;           /* several addresses take turns: the one to begin with */
    char *host;                    /* "Host: name:port\r\n", for origins that don't get the client's Host */
    uint64_t seed;                 /* for balance: hash */
    int64_t current;               /* for balance: round_robin */
};

/* One origin of the policy, as one worker sees it. */
struct wr_origin {
    const struct wr_origin_policy *policy;
    struct wr_origins *origins;
    struct wr_origin_server *peers;
    size_t count;
    struct wr_origin_server **fit; /* balance.c's list of servers to choose from; has room for all */
    struct wr_run_list queue;      /* runs that wait because every server has max_connections in use */
    struct wr_note vacancy;        /* posted when a place is free while runs wait */
};

/* All origins of one policy on one worker. */
struct wr_origins {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_names *names; /* NULL: no server of the policy has a host name */
    struct wr_origin *list; /* by the index in the policy */
    size_t count;
    unsigned running; /* exchanges under way */
    bool closing;     /* freed when no exchange is under way any more */
    struct wr_run_list spare;
    struct wr_run_list asking; /* runs whose requests leave together at the end of the turn */
    struct wr_note ask;
    struct wr_deferred_free deferred;
    struct wr_field fields[WR_MAX_FIELDS]; /* of the head that is being handed over, one at a time */
    char scratch[WR_SCRATCH];
};

/* The sending half of a run. What is sent next over the connection: lead[at..], then bytes of the body, up to
 * chunk_left. */
enum wr_lead { WR_LEAD_LINE, WR_LEAD_HOST, WR_LEAD_FIELDS, WR_LEAD_FRAME, WR_LEAD_COUNT };

struct wr_sending {
    struct wr_slice lead[WR_LEAD_COUNT];
    char frame[24];      /* the line with a chunk's size (RFC 9112 7.1) */
    uint64_t chunk_left; /* bytes until the next frame, including the chunk's end; not chunked: UINT64_MAX */
    bool last_chunk;
    bool done;          /* the whole request has been sent */
    bool refused;       /* the peer reads no more of the request; an early answer may still come */
    struct wr_buf tail; /* the last chunk and the trailers */
    struct wr_flow_reader reader;
};

/* The receiving half of a run. */
struct wr_receiving {
    struct wr_parse parse;
    struct wr_buf partial;   /* what has come of a head that isn't whole yet */
    struct wr_charge charge; /* `partial` as memory in flight */
    unsigned interims;
    bool begun;  /* a byte of an answer has come, so the request is never sent again */
    bool keep;   /* the head allows the connection to be used again */
    bool excess; /* bytes came after the response: never use the connection again */
    bool paused; /* not reading, because the flow is full */
    struct wr_body_reader body;
    struct wr_flow *flow; /* a counted reference */
};

/* How far a run has come. */
enum wr_run_stage {
    WR_RUN_SPARE,
    WR_RUN_QUEUED,
    WR_RUN_RESOLVING,
    WR_RUN_CONNECTING,
    WR_RUN_ASKING,
    WR_RUN_BODY
};

/* What an exchange has while it is under way. Recycled by its worker. */
struct wr_exchange_run {
    enum wr_run_stage stage;
    struct wr_exchange *x;
    struct wr_origins *origins;
    struct wr_origin *origin;
    struct wr_origin_server *pinned; /* for active checks: this server and no other */
    bool careful;                    /* don't use a server that has just failed */
    struct wr_mono asked_at;         /* monotonic: when the request was sent */
    struct wr_origin_server *peer;   /* the server of the present try */
    struct wr_origin_conn *conn;
    struct wr_timer deadline; /* for what no connection is waited for: a place, a name, slow readers */
    struct wr_timer whole;    /* total_timeout */
    struct wr_note room;      /* the response's flow has room again; may come late: see on_room() */
    struct wr_name_query query;
    size_t address;            /* the index of the server's address with which this try began */
    size_t addresses_left;     /* number of addresses that are left to be tried */
    struct wr_mono connect_by; /* monotonic: when the present try ends */
    unsigned resends;
    bool fresh;          /* use no pooled connection any more */
    bool dequeued;       /* has waited in the queue: the others there come after it */
    struct wr_buf tried; /* by the server's index; 1: could not be reached; empty: no server was tried */
    enum wr_err last;    /* how the last server failed */
    struct wr_sending out;
    struct wr_receiving in;
    bool asking;                        /* in origins->asking: nothing has been sent yet */
    TAILQ_ENTRY(wr_exchange_run) entry; /* in the list of spare, queued or asking runs */
};

/* --- exchange.c --- */
/* As wr_exchange_start(), but at this server, whatever its health. */
enum wr_err wr_exchange_start_at(struct wr_exchange *x, struct wr_origin_server *peer) WR_MUST_USE;
/* Each of the next functions may end the run. Afterwards the caller must not touch the run unless the
 * connection still belongs to it. */
/* The connection has been made, or has failed. */
void wr_run_connected(struct wr_exchange_run *run, enum wr_err err);
/* The connection takes more: sends what there is. */
void wr_run_writable(struct wr_exchange_run *run);
/* Sends the requests of all runs that are asking. */
void wr_run_ask(struct wr_note *note);
/* Its turn has come: it has been taken out of the queue. */
void wr_run_dequeued(struct wr_exchange_run *run);
/* Takes the final head and calls on_head. */
void wr_run_head(struct wr_exchange_run *run, const struct wr_head *head);
/* The peer closed before its answer was whole. */
void wr_run_lost(struct wr_exchange_run *run);
/* Ends the run and calls on_end, last. */
void wr_run_finish(struct wr_exchange_run *run, enum wr_err err);
/* Something has moved: makes the connection expect what the run waits for now. */
void wr_run_wait(struct wr_exchange_run *run);
/* The peer was late: it isn't connected, takes nothing of the request, or sends nothing of the response. */
void wr_run_late(struct wr_exchange_run *run, enum wr_way way);

/* --- send.c --- */
/* Gets ready to send the request, or to send it again. ORIGIN_CLOSED: its body is no longer there from the
 * first byte. */
enum wr_err wr_send_start(struct wr_exchange_run *run) WR_MUST_USE;
/* Sends as much as possible. An error is that of the request's flow, such as CANCELLED. */
enum wr_err wr_send_more(struct wr_exchange_run *run) WR_MUST_USE;
/* Could the request be sent again from its first byte? */
bool wr_send_rewindable(const struct wr_exchange_run *run);
/* Stops reading the request's body. */
void wr_send_stop(struct wr_exchange_run *run);
/* The peer takes no more of the request, but answers: sends no more. */
void wr_send_refused(struct wr_exchange_run *run);

/* --- receive.c: both may end the run --- */
/* Reads what has arrived: the head, or the body. */
void wr_receive_more(struct wr_exchange_run *run);
/* Reads on after a pause, because the response's flow has room again. */
void wr_receive_resume(struct wr_exchange_run *run);

/* --- conn.c --- */
/* Opens a connection for the run. OK: run->conn is set; *connected, or wr_run_connected() follows, or after
 * `most` wr_run_late(). Else the error of wr_socket_connect(). */
enum wr_err wr_origin_conn_open(struct wr_exchange_run *run, const struct wr_sockaddr *to,
                                struct wr_span most, bool *connected) WR_MUST_USE;
/* Closes the connection, lent or idle. Its memory is freed at the end of the turn. */
void wr_origin_conn_close(struct wr_origin_conn *w);

/* --- pool.c --- */
/* Sets up an embedded server by the policy's entry `index`, and takes it down; by then no connection may be
 * open. */
void wr_origin_server_init(struct wr_origin_server *peer, struct wr_origin *origin, size_t index,
                           struct wr_backends *backends);
void wr_origin_server_fini(struct wr_origin_server *peer);
/* Lends the run an idle connection. Returns false if there is none. */
bool wr_pool_take(struct wr_origin_server *peer, struct wr_exchange_run *run);
/* Takes the run's connection back, ready for the next run. */
void wr_pool_give(struct wr_exchange_run *run);
/* Is there no place for one more exchange at this server? */
bool wr_pool_full(const struct wr_origin_server *peer);
/* Makes room for one more connection, by closing the one that has been idle longest. */
void wr_pool_make_room(struct wr_origin_server *peer);
/* A connection is no longer in use: a run that waits for a place may go on. */
void wr_pool_vacancy(struct wr_origin *origin);
/* Sets the server's addresses. Idle connections to other addresses are closed. */
void wr_pool_addresses(struct wr_origin_server *peer, const struct wr_addresses *found);

/* --- balance.c --- */
/* The result of choosing a server. */
enum wr_pick { WR_PICK_PEER, WR_PICK_FULL, WR_PICK_DOWN, WR_PICK_NONE };
/* Chooses a server that the run hasn't tried. FULL: the servers that could be used are busy. DOWN: the active
 * checks of all servers fail. NONE: all have been tried. out NULL: only asks whether one could be chosen. */
enum wr_pick wr_balance_pick(struct wr_exchange_run *run, struct wr_origin_server **out);
