/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of this room, for its own files.
 *
 *   wr_origins              one per worker and policy
 *     wr_origin             one per origin of the policy: its peers, and who waits for one of them
 *       wr_origin_server    one per server of the policy: watches the addresses of its name
 *       wr_peer             one per address of a server: idle connections, how busy it is. This is what is
 *                           chosen, watched and left out
 *         wr_origin_conn    one connection: idle, or lent to a run
 *   wr_exchange_run         what an exchange has while it is under way; recycled
 *   wr_backend              what the process knows of an address: health and counters, shared by all workers
 *
 * A run goes CHOOSING -> RESOLVING? -> QUEUED? -> CONNECTING? -> ASKING -> BODY?, and back when it tries
 * again. Only exchange.c changes its stage. */
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

/* One connection. It belongs to its peer's pool while it is idle, and to a run while it is lent. */
struct wr_origin_conn {
    struct wr_socket socket;
    struct wr_peer *peer;
    struct wr_exchange_run *run; /* the run that uses it; NULL: it is idle or closed */
    bool used; /* has carried a whole exchange, so the peer may close it at any moment (RFC 9112 9.5) */
    struct wr_mono idle_since;
    TAILQ_ENTRY(wr_origin_conn) entry; /* in the peer's list of idle connections */
    struct wr_deferred_free deferred;
};
TAILQ_HEAD(wr_origin_conn_list, wr_origin_conn);
TAILQ_HEAD(wr_run_list, wr_exchange_run);

/* One address of a server, as one worker sees it. When its name doesn't lead here any more, it is *gone*: it
 * is not chosen again, and it is freed with its last connection and run. */
struct wr_peer {
    struct wr_origin_server *server;
    struct wr_sockaddr at;
    struct wr_backend *backend; /* counted */
    unsigned id;                /* no other peer of its wr_origins has ever had it */
    /* Used last first: so the few that are needed stay in use, and the rest time out. */
    struct wr_origin_conn_list idle;
    unsigned idle_count;
    unsigned open;    /* connections, including idle ones */
    unsigned uploads; /* runs that have it as their peer and whose request is still on its way to weir */
    struct wr_timer idle_timer;
    uint64_t seed;          /* for balance: hash */
    int64_t current;        /* for balance: round_robin */
    struct wr_probe *probe; /* its health checks; NULL: none on this loop */
    unsigned runs;          /* that have it as their peer */
    bool gone;
    struct wr_deferred_free deferred;
};

/* One server of an origin's policy. A literal address has one peer for ever; a name has as many as DNS says.
 */
struct wr_origin_server {
    const struct wr_server *policy;
    struct wr_origin *origin;
    struct wr_name_watch watch; /* of its name; a literal address watches nothing */
    enum wr_name_state state;   /* KNOWN for a literal address */
    char *host;                 /* "Host: name:port\r\n", for origins that don't get the client's Host */
};

/* How many requests may be sent again (retry.c). */
struct wr_retry_budget {
    double left;           /* in retries */
    struct wr_mono filled; /* when the reserve was last looked at */
};

/* The two lines of a queue: runs whose request weir has as a whole, and uploads (queue.c). */
enum wr_line { WR_LINE_WHOLE, WR_LINE_UPLOADS, WR_LINE_COUNT };

/* One origin of the policy, as one worker sees it. */
struct wr_origin {
    const struct wr_origin_policy *policy;
    struct wr_origins *origins;
    struct wr_origin_server *servers; /* as in the policy */
    struct wr_peer **peers;           /* of all servers, without those that are gone */
    size_t count;
    struct wr_peer **fit;         /* balance.c's list of peers to choose from; has room for all */
    struct wr_run_list resolving; /* runs that wait because no address is known */
    /* runs that wait because every peer has max_connections in use, longest first */
    struct wr_run_list queue[WR_LINE_COUNT];
    unsigned queued; /* in both lines */
    struct wr_retry_budget budget;
    uint64_t last_turn;     /* that a run in the queue has got */
    struct wr_note vacancy; /* posted when a place is free while runs wait */
};

/* All origins of one policy on one worker. */
struct wr_origins {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_backends *backends;
    bool probing;           /* its peers are those of the health checks */
    struct wr_origin *list; /* by the index in the policy */
    size_t count;
    unsigned last_id; /* of a peer */
    unsigned running; /* exchanges under way */
    bool closing;     /* freed when no exchange is under way any more */
    struct wr_run_list spare;
    struct wr_run_list asking; /* runs whose requests leave together at the end of the turn */
    struct wr_note ask;
    struct wr_deferred_free deferred;
    struct wr_field fields[WR_MAX_FIELDS]; /* of the head that is being handed over, one at a time */
    char scratch[WR_SCRATCH];
};

