/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a flight. Fields that the waiters use are protected by `lock`, those of the table by the lock
 * of the flight's shard, and all others belong to the loop of the flight's worker. Functions without a note
 * on threads run on that loop. */
#pragma once

#include "flight/flight.h"
#include "flight/outcome.h"
#include "purge/journal.h"

#define WR_FLIGHT_MAGIC 0x666c7479u
#define WR_LOCK_TOKEN 32

enum wr_flight_stage {
#define X(id, name, leave) WR_FLIGHT_##id,
#include "flight/stages.def"
#undef X
    WR_FLIGHT_WAIT, /* a stage returns this when it has started something that will wake it */
    WR_FLIGHT_DONE, /* the flight ends */
};

/* How a flight relates to other requests. The mode is set when the flight begins. It changes in two places
 * only: wr_flights_open() turns SOLO into SHARED, under the shard's lock, and wr_flight_replace() turns ALONE
 * into REPLACING. */
enum wr_flight_mode {
    WR_MODE_SHARED,     /* listed: later requests for the same key join it */
    WR_MODE_BACKGROUND, /* as SHARED, but started without a waiter: a refresh, so only a fresh response found
                           in Redis ends it early */
    WR_MODE_SOLO,       /* listed, so that purges reach it; but nobody joins it, and it takes no lock */
    WR_MODE_ALONE,      /* never listed; it has one waiter, on its own loop. The answer to HEAD may end the
                           freshness of what is stored, and the answer to POST may be stored */
    WR_MODE_PASSING,    /* as ALONE, but nothing is stored or learnt. It keeps nothing of its request once the
                           request has been written */
    WR_MODE_REPLACING,  /* as ALONE, but its response is being stored; what the response replaces is purged */
};

struct wr_flight {
    unsigned magic;
    unsigned refs; /* atomic: one for the table, one for the run, one for each waiter */
    struct wr_worker_policy *worker_policy;
    struct wr_loop *loop;
    enum wr_flight_mode mode;

    /* under `lock`, for the waiters on any thread */
    TAILQ_HEAD(, wr_waiter) waiters;
    unsigned admitted;        /* how many waiters may cause a fetch; BACKGROUND counts as one */
    bool limit_late;          /* a waiter was admitted without Redis, after having waited for its answer */
    struct wr_waiter *leader; /* NULL once it has left */
    struct wr_flight_result result; /* the flight owns its references */
    bool spoiled;                   /* atomic: purged while under way, so other nodes needn't wait for it */
    int64_t began_us;               /* atomic, monotonic, microseconds: it knows nothing newer than this */
    uint64_t began;                 /* atomic: the instant of the fetch; its object carries the same */
    uint64_t began_epoch;           /* atomic: the epoch of the purges when the fetch began */

    /* the table's fields, under the lock of the flight's shard */
    bool listed;
    bool closed; /* atomic: nobody joins it any more, but purges reach it */
    TAILQ_ENTRY(wr_flight) table_entry, url_entry, shard_entry;
    bool opened;       /* it was SOLO, and its response is to be stored */
    bool listed_too;   /* listed under `too` as well; under the lock of the shard of `too` */
    struct wr_key too; /* the key of its response, if that differs from order.key; in the arena */
    TAILQ_ENTRY(wr_flight) too_entry;
    TAILQ_ENTRY(wr_flight) worker_entry;

    /* From here on the owner's loop only. The order is a deep copy in the arena, unless PASSING. */
    struct wr_flight_order order;
    struct wr_head request;
    struct wr_request_rules rules;
    enum wr_flight_stage stage;
    struct wr_wall started; /* wall clock: when the flight began */
    bool running;           /* the driver is on the stack, and must not be entered again */
    bool over;
    struct wr_note nudge; /* a waiter has come, was admitted or has left, or a purge has spoiled the flight */

    struct wr_redis_store_read read; /* LOOK, and LOCK once the lock is held or its owner is done */
    struct wr_mono look_sent;        /* monotonic: when `read` was sent */
    bool read_marker;                /* `read` asks for the marker, not for the response */
    bool unanswered;                 /* Redis didn't answer the last `read` */
    bool redis_late; /* Redis didn't answer in time: this flight asks it nothing else that its waiters wait
                        for */

    struct wr_flow_reader keeper; /* LAND, KEEP: waits for what comes out of Redis in pieces */

