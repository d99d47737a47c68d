/* SPDX-License-Identifier: BSD-2-Clause */
/* A flight from the inside. What its waiters may see is under `lock`; the rest belongs to the owner's loop.
 */
#pragma once

#include "flight/flight.h"
#include "purge/journal.h"

#define WR_FLIGHT_MAGIC 0x666c7479u
#define WR_LOCK_TOKEN 32

enum wr_flight_stage {
#define X(id, name, leave) WR_FLIGHT_##id,
#include "flight/stages.def"
#undef X
    WR_FLIGHT_WAIT, /* what a stage returns when it has started something that will resume it */
    WR_FLIGHT_DONE,
};

/* How a fetch ended, or goes, for the other nodes. */
enum wr_outcome {
#define X(id, word, then) WR_OUTCOME_##id,
#include "flight/outcomes.def"
#undef X
    WR_OUTCOME_COUNT
};

/* What a flight is to other requests, and they to it. It is set when the flight begins and changes in two
 * places only: SOLO becomes SHARED in wr_flights_open(), under the shard's lock, and ALONE becomes REPLACING
 * in wr_flight_replace(). */
enum wr_flight_mode {
    WR_MODE_SHARED,     /* listed: whoever wants the same joins it */
    WR_MODE_BACKGROUND, /* as SHARED, but begun for nobody: a refresh, which only something fresh ends early
                         */
    WR_MODE_SOLO,       /* listed, so that purges reach it; but nobody joins it, and it takes no lock */
    WR_MODE_ALONE, /* never listed: one waiter, on this loop. HEAD's answer may tell of what is stored, POST's
                      may be stored */
    WR_MODE_PASSING,   /* as ALONE, but nothing is stored or learnt: of its request nothing is kept once that
                          has been written */
    WR_MODE_REPLACING, /* as ALONE, but its answer is being stored: what that replaces has been purged */
};

struct wr_flight {
    unsigned magic;
    unsigned refs; /* atomic: the table, the run, each waiter */
    struct wr_worker_policy *worker_policy;
    struct wr_loop *loop;
    enum wr_flight_mode mode;

    /* under lock, for the waiters on any thread */
    TAILQ_HEAD(, wr_waiter) waiters;
    unsigned admitted;        /* how many of them may cause a fetch, or the flight itself may (BACKGROUND) */
    bool limit_late;          /* one of them was admitted without Redis's word, after having waited for it */
    struct wr_waiter *leader; /* NULL once it has left */
    struct wr_flight_result result; /* object: a reference of the flight's own */
    bool spoiled;                   /* atomic: purged while under way: others needn't wait for it */
    int64_t began_us;               /* atomic, monotonic: it knows nothing newer than this */
    uint64_t began;                 /* atomic: the same as the instant that its object carries */
    uint64_t began_epoch;           /* atomic: of the purges then */

    /* the table's, under its shard's lock */
    bool listed;
    bool closed; /* atomic: nobody joins it any more, but purges reach it */
    TAILQ_ENTRY(wr_flight) table_entry, shard_entry;
    bool opened;       /* it was solo, and is to be stored */
    bool listed_too;   /* ... of the shard of `too` */
    struct wr_key too; /* its response's own key, once that is known to be another: in the arena */
    TAILQ_ENTRY(wr_flight) too_entry;
    TAILQ_ENTRY(wr_flight) worker_entry;

    /* owner's loop only from here; the order is a deep copy in the arena, unless PASSING */
    struct wr_flight_order order;
    struct wr_head request;
    struct wr_request_rules rules;
    enum wr_flight_stage stage;
    struct wr_wall started; /* wall clock */
    bool running;           /* the driver is on the stack: no re-entry */
    bool over;
    struct wr_note nudge; /* a waiter came, was admitted, or left */

    struct wr_redis_store_read read; /* LOOK, and again once it has the lock */
    struct wr_mono look_sent;        /* monotonic */
    bool read_marker;                /* it is for the marker, not for the response */
    bool unanswered;                 /* by Redis: the last reading failed */
    bool redis_late; /* it didn't answer in time: nothing else is asked of it for this flight's waiters */

    struct wr_flow_reader keeper; /* KEEP */

