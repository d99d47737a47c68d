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

#define WR_SCRATCH (16 * 1024) /* octets of a head, of chunks' framing, and after a whole body, per read */
#define WR_MAX_ORIGIN_HEAD (64 * 1024)
#define WR_MAX_INTERIM 32    /* interim responses to one request */
#define WR_TURN (256 * 1024) /* octets moved for one exchange before the others have their turn */

struct wr_origin_conn {
    struct wr_socket socket;
    struct wr_origin_server *peer;
    struct wr_exchange_run *run; /* whom it serves; NULL: idle, or closed */
    bool used; /* has carried a whole exchange: the peer may close it any moment (RFC 9112 9.5) */
    struct wr_sockaddr at;
    struct wr_mono idle_since;
    TAILQ_ENTRY(wr_origin_conn) entry; /* of the peer's idle ones */
    struct wr_deferred_free deferred;
};
TAILQ_HEAD(wr_origin_conn_list, wr_origin_conn);
TAILQ_HEAD(wr_run_list, wr_exchange_run);

struct wr_origin_server {
    const struct wr_server *server;
    struct wr_origin *origin;
    struct wr_backend *backend;
    size_t index; /* in the origin */
    struct wr_origin_conn_list
        idle; /* used last first: the few that are needed stay warm, the rest time out */
    unsigned idle_count;
    unsigned open; /* connections, idle ones among them */
    struct wr_timer idle_timer;
    struct wr_addresses addresses; /* count 0: not known yet */
    struct wr_name_query refresh;  /* behind the back of pooled connections */
    size_t next_address;           /* several addresses take turns */
    char *host;                    /* "Host: name:port\r\n" for origins that don't see the client's */
    uint64_t seed;                 /* balance: hash */
    int64_t current;               /* balance: round_robin */
};

struct wr_origin {
    const struct wr_origin_policy *policy;
    struct wr_origins *origins;
    struct wr_origin_server *peers;
    size_t count;
    struct wr_origin_server **fit; /* balance.c's: room for all peers */
    struct wr_run_list queue;      /* every server has max_connections under way */
    struct wr_note vacancy;        /* a place has become free while some wait */
};

struct wr_origins {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_names *names; /* NULL: the policy names no host names */
    struct wr_origin *list; /* by the policy's index */
    size_t count;
    unsigned running; /* exchanges under way */
    bool closing;     /* freed when none is */
    struct wr_run_list spare;
    struct wr_run_list asking; /* their requests leave together, when the turn ends */
    struct wr_note ask;
    struct wr_deferred_free deferred;
    struct wr_field fields[WR_MAX_FIELDS]; /* of the head being handed over: one at a time */
    char scratch[WR_SCRATCH];
};

/* The sending half. What goes next over the connection: lead[at..], then octets of the body up to chunk_left.
 */
enum wr_lead { WR_LEAD_LINE, WR_LEAD_HOST, WR_LEAD_FIELDS, WR_LEAD_FRAME, WR_LEAD_COUNT };

struct wr_sending {
    struct wr_slice lead[WR_LEAD_COUNT];
    char frame[24]; /* the size of a chunk (RFC 9112 7.1) */
    uint64_t
        chunk_left; /* octets before the next frame, the chunk's end among them; not chunked: UINT64_MAX */
    bool last_chunk;
    bool done;          /* the request is on its way as a whole */
    bool refused;       /* the peer reads no more of it: an early answer may still come */
    struct wr_buf tail; /* the last chunk and the trailers */
    struct wr_flow_reader reader;
};

/* The receiving half. */
struct wr_receiving {
    struct wr_parse parse;
    struct wr_buf partial; /* a head that came in pieces */
    unsigned interims;
    bool begun;  /* an octet of an answer has come: never sent again */
    bool keep;   /* as far as the head says the connection lives on */
    bool excess; /* octets after the response: never trust the connection again */
    bool paused; /* the flow is full */
    struct wr_body_reader body;
    struct wr_flow *flow; /* counted */
};

enum wr_run_stage {
    WR_RUN_SPARE,
    WR_RUN_QUEUED,
    WR_RUN_RESOLVING,
    WR_RUN_CONNECTING,
    WR_RUN_ASKING,
    WR_RUN_BODY
};