    struct wr_journal_read catch_up; /* LOOK, LOCK: reads the journal, to know what has been purged */
    struct wr_object *verifying;     /* LOOK, LOCK: an object read from Redis that may have been purged */
    void (*verified)(struct wr_flight *f, struct wr_object *object);
    void (*learnt)(struct wr_flight *f);
    void (*read_done)(struct wr_flight *f, struct wr_object *object);
    struct wr_memory *memory; /* the memory store that `landed` was put into */

    struct wr_call lock_call; /* LOCK */
    struct wr_subscription subscription;
    struct wr_timer lock_timer;   /* WAITING: look again; HELD: renew the lock */
    struct wr_mono lock_deadline; /* monotonic: when it stops waiting for the lock */
    enum wr_lock_state {
        WR_LOCK_NONE,  /* not asked for, or the flight does without */
        WR_LOCK_ASKED, /* SET NX has been sent */
        WR_LOCK_HELD,
        WR_LOCK_WAITING, /* another node has it */
    } lock_state;
    bool lock_sent; /* our token may stand in Redis */
    bool
        arriving_heard; /* WAITING: the lock's owner lives, and what has arrived there can be read in Redis */
    bool owner_done;    /* WAITING: the lock's owner has released it */
    bool has_waited;    /* it has been WAITING: another node may have learnt which fields choose a variant */
    char token[WR_LOCK_TOKEN + 1];
    struct wr_buf lock_key, channel;

    struct wr_exchange first;               /* ASK */
    struct wr_exchange hedge;               /* the second exchange, when the server of `first` says nothing */
    struct wr_exchange *exchange;           /* `first` or `hedge`, whichever counts */
    struct wr_timer silence;                /* fires when no head has come for lock_timeout */
    bool conditional;                       /* alone, and its request may be answered with 304 */
    bool ask_again;                         /* the 304 was of no use: ask once more, without conditions */
    struct wr_object *built;                /* the response that is being stored, or the private response */
    struct wr_object *new_marker;           /* a VARY marker that isn't stored yet, or NULL */
    struct wr_redis_store_arrival *arrival; /* lets other nodes read `built` while it arrives; or NULL */
    struct wr_object *landed;               /* the final object, while it is being written to Redis */
    enum wr_storing storing;
    bool unconfirmed; /* REPLACING: the journal hasn't confirmed the purge yet */
    struct wr_deferred_free deferred;
    struct wr_flight *next_spare;

    /* The fields from here on stay between two flights and aren't zeroed. */
    pthread_mutex_t lock;
    struct wr_arena arena;
    struct wr_buf head; /* ASK: the request as it is sent */
};

/* Shared by the flights of a worker. Thread: the worker's. */
struct wr_flight_pool {
    TAILQ_HEAD(, wr_flight) list; /* worker->flight_count flights */
    struct wr_flight *spares;     /* memory kept for the next flights */
    unsigned spare_count;
};

/* Has the flight only one waiter, on its own loop? Then no other thread uses its fields, and no lock is
 * needed. */
static inline bool wr_flight_is_alone(const struct wr_flight *f)
{
    return f->mode >= WR_MODE_ALONE;
}

/* Takes the flight's lock, where other threads may use its fields. wr_flight_release() gives it back. */
static inline void wr_flight_guard(struct wr_flight *f)
{
    if (!wr_flight_is_alone(f))
        pthread_mutex_lock(&f->lock);
}
static inline void wr_flight_release(struct wr_flight *f)
{
    if (!wr_flight_is_alone(f))
        pthread_mutex_unlock(&f->lock);
}

/* --- stages: each returns the next stage, or WAIT --- */
#define X(id, name, leave) enum wr_flight_stage wr_flight_##name(struct wr_flight *f);
#include "flight/stages.def"
#undef X
/* Each stage's `leave` (stages.def) cancels what the stage has started. Harmless when nothing is open. */
void wr_flight_look_leave(struct wr_flight *f);
void wr_flight_lock_leave(struct wr_flight *f);
void wr_flight_ask_leave(struct wr_flight *f);
void wr_flight_keep_leave(struct wr_flight *f);

/* --- flight.c --- */
/* Ends the waiting of stage `of` and goes on with stage `next` (not WAIT); the callbacks of the stages end
 * with this call. The stage is left first, which cancels what else it has started. If the flight has already
 * left stage `of`, this is a late answer: it is counted, and nothing happens. Frees nothing before the end of
 * the loop's turn. */
