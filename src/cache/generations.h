/* Generations: what purging by tag, group, prefix, host or everything costs the same for one object as for a million.
 *
 * A response carries the generations of all it belongs to as they were when it was fetched; a purge makes one generation
 * newer; a hit compares. With Redis it holds them ({ns}:{ks}:gen:<scope>:<name>, and gen:prefixes for the prefixes) and this
 * is the process's coherent copy: the herald reports each change, the main loop reads it anew. A generation that is missing
 * in Redis reads as purged. Without Redis they are only here.
 *
 * A generation is an instant on Redis's clock (or ours, without Redis) of the last hard purge, and of the last soft one; so
 * whoever learns it knows how long ago that was, and a fetch that began before doesn't pass for fresh. A stamp that is too old
 * can only make a response seem purged, never the other way round.
 *
 * A hit whose object was compared since anything changed costs one load. Locks are sharded and held for nanoseconds.
 * Thread: any, unless said otherwise. */
#pragma once

#include "cache/object.h"
#include "redis/herald.h"
#include "redis/link.h"

struct wr_gens;

enum wr_scope {
    WR_SCOPE_URL,    /* the name is a URL; it has no generation that objects carry: see wr_shelf_purge() */
    WR_SCOPE_TAG,
    WR_SCOPE_GROUP,  /* of one host (RFC 9875): the name is "<host> <group>" */
    WR_SCOPE_PREFIX, /* "host/path" as a key's text begins */
    WR_SCOPE_HOST,
    WR_SCOPE_ALL,    /* the name is empty */
    WR_SCOPE_COUNT
};
#define WR_PREFIXES_MOST 1024 /* prefixes remembered apart; over that, what is older than the oldest reads as purged */
/* "url", "tag", ... Static memory. */
const char *wr_scope_name(enum wr_scope scope);
/* false: none of them. */
bool wr_scope_of(struct wr_slice name, enum wr_scope *out) WR_MUST_USE;

enum wr_gens_state {
    WR_GENS_CURRENT, /* not purged since it was fetched */
    WR_GENS_SOFT,    /* softly: stale */
    WR_GENS_UNKNOWN, /* Redis has to be asked: wr_gens_learn() */
    WR_GENS_GONE,    /* purged */
};

/* redis: the policy's, borrowed for good; NULL: no Redis. */
struct wr_gens *wr_gens_new(const struct wr_policy_redis *redis);
void wr_gens_free(struct wr_gens *g);
/* Who reports changes; borrowed. Before workers run. Thread: start. */
void wr_gens_listen(struct wr_gens *g, const struct wr_herald *herald);

/* The slow way of wr_gens_check(). known (may be NULL): the earliest moment of which all that was compared is known; lowered
 * only. */
enum wr_gens_state wr_gens_compare(struct wr_gens *g, struct wr_object *o, struct wr_time from, struct wr_time *known);
/* The present epoch: grows with every change of a generation. */
static inline uint64_t wr_gens_epoch(const struct wr_gens *g)
{
    return __atomic_load_n((const uint64_t *) (const void *) g, __ATOMIC_ACQUIRE); /* its first field */
}
/* Has it been purged? Only responses carry generations; of anything else the answer is CURRENT. from (monotonic): what was read
 * from Redis at this moment or later counts (wr_worker_horizon()). */
static inline enum wr_gens_state wr_gens_check(struct wr_gens *g, struct wr_object *o, struct wr_time from)
{
    if (o->meta.kind != WR_OBJECT_RESPONSE || __atomic_load_n(&o->gens_epoch, __ATOMIC_RELAXED) == wr_gens_epoch(g))
        return WR_GENS_CURRENT;
    return wr_gens_compare(g, o, from, NULL);
}

/* Appends the generations that `o`, whose fetch began at `began` (monotonic), is to carry. GONE: something it belongs to has
 * been purged since. UNKNOWN: some aren't known; as long as that lasts it will read as purged. */
enum wr_gens_state wr_gens_stamp(struct wr_gens *g, const struct wr_object *o, struct wr_time began, struct wr_buf *out);

/* A purge that is known here before, or instead of, being known in Redis. Without Redis it is the purge. With it the
 * generation has to be learnt anew before anything of it is used. Not for URLs. */
void wr_gens_purge(struct wr_gens *g, enum wr_scope scope, struct wr_slice name, bool soft);
/* The name of its generation in Redis. Not for URLs. */
void wr_gens_key(const struct wr_gens *g, enum wr_scope scope, struct wr_slice name, struct wr_buf *out);
/* Does a key's text lie below a prefix? without_host: the key was made without one. */
bool wr_prefix_covers(struct wr_slice prefix, struct wr_slice key_text, bool without_host) WR_MUST_USE;

/* Something has changed, or may have: every object is compared anew. Thread: any. */
void wr_gens_turn(struct wr_gens *g);

/* --- learning from Redis --- */

/* Questions under way; embedded in the asker, zeroed. */
struct wr_gens_ask {
    void (*done)(struct wr_gens_ask *ask);
    /* private from here */
    struct wr_gens *gens;
    struct wr_gens_question *questions;
    size_t count, pending;
    bool late;      /* read by the asker: Redis did not answer in time */
};
/* Asks Redis for what isn't known (or not trusted any more) of what `o` belongs to. keep: make what is missing, for an
 * object that is kept so long; 0: don't. stamp_since: what was read since then is good enough (for wr_gens_stamp()); 0: it must
 * be trusted now. true: done() will be called once, when all has been answered or is late, never before this returns. false: there is
 * nothing to ask, or nobody. Thread: the link's owner. */
bool wr_gens_learn(struct wr_gens *g, struct wr_link *link, const struct wr_object *o, struct wr_span keep,
                   struct wr_time stamp_since, struct wr_gens_ask *ask) WR_MUST_USE;
/* done() will not be called. Harmless at any time. */
void wr_gens_cancel(struct wr_gens_ask *ask);
static inline bool wr_gens_pending(const struct wr_gens_ask *ask)
{
    return ask->pending > 0;
}

/* The herald's news, for keys of generations: what is known of it is read anew over `link`, and until then the old value
 * stands; if Redis can't be asked it is forgotten. at == NULL: all is forgotten. Others' keys: nothing happens.
 * Thread: main (from here on). */
void wr_gens_changed(struct wr_gens *g, struct wr_link *link, struct wr_slice key);
/* Learns what every object needs. */
void wr_gens_warm(struct wr_gens *g, struct wr_link *link);
/* Questions that changed() and warm() have under way. settled(ctx) is called when the last of them ends. */
size_t wr_gens_unsettled(const struct wr_gens *g);
void wr_gens_on_settled(struct wr_gens *g, void (*settled)(void *ctx), void *ctx);
