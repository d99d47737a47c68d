/* SPDX-License-Identifier: BSD-2-Clause */
/* Rate limits: one question for all limits of a route, answered by Redis (shared.c) or by this process
 * (local.c).
 *
 * Both have the same four algorithms and must agree. If Redis is configured and away, on_failure decides:
 * local (this node's share: limit / nodes last seen), open, or closed. Thread: worker (the limiter's own
 * loop). */
#pragma once

#include "base/arena.h"
#include "net/loop.h"
#include "policy/policy.h"
#include "redis/link.h"

struct wr_limit_verdict {
    bool allowed;   /* true for observed limits too */
    bool over;      /* an enforced limit would have refused */
    uint64_t quota; /* q: requests in `window`: the policy's rate, also where a node has only its share */
    struct wr_span window;      /* w */
    uint64_t remaining;         /* r: how many would be admitted now; with a burst it may exceed q */
    struct wr_span reset;       /* t: until the quota is full again, or the window ends */
    struct wr_span retry_after; /* when refused: until one more would be admitted */
};

enum wr_limit_answer {
    WR_LIMIT_NOW,   /* the verdicts are ready, and done() will not be called */
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

/* Makes counters for about max_entries quotas at most (local.h says which are dropped first). The caller
 * owns them. Thread: start. */
struct wr_local_limits *wr_local_limits_new(size_t max_entries) WR_MUST_USE;
/* Frees the counters. NULL is allowed. Thread: start, after the last limiter has been freed. */
void wr_local_limits_free(struct wr_local_limits *l);
/* Sets how many nodes share a limit, from the heartbeats last seen; 1 at first. Thread: any. */
void wr_local_limits_nodes(struct wr_local_limits *l, unsigned nodes);

/* Makes a worker's limiter. link: NULL without Redis. Keeps a reference to the policy. link and local must
 * outlive the limiter and every ask. */
struct wr_limiter *wr_limiter_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link,
                                  struct wr_local_limits *local) WR_MUST_USE;
/* Frees the limiter. Asks under way are still answered. */
void wr_limiter_free(struct wr_limiter *l);
/* Asks all limits of a request. Fill in count, limits, identities and done first; limits and identities
 * must stay valid until the answer. One script call decides all limits together: if one refuses, none has
 * counted the request, not even observed ones. */
enum wr_limit_answer wr_limiter_ask(struct wr_limiter *l, struct wr_limit_ask *ask) WR_MUST_USE;
/* Cancels: done() will not be called. Harmless on an ask that is zeroed, answered or cancelled. */
void wr_limit_cancel(struct wr_limit_ask *ask);
/* Returns the index of the refusing limit with the longest retry_after, or -1 if all limits admit the
 * request. */
int wr_limit_refused_by(const struct wr_limit_ask *ask);

/* Append the values of RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11). Observed
 * limits are left out, because they refuse nobody. If nothing was appended, send no such field. Thread:
 * any. */
void wr_limit_write_policy(const struct wr_limit_ask *ask, struct wr_buf *out);
void wr_limit_write_state(const struct wr_limit_ask *ask, struct wr_buf *out);

/* Returns the identity of a request for this limit, as text in the arena that is fit for a key in Redis (no
 * brace, no blank, short): its parts joined by ','. The client's address is written as it is. Values of
 * fields, cookies and parameters are hashed ('#' and 32 digits), because they may be long and hold
 * anything, and are often secrets that key names must not reveal. A part that is missing or empty is '~',
 * and then the client's address is added too. Of repeated parts the first counts. Parameters are compared
 * percent-decoded, cookies without quotes. client: the client's address, IPv6 already as its /64. Thread:
 * any. */
struct wr_slice wr_limit_identity(const struct wr_limit_policy *limit, const struct wr_head *request,
                                  struct wr_slice client, struct wr_arena *arena) WR_MUST_USE;
