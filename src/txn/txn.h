/* SPDX-License-Identifier: BSD-2-Clause */
/* A transaction: one request and its answer, along the stages of stages.def. What each stage learns stands in
 * its own group below. Thread: the worker's. */
#pragma once

#include "cache/build.h"
#include "cache/cache_status.h"
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
    WR_TXN_WAIT, /* something has been started that will wake it */
    WR_TXN_DONE,
    WR_TXN_UNREAD, /* READ: the head isn't whole, so there is no request yet */
};

enum wr_limit_state { WR_LIMIT_NONE, WR_LIMIT_PENDING, WR_LIMIT_PASSED, WR_LIMIT_REFUSED };

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

/* Zeroed for each request, but for what stands after `arena`. So nothing of a request is ever read by the
 * next one. */
struct wr_txn {
    unsigned magic;
    enum wr_txn_stage stage;
    bool running, over;
    bool waited; /* it has left its first turn: somebody's callback may be on the stack when it ends */
    bool close;  /* the connection ends with it */
    struct wr_conn *conn;
    struct wr_worker *worker;
    struct wr_worker_policy *worker_policy;
    struct wr_wall started; /* wall clock */
    struct wr_mono started_mono;
    struct wr_span first; /* from there until its answer began */

    /* READ, with `parse`, `head` and `fields`, below */
    bool refused;           /* a refusal before there was a request: head is what wr_parse_salvage() says */
    bool body_open;         /* octets of its body are still to come */
    struct wr_flow *upload; /* where they go; NULL: no body */
    uint64_t received;
    struct wr_body_reader body; /* takes the framing off its body; this and the next only with `upload` */
    struct wr_note upload_room; /* the upload has room again */

    /* ROUTE */
    const struct wr_route *route;
    struct wr_slice host; /* lower case, without port */

    /* IDENTIFY */
    unsigned char client_addr[16];
    bool identified;            /* it has come so far: what stands above and below is known */
    bool trusted_peer;          /* its X-Forwarded-* is believed */
    struct wr_slice client;     /* as text; wr_txn_client() */
    struct wr_slice request_id; /* wr_txn_request_id() */

    struct wr_txn_purges *purges; /* of a PURGE; in the arena */

    /* LIMIT */
    enum wr_limit_state limit; /* and `ask`, below */

    /* LOOKUP, FOLLOW */
    struct wr_request_rules rules;
    struct wr_batch_parking parking;
    bool parked; /* for the others of the batch to make their keys too */
    struct wr_key primary, key;
    struct wr_slice vary_values;
    struct wr_object *marker, *stale;
    struct wr_object *copy; /* found in memory, and Redis has to say whether it is still right */
    struct wr_waiter waiter;
    unsigned again;  /* how often it has been looked up anew */
    bool alone;      /* a flight of its own */
    bool apart;      /* it waits for nobody: a pass marker stands there, or what came was for somebody else */
    enum wr_fwd fwd; /* why it was forwarded */
    const char *detail;     /* the same in one word more; or NULL */
    struct wr_slice server; /* whom the origin's answer, or failure, is from */

    /* what is answered */
    /* clang-format off */
    WR_GROUP(
        answering,
        struct wr_object *object;    /* from here, ... */
        enum wr_err err;             /* ... or weir's own response for this */
        const char *why;
        enum wr_result result;
        bool stored;                 /* what was fetched goes into the store */
        int fwd_status;              /* what the origin answered; 0: nothing */
    );

