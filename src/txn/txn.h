/* SPDX-License-Identifier: BSD-2-Clause */
/* A transaction: one request and its answer, along the stages of stages.def. The fields that a stage sets
 * stand in a group below. All functions run on the worker's thread. */
#pragma once

#include "cache/build.h"
#include "cache/cache_status.h"
#include "edit/edit.h"
#include "flight/flight.h"
#include "http/parse.h"
#include "log/access.h"
#include "txn/conn.h"
#include "txn/result.h"

#define WR_TXN_MAGIC 0x74786e31u

enum wr_txn_stage {
#define X(id, name) WR_TXN_##id,
#include "txn/stages.def"
#undef X
    WR_TXN_WAIT,   /* a stage returns this when it has started something that will wake the transaction */
    WR_TXN_DONE,   /* the transaction ends */
    WR_TXN_UNREAD, /* from READ: the head isn't whole, so there is no request yet */
};

/* NONE: no limit was asked. PENDING: Redis has yet to decide. PASSED, REFUSED: the decision. */
enum wr_limit_state { WR_LIMIT_NONE, WR_LIMIT_PENDING, WR_LIMIT_PASSED, WR_LIMIT_REFUSED };

/* The requests that the transaction's last fetch was for. */
enum wr_txn_fetch {
    WR_FETCH_SHARED, /* for all requests of the same object; or nothing was fetched */
    WR_FETCH_APART,  /* it waited for no other fetch, because of a pass marker or because the response was for
                        another client; its response may be stored */
    WR_FETCH_ALONE,  /* for this request only; nothing of it is stored */
};

/* UNASKED: it needs no memory, or there was enough. WAITS: in the worker's queue. GRANTED, REFUSED: how that
 * ended. */
enum wr_memory_wait { WR_MEMORY_UNASKED, WR_MEMORY_WAITS, WR_MEMORY_GRANTED, WR_MEMORY_REFUSED };

/* Fields that are reset together: t->field is t->group.field. */
#define WR_GROUP(group, ...) \
    union {                  \
        struct {             \
            __VA_ARGS__      \
        };                   \
        struct {             \
            __VA_ARGS__      \
        } group;             \
    }

/* Zeroed for each request, except for the fields behind `arena`. So no request ever reads what belonged to
 * the one before it. */
struct wr_txn {
    unsigned magic;
    enum wr_txn_stage stage;
    bool running, over;
    bool waited; /* its first turn is over: another callback may be on the stack when it ends */
    bool close;  /* the connection is closed after this transaction */
    struct wr_conn *conn;
    struct wr_worker *worker;
    struct wr_worker_policy *worker_policy;
    struct wr_wall started; /* wall clock */
    struct wr_mono started_mono;
    struct wr_span first;  /* from started_mono until its answer began */
    struct wr_timer whole; /* client.request_timeout; not set up where the policy has none */

    /* READ; also sets `parse`, `head` and `fields`, below */
    bool refused;           /* refused before there was a request: `head` is what wr_parse_salvage() found */
    bool body_open;         /* bytes of the request's body are still to come */
    struct wr_flow *upload; /* where those bytes go; NULL: no body */
    uint64_t received;      /* bytes of the body so far */
    struct wr_body_reader body; /* removes the body's framing; this and the next only with `upload` */
    struct wr_note upload_room; /* posted when the upload has room again */
    struct wr_upgrade *tunnel;  /* the protocol that the request asks to switch to, in the arena; or NULL */

    /* ROUTE */
    const struct wr_route *route;
    struct wr_slice host; /* in lower case, without port */

    /* IDENTIFY */
    unsigned char client_addr[16];
    bool identified;            /* this stage is done: the fields above and below are set */
    bool trusted_peer;          /* the peer's X-Forwarded-* is believed */
    struct wr_slice client;     /* the address as text; made by wr_txn_client() */
    struct wr_slice request_id; /* made by wr_txn_request_id() */

    /* EDIT */
    const struct wr_head
        *came; /* the request as the client sent it, where EDIT has changed `head`; or NULL */

    struct wr_txn_purges *purges; /* for the method PURGE; in the arena; or NULL */

    /* LIMIT */
    enum wr_limit_state limit; /* also sets `ask`, below */

    /* LOOKUP, FOLLOW */
    struct wr_request_rules rules;
    enum wr_memory_wait memory_wait;
    struct wr_mono memory_since; /* since when it waits for memory */
    TAILQ_ENTRY(wr_txn) memory_entry;
    struct wr_batch_parking parking;
    bool parked; /* it waits until the others of the batch have made their keys */
    struct wr_key primary, key;
    struct wr_slice vary_values;
    struct wr_object *marker, *stale;
    struct wr_object *copy; /* found in memory; Redis has to confirm it */
    struct wr_waiter waiter;
    unsigned again; /* how often it has been looked up again */
    enum wr_txn_fetch fetch;
    enum wr_fwd fwd;        /* why it was forwarded */
    const char *detail;     /* Cache-Status: detail, or NULL */
    struct wr_slice server; /* the server that answered or failed */

