/* SPDX-License-Identifier: BSD-2-Clause */
/* What a worker has: its loop and connections, its part of what the process shares, the policy it serves by
 * now.
 *
 * A worker policy is one policy on one worker: a reload gives each worker a new one, transactions and flights
 * under way keep theirs. Thread: the worker's own; `struct wr_shared` is made at the start and its parts are
 * safe for any thread. */
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

struct wr_flights;
struct wr_passes;
struct wr_purger;
struct wr_conns;
struct wr_flight;

struct wr_shared {
    struct wr_memory *memory; /* NULL: memory: off */
    struct wr_purges *purges; /* what has been purged */
    struct wr_flights *flights;
    struct wr_passes *passes; /* for what nobody queues */
    struct wr_purger *purger;
    struct wr_local_limits *local; /* the limits without Redis */
    struct wr_backends *backends;
    struct wr_subscriber *subscriber; /* NULL: no Redis */
    struct wr_access *access;         /* NULL: access: off */
    struct wr_slice name;             /* server_name, as it stands in Cache-Status */
    struct wr_slice
        via[2];    /* "1.0 <server_name>", "1.1 <server_name>": by the version received (RFC 9110 7.6.3) */
    bool draining; /* atomic */
    unsigned connections; /* atomic: open client connections */
};

struct wr_worker_policy {
    unsigned refs; /* of this worker only: plain */
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
    struct wr_conns *conns; /* txn's own: connections, what they leave to the next ones, the batch */
    size_t conn_count;
    TAILQ_HEAD(, wr_flight) flights; /* run by this worker */
    size_t flight_count;
    void (*idle)(struct wr_worker *worker); /* called when draining and the last of both has gone */
    struct wr_flight *spare_flights;
    size_t spare_flight_count;
    struct wr_hot *hot; /* what it has found in memory twice lately */
};

/* Thread: the worker's. */
struct wr_worker_policy *wr_worker_policy_new(struct wr_worker *worker, struct wr_policy *policy);
struct wr_worker_policy *wr_worker_policy_ref(struct wr_worker_policy *t);
void wr_worker_policy_unref(struct wr_worker_policy *t);
/* What was last known equal to Redis at this moment or later (monotonic) may be used now without asking
 * Redis: what the subscriber vouches for; all of it without Redis, or while this worker can't ask and the
 * policy says redis.away: serve. */
struct wr_mono wr_worker_horizon(const struct wr_worker *worker);
/* Tells main that nothing is left, if so. */
void wr_worker_check_idle(struct wr_worker *worker);
