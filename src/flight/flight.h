/* SPDX-License-Identifier: BSD-2-Clause */
/* A flight: one fetch of one object, and the transactions that wait for it.
 *
 * A flight looks the object up in Redis, takes the fleet's lock, asks the origin and judges the response's
 * head. Then the content flows to its waiters and into the stores. The flight runs on the worker that started
 * it; its waiters may be on any worker. There is one flight per key in the process (table.c) and one per key
 * in the fleet (f10_lock.c). The flight's mode says in which of these it takes part (flight_priv.h): a flight
 * that is ALONE serves one request and isn't listed; a BACKGROUND flight is a refresh without waiters. */
#pragma once

#include "cache/build.h"
#include "worker/worker.h"

struct wr_flight;

/* An order to fetch: the object, and the request it is for. The caller lends everything in it until the call
 * returns: the flight copies or references what it keeps. */
struct wr_flight_order {
    struct wr_worker_policy *worker_policy;
    const struct wr_route *route;
    const struct wr_head *request;
    const struct wr_request_rules *rules;
    struct wr_key key; /* the primary key, or the variant's if its marker is known */
    struct wr_key primary;
    struct wr_slice vary_values;   /* with a variant's key: the values that chose it */
    struct wr_object *marker;      /* the VARY marker that `key` was made from, or NULL */
    struct wr_object *stale;       /* to be validated, or served if the origin fails; or NULL */
    struct wr_object *copy;        /* a copy in memory that Redis has to confirm; if Redis doesn't answer,
                                      redis.away decides whether it is used. Or NULL */
    bool look_first;               /* ask Redis before the origin */
    struct wr_slice forwarded_for; /* the value of X-Forwarded-For; empty: none is sent */
    struct wr_slice request_id;
    struct wr_flow *body;      /* with wr_flight_alone(): the request's body, or NULL */
    bool body_chunked;         /* the length of `body` isn't known */
    struct wr_upgrade upgrade; /* with wr_flight_alone(): what the request asks to switch to, if anything */
};

/* A flight's answer to a waiter. */
enum wr_verdict {
    WR_VERDICT_NONE,    /* nothing yet */
    WR_VERDICT_OBJECT,  /* the response is `object`; its flow may still be arriving */
    WR_VERDICT_PRIVATE, /* the response is `object`, for the leader only: wr_waiter_result() gives OBJECT to
                           the leader and NOT_SHAREABLE to all others */
    WR_VERDICT_AGAIN,   /* look up again: it is now known which request fields choose a variant */
    WR_VERDICT_NOT_SHAREABLE, /* fetch it with a flight of your own */
    WR_VERDICT_FAILED,        /* there is no response, because of `err` */
};

/* All that is known of a fetch so far. */
struct wr_flight_result {
    enum wr_verdict verdict;
    enum wr_err err;
    struct wr_object *object; /* OBJECT: the response; AGAIN: the marker. The reader owns this reference */
    struct wr_object
        *marker; /* OBJECT that is a variant: its marker, or NULL. The reader owns this reference */
    bool looked; /* Redis was asked and has nothing: the flight asks the origin next */
    struct wr_object *found; /* what is stored at present, or NULL: not good enough for the flight, but it may
                                do for waiters that accept a stale response. The reader owns this reference */
    unsigned
        apart;   /* NOT_SHAREABLE: which requests it concerns (wr_rules_concerns()); others look up again */
    bool leader; /* the flight asked with this waiter's own request */
    bool after_purge;      /* something was purged after the fetch began and before this waiter boarded */
    bool from_store;       /* it came from Redis, or is the copy that Redis should have confirmed */
    bool stale;            /* the origin failed, and `object` is a stale response in its place */
    bool validated;        /* the origin said 304 */
    bool stored;           /* the response goes into a store */
    bool held, held_fresh; /* a response was stored when the origin was asked; that response was fresh */
    int fwd_status;        /* the status that the origin answered with; 0: it didn't answer */
    const char *why;       /* FAILED: details beyond what `err` says, or NULL */
    const char *server;    /* the origin's server, or NULL; valid while the waiter is aboard */
};

/* Drops the references in *result. Thread: any. */
void wr_flight_result_fini(struct wr_flight_result *result);