    /* the answer */
    /* clang-format off */
    WR_GROUP(
        answering,
        struct wr_object *object;    /* the response, or NULL: then `err` is set */
        enum wr_err err;             /* weir answers with its own response for this error */
        bool own;                    /* the route answers by itself: redirect or respond */
        const char *why;             /* details for that response, or NULL */
        enum wr_result result;
        bool stored;                 /* the response that was fetched goes into a store */
        int fwd_status;              /* the status that the origin answered with; 0: it didn't answer */
    );

    /* DELIVER; also uses `out` and `frame`, below */
    WR_GROUP(
        delivering,
        struct wr_invalidation *invalidation; /* the answer waits for this first; or NULL */
        struct wr_answer answer;
        int status;
        struct wr_slice stored_head; /* the part of the head that is sent as stored, before `out` */
        size_t head_sent, part;
        struct wr_flow_reader reader;
        struct wr_object *rest;      /* where the content goes on, when the first flow has left this reader
                                        behind or has broken off; or NULL */
        struct wr_txn_reread *reread; /* Redis is asked for the rest; in the arena; or NULL */
        bool rest_asked;             /* Redis or the origin was asked for the rest and hasn't answered yet */
        bool rest_last;              /* the origin has been asked: there is nobody else to ask */
        enum wr_err rest_why;        /* why the rest is needed; the answer is cut for this if nobody has it */
        uint64_t rest_from;          /* the offset in the content where the flow of `rest` begins */
        uint64_t left;               /* bytes of content still to send of this part; UINT64_MAX: until the end */
        bool chunked, no_content, head_done, wants_trailers;
        size_t frame_sent;
        uint64_t chunk_left;         /* bytes of the chunk still to send, with its CRLF */
        bool last_frame;
        uint64_t sent;               /* bytes of content sent */
    );
    /* clang-format on */

    struct wr_txn *next_spare;
    struct wr_deferred_free deferred;

    /* The fields from here on stay between two transactions and aren't zeroed: memory that is emptied and
     * used again; what READ sets before anything reads it; and `ask`, which is large and which LIMIT resets.
     */
    struct wr_arena arena;
    struct wr_buf out;   /* the part of the answer's head that is written per request */
    struct wr_buf frame; /* chunk-size line, part header, end */
    struct wr_parse parse;
    struct wr_head head; /* the request; it says how many of `fields` are set */
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_limit_ask
        ask; /* zeroed by LIMIT where a route has limits; holds verdicts when `limit` is PASSED or REFUSED */
};

/* --- stages: each returns the next stage, or WAIT --- */
#define X(id, name)                                            \
    enum wr_txn_stage wr_txn_##name##_enter(struct wr_txn *t); \
    enum wr_txn_stage wr_txn_##name##_resume(struct wr_txn *t);
#include "txn/stages.def"
#undef X

/* --- txn.c: the driver, and what the connection calls --- */
/* Starts a transaction with what is in the connection's buffer. Returns false if there is neither a whole nor
 * a broken head: then nothing has begun. The transaction may have ended before this returns. */
bool wr_txn_start(struct wr_conn *c);
/* Starts a transaction that refuses without having a request: 408, 503. why: as for wr_txn_refuse(). */
void wr_txn_start_refusal(struct wr_conn *c, enum wr_err err, const char *why);
/* Frees a transaction of the worker's pool. */
void wr_txn_free_spare(struct wr_txn *t);
/* Resumes the stage: the event that it waits for has happened. Callbacks end with this call. */
void wr_txn_wake(struct wr_txn *t);
/* Bytes of the body have come, or the client has stopped sending. */
void wr_txn_input(struct wr_txn *t);
/* The client hasn't sent the body at the pace that READ expects. */
void wr_txn_late(struct wr_txn *t);
/* The client has sent its last byte. Has it left, as far as the policy says, without what it waits for? */
bool wr_txn_is_left(const struct wr_txn *t);
/* The connection is gone: cancels all that the transaction has started, and ends it. */
void wr_txn_abort(struct wr_txn *t);