/* The sending half of a run. Next are sent over the connection: lead[at..], then bytes of the body, up to
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
    bool tunnel; /* the protocol has been switched */
    struct wr_body_reader body;
    struct wr_flow *flow; /* a counted reference */
};

/* How far a run has come. */
enum wr_run_stage {
    WR_RUN_SPARE,
    WR_RUN_CHOOSING,
    WR_RUN_QUEUED,
    WR_RUN_RESOLVING,
    WR_RUN_CONNECTING,
    WR_RUN_ASKING,
    WR_RUN_BODY
};

/* The state of an exchange that is under way. Recycled by its worker. */
struct wr_exchange_run {
    enum wr_run_stage stage;
    struct wr_exchange *x;
    struct wr_origins *origins;
    struct wr_origin *origin;
    const struct wr_patience *patience;
    bool pinned;             /* for active checks: the first peer and no other */
    bool careful;            /* don't use a peer that has just failed */
    struct wr_mono asked_at; /* monotonic: when the request was sent */
    struct wr_peer *peer;    /* of the present try; NULL: none was chosen yet */
    struct wr_origin_conn *conn;
    struct wr_timer deadline; /* for what no connection is waited for: a place, a name, slow readers */
    struct wr_timer whole;    /* total_timeout */
    struct wr_note room;      /* the response's flow has room again; may come late: see on_room() */
    unsigned resends;
    bool fresh;          /* use no pooled connection any more */
    bool dequeued;       /* has waited in the queue: the others there come after it */
    enum wr_line line;   /* while it waits there */
    uint64_t turn;       /* its place among those that wait or have waited there: the least is next */
    bool uploading;      /* counts as one of its peer's uploads */
    struct wr_buf tried; /* the ids of peers that have failed this run */
    enum wr_err last;    /* how the last peer failed */
    struct wr_sending out;
    struct wr_receiving in;
    bool asking;                        /* in origins->asking: nothing has been sent yet */
    TAILQ_ENTRY(wr_exchange_run) entry; /* in the list of spare, waiting or asking runs */
};

/* --- exchange.c --- */
/* As wr_exchange_start(), but at this peer, whatever its health. */
enum wr_err wr_exchange_start_at(struct wr_exchange *x, struct wr_peer *peer) WR_MUST_USE;
/* Each of the next functions may end the run. Afterwards the caller must not touch the run unless the
 * connection still belongs to it. */
/* The connection has been made, or has failed. */
void wr_run_connected(struct wr_exchange_run *run, enum wr_err err);
/* The connection takes more: sends what there is. */
void wr_run_writable(struct wr_exchange_run *run);
/* Sends the requests of all runs that are asking. */
void wr_run_ask(struct wr_note *note);
/* The turn of a run that waits has come: it chooses a peer. */
void wr_run_resume(struct wr_exchange_run *run);
/* Is there nothing to wait for any more: a peer to choose, or no address to come? For runs in `resolving`. */
bool wr_run_resolved(struct wr_exchange_run *run);
/* Takes the final head and calls on_head; or asks another server, if the policy wants that. */
void wr_run_head(struct wr_exchange_run *run, const struct wr_head *head);
/* The peer closed before its answer was whole. */
void wr_run_lost(struct wr_exchange_run *run);
/* Ends the run and calls on_end, last. */
void wr_run_finish(struct wr_exchange_run *run, enum wr_err err);
/* Something has moved: makes the connection expect what the run waits for now. */
void wr_run_wait(struct wr_exchange_run *run);
/* How long may the peer, that answers, be silent or take nothing? */
struct wr_span wr_run_idle(const struct wr_exchange_run *run);
/* The peer was late: it isn't connected, takes nothing of the request, or sends nothing of the response. */
void wr_run_late(struct wr_exchange_run *run, enum wr_way way);

/* --- send.c --- */
/* Gets ready to send the request, or to send it again. ORIGIN_CLOSED: its body is no longer there from the
 * first byte. */
enum wr_err wr_send_start(struct wr_exchange_run *run) WR_MUST_USE;
/* Sends as much as possible. An error is that of the request's flow, such as CANCELLED. */
enum wr_err wr_send_more(struct wr_exchange_run *run) WR_MUST_USE;
/* Is the request's body still on its way from the client? */
bool wr_send_uploads(const struct wr_exchange_run *run);
/* Could the request be sent again from its first byte? */
bool wr_send_rewindable(const struct wr_exchange_run *run);
/* Has the whole request been sent? One that asked in vain to switch the protocol has no body. */
bool wr_send_over(const struct wr_exchange_run *run);
/* Stops reading the request's body. */
void wr_send_stop(struct wr_exchange_run *run);
/* The peer takes no more of the request, but answers: sends no more. */
void wr_send_refused(struct wr_exchange_run *run);