/* A transaction that waits for a flight. Embedded in the transaction; used on that transaction's loop. To be
 * "aboard" means to be in the flight's list of waiters. */
struct wr_waiter {
    struct wr_note note;
    void (*notify)(struct wr_waiter *a); /* the result has changed; called on the waiter's loop */
    /* A 1xx response of the origin. Only the leader gets it, on its loop; may be NULL. */
    void (*interim)(struct wr_waiter *a, const struct wr_head *head);
    struct wr_flight *flight; /* a counted reference; NULL: not aboard */
    struct wr_flow *held;     /* under the flight's lock: a counted reference to a flow that frees nothing
                                 until wr_waiter_begun() or
                                 _leave(); or NULL */
    bool admitted;            /* no limit refuses it: a fetch may be made for it */
    uint64_t epoch;           /* the epoch of the purges when it boarded */
    TAILQ_ENTRY(wr_waiter) entry;
};

/* The table of all flights of the process. Thread: start and stop. The table must be empty when it is freed.
 */
struct wr_flights *wr_flights_new(void);
void wr_flights_free(struct wr_flights *f);

/* Joins the flight of order->key, or starts it. admitted: false while a limit has not decided; then nothing
 * is sent to the origin for this waiter before wr_waiter_admit(). notify() is never called before this
 * returns. Errors come as a result. Thread: the waiter's worker. */
void wr_flight_board(struct wr_waiter *a, const struct wr_flight_order *order, bool admitted);
/* Starts a flight that waits for no other flight and that nobody joins: under a pass marker, or where `stale`
 * is to be validated for each request by itself. Its response may be stored like any other. All else is as
 * with wr_flight_board(). */
void wr_flight_solo(struct wr_waiter *a, const struct wr_flight_order *order, bool admitted);
/* Starts a flight for this request only. It sends the request as it came, and no other request learns of it.
 * Thread: the waiter's worker. */
void wr_flight_alone(struct wr_waiter *a, const struct wr_flight_order *order);
/* Starts a background refresh, unless a flight of that key is under way or there is no memory for one
 * (net/budget.h). Thread: the order's worker. */
void wr_flight_background(const struct wr_flight_order *order);
/* The limit has admitted the request. redis_late: it was decided without Redis, which didn't answer in time;
 * then the flight doesn't wait for Redis either. Harmless when not aboard. Thread: the waiter's worker. */
void wr_waiter_admit(struct wr_waiter *a, bool redis_late);
/* Writes what is known now into *out. The caller drops its references with wr_flight_result_fini(). The
 * waiter must be aboard. Thread: the waiter's worker. */
void wr_waiter_result(struct wr_waiter *a, struct wr_flight_result *out);
/* The waiter reads the response's flow from now on, or needs none of it. Until this call, or until the waiter
 * leaves, the flow keeps its beginning. Harmless when not aboard. Thread: the waiter's worker. */
void wr_waiter_begun(struct wr_waiter *a);
/* The waiter isn't interested any more. A flight that is alone ends with it. Harmless when not aboard.
 * Thread: the waiter's worker. */
void wr_waiter_leave(struct wr_waiter *a);

/* Applies a purge that has become known to the flights, pass markers and memory of this process; for
 * wr_purges_on_heard(). ctx: struct wr_shared. Thread: any. */
void wr_flights_heard(void *ctx, const struct wr_purge *purge);
/* The process stops: ends this worker's flights that nobody waits for. Thread: the worker's. */
void wr_flights_drain(struct wr_worker *worker);
/* Ends all flights of this worker. Their waiters get FAILED. Thread: the worker's. */
void wr_flights_cut(struct wr_worker *worker);
/* Makes what the flights of a worker share; the worker owns it. Thread: start. */
struct wr_flight_pool *wr_flight_pool_new(void);
/* Frees it, with the memory that it keeps for the next flights. No flight may be under way. Thread: start,
 * once the worker's loop has ended. */
void wr_flight_pool_free(struct wr_flight_pool *pool);
/* Closes all flights that fetch what is purged: nobody joins them any more, and other nodes don't wait for
 * them. The objects that they store are compared with the purge like all other objects. Thread: any. */
void wr_flights_spoil(struct wr_flights *f, const struct wr_purge *purge);