/* --- for the stages --- */
/* From now on client.request_timeout runs. */
void wr_txn_limit_time(struct wr_txn *t);
/* s10: makes the connection expect more of the body, at the pace that is due now. */
void wr_txn_expect_body(struct wr_txn *t);
/* s10: makes the upload, into which the body goes from then on. length: of framing LENGTH. */
void wr_txn_open_upload(struct wr_txn *t, enum wr_framing framing, uint64_t length);
/* s10: has more of the body to come before the origin is asked (client.buffer_body)? FOLLOW is woken then. */
bool wr_txn_awaits_body(const struct wr_txn *t);
/* Makes the answer weir's own response for `err`, and returns the next stage. why: details for that response,
 * or NULL; must be valid as long as the transaction. */
enum wr_txn_stage wr_txn_refuse(struct wr_txn *t, enum wr_err err, const char *why);
/* Sets the answer, in place of an earlier one. Takes over the reference; NULL: there is no answer yet, or it
 * is weir's own. */
void wr_txn_answer_with(struct wr_txn *t, struct wr_object *object, enum wr_result result);
/* Refuses input that could not be read as a request; returns the next stage. */
enum wr_txn_stage wr_txn_refuse_unread(struct wr_txn *t, enum wr_err err, const char *why);
/* Finds out the client's address: the peer's, or what a trusted peer says of the client. */
void wr_txn_identify(struct wr_txn *t);
/* Decides what to do with a response that was found stored; returns the next stage. Takes over the reference.
 * from_redis: for Cache-Status. */
enum wr_txn_stage wr_txn_consider(struct wr_txn *t, struct wr_object *object, bool from_redis);
/* LOOKUP's go_on(): the batch lets the transaction look up its key. */
void wr_txn_on_unparked(struct wr_batch_parking *p);
/* Looks up t->key, also once more after something was learnt; returns the next stage. */
enum wr_txn_stage wr_txn_look_up(struct wr_txn *t);
/* May a shared flight fetch on behalf of this transaction? */
bool wr_txn_may_fetch(const struct wr_txn *t);
/* Starts a fetch that waits for no other. Its response is judged, and stored if it may be. Returns the next
 * stage. */
enum wr_txn_stage wr_txn_fetch_apart(struct wr_txn *t, enum wr_fwd fwd);
/* Starts a fetch for this request only; nothing of it is stored. Returns the next stage. */
enum wr_txn_stage wr_txn_fetch_alone(struct wr_txn *t, enum wr_fwd fwd);
/* s20: the client's address as text, and the request's id. Both are made when first asked for, because a hit
 * without an access log needs neither. Empty before IDENTIFY. In the arena. */
struct wr_slice wr_txn_client(struct wr_txn *t);
struct wr_slice wr_txn_request_id(struct wr_txn *t);
/* s20: is the peer believed in what it says of the client? May be called before IDENTIFY. */
bool wr_txn_peer_trusted(const struct wr_txn *t);
/* s20: fills in the order's X-Forwarded-For. In the arena. */
void wr_txn_forwarded(struct wr_txn *t, struct wr_flight_order *order);
/* memory_wait.c: called before a fetch begins. Returns true if the request has to wait because there is no
 * memory for it: then it is woken when there is, or when it is refused (t->memory_wait). False after LOOKUP:
 * what has begun goes on. */
bool wr_txn_wait_for_memory(struct wr_txn *t) WR_MUST_USE;
/* memory_wait.c: stops waiting. Harmless when it doesn't wait. */
void wr_txn_leave_memory_wait(struct wr_txn *t);
/* memory_wait.c: lets those go on that have waited and may. */
void wr_txn_on_memory_timer(struct wr_timer *timer);
/* tunnel.c: called before the look-up. If the request asks for a protocol that its route lets through, its
 * body is what the client will send once the protocol has been switched. Returns false if there are too many
 * tunnels. */
bool wr_txn_ask_tunnel(struct wr_txn *t) WR_MUST_USE;
/* tunnel.c: the head of the answer is about to be sent: begins to take what the client sends, if it is a 101.
 */
void wr_txn_begin_tunnel(struct wr_txn *t);
/* tunnel.c: the transaction ends. Harmless without a tunnel. */
void wr_txn_leave_tunnel(struct wr_txn *t);
/* s50: the order for a flight. It borrows from the transaction. */
struct wr_flight_order wr_txn_order(struct wr_txn *t);
/* s50: the waiter's notify(). */
void wr_txn_on_result(struct wr_waiter *a);
/* rest.c: called when the flow has left its reader behind, or has broken off. Asks for what is still to come
 * of the same content. Returns false if nobody can be asked: then the answer has to be cut. */
bool wr_txn_ask_rest(struct wr_txn *t) WR_MUST_USE;
/* rest.c: takes what has come of that. ARRIVING: nothing yet. WHOLE: the reader goes on. BROKEN: the answer
 * has to be cut. */
