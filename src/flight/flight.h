/* SPDX-License-Identifier: BSD-2-Clause */
/* A flight: one fetch of one object, and all who wait for it.
 *
 * It looks in Redis, takes the fleet's lock, asks the origin, judges the head, lets the content flow to its
 * waiters and into the stores. It runs on the worker that started it; its waiters may be on any worker. One
 * flight per key in the process (table.c), one per key in the fleet (f10_lock.c). In which of these it takes
 * part is its mode (flight_priv.h): a flight that is ALONE serves one request and is neither looked up nor
 * listed; one in the BACKGROUND refreshes, and nobody waits for it. */
#pragma once

#include "cache/build.h"
#include "worker/worker.h"

struct wr_flight;

/* What is to be fetched, and for whom. Borrowed until the call returns: the flight copies what it keeps. */
struct wr_flight_order {
    struct wr_worker_policy *worker_policy;
    const struct wr_route *route;
    const struct wr_head *request;
    const struct wr_request_rules *rules;
    struct wr_key key; /* the primary key, or the variant's if its marker is known */
    struct wr_key primary;
    struct wr_slice vary_values;   /* of a variant's key */
    struct wr_object *marker;      /* the VARY marker key came from, or NULL */
    struct wr_object *stale;       /* to be validated, or served if the origin fails; or NULL */
    struct wr_object *copy;        /* from memory, about which Redis has to be asked: where it doesn't answer,
                                      redis.away decides; or        NULL */
    bool look_first;               /* ask Redis before the origin */
    struct wr_slice forwarded_for; /* X-Forwarded-For; empty: none */
    struct wr_slice request_id;
    struct wr_flow *body; /* wr_flight_alone(): the request's body, or NULL */
    bool body_chunked;    /* its length isn't known */
};

enum wr_verdict {
    WR_VERDICT_NONE,    /* still on its way */
    WR_VERDICT_OBJECT,  /* here it is; its flow may still be arriving */
    WR_VERDICT_PRIVATE, /* here it is, but only for the leader: wr_waiter_result() gives it as OBJECT to the
                           leader and as NOT_SHAREABLE to all others */
    WR_VERDICT_AGAIN,   /* look up again: it is known now which request fields choose a variant */
    WR_VERDICT_NOT_SHAREABLE, /* fetch it for yourself */
    WR_VERDICT_FAILED,        /* err */
};

struct wr_flight_result {
    enum wr_verdict verdict;
    enum wr_err err;
    struct wr_object *object; /* OBJECT; AGAIN: the marker. A reference to the reader of the result */
    struct wr_object *marker; /* OBJECT that is a variant: its marker. A reference likewise; or NULL */
    bool looked;              /* Redis has been asked and knows nothing: the origin is next */
    struct wr_object *found;  /* what is stored at present: not good enough for the flight, but it may do for
                                 others who  take something stale. A reference likewise; or NULL */
    unsigned apart;   /* NOT_SHAREABLE: whom it concerns, for wr_rules_concerns(); others look up again */
    bool leader;      /* the flight asked with this waiter's own request */
    bool after_purge; /* something was purged between the beginning of the fetch and this waiter's boarding */
    bool from_store;  /* it came from Redis, or is the copy that Redis should have confirmed */
    bool stale;       /* the origin failed: a stale response instead */
    bool validated;   /* the origin said 304 */
    bool stored;      /* it goes into the store */
    bool held, held_fresh; /* something was stored when the origin was asked; it was fresh */
    int fwd_status;        /* what the origin answered; 0: nothing */
    const char *why;       /* with FAILED: more than err says, or NULL */
    const char *server;    /* the origin's server; holds while aboard */
};

void wr_flight_result_fini(struct wr_flight_result *result);

/* One who waits. Embedded in the transaction. */
struct wr_waiter {
    struct wr_note note;
    void (*notify)(struct wr_waiter *a); /* there is a result; on the waiter's loop */
    /* 1xx of the origin, to the leader only; may be NULL */
    void (*interim)(struct wr_waiter *a, const struct wr_head *head);
    struct wr_flight *flight; /* counted; NULL: not aboard */
    struct wr_flow *held;     /* under the flight's lock: counted; it frees nothing until wr_waiter_begun() or
                                 _leave(); or NULL */
    bool admitted;
    uint64_t epoch; /* of the purges, when it boarded */
    TAILQ_ENTRY(wr_waiter) entry;
};

struct wr_flights *wr_flights_new(void);
void wr_flights_free(struct wr_flights *f);

/* Joins the flight of this key or starts it. admitted: false while a limit has not decided: then nothing
 * leaves for the origin on this one's behalf before wr_waiter_admit(). notify() is never called before this
 * returns. Thread: worker. */
void wr_flight_board(struct wr_waiter *a, const struct wr_flight_order *order, bool admitted);
/* Starts a flight that waits for nobody and that nobody joins: under a pass marker, or where `stale` is to be
 * validated for each request by itself. Its answer may be stored like any other. The rest as with
 * wr_flight_board(). */
void wr_flight_solo(struct wr_waiter *a, const struct wr_flight_order *order, bool admitted);
/* Starts a flight of one's own: it sends the request as it came, and nobody else learns of it. Thread:
 * worker. */
void wr_flight_alone(struct wr_waiter *a, const struct wr_flight_order *order);
/* Starts a refresh in the background, unless one is in the air already. Thread: worker. */
void wr_flight_background(const struct wr_flight_order *order);
/* The limit has said yes. redis_late: without Redis, which didn't answer in time: the flight shall not wait
 * for it either. */
void wr_waiter_admit(struct wr_waiter *a, bool redis_late);
/* What is known now; wr_flight_result_fini() drops its references. */
void wr_waiter_result(struct wr_waiter *a, struct wr_flight_result *out);
/* It reads the response's flow from here on, or needs none of it. Until then (or until it leaves) the flow
 * keeps its front. Harmless when not aboard. */
void wr_waiter_begun(struct wr_waiter *a);
/* Not interested any more; harmless when not aboard. A flight that is alone ends with it. */
void wr_waiter_leave(struct wr_waiter *a);

/* What is done in this process when a purge becomes known, for wr_purges_on_heard(). ctx: struct wr_shared.
 * Thread: any. */
void wr_flights_heard(void *ctx, const struct wr_purge *purge);
/* Ends all flights of this worker: what they still wanted is lost. Thread: the worker's. */
void wr_flights_cut(struct wr_worker *worker);
/* Frees what it keeps for flights to come. Thread: start, once its loop has ended. */
void wr_flights_free_spares(struct wr_worker *worker);
/* Nobody joins a fetch of what is purged any more, and other nodes don't wait for it. What of it is stored is
 * compared like everything else. Thread: any. */
void wr_flights_spoil(struct wr_flights *f, const struct wr_purge *purge);
