/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of purges, by name and instant. It answers one question: is an object older than its purges?
 *
 * An object carries one instant, at which its fetch began. It belongs to names: its URL, its host, its tags
 * and groups, every prefix of its key, and everything. A purge gives one name an instant. So a purge costs
 * the same for one object as for a million, and nothing has to be written where an object is stored. A hit
 * compares only if something has been purged since the object was last compared: otherwise it costs one load.
 *
 * With Redis the journal of purges (journal.h) is the truth, and this is each process's table of it: read
 * whole at the start and followed from then on (feed.h). Without Redis there is only the table.
 *
 * The table is bounded. An entry is dropped when it is older than WR_PURGES_KEPT, and the oldest one when
 * there are too many. The instant of the last entry dropped is the *floor*: what was fetched before it can't
 * be proven unpurged any more.
 *
 * Locks are sharded and held for nanoseconds. Thread: any, unless said otherwise. */
#pragma once

#include "cache/object.h"
#include "purge/names.h"
#include "redis/subscriber.h"

struct wr_purges;

#define WR_PURGES_KEPT WR_SPAN_S(30 * 86400)
#define WR_PURGES_MOST 1000000 /* names that are remembered, roughly */
/* The latest purges, each of which is remembered; an older one is remembered only until a later one replaces
 * it. */
#define WR_PURGES_RECENT 10000

enum wr_purge_state {
    WR_PURGE_CURRENT,  /* not purged since its fetch began */
    WR_PURGE_SOFT,     /* purged softly: it is stale */
    WR_PURGE_UNPROVEN, /* not known: it must be validated, not served */
    WR_PURGE_GONE,     /* purged */
};
/* What a fetch brings is in this state: may requests that come from now on not join it any more? UNPROVEN
 * doesn't end a fetch: what can't be proven of the past says nothing about a fetch under way. */
static inline bool wr_purge_ends_fetch(enum wr_purge_state state)
{
    return state == WR_PURGE_SOFT || state == WR_PURGE_GONE;
}

/* Makes the table, which the caller owns. shared: the journal is in Redis; until it has been read, nothing
 * that other nodes have fetched is proven. */
struct wr_purges *wr_purges_new(bool shared);
void wr_purges_free(struct wr_purges *p);
/* heard(ctx, purge) is called for each purge when it becomes known here, on the thread that learns of it. It
 * is for fetches under way, which are in no store yet. Thread: start. */
void wr_purges_on_heard(struct wr_purges *p, void (*heard)(void *ctx, const struct wr_purge *purge),
                        void *ctx);

/* Returns how often anything has been purged. Objects remember at which epoch they were last compared. */
static inline uint64_t wr_purges_epoch(const struct wr_purges *p)
{
    return __atomic_load_n((const uint64_t *) p, __ATOMIC_ACQUIRE); /* it is the first member */
}
/* Compares an object with the table, and notes in the object if it is current. A VARY marker is never purged.
 */
enum wr_purge_state wr_purges_compare(struct wr_purges *p, struct wr_object *o);
/* The same, without comparing if nothing has been purged since it was last compared. */
static inline enum wr_purge_state wr_purges_check(struct wr_purges *p, struct wr_object *o)
{
    if (__atomic_load_n(&o->purge_epoch, __ATOMIC_RELAXED) == wr_purges_epoch(p))
        return WR_PURGE_CURRENT;
    return wr_purges_compare(p, o);
}

/* Returns the instant for a fetch that begins now. It is never later than the journal's clock, and not before
 * a purge that has been confirmed here. */
struct wr_instant wr_purges_begin(struct wr_purges *p);
/* Returns an instant that no fetch which has begun by now, on any node, is later than. If one is, it began
 * before Redis's clock was set back. */
struct wr_instant wr_purges_present(struct wr_purges *p);

/* Purges in this process and returns the instant. Without Redis that is all. With Redis the instant is
 * preliminary: it is later than that of any fetch which has begun here by now. The journal gives the final
 * one (wr_purges_say()). */
struct wr_instant wr_purges_here(struct wr_purges *p, const struct wr_purge *purge);
/* Return how many names are remembered, and the bytes they take. For tests and metrics. */
size_t wr_purges_count(struct wr_purges *p);
size_t wr_purges_bytes(struct wr_purges *p);

/* --- is the table up to date? --- */

/* May what was read from Redis at this moment be compared with the table? *as_of: since when the table is
 * known to be complete, monotonic. Without Redis always. */
bool wr_purges_known(const struct wr_purges *p, struct wr_mono now, struct wr_mono *as_of);