    /* DELIVER, with `out` and `frame`, below */
    WR_GROUP(
        delivering,
        struct wr_invalidation *invalidation; /* what is waited for first, or NULL */
        struct wr_answer answer;
        int status;
        struct wr_slice stored_head; /* what of it goes out as stored, before `out` */
        size_t head_sent, part;
        struct wr_flow_reader reader;
        struct wr_object *rest;      /* where the content goes on, when its flow has left this one behind or
                                        broken off; or NULL */
        struct wr_txn_reread *reread; /* Redis is asked for it; in the arena; or NULL */
        bool rest_asked;             /* who is to bring it hasn't said yet */
        bool rest_last;              /* the origin has been asked: there is nobody else */
        enum wr_err rest_why;        /* why it is asked for, and the answer is cut if nobody has it */
        uint64_t rest_from;          /* what offset in the content its flow begins at */
        uint64_t left;               /* octets of content still to send of this part; UINT64_MAX: until the end */
        bool chunked, no_content, head_done, wants_trailers;
        size_t frame_sent;
        uint64_t chunk_left;         /* of its content and its end */
        bool last_frame;
        uint64_t sent;
    );
    /* clang-format on */

    struct wr_txn *next_spare;
    struct wr_deferred_free deferred;

    /* What stands from here on stays between two transactions and isn't zeroed: warm memory that is emptied;
     * what READ sets before anybody reads it; and `ask`, which is large and has a reset of its own. */
    struct wr_arena arena;
    struct wr_buf out;   /* what of the head is written per request */
    struct wr_buf frame; /* chunk-size line, part header, end */
    struct wr_parse parse;
    struct wr_head head; /* the request; from then on `fields` are as many as it says */
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_limit_ask
        ask; /* zeroed by LIMIT where a route has limits; its verdicts are there with PASSED and REFUSED */
};

/* --- stages --- */
#define X(id, name)                                            \
    enum wr_txn_stage wr_txn_##name##_enter(struct wr_txn *t); \
    enum wr_txn_stage wr_txn_##name##_resume(struct wr_txn *t);
#include "txn/stages.def"
#undef X

/* --- txn.c: the driver and its outside --- */
/* Begins with what is in the connection's buffer. false: no whole head (nor a broken one) is, and nothing has
 * begun. The transaction may have ended before this returns. */
bool wr_txn_start(struct wr_conn *c);
/* A refusal without a request: 408, 503. */
void wr_txn_start_refusal(struct wr_conn *c, enum wr_err err, const char *why);
/* Frees one of the worker's pool. */
void wr_txn_free_spare(struct wr_txn *t);
/* What the stage waits for has happened. */
void wr_txn_wake(struct wr_txn *t);
/* Octets of the body have come, or the end of the client's sending. */
void wr_txn_input(struct wr_txn *t);
/* The connection's timer has fired. */
void wr_txn_timeout(struct wr_txn *t);
/* The connection is gone: everything it has started is cancelled. */
void wr_txn_abort(struct wr_txn *t);

/* --- for the stages --- */
/* The next stage for an answer of weir's own. why: more than err says, or NULL; holds as long as the
 * transaction. */
enum wr_txn_stage wr_txn_refuse(struct wr_txn *t, enum wr_err err, const char *why);
/* This is the answer, in place of what was before. Takes the reference; NULL: there is none yet, or it is
 * weir's own. */
void wr_txn_answer_with(struct wr_txn *t, struct wr_object *object, enum wr_result result);
/* What has come could not be read as a request. */
enum wr_txn_stage wr_txn_refuse_unread(struct wr_txn *t, enum wr_err err, const char *why);
/* Who asks: the client's address, from the peer's and what it may say of others. */
void wr_txn_identify(struct wr_txn *t);
/* Judges an object found anywhere and names the next stage; takes the reference. from_redis: for
 * Cache-Status. */