struct wr_exchange_run {
    enum wr_run_stage stage;
    struct wr_exchange *x;
    struct wr_origins *origins;
    struct wr_origin *origin;
    struct wr_origin_server *pinned; /* this server and no other: active checks */
    bool careful;                    /* no server that has just failed */
    struct wr_mono asked_at;         /* monotonic: when the request left */
    struct wr_origin_server *peer;   /* the present try's */
    struct wr_origin_conn *conn;
    struct wr_timer deadline;
    struct wr_note room; /* the response's flow has room again; may come late: see on_room() */
    struct wr_name_query query;
    size_t address;            /* of the peer: where this try began ... */
    size_t addresses_left;     /* ... and how many are left to be tried */
    struct wr_mono connect_by; /* monotonic: the present try's end */
    unsigned resends;
    bool fresh;          /* no pooled connection any more */
    bool dequeued;       /* has waited its turn: the others in the queue come after it */
    struct wr_buf tried; /* by peer index: 1: could not be reached; empty: none yet */
    enum wr_err last;    /* how the last server failed */
    struct wr_sending out;
    struct wr_receiving in;
    bool asking;                        /* nothing has been sent yet */
    TAILQ_ENTRY(wr_exchange_run) entry; /* spare, queued or asking */
};

/* --- exchange.c --- */
/* As wr_exchange_start(), at one server whatever its health. */
enum wr_err wr_exchange_start_at(struct wr_exchange *x, struct wr_origin_server *peer) WR_MUST_USE;
/* Every one of these may end the run: nobody touches it afterwards unless its connection still says that it
 * is the run's. */
void wr_run_connected(struct wr_exchange_run *run,
                      enum wr_err err); /* the connection has been made, or hasn't */
void wr_run_writable(struct wr_exchange_run *run);
void wr_run_ask(struct wr_note *note);             /* for those that are asking */
void wr_run_dequeued(struct wr_exchange_run *run); /* its turn has come: it stands in no queue any more */
void wr_run_head(struct wr_exchange_run *run, const struct wr_head *head); /* the final head: calls on_head */
void wr_run_lost(struct wr_exchange_run *run); /* the peer closed before its answer was whole */
void wr_run_finish(struct wr_exchange_run *run, enum wr_err err); /* on_end, last */
/* Sets the deadline for what is waited for now; the time starts anew. */
void wr_run_wait(struct wr_exchange_run *run);

/* --- send.c --- */
/* Gets ready to send the request (again). ORIGIN_CLOSED: its body is no longer there from the first octet. */
enum wr_err wr_send_start(struct wr_exchange_run *run) WR_MUST_USE;
/* Sends what there is. CANCELLED or the like: the request itself broke off. */
enum wr_err wr_send_more(struct wr_exchange_run *run) WR_MUST_USE;
/* Whether it could be sent again from its first octet. */
bool wr_send_rewindable(const struct wr_exchange_run *run);
/* No more of the request's body is wanted. */
void wr_send_stop(struct wr_exchange_run *run);

/* --- receive.c --- */
void wr_receive_more(struct wr_exchange_run *run);
void wr_receive_resume(struct wr_exchange_run *run);

/* --- conn.c --- */
/* OK: run->conn is there, *connected or to be told by wr_run_connected(). Else as wr_socket_connect(). */
enum wr_err wr_origin_conn_open(struct wr_exchange_run *run, const struct wr_sockaddr *to,
                                bool *connected) WR_MUST_USE;
/* Closes it, whoever has it; its memory dies with the turn. */
void wr_origin_conn_close(struct wr_origin_conn *w);

/* --- pool.c --- */
void wr_origin_server_init(struct wr_origin_server *peer, struct wr_origin *origin, size_t index,
                           struct wr_backends *backends);
void wr_origin_server_fini(struct wr_origin_server *peer);
/* An idle connection, lent to the run; false: none. */
bool wr_pool_take(struct wr_origin_server *peer, struct wr_exchange_run *run);
/* The run gives its connection back, fit for the next. */
void wr_pool_give(struct wr_exchange_run *run);
/* No place for one more exchange at this server. */
bool wr_pool_full(const struct wr_origin_server *peer);
/* Room for one more connection: the oldest idle one makes way. */
void wr_pool_make_room(struct wr_origin_server *peer);
/* A connection is no longer in use: whoever waits for a place may go on. */
void wr_pool_vacancy(struct wr_origin *origin);
/* The peer's addresses are these from now on; idle connections to others are closed. */
void wr_pool_addresses(struct wr_origin_server *peer, const struct wr_addresses *found);

/* --- balance.c --- */
enum wr_pick { WR_PICK_PEER, WR_PICK_FULL, WR_PICK_DOWN, WR_PICK_NONE };
/* Chooses a server that the run hasn't tried. FULL: those fit to be asked are busy. DOWN: active checks say
 * that all are down. NONE: all have been tried. out NULL: only asks whether one could be chosen. */
enum wr_pick wr_balance_pick(struct wr_exchange_run *run, struct wr_origin_server **out);
