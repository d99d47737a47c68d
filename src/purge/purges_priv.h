/* SPDX-License-Identifier: BSD-2-Clause */
/* The table from the inside: table.c (names, comparing), log.c (purges in order), clock.c, and who feeds it.
 */
#pragma once

#include <stdatomic.h>

#include "base/instant.h"
#include "purge/purges.h"
#include "redis/link.h"

#define WR_PREFIX_LONGEST 4096 /* octets of a prefix that are looked at: of a longer one more is purged */

/* One purge, as the log keeps it. */
struct wr_purge_note {
    TAILQ_ENTRY(wr_purge_note) entry;
    struct wr_instant at;
    uint32_t name_len;
    uint8_t scope;
    bool soft, implied;
    char texts[]; /* URL: two struct wr_hash; then the name */
};
TAILQ_HEAD(wr_purge_notes, wr_purge_note);

struct wr_purge_name {
    struct wr_hash hash;
    uint64_t hard, soft; /* instants of the last purge of that kind; both 0: the place is free */
};

#define WR_PURGE_SHARDS 64
struct wr_purge_shard {
    _Alignas(64) pthread_mutex_t lock;
    struct wr_purge_name *names; /* open addressing */
    size_t count, room;          /* room: a power of two, or 0 */
};

struct wr_purges {
    uint64_t epoch; /* atomic; first: wr_purges_epoch() */
    bool shared;
    const struct wr_policy_redis *redis; /* where the journal is */
    const char *node;
    const struct wr_subscriber *subscriber;
    void (*heard)(void *ctx, const struct wr_purge *purge);
    void *ctx;

    _Atomic uint64_t floor;     /* what was fetched before can't be proven */
    _Atomic uint64_t confirmed; /* the latest instant that the journal has given */
    _Atomic uint64_t all_hard, all_soft;
    struct wr_purge_shard shards[WR_PURGE_SHARDS];
    /* which lengths prefixes have: [0] with their host, [1] without; a length stays once it has been there */
    _Atomic uint64_t prefix_lengths[2][WR_PREFIX_LONGEST / 64 + 1];

    pthread_mutex_t log_lock;     /* of the log, and of `last` */
    struct wr_purge_notes log;    /* by instant */
    struct wr_purge_note *hint;   /* where the last one was put; NULL: nowhere */
    struct wr_purge_note *recent; /* the oldest of the latest WR_PURGES_RECENT */
    size_t log_count, recent_count;
    struct wr_instant last;               /* how far the journal has been read */
    TAILQ_HEAD(, wr_purge_unsaid) unsaid; /* what Redis has not taken yet */
    size_t unsaid_count;

    /* monotonic microseconds */
    _Atomic int64_t read_us;  /* the table held all that the journal did then; 0: never */
    _Atomic int64_t heard_us; /* it is said to have grown then, and hasn't been read yet; 0: it has */
    int64_t heard_last_us;    /* likewise, the last time; after log_lock */
    _Atomic bool behind;      /* ... for longer than anyone may be trusted */

    pthread_mutex_t clock_lock;
    struct wr_purge_clock {
        int64_t least_us,
            most_us; /* the journal's clock is so far ahead of our monotonic one, at least and at most */
        struct wr_mono taken; /* monotonic */
        bool known;           /* by Redis's word: until then it is our own clock */
    } clock;
};

/* --- table.c --- */

/* Everything is compared anew. */
void wr_purges_turn(struct wr_purges *p);
/* A purge at its final instant, of the journal. Any order, twice is once. quiet: nobody need be notified.
 * *replaced (may be NULL, of room `most`): instants of purges that the log has just given up because later
 * ones replaced them. Gives how many. */
size_t wr_purges_add(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at, bool quiet,
                     struct wr_instant *replaced, size_t most);
/* Nothing before is missing any more, or can be proven any more. */
void wr_purges_set_floor(struct wr_purges *p, struct wr_instant floor);
/* Marks a name: what log.c needs of the table. */
bool wr_purges_is_replaced(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at);
void wr_purges_forget(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at);

/* --- log.c; the lock is taken inside --- */

/* false: it is there already. */
bool wr_purge_log_add(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at);
/* Gives up what is too old, too much or replaced. As wr_purges_add(). */
size_t wr_purge_log_trim(struct wr_purges *p, struct wr_instant *replaced, size_t most);
/* The first purge after `after`, copied into *arena's memory. false: there is none. */
bool wr_purge_log_after(struct wr_purges *p, struct wr_instant after, struct wr_arena *arena,
                        struct wr_purge *out, struct wr_instant *at) WR_MUST_USE;
void wr_purge_log_free(struct wr_purges *p);

/* --- journal.c --- */
void wr_journal_unsaid_free(struct wr_purges *p);

/* --- clock.c --- */

/* Redis told its clock: sent, received: monotonic. false: it has gone back before what it was known to be at
 * least; then *was is what it had been at most. */
bool wr_purge_clock_learn(struct wr_purges *p, struct wr_mono sent, struct wr_mono received,
                          struct wr_redis_time clock, struct wr_instant *was);
/* The journal's clock at this moment, at the earliest and at the latest that it can be. */
struct wr_instant wr_purge_clock_least(struct wr_purges *p);
struct wr_instant wr_purge_clock_most(struct wr_purges *p);

/* --- reading --- */

/* How far the journal has been read. */
struct wr_instant wr_purges_last(struct wr_purges *p);
/* The journal is said to have grown. Thread: any. */
void wr_purges_heard(struct wr_purges *p, struct wr_mono now);
/* It hasn't been read for too long: nothing that is stored is proven until it is. false: it has been read.
 * Thread: any. */
bool wr_purges_fall_behind(struct wr_purges *p);
/* `last` is the end of what has been read, whatever it was before: another journal. */
void wr_purges_restart(struct wr_purges *p, struct wr_instant last, struct wr_mono sent);
/* Read up to `last`, by a question sent at `sent` (monotonic). whole: that was all. */
void wr_purges_read_up_to(struct wr_purges *p, struct wr_instant last, struct wr_mono sent, bool whole);
