/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker: its loop, its connections, its link to Redis, and the policy that it serves by now.
 *
 * A worker policy is one policy on one worker. A reload gives each worker a new one; transactions and flights
 * under way keep theirs. Thread: the worker's own. `struct wr_shared` is filled at the start, and its parts
 * are safe on any thread. */
#pragma once

#include "limit/limit.h"
#include "log/access.h"
#include "net/loop.h"
#include "origin/exchange.h"
#include "policy/policy.h"
#include "purge/purges.h"
#include "redis/link.h"
#include "redis/subscriber.h"
#include "store/hot.h"
#include "store/memory.h"
#include "store/redis_store.h"
#include "worker/life.h"

struct wr_flights;
struct wr_passes;
struct wr_purger;
struct wr_conns;
struct wr_flight_pool;

/* Shared by all threads of the process. */
struct wr_shared {
    struct wr_memory *memory; /* the memory store; NULL: memory: off */
    struct wr_purges *purges; /* what has been purged */
    struct wr_flights *flights;
    struct wr_passes *passes; /* the pass markers */
    struct wr_purger *purger;
    struct wr_local_limits *local; /* the limits of this process, used without Redis */
    struct wr_backends *backends;
    struct wr_subscriber *subscriber; /* NULL: no Redis */
    struct wr_access *access;         /* NULL: access: off */
    struct wr_slice name;             /* server_name, as it stands in Cache-Status */
    struct wr_slice
        via[2]; /* "1.0 <server_name>", "1.1 <server_name>": by the version received (RFC 9110 7.6.3) */
    enum wr_life life;    /* atomic; see wr_shared_life() */
    unsigned connections; /* atomic: open client connections */
    unsigned tunnels;     /* atomic: requests that have switched the protocol, or ask for it */
    unsigned
        clients_most; /* so many clients the limit of open files allows for; the policy may allow fewer */
};

/* Thread: any. */
static inline enum wr_life wr_shared_life(const struct wr_shared *shared)
{
    return __atomic_load_n(&shared->life, __ATOMIC_RELAXED);
}

struct wr_worker_policy {
    unsigned refs; /* used by this worker only, so not atomic */
    struct wr_worker *worker;
    struct wr_policy *policy;
    struct wr_origins *origins;
    struct wr_limiter *limiter;
};

struct wr_worker {
    struct wr_loop loop;
    struct wr_shared *shared;
    struct wr_worker_policy *worker_policy;
    struct wr_link *link;               /* NULL: no Redis */
    struct wr_redis_store *redis_store; /* NULL: no Redis */
    struct wr_conns *conns;             /* txn's own: connections, spare memory, the batch */
    size_t conn_count;
    struct wr_flight_pool *flight_pool; /* flight's own: the flights that this worker runs, spare memory */
    size_t flight_count;
    void (*idle)(
        struct wr_worker *worker); /* called when neither connections nor flights are left; or NULL */
    struct wr_hot *hot;            /* references to what this worker has found in memory twice lately */
};

/* Makes a worker policy with its origins and limits, and one reference for the caller. Takes a reference
 * to `policy`. The last wr_worker_policy_unref() frees it; NULL is harmless there. Thread: the worker's.
 */
struct wr_worker_policy *wr_worker_policy_new(struct wr_worker *worker, struct wr_policy *policy);
struct wr_worker_policy *wr_worker_policy_ref(struct wr_worker_policy *t);
void wr_worker_policy_unref(struct wr_worker_policy *t);
/* The worker's horizon, a monotonic time: a copy that was known equal to Redis then or later may be used
 * now without asking Redis. The subscriber vouches for it. It is 0, so that all copies may be used,
 * without Redis, or while this worker's link is down and the policy says redis.away: serve. */
struct wr_mono wr_worker_horizon(const struct wr_worker *worker);
/* Calls idle() if no connection and no flight of the worker is left. */
void wr_worker_check_idle(struct wr_worker *worker);
