/* SPDX-License-Identifier: BSD-2-Clause */
/* The four algorithms as pure arithmetic: a rule, a state, an instant and a cost give a decision.
 *
 * They use whole microseconds and exact fractions, so nothing drifts whatever the rate. The Lua scripts
 * (redis/lua/limit_*.lua) compute the same in Redis, whose numbers are doubles; so every number here and
 * every intermediate product stays below 2^53. This room's arithmetic knows no clients, keys, clocks or
 * locks. A zeroed state is a full quota.
 *
 *   fixed_window    `count` requests in a window that the first request opens
 *   sliding_window  `count` requests in any window: a log of the admitted ones, at most `count` entries
 *   token_bucket    spent tokens flow back at count/window; at most `burst` may be missing
 *   gcra            the same limit, kept as the time when the next request would be due (ITU-T I.371)
 *
 * A clock that is set back never gives quota away at once, and makes nobody wait longer than a steady clock
 * would: instants in the future are moved to the present. */
#pragma once

#include "policy/policy.h"

#define WR_LIMIT_MAX_COUNT INT64_C(1000000000) /* of rate and burst */
#define WR_LIMIT_MAX_SPAN                                                                                   \
    (366 * INT64_C(86400) * WR_US_PER_S) /* largest window, and longest time for a whole burst to come back \
                                          */
#define WR_LIMIT_MAX_LOG INT64_C(100000) /* sliding_window: each admitted request is an entry */

struct wr_limit_rule {
    enum wr_algorithm algorithm;
    int64_t count, window_us; /* the rate */
    int64_t burst;            /* token_bucket, gcra; the others: count */
};

struct wr_limit_log { /* a ring of instants, oldest first */
    int64_t *at;
    uint32_t head, len, cap;
};

struct wr_limit_tally { /* one member, by algorithm */
    union {
        struct {
            int64_t end_us, used;
        } fixed;
        struct wr_limit_log log;
        struct {
            int64_t at_us, used, part; /* used + part/window_us tokens were missing at at_us */
        } bucket;
        struct {
            int64_t due_us, part; /* due_us + part/count: the theoretical arrival time */
        } gcra;
    };
};

/* A decision. The scripts reply with the same numbers in this order. */
struct wr_limit_decision {
    bool allowed;
    int64_t remaining;      /* how many requests of cost 1 would be admitted now, after this one */
    int64_t reset_us;       /* until the quota is full again (fixed_window: until the window ends); 0: it is
                             * full */
    int64_t retry_after_us; /* when refused: until the same request would be admitted if no other comes;
                             * else 0 */
};

/* Returns a node's share of the policy's limit: count and burst divided by `nodes`, at least 1. Numbers
 * above the maxima are reduced to them (the policy's reader refuses them first). Thread: any. */
struct wr_limit_rule wr_limit_rule_of(const struct wr_limit_policy *limit, unsigned nodes);

/* Decides a request of `cost` (at least 1; more than the whole quota counts as the whole quota). An
 * admitted request is counted in *state; a refused one changes only what time alone would change. With
 * `spend` false nothing is counted: the decision says whether the request would be admitted, and the rest
 * describes the state without it. sliding_window may grow the log on the heap. Thread: any; the caller
 * holds the state's lock. */
struct wr_limit_decision wr_limit_decide(const struct wr_limit_rule *rule, struct wr_limit_tally *state,
                                         struct wr_mono now, int64_t cost, bool spend);

/* Frees what the state holds on the heap, and zeroes it. */
void wr_limit_tally_fini(const struct wr_limit_rule *rule, struct wr_limit_tally *state);