void wr_flight_wake(struct wr_flight *f, enum wr_flight_stage of, enum wr_flight_stage next);

/* --- pool.c --- */
/* Returns memory for a flight, from the worker's spares or new: zeroed but for the fields that stay. */
struct wr_flight *wr_flight_memory_take(struct wr_worker *w);
/* Keeps the flight's memory for the next flight of its worker, or frees it. */
void wr_flight_memory_give(struct wr_flight *f);
/* Frees the flight's memory. Thread: any. */
void wr_flight_memory_free(struct wr_flight *f);

/* --- waiter.c --- */
/* Publishes a result to all waiters; takes over the references in it. After a verdict other than OBJECT the
 * flight is no longer in the table. */
void wr_flight_tell(struct wr_flight *f, struct wr_flight_result result);
/* Publishes a result that holds only a verdict and an error. */
void wr_flight_tell_end(struct wr_flight *f, enum wr_verdict verdict, enum wr_err err);
/* Publishes NOT_SHAREABLE. apart: which requests it concerns (wr_rules_apart()). */
void wr_flight_tell_not_shareable(struct wr_flight *f, unsigned apart);
/* Tells the waiters that Redis has nothing: some may have a stale response to use instead. */
void wr_flight_tell_looked(struct wr_flight *f);
/* Tells the waiters that `object` is stored at present and isn't good enough for the flight. Takes a
 * reference of its own. */
void wr_flight_tell_found(struct wr_flight *f, struct wr_object *object);
/* May the flight make a fetch for any of its waiters? Also notes in f->redis_late whether Redis was late with
 * their limits. */
bool wr_flight_has_admitted(struct wr_flight *f);
bool wr_flight_has_waiter(struct wr_flight *f);
/* Does anybody want what is still to come: a waiter, or a store? A windowed response can only be stored in
 * Redis, as it arrives. */
bool wr_flight_is_wanted(struct wr_flight *f);
size_t wr_flight_waiter_count(struct wr_flight *f);
bool wr_flight_has_leader(struct wr_flight *f);
/* Makes the flow of the flight's response keep its beginning for a waiter that is aboard, until that waiter
 * reads it. A waiter that isn't admitted yet gets no such hold. Under the flight's lock. */
void wr_flight_hold_for(struct wr_flight *f, struct wr_waiter *a);
/* Makes a waiter ready to board; it must not be aboard. Thread: the waiter's worker. */
void wr_waiter_init(struct wr_waiter *a, const struct wr_flight_order *order);
/* Puts the first waiter aboard; the flight asks with its request. Under the flight's lock. */
void wr_flight_seat_leader(struct wr_flight *f, struct wr_waiter *a, bool admitted);

/* --- f05_look.c --- */
/* Decides what to do with an object that LOOK or LOCK read from Redis. Returns the next stage, never WAIT, or
 * `miss` if the object can't be used. Takes over the reference. */
enum wr_flight_stage wr_flight_found(struct wr_flight *f, struct wr_object *object,
                                     enum wr_flight_stage miss);
/* Asks Redis for what is stored under the flight's key, in place of a read that is under way. done() is
 * called once with an object that is known not to be purged, with its reference, or with NULL; f->redis_late
 * says whether Redis was late. early: accepts what another node is still fetching. held: a whole copy that
 * Redis may only have to confirm, or NULL; the flight owns it. Returns false if Redis is away; then done() is
 * never called. */
bool wr_flight_read(struct wr_flight *f, bool early, struct wr_object *held,
                    void (*done)(struct wr_flight *f, struct wr_object *object)) WR_MUST_USE;
/* Does the same for the VARY marker under the primary key. known() gets the marker, or NULL. */
bool wr_flight_read_marker(struct wr_flight *f,
                           void (*known)(struct wr_flight *f, struct wr_object *marker)) WR_MUST_USE;
/* Is a read under way, or is its result still being compared with the purges? */
bool wr_flight_reading(const struct wr_flight *f);
/* Cancels the read: done() is not called any more. Harmless when none is under way. */
void wr_flight_read_cancel(struct wr_flight *f);