enum wr_txn_stage wr_txn_consider(struct wr_txn *t, struct wr_object *object, bool from_redis);
/* For LOOKUP's parking: the batch has let it look up its key. */
void wr_txn_on_unparked(struct wr_batch_parking *p);
/* LOOKUP once more, with what has been learnt. */
enum wr_txn_stage wr_txn_look_up(struct wr_txn *t);
/* May a shared flight fetch on its behalf? */
bool wr_txn_may_fetch(const struct wr_txn *t);
/* A fetch that waits for nobody; what it brings is judged, and stored if it may be. */
enum wr_txn_stage wr_txn_fetch_apart(struct wr_txn *t, enum wr_fwd fwd);
/* A fetch of its own, of which nothing is kept. */
enum wr_txn_stage wr_txn_fetch_alone(struct wr_txn *t, enum wr_fwd fwd);
/* s30: who asks, as text, and the request's id: both made when first asked for, as a hit without an access
 * log needs neither. Empty before IDENTIFY. In the arena. */
struct wr_slice wr_txn_client(struct wr_txn *t);
struct wr_slice wr_txn_request_id(struct wr_txn *t);
/* s30: is what the peer says of others believed? Before IDENTIFY too. */
bool wr_txn_peer_trusted(const struct wr_txn *t);
/* s30: fills in what the order says of who asks. In the arena. */
void wr_txn_forwarded(struct wr_txn *t, struct wr_flight_order *order);
/* s50: what a flight for it would be told. Borrows from the transaction. */
struct wr_flight_order wr_txn_order(struct wr_txn *t);
void wr_txn_on_result(struct wr_waiter *a);
/* rest.c: the flow has left its reader behind, or broken off: asks for what is still to come of just this
 * content. false: that can't be had, and the answer has to be cut. */
bool wr_txn_ask_rest(struct wr_txn *t) WR_MUST_USE;
/* rest.c: what has come of that. ARRIVING: nothing yet. WHOLE: the reader goes on. BROKEN: the answer has to
 * be cut. */
enum wr_flow_state wr_txn_take_rest(struct wr_txn *t, void (*wake)(struct wr_flow_reader *));
/* rest.c: doesn't wait for Redis any more; harmless when it doesn't. */
void wr_txn_leave_rest(struct wr_txn *t);
/* The flow it reads by now. */
static inline struct wr_flow *wr_txn_flow(const struct wr_txn *t)
{
    return t->rest ? t->rest->flow : t->object->flow;
}
/* s40: are its verdicts there? */
static inline bool wr_txn_limits_known(const struct wr_txn *t)
{
    return t->limit == WR_LIMIT_PASSED || t->limit == WR_LIMIT_REFUSED;
}
/* s40: Redis was waited for in vain to know its limit: it has waited enough. */
static inline bool wr_txn_redis_was_late(const struct wr_txn *t)
{
    return wr_txn_limits_known(t) && t->ask.late;
}
/* s40: the refusal that the limit's answer asks for. */
enum wr_txn_stage wr_txn_refuse_limited(struct wr_txn *t);
/* answer.c: a 1xx of the origin on its way to the client. */
void wr_txn_send_interim(struct wr_txn *t, const struct wr_head *head);
/* answer.c: the head for t->object: fills answer, status, out, stored_head and how the content is framed. */
void wr_txn_write_head(struct wr_txn *t);
/* answer.c: the fields every answer carries. */
void wr_txn_write_common(struct wr_txn *t);
/* answer.c: what stands before part `index` of a multipart/byteranges; index == part_count: after the last.
 */
void wr_txn_write_part_head(struct wr_txn *t, struct wr_buf *out, size_t index);
/* purge.c: PURGE, if the address may; what comes of it; it isn't waited for any more. */
enum wr_txn_stage wr_txn_purge(struct wr_txn *t);
enum wr_txn_stage wr_txn_purged(struct wr_txn *t);
void wr_txn_purge_cancel(struct wr_txn *t);
/* invalidate.c: drops what the answer to an unsafe method makes invalid. true: Redis is being told, and t is
 * woken when it has been. */
bool wr_txn_invalidate(struct wr_txn *t);
/* invalidate.c: doesn't wait for it any more; harmless when it doesn't. */
void wr_txn_leave_invalidation(struct wr_txn *t);
/* reply.c: weir's own response for t->err. */
void wr_txn_write_reply(struct wr_txn *t);
