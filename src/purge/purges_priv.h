/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of the table: table.c (names, comparing), log.c (purges in order), clock.c, and what feeds it.
 * Thread: any. */
#pragma once

#include <stdatomic.h>

#include "base/instant.h"
#include "purge/purges.h"
#include "redis/link.h"

#define WR_PREFIX_LONGEST 4096 /* bytes of a prefix that count; a longer one is cut, so more is purged */

/* One purge in the log. */
struct wr_purge_note {
    TAILQ_ENTRY(wr_purge_note) entry;
    struct wr_instant at;
    uint32_t name_len;
    uint8_t scope;
    bool soft, implied;
    char texts[]; /* URL: two struct wr_hash; then the name */
};
TAILQ_HEAD(wr_purge_notes, wr_purge_note);

/* One purged name. */
struct wr_purge_name {
    struct wr_hash hash;
    uint64_t hard, soft; /* instants of the last purge of each kind; both 0: the place is free */
};

#define WR_PURGE_SHARDS 64
struct wr_purge_shard {
    _Alignas(64) pthread_mutex_t lock;
    struct wr_purge_name *names; /* a hash table with open addressing */
    size_t count, room;          /* room: a power of two, or 0 */
};

struct wr_purges {
    uint64_t epoch; /* atomic; the first member, for wr_purges_epoch() */
    bool shared;
    const struct wr_policy_redis *redis; /* says where the journal is */
    const char *node;
    const struct wr_subscriber *subscriber;
    void (*heard)(void *ctx, const struct wr_purge *purge);
    void *ctx;

    _Atomic uint64_t floor;     /* what was fetched before this instant can't be proven */
    _Atomic uint64_t confirmed; /* the latest instant that the journal has given */
    _Atomic uint64_t all_hard, all_soft;
    struct wr_purge_shard shards[WR_PURGE_SHARDS];
    /* the lengths of all prefixes: [0] with their host, [1] without. A length that was ever used stays */
    _Atomic uint64_t prefix_lengths[2][WR_PREFIX_LONGEST / 64 + 1];

    pthread_mutex_t log_lock;     /* of the log and of all fields below, up to `unsaid_count` */
    struct wr_purge_notes log;    /* ordered by instant */
    struct wr_purge_note *hint;   /* where the last note was put; NULL: nowhere */
    struct wr_purge_note *recent; /* the oldest of the latest WR_PURGES_RECENT */
    size_t log_count, recent_count;
    struct wr_instant last;               /* how far the journal has been read */
    TAILQ_HEAD(, wr_purge_unsaid) unsaid; /* purges that Redis has not taken yet */
    size_t unsaid_count;

    /* monotonic, in microseconds */
    _Atomic int64_t read_us; /* at this time the table held all that the journal did; 0: never */
    /* When the journal was reported to have grown, if it hasn't been read since; 0: it has. */
    _Atomic int64_t heard_us;
    int64_t heard_last_us; /* the last such report; under log_lock */
    _Atomic bool behind;   /* that has lasted for longer than anything may be trusted */

    pthread_mutex_t clock_lock;
    struct wr_purge_clock {
        /* The journal's clock is ahead of our monotonic one by at least and at most so much. */
        int64_t least_us, most_us;
        struct wr_mono taken; /* monotonic: when the two were learnt */
        bool known;           /* Redis has told its clock; until then this is our own clock */
    } clock;
};

/* --- table.c --- */

/* Begins a new epoch, so all objects are compared again. */
void wr_purges_turn(struct wr_purges *p);
/* Puts a purge of the journal into the table, at its final instant. The order doesn't matter, and adding it
 * twice is the same as once. quiet: nobody needs to be notified. *replaced (may be NULL; room for `most`):
 * the instants of purges that the log has just dropped because later ones replaced them. Returns their
 * number. */
size_t wr_purges_add(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at, bool quiet,
                     struct wr_instant *replaced, size_t most);
/* Sets the floor: what was fetched before it can't be proven any more, and for what was fetched later nothing
 * is missing. */
void wr_purges_set_floor(struct wr_purges *p, struct wr_instant floor);
/* For log.c: has a later purge replaced this one? And: forget the names of a purge, unless a later one has
 * them too. */
bool wr_purges_is_replaced(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at);
void wr_purges_forget(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at);

/* --- log.c; the lock is taken inside --- */

/* Adds a purge. Returns false if the log already holds it. */
bool wr_purge_log_add(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at);
/* Drops what is too old, too much or replaced. *replaced, most and the result as for wr_purges_add(). */
size_t wr_purge_log_trim(struct wr_purges *p, struct wr_instant *replaced, size_t most);
/* Gives the first purge after `after`, copied into the arena. Returns false if there is none. */
bool wr_purge_log_after(struct wr_purges *p, struct wr_instant after, struct wr_arena *arena,
                        struct wr_purge *out, struct wr_instant *at) WR_MUST_USE;
/* Frees all notes. Thread: start, after all others ended. */
void wr_purge_log_free(struct wr_purges *p);

/* --- journal.c --- */
/* Frees the purges that Redis hasn't taken. Thread: start, after all others ended. */
void wr_journal_unsaid_free(struct wr_purges *p);

/* --- clock.c --- */

/* Redis has told its clock. sent, received: monotonic, of the question and the answer. Returns false if the
 * clock has gone back behind what it was known to be at least; then *was is what it had been at most. */
bool wr_purge_clock_learn(struct wr_purges *p, struct wr_mono sent, struct wr_mono received,
                          struct wr_redis_time clock, struct wr_instant *was);
/* Return the earliest and the latest instant that the journal's clock can show now. */
struct wr_instant wr_purge_clock_least(struct wr_purges *p);
struct wr_instant wr_purge_clock_most(struct wr_purges *p);

/* --- reading --- */

/* Returns how far the journal has been read. */
struct wr_instant wr_purges_last(struct wr_purges *p);
/* The journal was reported to have grown. Thread: any. */
void wr_purges_heard(struct wr_purges *p, struct wr_mono now);
/* The journal hasn't been read for too long: until it is, nothing that is stored is proven. Returns false if
 * it has been read meanwhile. Thread: any. */
bool wr_purges_fall_behind(struct wr_purges *p);
/* `last` is the end of what has been read, whatever it was before: it may be another journal. sent: as below.
 */
void wr_purges_restart(struct wr_purges *p, struct wr_instant last, struct wr_mono sent);
/* The journal has been read up to `last`, by a question that was sent at `sent` (monotonic). whole: that was
 * all. */
void wr_purges_read_up_to(struct wr_purges *p, struct wr_instant last, struct wr_mono sent, bool whole);