    struct wr_journal_read catch_up; /* LOOK, LOCK: what has been purged? */
    struct wr_object *verifying;     /* LOOK, LOCK: read, and not known to be good */
    void (*verified)(struct wr_flight *f, struct wr_object *object);
    void (*read_done)(struct wr_flight *f, struct wr_object *object);
    struct wr_memory *memory; /* of landed */

    struct wr_call lock_call; /* LOCK */
    struct wr_subscription subscription;
    struct wr_timer lock_timer;   /* waiting: look again; holding: renew */
    struct wr_mono lock_deadline; /* monotonic: the longest wait */
    enum wr_lock_state {
        WR_LOCK_NONE,  /* not asked for, or done without */
        WR_LOCK_ASKED, /* SET NX is on its way */
        WR_LOCK_HELD,
        WR_LOCK_WAITING, /* another node has it */
    } lock_state;
    bool lock_sent;      /* the token may stand in Redis */
    bool arriving_heard; /* WAITING: its owner lives, and what it fetches can be read already */
    bool owner_done;     /* WAITING: its owner has let it go */
    bool has_waited; /* it has been WAITING: what chooses among variants may have become known meanwhile */
    char token[WR_LOCK_TOKEN + 1];
    struct wr_buf lock_key, channel;

    struct wr_exchange first;               /* ASK */
    struct wr_exchange hedge;               /* beside it, when its server says nothing */
    struct wr_exchange *exchange;           /* that of the two which counts */
    struct wr_timer silence;                /* until a head comes */
    bool conditional;                       /* alone, and its request may be answered with 304 */
    bool ask_again;                         /* what came was no answer: once more, without conditions */
    struct wr_object *built;                /* what is being stored, or the private answer */
    struct wr_object *new_marker;           /* to be stored with it */
    struct wr_redis_store_arrival *arrival; /* what others read while it arrives; or NULL */
    struct wr_object *landed;               /* on its way to Redis */
    enum wr_storing storing;
    bool unconfirmed; /* REPLACING: by the journal, which has been told of the purge */
    struct wr_deferred_free deferred;
    struct wr_flight *next_spare;

    /* What stands from here on stays between two flights and isn't zeroed. */
    pthread_mutex_t lock;
    struct wr_arena arena;
    struct wr_buf head; /* ASK: the request as it goes out */
};

/* One waiter, which is on the flight's loop: nothing of it is anybody else's, and no lock is needed. */
static inline bool wr_flight_is_alone(const struct wr_flight *f)
{
    return f->mode >= WR_MODE_ALONE;
}

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
/* Under the lock: one that is aboard. What is still arriving keeps its front until it reads; but nobody waits
 * for whoever still waits for a limit. */
void wr_flight_hold_for(struct wr_flight *f, struct wr_waiter *a);

/* --- stages: each names the next, or WAIT --- */
#define X(id, name, leave) enum wr_flight_stage wr_flight_##name(struct wr_flight *f);
#include "flight/stages.def"
#undef X
void wr_flight_look_leave(struct wr_flight *f);
void wr_flight_lock_leave(struct wr_flight *f);
void wr_flight_ask_leave(struct wr_flight *f);
void wr_flight_keep_leave(struct wr_flight *f);

/* --- flight.c: the driver --- */
/* What stage `of` was waiting for has come, and `next` (not WAIT) is what it goes on with; callbacks of the
 * stages end in this. The stage is left: what else it has started ends unheard. If the flight has left it
 * before, this is a late answer: it is counted, and nothing happens. Frees nothing before the end of the
 * turn. */
void wr_flight_wake(struct wr_flight *f, enum wr_flight_stage of, enum wr_flight_stage next);
/* Publishes a result (references in it are taken over). Whoever comes once there is a verdict that can't be
 * shared finds no flight. */
