/* SPDX-License-Identifier: BSD-2-Clause */
/* The arithmetic of the four algorithms. The Lua scripts in redis/lua do the same steps in the same order. */
#include "limit/algorithm.h"

#include <stdlib.h>

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Returns floor(a * b / c) and sets the remainder. Exact without 128-bit numbers: takes seven bits of `a`
 * at a time, because the scripts must do the same below 2^53. a < 2^53; b, c < 2^45; b or c < 2^30; the
 * quotient < 2^53. */
static int64_t mul_div(int64_t a, int64_t b, int64_t c, int64_t *remainder)
{
    int64_t product, quotient = 0, rest = 0;
    if (!__builtin_mul_overflow(a, b, &product)) {
        *remainder = product % c;
        return product / c;
    }
    for (int shift = 49; shift >= 0; shift -= 7) {
        int64_t x = rest * 128 + ((a >> shift) & 127) * b;
        quotient = quotient * 128 + x / c;
        rest = x % c;
    }
    *remainder = rest;
    return quotient;
}

struct wr_limit_rule wr_limit_rule_of(const struct wr_limit_policy *limit, unsigned nodes)
{
    struct wr_limit_rule rule = {
        .algorithm = limit->algorithm,
        .count = (int64_t) (limit->rate.count < (uint64_t) WR_LIMIT_MAX_COUNT ? limit->rate.count
                                                                              : WR_LIMIT_MAX_COUNT),
        .window_us = min64(max64(limit->rate.window.us, 1), WR_LIMIT_MAX_SPAN),
    };
    int64_t share = nodes > 1 ? nodes : 1, remainder;
    if (rule.algorithm == WR_SLIDING_WINDOW)
        rule.count = min64(rule.count, WR_LIMIT_MAX_LOG);
    rule.burst = rule.count;
    if (wr_algorithm_has_burst(rule.algorithm) && limit->burst > 0)
        rule.burst = limit->burst < (uint64_t) WR_LIMIT_MAX_COUNT ? (int64_t) limit->burst
                                                                  : WR_LIMIT_MAX_COUNT;
    rule.count = max64(rule.count / share, 1);
    rule.burst = max64(rule.burst / share, 1);
    /* A burst must come back within the longest span: burst <= span * count / window. */
    if ((double) rule.burst * (double) rule.window_us > (double) WR_LIMIT_MAX_SPAN * (double) rule.count)
        rule.burst = mul_div(WR_LIMIT_MAX_SPAN, rule.count, rule.window_us, &remainder);
    return rule;
}

static struct wr_limit_decision fixed_window(const struct wr_limit_rule *rule, struct wr_limit_tally *state,
                                             int64_t now, int64_t cost, bool spend)
{
    struct wr_limit_decision d = { 0 };
    int64_t end = min64(state->fixed.end_us, now + rule->window_us), used = state->fixed.used;
    if (now >= end) {
        end = now + rule->window_us;
        used = 0;
    }
    d.allowed = used + cost <= rule->count;
    if (d.allowed && spend)
        used += cost;
    if (used == 0) { /* no window is open yet */
        d.remaining = rule->count;
        return d;
    }
    d.remaining = max64(rule->count - used, 0);
    d.reset_us = end - now;
    d.retry_after_us = d.allowed ? 0 : d.reset_us;
    state->fixed.end_us = end;
    state->fixed.used = used;
    return d;
}

static int64_t *log_at(const struct wr_limit_log *log, uint32_t i)
{
    return &log->at[(log->head + i) % log->cap];
}

static void log_push(struct wr_limit_log *log, int64_t at)
{
    if (log->len == log->cap) {
        uint32_t cap = log->cap ? log->cap * 2 : 8;
        int64_t *grown = malloc(cap * sizeof *grown);
        WR_CHECK(grown != NULL);
        for (uint32_t i = 0; i < log->len; i++)
            grown[i] = *log_at(log, i);
        free(log->at);
        *log = (struct wr_limit_log){ .at = grown, .len = log->len, .cap = cap };
    }
    log->len++;
    *log_at(log, log->len - 1) = at;
}

/* Drops the entries that have left the window (now - window, now], and moves those later than `now` back to
 * it. */
static void log_settle(struct wr_limit_log *log, int64_t now, int64_t window)
{
    while (log->len > 0 && *log_at(log, 0) <= now - window) {
        log->head = (log->head + 1) % log->cap;
        log->len--;
    }
    for (uint32_t i = log->len; i-- > 0 && *log_at(log, i) > now;)
        *log_at(log, i) = now;
}

static struct wr_limit_decision sliding_window(const struct wr_limit_rule *rule, struct wr_limit_tally *state,
                                               int64_t now, int64_t cost, bool spend)
{
    struct wr_limit_decision d = { 0 };
    struct wr_limit_log *log = &state->log;
    log_settle(log, now, rule->window_us);
    d.allowed = log->len + cost <= rule->count;
    for (int64_t i = 0; d.allowed && spend && i < cost; i++)
        log_push(log, now);
    if (!d.allowed) /* so many of the oldest entries must leave first */
        d.retry_after_us = *log_at(log, (uint32_t) (log->len + cost - rule->count - 1)) + rule->window_us -
                           now;
    d.remaining = max64(rule->count - log->len, 0);
    d.reset_us = log->len > 0 ? *log_at(log, log->len - 1) + rule->window_us - now : 0;
    return d;
}

