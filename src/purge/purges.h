/* SPDX-License-Identifier: BSD-2-Clause */
/* What has been purged, by name and instant, and the one question about it: is this older than its purges?
 *
 * An object carries one instant, when its fetch began, and belongs to names: its URL, its host, its tags and
 * groups, every prefix of its key, everything. A purge gives one name an instant. So it costs the same for
 * one object as for a million, and nothing has to be written where an object is stored. A hit compares only
 * if something has been purged since it was last compared: one load.
 *
 * With Redis the journal of purges (journal.h) is the truth, and this is each process's table of it: read
 * whole when it starts (feed.h), followed from then on. Without Redis there is only the table. It is bounded:
 * an entry goes when it is older than WR_PURGES_KEPT, or the oldest one when they are too many; what was
 * fetched before the *floor* that this leaves can't be proven any more.
 *
 * Locks are sharded and held for nanoseconds. Thread: any, unless said otherwise. */
#pragma once

#include "cache/object.h"
#include "purge/names.h"
#include "redis/subscriber.h"

struct wr_purges;

#define WR_PURGES_KEPT WR_SPAN_S(30 * 86400)
#define WR_PURGES_MOST 1000000 /* names remembered, roughly */
#define WR_PURGES_RECENT \
    10000 /* of the latest purges each is remembered, of older ones only what a later one hasn't replaced */

enum wr_purge_state {
    WR_PURGE_CURRENT,  /* not purged since its fetch began */
    WR_PURGE_SOFT,     /* softly: it is stale */
    WR_PURGE_UNPROVEN, /* nobody knows: it is to be validated, not served */
    WR_PURGE_GONE,     /* purged */
};
/* Is a fetch over for those who ask from now on, if what it brings is in this state? (What can't be proven of
 * the past says nothing of a fetch under way.) */
static inline bool wr_purge_ends_fetch(enum wr_purge_state state)
{
    return state == WR_PURGE_SOFT || state == WR_PURGE_GONE;
}

/* shared: the journal is in Redis; until it has been read nothing that others have fetched is proven. */
struct wr_purges *wr_purges_new(bool shared);
void wr_purges_free(struct wr_purges *p);
/* heard(ctx, purge) is called for each purge when it becomes known here, on the thread that learns of it; for
 * what lies in no store yet. Thread: start. */
void wr_purges_on_heard(struct wr_purges *p, void (*heard)(void *ctx, const struct wr_purge *purge),
                        void *ctx);

/* How often anything has changed. Objects remember it. */
static inline uint64_t wr_purges_epoch(const struct wr_purges *p)
{
    return __atomic_load_n((const uint64_t *) p, __ATOMIC_ACQUIRE); /* the first member */
}
/* Compares with the table, and notes in the object if it is current. What only says which request fields
 * choose is never purged. */
enum wr_purge_state wr_purges_compare(struct wr_purges *p, struct wr_object *o);
static inline enum wr_purge_state wr_purges_check(struct wr_purges *p, struct wr_object *o)
{
    if (__atomic_load_n(&o->purge_epoch, __ATOMIC_RELAXED) == wr_purges_epoch(p))
        return WR_PURGE_CURRENT;
    return wr_purges_compare(p, o);
}

/* The instant that a fetch carries which begins now: never later than the journal's clock, and not before a
 * purge that has been confirmed here. */
struct wr_instant wr_purges_begin(struct wr_purges *p);
/* No fetch that has begun by now, on whichever node, carries a later instant; one that does began before
 * Redis's clock was set back. */
struct wr_instant wr_purges_present(struct wr_purges *p);

/* Purges in this process. Without Redis that is all. With it the instant is preliminary: it is later than
 * that of any fetch which has begun here by now; the journal will say the final one (wr_purges_say()). */
struct wr_instant wr_purges_here(struct wr_purges *p, const struct wr_purge *purge);
/* How many names are remembered, and the octets that takes. For tests and figures. */
size_t wr_purges_count(struct wr_purges *p);
size_t wr_purges_bytes(struct wr_purges *p);

/* --- is the table up to date? --- */

/* May what was read from Redis at this moment be compared with the table? *as_of (monotonic): since when it
 * is known to be complete. Always without Redis. */
bool wr_purges_known(const struct wr_purges *p, struct wr_mono now, struct wr_mono *as_of);