void wr_flight_tell(struct wr_flight *f, struct wr_flight_result result);
/* The same for a bare verdict. */
void wr_flight_tell_end(struct wr_flight *f, enum wr_verdict verdict, enum wr_err err);
/* NOT_SHAREABLE, as far as it concerns requests that are set apart so (wr_rules_apart()). */
void wr_flight_tell_not_shareable(struct wr_flight *f, unsigned apart);
/* LOOK missed: whoever waits for a limit or may not cause a fetch gets to know. */
void wr_flight_tell_looked(struct wr_flight *f);
/* This is stored at present, and isn't good enough for the flight. */
void wr_flight_tell_found(struct wr_flight *f, struct wr_object *object);
/* Owner's loop; learns whether Redis was late with their limits. */
bool wr_flight_has_admitted(struct wr_flight *f);
bool wr_flight_has_waiter(struct wr_flight *f);
size_t wr_flight_waiter_count(struct wr_flight *f);
bool wr_flight_has_leader(struct wr_flight *f);
/* From Redis, in the hands of LOOK or LOCK: the stage to go on with, never WAIT. miss: the stage if it is no
 * use. Takes the reference. */
enum wr_flight_stage wr_flight_found(struct wr_flight *f, struct wr_object *object,
                                     enum wr_flight_stage miss);

/* --- f05_look.c --- */
/* Puts to Redis the question for what is stored under the flight's key, in place of one that is under way.
 * done() gets what is there once it is known not to be purged, or NULL; f->redis_late says if Redis was late.
 * early: what another node is still fetching will do. held: a whole copy that Redis may only have to confirm,
 * or NULL; the flight's. false: Redis is away, and done() is never called. */
bool wr_flight_read(struct wr_flight *f, bool early, struct wr_object *held,
                    void (*done)(struct wr_flight *f, struct wr_object *object)) WR_MUST_USE;
/* The same for the marker that stands under the URL itself, as it is by now: known() gets that, or NULL. */
bool wr_flight_read_marker(struct wr_flight *f,
                           void (*known)(struct wr_flight *f, struct wr_object *marker)) WR_MUST_USE;
bool wr_flight_reading(const struct wr_flight *f);
/* done() will not be called any more; harmless without. */
void wr_flight_read_cancel(struct wr_flight *f);

/* --- f60_keep.c --- */
/* Puts what was read from Redis into our memory, if that wants it. */
void wr_flight_remember(struct wr_flight *f, struct wr_object *object);
/* Has all of it yet to come, and would our memory take it? */
bool wr_flight_worth_keeping(const struct wr_flight *f, const struct wr_object *object);

/* --- verify.c --- */
/* Is what was read at f->look_sent still good, or purged? Takes the reference; known() gets it back, or NULL
 * where it is no use (NULL stays NULL); perhaps before this returns. */
void wr_flight_verify(struct wr_flight *f, struct wr_object *object,
                      void (*known)(struct wr_flight *f, struct wr_object *object));
/* known() will not be called, and the object goes; harmless without. */
void wr_flight_verify_cancel(struct wr_flight *f);
/* The monotonic time before which it knows nothing. */
static inline struct wr_mono wr_flight_began(const struct wr_flight *f)
{
    return (struct wr_mono){ __atomic_load_n(&f->began_us, __ATOMIC_ACQUIRE) };
}
/* It knows nothing older than this moment from here on. */
void wr_flight_begin_anew(struct wr_flight *f);
static inline struct wr_instant wr_flight_instant(const struct wr_flight *f)
{
    return (struct wr_instant){ __atomic_load_n(&f->began, __ATOMIC_ACQUIRE) };
}
static inline void wr_flight_set_instant(struct wr_flight *f, struct wr_instant began)
{
    __atomic_store_n(&f->began, began.n, __ATOMIC_RELEASE);
}
/* Is what it brings purged already, be it softly? Then nobody joins it any more. */
enum wr_purge_state wr_flight_purge_state(struct wr_flight *f);
static inline bool wr_flight_is_purged(struct wr_flight *f)
{
    return wr_purge_ends_fetch(wr_flight_purge_state(f));
}

/* --- arrive.c --- */
/* The head has come: if it is large, other nodes needn't wait until it is whole. */
void wr_flight_arrive(struct wr_flight *f);

/* --- f10_lock.c --- */
/* Says to the nodes that wait how it stands with the fetch, whose lock is held. */
void wr_flight_publish(struct wr_flight *f, enum wr_outcome outcome);
/* Says how the fetch ended, if the lock is held, and lets it go; what others read of it while it arrives goes
 * too, unless it is whole in Redis by now. Harmless without. */