enum wr_flow_state wr_txn_take_rest(struct wr_txn *t, void (*wake)(struct wr_flow_reader *));
/* rest.c: stops waiting for Redis. Harmless when it doesn't wait. */
void wr_txn_leave_rest(struct wr_txn *t);
/* The flow that the transaction reads now. */
static inline struct wr_flow *wr_txn_flow(const struct wr_txn *t)
{
    return t->rest ? t->rest->flow : t->object->flow;
}
/* The request as the client sent it. Logs, templates and the choice of an error's form read it; all else
 * reads `head`, which is the request as the origin gets it. */
static inline const struct wr_head *wr_txn_came(const struct wr_txn *t)
{
    return t->came ? t->came : &t->head;
}
/* s35: edits path and query, if the route does. To be called once, when head.query is what would be sent. */
void wr_txn_edit_target(struct wr_txn *t);
/* s35: edits the head in stored_head and `out`, before its empty line is written. */
void wr_txn_edit_head(struct wr_txn *t);
/* s35: append trailers, and the fields of a 1xx response, without those that the route removes from answers.
 */
void wr_txn_add_trailers(struct wr_txn *t, struct wr_slice trailers, struct wr_buf *out);
void wr_txn_add_interim(struct wr_txn *t, const struct wr_head *head, struct wr_buf *out);
/* s35: what the route's templates are filled from. uses: WR_USES() of the templates. */
struct wr_edit_source wr_txn_edit_source(struct wr_txn *t, unsigned uses);
/* s35: appends the fields that the edit writes to `out`. */
void wr_txn_edit_write(struct wr_txn *t, const struct wr_field_edits *edits);
/* own.c: makes the answer the route's own, which needs no origin; returns the next stage. */
enum wr_txn_stage wr_txn_answer_own(struct wr_txn *t);
/* own.c: writes it: a redirect or a fixed response. */
void wr_txn_write_own(struct wr_txn *t);
/* own.c: returns the policy's page for weir's own response (t->err) or for a response of the origin; NULL:
 * there is none, or the client prefers JSON. */
const struct wr_page *wr_txn_error_page(const struct wr_txn *t, int status);
/* own.c: writes the policy's page in place of the origin's response. Returns false if there is none. */
bool wr_txn_write_page(struct wr_txn *t);
/* answer.c: writes Cache-Status for t->object. */
void wr_txn_write_cache_status(struct wr_txn *t);
/* s40: have the limits decided? */
static inline bool wr_txn_limits_known(const struct wr_txn *t)
{
    return t->limit == WR_LIMIT_PASSED || t->limit == WR_LIMIT_REFUSED;
}
/* s40: did the limits wait for Redis in vain? Then the transaction doesn't wait for Redis again. */
static inline bool wr_txn_redis_was_late(const struct wr_txn *t)
{
    return wr_txn_limits_known(t) && t->ask.late;
}
/* s40: refuses as the limits say; returns the next stage. */
enum wr_txn_stage wr_txn_refuse_limited(struct wr_txn *t);
/* answer.c: sends a 1xx response of the origin to the client. */
void wr_txn_send_interim(struct wr_txn *t, const struct wr_head *head);
/* answer.c: writes the head for t->object. Sets answer, status, out, stored_head and how the content is
 * framed. */
void wr_txn_write_head(struct wr_txn *t);
/* answer.c: writes the fields that every answer carries. */
void wr_txn_write_common(struct wr_txn *t);
/* answer.c: writes what stands before part `index` of a multipart/byteranges (RFC 9110 14.6). index ==
 * part_count: what stands after the last part. */
void wr_txn_write_part_head(struct wr_txn *t, struct wr_buf *out, size_t index);
/* purge.c: starts a PURGE, if the client's address is allowed to; returns the next stage. */
enum wr_txn_stage wr_txn_purge(struct wr_txn *t);
/* purge.c: returns the next stage, once the PURGE has its result. */
enum wr_txn_stage wr_txn_purged(struct wr_txn *t);
/* purge.c: stops waiting for the PURGE. Harmless when it doesn't wait. */
void wr_txn_purge_cancel(struct wr_txn *t);
/* invalidate.c: purges what the answer to an unsafe method makes invalid (RFC 9111 4.4). Returns true if
 * Redis is being told: then the transaction is woken when Redis has confirmed, or after redis.timeout. */
bool wr_txn_invalidate(struct wr_txn *t);
/* invalidate.c: stops waiting for Redis. Harmless when it doesn't wait. */
void wr_txn_leave_invalidation(struct wr_txn *t);
/* reply.c: writes weir's own response for t->err. */
void wr_txn_write_reply(struct wr_txn *t);