/* Returns how long `tokens` + part/window tokens take to flow back, rounded up. */
static int64_t flow_time(const struct wr_limit_rule *rule, int64_t tokens, int64_t part)
{
    int64_t rest, whole = mul_div(tokens, rule->window_us, rule->count, &rest);
    return whole + (rest + part + rule->count - 1) / rule->count;
}

static struct wr_limit_decision token_bucket(const struct wr_limit_rule *rule, struct wr_limit_tally *state,
                                             int64_t now, int64_t cost, bool spend)
{
    struct wr_limit_decision d = { 0 };
    int64_t used = state->bucket.used, part = min64(state->bucket.part, rule->window_us - 1);
    if (used >= rule->burst) { /* counted when the bucket was larger, before a reload */
        used = rule->burst;
        part = 0;
    }
    int64_t passed = max64(now - state->bucket.at_us, 0);
    if (passed >= flow_time(rule, used, part)) {
        used = part = 0;
    } else {
        int64_t rest, back = mul_div(passed, rule->count, rule->window_us, &rest);
        used -= back;
        part -= rest;
        if (part < 0) {
            part += rule->window_us;
            used--;
        }
    }
    int64_t over = used + cost - rule->burst;
    d.allowed = over < 0 || (over == 0 && part == 0);
    if (!d.allowed)
        d.retry_after_us = flow_time(rule, over, part);
    else if (spend)
        used += cost;
    d.remaining = rule->burst - used - (part > 0);
    d.reset_us = flow_time(rule, used, part);
    /* A request that isn't counted needs no new instant: what has flowed back is exact from the older
     * instant too. */
    if ((d.allowed && spend) || now < state->bucket.at_us) {
        state->bucket.at_us = now;
        state->bucket.used = used;
        state->bucket.part = part;
    }
    return d;
}

/* An exact length of time: us + part/count microseconds. */
struct exact {
    int64_t us, part;
};

/* a + sign * b */
static struct exact exact_add(struct exact a, struct exact b, int sign, int64_t count)
{
    struct exact sum = { a.us + sign * b.us, a.part + sign * b.part };
    if (sum.part < 0) {
        sum.part += count;
        sum.us--;
    } else if (sum.part >= count) {
        sum.part -= count;
        sum.us++;
    }
    return sum;
}

/* Returns the time that n requests take at the rate. */
static struct exact exact_time(const struct wr_limit_rule *rule, int64_t n)
{
    struct exact t;
    t.us = mul_div(n, rule->window_us, rule->count, &t.part);
    return t;
}

static struct wr_limit_decision gcra(const struct wr_limit_rule *rule, struct wr_limit_tally *state,
                                     int64_t now, int64_t cost, bool spend)
{
    struct wr_limit_decision d = { 0 };
    const struct exact none = { 0, 0 }, whole = exact_time(rule, rule->burst);
    struct exact ahead = { state->gcra.due_us - now, min64(state->gcra.part, rule->count - 1) };
    if (ahead.us < 0)
        ahead = none;
    struct exact room = exact_add(whole, ahead, -1, rule->count);
    bool drawn = room.us < 0;
    if (drawn) {
        ahead = whole;
        room = none;
    }
    struct exact left = exact_add(room, exact_time(rule, cost), -1, rule->count);
    d.allowed = left.us >= 0;
    if (!d.allowed) { /* -left, rounded up: left = us + part/count with us < 0 <= part */
        d.retry_after_us = -left.us;
    } else if (spend) {
        room = left;
        ahead = exact_add(whole, room, -1, rule->count);
    }
    if ((d.allowed && spend) || drawn) {
        state->gcra.due_us = now + ahead.us;
        state->gcra.part = ahead.part;
    }
    int64_t rest;
    d.remaining = mul_div(room.us, rule->count, rule->window_us, &rest);
    d.remaining += (rest + room.part) / rule->window_us;
    d.reset_us = ahead.us + (ahead.part > 0);
    return d;
}

static struct wr_limit_decision (*const decide_by[])(const struct wr_limit_rule *rule,
                                                     struct wr_limit_tally *state, int64_t now, int64_t cost,
                                                     bool spend) = {
#define ALGORITHM(ID, word, has_burst, about) [WR_##ID] = word,
#include "policy/algorithms.def"
};

struct wr_limit_decision wr_limit_decide(const struct wr_limit_rule *rule, struct wr_limit_tally *state,
                                         struct wr_mono now, int64_t cost, bool spend)
{
    cost = min64(max64(cost, 1), rule->burst);
    return decide_by[rule->algorithm](rule, state, now.us, cost, spend);
}

void wr_limit_tally_fini(const struct wr_limit_rule *rule, struct wr_limit_tally *state)
{
    if (rule->algorithm == WR_SLIDING_WINDOW)
        free(state->log.at);
    *state = (struct wr_limit_tally){ 0 };
}