void wr_flight_unlock(struct wr_flight *f, enum wr_outcome outcome);
void wr_flight_lock_fini(struct wr_flight *f);

/* How many variants its URL may have. Gives *out. */
static inline const struct wr_variants_bound *wr_flight_bound(const struct wr_flight *f,
                                                              struct wr_variants_bound *out)
{
    const struct wr_cache_policy *policy = &f->order.route->cache;
    *out = (struct wr_variants_bound){ policy->max_variants, policy->max_variants_size };
    return out;
}

/* --- f20_ask.c --- */
/* The largest content that either store takes. */
uint64_t wr_flight_max_object(const struct wr_flight *f);

/* --- f30_head.c --- */
/* A 1xx of the origin's; its answer's head, from f->exchange. */
void wr_flight_take_interim(struct wr_flight *f, const struct wr_head *head);
void wr_flight_take_head(struct wr_flight *f, const struct wr_head *head);
/* May something stale be served in place of what the origin doesn't give? fwd_status: as below. */
bool wr_flight_can_wait(const struct wr_flight *f, int fwd_status);
/* Tells of the stale response, if there is one that may be served for an origin which answered fwd_status; 0:
 * which could not be reached. false: there is none. */
bool wr_flight_stale_instead(struct wr_flight *f, int fwd_status) WR_MUST_USE;
/* The origin failed before a head could be used: a stale response where that is allowed, else the error. The
 * lock is let go. */
void wr_flight_failed(struct wr_flight *f, enum wr_err err);

/* --- passes.c --- */
/* After f->storing: leaves a pass marker if one is due (store/passes.h), or renews it. false: none was. */
bool wr_flight_leave_pass_marker(struct wr_flight *f, const struct wr_head *head);
/* What was to be stored has outgrown the stores. */
void wr_flight_mark_too_large(struct wr_flight *f);
/* Is it for this flight to store what has been judged so? Of those that fetch the same by themselves at the
 * same time one does, and is joined from here on: the others keep nothing. */
bool wr_flight_claims(struct wr_flight *f, const struct wr_meta *meta);

/* --- learn.c --- */
/* What a 200 to HEAD says of the stored response that the order brought along, if it did (RFC 9111 4.3.5). */
void wr_flight_learn(struct wr_flight *f, const struct wr_head *head);

/* --- purge.c --- */
/* The answer to an unsafe method is about to be stored for its URL: what is stored there is purged, and what
 * is being fetched for it anywhere, but for this flight's own object: that carries the instant of this purge.
 */
void wr_flight_replace(struct wr_flight *f);

/* --- f50_land.c --- */
/* Puts a whole response or a marker (VARY) into our memory, for as long as it is worth keeping. */
enum wr_memory_put wr_flight_put_here(struct wr_flight *f, struct wr_object *o);
/* Into both stores, unless our memory holds what was fetched later. */
void wr_flight_put(struct wr_flight *f, struct wr_object *o);

/* --- table.c --- */
/* Finds or lists. The flight found has the waiter put aboard already. */
struct wr_flight *wr_flights_join(struct wr_flights *table, const struct wr_flight_order *order,
                                  struct wr_waiter *a, bool admitted);
bool wr_flights_list(struct wr_flights *table, struct wr_flight *f);
/* Its response is a variant: who asks for that finds it under its own key as well. The key is in the flight's
 * arena. */
void wr_flights_list_too(struct wr_flights *table, struct wr_flight *f, const struct wr_key *key);
void wr_flights_unlist(struct wr_flights *table, struct wr_flight *f);
/* A solo flight is to be stored, and from here on it is joined like any other. false: one of its key is
 * stored already. */
bool wr_flights_open(struct wr_flights *table, struct wr_flight *f);
/* It has been closed, and only now begins to fetch: so it is as good as another one, if there is none. */
void wr_flights_reopen(struct wr_flights *table, struct wr_flight *f);
/* Nobody joins it any more; who asks for its key begins another one. Purges still reach it. */
void wr_flights_close(struct wr_flights *table, struct wr_flight *f);
void wr_flight_unref(struct wr_flight *f);