/* --- f60_keep.c --- */
/* Puts an object read from Redis into the memory store, if that store takes it. */
void wr_flight_remember(struct wr_flight *f, struct wr_object *object);
/* Is the object's content still to come out of Redis, and would the memory store take it once it is whole? */
bool wr_flight_worth_keeping(const struct wr_flight *f, const struct wr_object *object);

/* --- verify.c --- */
/* Finds out whether an object that was read at f->look_sent has been purged since. Takes over the reference.
 * known() gets the reference back, or NULL if the object can't be used; a NULL object stays NULL. known() may
 * be called before this returns. */
void wr_flight_verify(struct wr_flight *f, struct wr_object *object,
                      void (*known)(struct wr_flight *f, struct wr_object *object));
/* Reads the journal to its end, then calls learnt(), which may be before this returns. A fetch that begins
 * after that began after every purge that was in the journal. */
void wr_flight_learn_purges(struct wr_flight *f, void (*learnt)(struct wr_flight *f));
/* Is one of the two under way? */
bool wr_flight_verifying(const struct wr_flight *f);
/* Cancels both: drops the object, and neither known() nor learnt() is called. Harmless when none is under
 * way.
 */
void wr_flight_verify_cancel(struct wr_flight *f);
/* The monotonic time when the fetch began: the flight knows nothing newer. Thread: any. */
static inline struct wr_mono wr_flight_began(const struct wr_flight *f)
{
    return (struct wr_mono){ __atomic_load_n(&f->began_us, __ATOMIC_ACQUIRE) };
}
/* The fetch begins now: sets its time, its instant and its epoch of purges. */
void wr_flight_begin_anew(struct wr_flight *f);
/* The instant of the purges' clock when the fetch began. Thread: any. */
static inline struct wr_instant wr_flight_instant(const struct wr_flight *f)
{
    return (struct wr_instant){ __atomic_load_n(&f->began, __ATOMIC_ACQUIRE) };
}
static inline void wr_flight_set_instant(struct wr_flight *f, struct wr_instant began)
{
    __atomic_store_n(&f->began, began.n, __ATOMIC_RELEASE);
}
/* Has what the flight brings been purged, softly or not? If so, nobody joins the flight any more. */
enum wr_purge_state wr_flight_purge_state(struct wr_flight *f);
static inline bool wr_flight_is_purged(struct wr_flight *f)
{
    return wr_purge_ends_fetch(wr_flight_purge_state(f));
}

/* --- arrive.c --- */
/* Could other nodes use this response while it arrives? Its length must be known, it must be allowed to serve
 * requests that came before it, and its content must be coming from the origin: after a 304 it is that of the
 * stale response, which may be NULL. Pure. Thread: any. */
bool wr_flight_may_arrive(const struct wr_object *built, const struct wr_object *stale);
/* Called when the head has come. If the content is large, other nodes may read it from Redis while it
 * arrives. */
void wr_flight_arrive(struct wr_flight *f);

/* --- f10_lock.c --- */
/* Tells the nodes that wait how the fetch goes or has ended. The lock must be held. */
void wr_flight_publish(struct wr_flight *f, enum wr_outcome outcome);
/* Tells the nodes that wait how the fetch ended, if the lock is held, and releases the lock. The record that
 * others read while it arrives is removed as well, unless it is whole in Redis by now. Harmless without the
 * lock. */
void wr_flight_unlock(struct wr_flight *f, enum wr_outcome outcome);
/* Called when the head has come, and the response is to be stored under `key`. Stores the VARY marker that
 * leads there, if it is new and its instant is final. If the lock is held for another key, it moves to this
 * one, and the nodes that wait look again: they find the marker, and each then waits for its own variant. */
void wr_flight_lead_to(struct wr_flight *f, const struct wr_key *key);
/* Frees what LOCK has allocated; at the flight's end. */
void wr_flight_lock_fini(struct wr_flight *f);

/* How long from now the object is worth keeping in a store. */
static inline struct wr_span wr_flight_keep_time(const struct wr_flight *f, const struct wr_object *o)
{
    return wr_rules_keep(&f->order.route->cache, o, f->loop->now);
}

/* How many variants its URL may have, and how many bytes. Fills in *out and returns it. */
static inline const struct wr_variants_bound *wr_flight_bound(const struct wr_flight *f,
                                                              struct wr_variants_bound *out)
{
    const struct wr_cache_policy *policy = &f->order.route->cache;
    *out = (struct wr_variants_bound){ policy->max_variants, policy->max_variants_size };
    return out;
}

