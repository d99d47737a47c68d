/* SPDX-License-Identifier: BSD-2-Clause */
/* The four algorithms as pure arithmetic: a rule, a state, an instant, a cost, and out comes a decision.
 *
 * Whole microseconds and exact fractions: nothing drifts, whatever the rate. The Lua scripts
 * (redis/lua/limit_*.lua) say the same in Redis, whose numbers are doubles; so every number here and every
 * intermediate product stays below 2^53. Knows nothing of clients, keys, clocks or locks. A zeroed state
 * is a whole quota.
 *
 *   fixed_window    `count` in a window that the first request opens
 *   sliding_window  `count` in every window there is: the log of the admitted ones, at most `count` entries
 *   token_bucket    what was spent flows back at count/window; at most `burst` may be missing
 *   gcra            the same promise kept in the time dimension: when the next one would be due (ITU-T I.371)
 *
 * A clock that goes back never gives quota away at once and keeps nobody waiting longer than a steady one
 * would: what lies in the future is drawn to the present. */
#pragma once

#include "policy/policy.h"

#define WR_LIMIT_MAX_COUNT INT64_C(1000000000) /* of rate and burst */
#define WR_LIMIT_MAX_SPAN \
    (366 * INT64_C(86400) * WR_US_PER_S) /* a window; a whole burst's time to come back */
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

/* What the scripts answer too, in this order. */
struct wr_limit_decision {
    bool allowed;
    int64_t remaining;      /* how many of cost 1 would be admitted now, after this one */
    int64_t reset_us;       /* until the quota is whole again (fixed_window: the window ends); 0: it is */
    int64_t retry_after_us; /* when refused: until the same would be admitted, if nobody else comes; else 0 */
};

/* The policy's limit as a node's share: count and burst divided by `nodes`, at least 1. Numbers beyond the
 * maxima above are brought down to them (the policy's reader refuses them first). Thread: any. */
struct wr_limit_rule wr_limit_rule_of(const struct wr_limit_policy *limit, unsigned nodes);

/* Counts an admitted request of `cost` (at least 1; more than the whole quota counts as the whole quota)
 * into *state; a refused one changes nothing but what time changed anyway, and so does any if `spend` is
 * false: then the decision says whether it would be admitted, and how things stand without it. sliding_window
 * may grow the log on the heap. Thread: any, the caller holds the state's lock. */
struct wr_limit_decision wr_limit_decide(const struct wr_limit_rule *rule, struct wr_limit_tally *state,
                                         struct wr_mono now, int64_t cost, bool spend);

/* Gives back what the state holds on the heap and zeroes it. */
void wr_limit_tally_fini(const struct wr_limit_rule *rule, struct wr_limit_tally *state);