/* --- receive.c: the first two may end the run --- */
/* Reads what has arrived: the head, or the body. */
void wr_receive_more(struct wr_exchange_run *run);
/* Reads on after a pause, because the response's flow has room again. */
void wr_receive_resume(struct wr_exchange_run *run);
/* Forgets what has come. */
void wr_receive_reset(struct wr_receiving *in);

/* --- conn.c --- */
/* Opens a connection to the run's peer. OK: run->conn is set; *connected, or wr_run_connected() follows, or
 * after `most` wr_run_late(). Else the error of wr_socket_connect(). */
enum wr_err wr_origin_conn_open(struct wr_exchange_run *run, struct wr_span most,
                                bool *connected) WR_MUST_USE;
/* Closes the connection, lent or idle. Its memory is freed at the end of the turn. */
void wr_origin_conn_close(struct wr_origin_conn *w);

/* --- peers.c --- */
/* Sets up an origin's servers, as far as their addresses are known. */
void wr_origin_servers_init(struct wr_origin *origin);
/* Lets all peers go and watches no name any more. Afterwards nothing of the process is used. */
void wr_origin_servers_leave(struct wr_origin *origin);
/* Frees the servers. By then no peer may be in use. */
void wr_origin_servers_fini(struct wr_origin *origin);
/* Makes the peer that of the run, in place of the one it had. NULL: it has none. */
void wr_peer_use(struct wr_exchange_run *run, struct wr_peer *peer);
/* The run isn't an upload of its peer any more: the request has been sent, or waits in the queue. */
void wr_peer_uploaded(struct wr_exchange_run *run);
/* Returns the health of the peer's address, or that its weight is 0. */
enum wr_health wr_peer_health(struct wr_peer *peer, struct wr_mono mono);
/* A connection to the peer has been closed. Frees the peer if it was the last use of one that is gone. */
void wr_peer_settle(struct wr_peer *peer);
/* Is the address of any server still being asked for? */
bool wr_origin_resolves(const struct wr_origin *origin);
/* Says why an origin without any peer has none; a constant. */
const char *wr_origin_why_none(const struct wr_origin *origin);

/* --- probe.c --- */
/* Starts the health checks of a peer, if its policy has any. Freed by wr_probe_free(); NULL is fine there. */
struct wr_probe *wr_probe_new(struct wr_peer *peer);
void wr_probe_free(struct wr_probe *p);

/* --- pool.c --- */
/* Lends the run an idle connection. Returns false if there is none. */
bool wr_pool_take(struct wr_peer *peer, struct wr_exchange_run *run);
/* Takes the run's connection back, ready for the next run. */
void wr_pool_give(struct wr_exchange_run *run);
/* Closes all idle connections. */
void wr_pool_clear(struct wr_peer *peer);
/* wr_peer.idle_timer has fired. */
void wr_pool_idle(struct wr_timer *t);
/* Is there no place for one more exchange at this peer? upload: its request's body is still on its way. */
bool wr_pool_full(const struct wr_peer *peer, bool upload);
/* Makes room for one more connection, by closing the one that has been idle longest. */
void wr_pool_make_room(struct wr_peer *peer);
/* A place is free: a run that waits for one may go on. */
void wr_pool_vacancy(struct wr_origin *origin);

/* --- retry.c --- */
/* Fills a new origin's budget. */
void wr_retry_init(struct wr_origin *origin);
/* The origin gets a request, so it may have some more retries. */
void wr_retry_earn(struct wr_origin *origin);
/* May the run's request be sent again? It may have reached a server. */
bool wr_retry_may(const struct wr_exchange_run *run);
/* Is another server to be asked? If so, that is taken from the budget. */
bool wr_retry_elsewhere(struct wr_exchange_run *run) WR_MUST_USE;

/* --- queue.c --- */
/* May the run use a free place, although others wait for one? */
bool wr_queue_passes_by(const struct wr_exchange_run *run);
/* Lets the run wait for a place. QUEUE_FULL: as many wait as may. */
enum wr_err wr_queue_join(struct wr_exchange_run *run) WR_MUST_USE;
/* The run doesn't wait any more. */
void wr_queue_leave(struct wr_exchange_run *run);
/* wr_origin.vacancy: the runs whose turn it is go on, while there are places. */
void wr_queue_vacancy(struct wr_note *note);

/* --- balance.c --- */
/* The result of choosing a peer. */
enum wr_pick { WR_PICK_PEER, WR_PICK_FULL, WR_PICK_NONE };
/* Chooses a peer that the run hasn't tried. FULL: the peers that could be used are busy. NONE: all
 * have been tried, or there is none. out NULL: only asks whether one could be chosen. */
enum wr_pick wr_balance_pick(struct wr_exchange_run *run, struct wr_peer **out);