/* --- f20_ask.c --- */
/* The largest content, in bytes, that either store takes. */
uint64_t wr_flight_max_object(const struct wr_flight *f);

/* --- f30_head.c --- */
/* Passes a 1xx response of the origin on to the leader. */
void wr_flight_take_interim(struct wr_flight *f, const struct wr_head *head);
/* Judges the head of the origin's response, which f->exchange has read, and publishes the result. */
void wr_flight_take_head(struct wr_flight *f, const struct wr_head *head);
/* May the stale response be served because the origin failed? fwd_status: as for wr_flight_stale_instead().
 */
bool wr_flight_can_wait(const struct wr_flight *f, int fwd_status);
/* Publishes the stale response, if there is one and it may be served. fwd_status: the error status that the
 * origin answered with; 0: it could not be reached. Returns false if there is no such response. */
bool wr_flight_stale_instead(struct wr_flight *f, int fwd_status) WR_MUST_USE;
/* The origin failed before a head could be used: publishes a stale response where that is allowed, else the
 * error. Releases the lock. */
void wr_flight_failed(struct wr_flight *f, enum wr_err err);

/* --- passes.c --- */
/* Leaves or renews a pass marker if one is due (store/passes.h). f->storing must be set. Returns false if
 * none is due. */
bool wr_flight_leave_pass_marker(struct wr_flight *f, const struct wr_head *head);
/* Leaves a pass marker because the content has outgrown the stores. */
void wr_flight_mark_too_large(struct wr_flight *f);
/* May this flight store a response with these facts? Of several SOLO flights that fetch the same at the same
 * time one may; others join it from then on, and the rest store nothing. */
bool wr_flight_claims(struct wr_flight *f, const struct wr_meta *meta);

/* --- learn.c --- */
/* Uses a 200 to HEAD: if it differs from the stored response in the order, that response becomes stale (RFC
 * 9111 4.3.5). */
void wr_flight_learn(struct wr_flight *f, const struct wr_head *head);

/* --- purge.c --- */
/* Called when the answer to an unsafe method is about to be stored for its URL. Purges what is stored there
 * and what is being fetched for it anywhere. This flight's own object carries the instant of the purge, so it
 * isn't purged itself. */
void wr_flight_replace(struct wr_flight *f);

/* --- f50_land.c --- */
/* Puts a whole response or a VARY marker into the memory store, for as long as it is worth keeping. Takes a
 * reference of its own. */
enum wr_memory_put wr_flight_put_here(struct wr_flight *f, struct wr_object *o);
/* Puts the object into both stores, unless the memory store holds what was fetched later. */
void wr_flight_put(struct wr_flight *f, struct wr_object *o);

/* --- table.c --- */
/* All functions of the table are safe on any thread. `table` outlives all flights. */
/* Finds a flight of order->key that may be joined, and puts the waiter aboard; a: NULL to find only. Returns
 * NULL if there is none. */
struct wr_flight *wr_flights_join(struct wr_flights *table, const struct wr_flight_order *order,
                                  struct wr_waiter *a, bool admitted);
/* Lists a flight under order.key; the table holds a reference. Returns false if another flight of that key is
 * listed and this one isn't SOLO. */
bool wr_flights_list(struct wr_flights *table, struct wr_flight *f);
/* Lists the flight under the key of its response as well, so that requests for just this variant find it. The
 * key must lie in the flight's arena. */
void wr_flights_list_too(struct wr_flights *table, struct wr_flight *f, const struct wr_key *key);
/* Takes the flight out of the table, under both keys, and drops the table's references. */
void wr_flights_unlist(struct wr_flights *table, struct wr_flight *f);
/* The response of a SOLO flight is to be stored: from now on the flight is joined like any other. Returns
 * false if a flight of its key is being stored already. */
bool wr_flights_open(struct wr_flights *table, struct wr_flight *f);
/* A closed flight begins its fetch only now, after the purge: it may be joined again, unless another flight
 * of its key is listed. */
void wr_flights_reopen(struct wr_flights *table, struct wr_flight *f);
/* Nobody joins the flight any more; the next request for its key starts another one. Purges still reach it.
 */
void wr_flights_close(struct wr_flights *table, struct wr_flight *f);
/* Drops a reference. Thread: any. */
void wr_flight_unref(struct wr_flight *f);
