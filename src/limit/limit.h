/* SPDX-License-Identifier: BSD-2-Clause */
/* Rate limits: one question for all limits of a route, answered by Redis (shared.c) or by this process
 * (local.c).
 *
 * Both speak the same four algorithms and must know the same lines. With Redis configured and away,
 * on_failure says what happens: local (this node's share: limit / nodes last seen), open, or closed.
 * Thread: worker (the limiter's own loop). */
#pragma once

#include "base/arena.h"
#include "net/loop.h"
#include "policy/policy.h"
#include "redis/link.h"

struct wr_limit_verdict {
    bool allowed;   /* true for observed limits too */
    bool over;      /* what an enforced limit would have refused */
    uint64_t quota; /* q: how many in `window`: the policy's rate, also where a node only has its share */
    struct wr_span window;      /* w */
    uint64_t remaining;         /* r: how many would be admitted now; with a burst it may be more than q */
    struct wr_span reset;       /* t: until the quota is whole again, or the window ends */
    struct wr_span retry_after; /* when refused: until one more would be admitted */
};

enum wr_limit_answer {
    WR_LIMIT_NOW,   /* the verdicts are there: done() will not be called */
    WR_LIMIT_LATER, /* done() will be called once, unless cancelled */
};

struct wr_limiter;      /* one per worker */
struct wr_local_limits; /* one per process: the process's own counters, sharded */

struct wr_limit_ask { /* zeroed before its first use */
    void (*done)(struct wr_limit_ask *ask);
    size_t count;
    const struct wr_limit_policy *limits[WR_MAX_ROUTE_LIMITS];
    struct wr_slice identities[WR_MAX_ROUTE_LIMITS]; /* borrowed until the answer */
    struct wr_limit_verdict verdicts[WR_MAX_ROUTE_LIMITS];
    bool closed; /* Redis is away and on_failure is closed: refuse with 503 */
    bool late;   /* Redis did not answer in time */
    /* private to limit/ */
    struct wr_limiter *limiter; /* NULL: not under way */
    struct wr_call call;
};

/* At most about max_entries quotas are remembered (local.h says which one goes first). Thread: start. */
struct wr_local_limits *wr_local_limits_new(size_t max_entries) WR_MUST_USE;
/* Thread: start, when no limiter asks any more. NULL is fine. */
void wr_local_limits_free(struct wr_local_limits *l);
/* How many nodes share a limit, from the heartbeats last seen; 1 by default. Thread: any. */
void wr_local_limits_nodes(struct wr_local_limits *l, unsigned nodes);

/* link: NULL without Redis. Keeps a reference to the policy; link and local must outlive the limiter and
 * every ask. */
struct wr_limiter *wr_limiter_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link,
                                  struct wr_local_limits *local) WR_MUST_USE;
/* Asks under way are still answered. */
void wr_limiter_free(struct wr_limiter *l);
/* Fill count, limits, identities and done first; limits and identities hold until the answer. All are decided
 * together, by one script call: what one of them refuses none has counted, observed ones neither. */
enum wr_limit_answer wr_limiter_ask(struct wr_limiter *l, struct wr_limit_ask *ask) WR_MUST_USE;
/* done() will not be called. Harmless on an ask that is zeroed, answered or cancelled. */
void wr_limit_cancel(struct wr_limit_ask *ask);
/* All limits allowed? The index of the one that refuses hardest (longest retry_after), or -1. */
int wr_limit_refused_by(const struct wr_limit_ask *ask);

/* The RateLimit-Policy and RateLimit field values (draft-ietf-httpapi-ratelimit-headers-11), appended.
 * Observed limits are not told: they refuse nobody. Appends nothing if there is nothing to tell; then send
 * no such field. Thread: any. */
void wr_limit_write_policy(const struct wr_limit_ask *ask, struct wr_buf *out);
void wr_limit_write_state(const struct wr_limit_ask *ask, struct wr_buf *out);

/* Who a request is to this limit, as text in the arena, fit for a key in Redis (no brace, no blank,
 * short): its parts joined by ','. The client's address stands as it is; values of fields, cookies and
 * parameters are hashed ('#' and 32 digits), because they are as long and strange as clients like, and
 * often secrets that must not be read off key names. A part the request lacks (or has empty) is '~', and
 * then the client's address is joined too. Of what is repeated the first counts. Parameters are compared
 * percent-decoded, cookies without quotes. client: the identified address, IPv6 already cut to /64.
 * Thread: any. */
struct wr_slice wr_limit_identity(const struct wr_limit_policy *limit, const struct wr_head *request,
                                  struct wr_slice client, struct wr_arena *arena) WR_MUST_USE;
