/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the health of addresses from the results of requests and active checks. All of it is read and written
 * atomically, because all workers share it. */
#include "origin/backend_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "log/log.h"

#define FIRST_SHARE 10 /* percent of its weight, for an address that has just returned */

/* The time of an answer is kept only so exactly, so that a busy server's answers don't move a cache line each
 * time. */
#define ANSWER_GRAIN WR_SPAN_MS(100)
#define CLOCK_MAY_ERR WR_SPAN_S(5)
#define CLOCK_LOG_EVERY WR_SPAN_S(60) /* at most */

enum wr_health wr_backend_health(struct wr_backend *s, struct wr_mono mono)
{
    switch ((enum wr_server_order) __atomic_load_n(&s->order, __ATOMIC_RELAXED)) {
    case WR_ORDER_DISABLE:
        return WR_HEALTH_DISABLED;
    case WR_ORDER_DRAIN:
        return WR_HEALTH_DRAINED;
    case WR_ORDER_ENABLE:
        break;
    }
    if (__atomic_load_n(&s->checked, __ATOMIC_RELAXED) == CHECKED_DOWN)
        return WR_HEALTH_DOWN;
    int64_t until = __atomic_load_n(&s->rest_until, __ATOMIC_RELAXED);
    if (until == 0)
        return WR_HEALTH_UP;
    return mono.us < until ? WR_HEALTH_SHUNNED : WR_HEALTH_TRIAL;
}

bool wr_backend_try(struct wr_backend *s, struct wr_mono mono, struct wr_span patience)
{
    int64_t until = __atomic_load_n(&s->rest_until, __ATOMIC_RELAXED);
    if (until == 0 || until > mono.us ||
        !__atomic_compare_exchange_n(&s->rest_until, &until, mono.us + patience.us, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        return false;
    __atomic_store_n(&s->trying, true, __ATOMIC_RELAXED);
    return true;
}

void wr_backend_untried(struct wr_backend *s, struct wr_mono mono)
{
    if (__atomic_exchange_n(&s->trying, false, __ATOMIC_RELAXED))
        __atomic_store_n(&s->rest_until, mono.us, __ATOMIC_RELAXED);
}

/* The pause grows twofold with each failure in a row. */
static int64_t rest_after(const struct wr_passive_policy *passive, unsigned failures)
{
    int64_t rest = passive->pause.us;
    while (failures-- > 0 && rest < passive->max_pause.us)
        rest *= 2;
    return rest < passive->max_pause.us ? rest : passive->max_pause.us;
}

/* The server rests. mute: it can't be reached, or answers nobody. why: for the log. */
static void begin_rest(struct wr_backend *s, const struct wr_passive_policy *passive, struct wr_mono mono,
                       bool mute, const char *why)
{
    /* Many requests fail at once when a server dies: they count as one failure. */
    bool tried = __atomic_exchange_n(&s->trying, false, __ATOMIC_RELAXED);
    if (!tried && mono.us < __atomic_load_n(&s->rest_until, __ATOMIC_RELAXED))
        return;
    unsigned before = __atomic_fetch_add(&s->failures, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&s->mute, mute, __ATOMIC_RELAXED);
    __atomic_store_n(&s->rest_until, mono.us + rest_after(passive, before), __ATOMIC_RELAXED);
    __atomic_store_n(&s->why, why, __ATOMIC_RELAXED);
    if (before > 0)
        return;
    __atomic_store_n(&s->changed_at, mono.us, __ATOMIC_RELAXED);
    wr_warn("origin %s: server %s fails: it is not used for a while: %s", s->origin, s->label, why);
}

static bool is_tried(const struct wr_backend *s)
{
    return __atomic_load_n(&s->trying, __ATOMIC_RELAXED);
}

static void found_late(struct wr_backend *s, const struct wr_passive_policy *passive, struct wr_mono mono)
{
    if (__atomic_add_fetch(&s->late, 1, __ATOMIC_RELAXED) >= passive->timeouts || is_tried(s))
        begin_rest(s, passive, mono, false, "it is late several times in a row");
}

static void found_ended(struct wr_backend *s, const struct wr_passive_policy *passive, struct wr_mono mono)
{
    if (__atomic_add_fetch(&s->ended, 1, __ATOMIC_RELAXED) >= passive->ends || is_tried(s))
        begin_rest(s, passive, mono, false, "it ends connections without an answer");
}

static void found_silent(struct wr_backend *s, const struct wr_passive_policy *passive, struct wr_mono since,
                         struct wr_mono mono)
{
    if (__atomic_load_n(&s->answered_at, __ATOMIC_RELAXED) + ANSWER_GRAIN.us >= since.us)
        found_late(s, passive, mono); /* others have been answered since: perhaps only this request is slow */
    else
        begin_rest(s, passive, mono, true, "it answers nobody");
}

static void recover(struct wr_backend *s, struct wr_mono mono)
{
    /* In the common case this only reads, so no cache line moves between workers. */
    if (__atomic_load_n(&s->late, __ATOMIC_RELAXED))
        __atomic_store_n(&s->late, 0, __ATOMIC_RELAXED);
    if (__atomic_load_n(&s->ended, __ATOMIC_RELAXED))
        __atomic_store_n(&s->ended, 0, __ATOMIC_RELAXED);
    if (__atomic_load_n(&s->failures, __ATOMIC_RELAXED) == 0)
        return;
    __atomic_store_n(&s->returned_at, mono.us, __ATOMIC_RELAXED);
    __atomic_store_n(&s->changed_at, mono.us, __ATOMIC_RELAXED);
    __atomic_store_n(&s->trying, false, __ATOMIC_RELAXED);
    __atomic_store_n(&s->rest_until, 0, __ATOMIC_RELAXED);
    if (__atomic_exchange_n(&s->failures, 0, __ATOMIC_RELAXED))
        wr_info("origin %s: server %s answers again", s->origin, s->label);
}

unsigned wr_backend_share(const struct wr_backend *s, struct wr_mono mono, struct wr_span slow_start)
{
    int64_t since = __atomic_load_n(&s->returned_at, __ATOMIC_RELAXED), passed = mono.us - since;
    if (since == 0 || passed >= slow_start.us)
        return 100;
    int64_t share = passed * 100 / slow_start.us;
    return share < FIRST_SHARE ? FIRST_SHARE : (unsigned) share;
}

static void found_answer(struct wr_backend *s, struct wr_mono mono)
{
    if (mono.us - __atomic_load_n(&s->answered_at, __ATOMIC_RELAXED) > ANSWER_GRAIN.us)
        __atomic_store_n(&s->answered_at, mono.us, __ATOMIC_RELAXED);
    recover(s, mono);
}

void wr_backend_found(struct wr_backend *s, const struct wr_passive_policy *passive, enum wr_finding finding,
                      struct wr_mono since, struct wr_mono mono)
{
    if (finding == WR_FOUND_ANSWER) {
        found_answer(s, mono);
        return;
    }
    __atomic_fetch_add(&s->tally.failed, 1, __ATOMIC_RELAXED);
    if (passive->off)
        return;
    switch (finding) {
    case WR_FOUND_ANSWER:
        break;
    case WR_FOUND_UNREACHABLE:
        begin_rest(s, passive, mono, true, "it can't be reached");
        break;
    case WR_FOUND_SILENCE:
        found_silent(s, passive, since, mono);
        break;
    case WR_FOUND_LATE:
        found_late(s, passive, mono);
        break;
    case WR_FOUND_END:
        found_ended(s, passive, mono);
        break;
    }
}

void wr_backend_clock(struct wr_backend *s, struct wr_span error, struct wr_mono mono)
{
    bool wrong = error.us > CLOCK_MAY_ERR.us || error.us < -CLOCK_MAY_ERR.us;
    int64_t logged = __atomic_load_n(&s->clock_logged, __ATOMIC_RELAXED);
    if (wrong == __atomic_load_n(&s->clock_wrong, __ATOMIC_RELAXED) ||
        (logged && mono.us - logged < CLOCK_LOG_EVERY.us) ||
        !__atomic_compare_exchange_n(&s->clock_logged, &logged, mono.us, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        return;
    __atomic_store_n(&s->clock_wrong, wrong, __ATOMIC_RELAXED);
    if (wrong)
        wr_warn("origin %s: the clock of server %s is %lld seconds %s: its Date doesn't tell how old a "
                "response is",
                s->origin, s->label, llabs(wr_span_s(error)), error.us > 0 ? "ahead" : "behind");
    else
        wr_info("origin %s: the clock of server %s is right again", s->origin, s->label);
}

void wr_backend_check_begins(struct wr_backend *s)
{
    s->checkers++;
}

void wr_backend_check_ends(struct wr_backend *s)
{
    if (--s->checkers > 0)
        return;
    __atomic_store_n(&s->checked, UNCHECKED, __ATOMIC_RELAXED);
    s->good_checks = s->bad_checks = 0;
}

/* A check shows that an address can be reached and answers. It doesn't show that an address answers requests
 * which passes all checks and fails those. */
static void good_check(struct wr_backend *s, bool was_down, unsigned rise, struct wr_mono mono)
{
    s->bad_checks = 0;
    s->good_checks++;
    if (was_down && s->good_checks < rise)
        return;
    __atomic_store_n(&s->checked, CHECKED_UP, __ATOMIC_RELAXED);
    if (was_down || __atomic_load_n(&s->mute, __ATOMIC_RELAXED))
        recover(s, mono);
    if (!was_down)
        return;
    __atomic_store_n(&s->returned_at, mono.us, __ATOMIC_RELAXED);
    __atomic_store_n(&s->changed_at, mono.us, __ATOMIC_RELAXED);
    wr_info("origin %s: server %s is up again", s->origin, s->label);
}

static void bad_check(struct wr_backend *s, bool was_down, unsigned fall, struct wr_mono mono,
                      const char *why)
{
    snprintf(s->check_why, sizeof s->check_why, "health check: %s", why);
    s->checks_failed++;
    s->good_checks = 0;
    s->bad_checks++;
    if (was_down || s->bad_checks < fall)
        return;
    __atomic_store_n(&s->checked, CHECKED_DOWN, __ATOMIC_RELAXED);
    __atomic_store_n(&s->changed_at, mono.us, __ATOMIC_RELAXED);
    wr_warn("origin %s: server %s is down: its health checks fail: %s", s->origin, s->label, why);
}

void wr_backend_checked(struct wr_backend *s, const struct wr_health_policy *health, struct wr_mono mono,
                        const char *why)
{
    bool was_down = __atomic_load_n(&s->checked, __ATOMIC_RELAXED) == CHECKED_DOWN;
    s->checks++;
    if (why)
        bad_check(s, was_down, health->fall, mono, why);
    else
        good_check(s, was_down, health->rise, mono);
}

/* --- what is told of it --- */

void wr_backend_given(struct wr_backend *s)
{
    __atomic_fetch_add(&s->tally.requests, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&s->tally.active, 1, __ATOMIC_RELAXED);
}

void wr_backend_left(struct wr_backend *s)
{
    __atomic_fetch_sub(&s->tally.active, 1, __ATOMIC_RELAXED);
}

void wr_backend_cut(struct wr_backend *s)
{
    __atomic_fetch_add(&s->tally.failed, 1, __ATOMIC_RELAXED);
}

void wr_backend_head(struct wr_backend *s, int status, struct wr_span took)
{
    struct wr_tally *tally = &s->tally;
    uint64_t us = took.us > 0 ? (uint64_t) took.us : 0;
    uint64_t recent = __atomic_load_n(&tally->recent_us, __ATOMIC_RELAXED);
    __atomic_fetch_add(&tally->answers, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&tally->answer_us, us, __ATOMIC_RELAXED);
    if (status >= 500)
        __atomic_fetch_add(&tally->status_5xx, 1, __ATOMIC_RELAXED);
    /* Two workers at once may lose one of their times: no harm. */
    __atomic_store_n(&tally->recent_us, recent ? recent - recent / 8 + us / 8 : us, __ATOMIC_RELAXED);
}

static const char *why_of(struct wr_backend *s, enum wr_server_state state)
{
    switch (state) {
    case WR_SERVER_TRYING:
    case WR_SERVER_RESTING:
        return __atomic_load_n(&s->why, __ATOMIC_RELAXED);
    case WR_SERVER_DOWN:
        return s->check_why;
    case WR_SERVER_DRAINED:
    case WR_SERVER_DISABLED:
        return "by order";
    case WR_SERVER_UP:
    case WR_SERVER_UNKNOWN:
        break;
    }
    return "";
}

void wr_backend_facts(struct wr_backend *s, struct wr_mono mono, struct wr_server_facts *facts)
{
    static const enum wr_server_state states[] = {
        [WR_HEALTH_UP] = WR_SERVER_UP,           [WR_HEALTH_TRIAL] = WR_SERVER_TRYING,
        [WR_HEALTH_SHUNNED] = WR_SERVER_RESTING, [WR_HEALTH_DOWN] = WR_SERVER_DOWN,
        [WR_HEALTH_DRAINED] = WR_SERVER_DRAINED, [WR_HEALTH_DISABLED] = WR_SERVER_DISABLED,
    };
    struct wr_tally *tally = &s->tally;
    enum wr_server_state state = states[wr_backend_health(s, mono)];
    bool ordered = state == WR_SERVER_DRAINED || state == WR_SERVER_DISABLED;
    struct wr_mono since = { ordered ? s->ordered_at.us : __atomic_load_n(&s->changed_at, __ATOMIC_RELAXED) };
    int64_t rest = __atomic_load_n(&s->rest_until, __ATOMIC_RELAXED) - mono.us;
    facts->address = s->address;
    facts->state = state;
    facts->why = why_of(s, state);
    facts->since = wr_time_since(mono, since);
    facts->rest = (struct wr_span){ state == WR_SERVER_RESTING && rest > 0 ? rest : 0 };
    facts->active = __atomic_load_n(&tally->active, __ATOMIC_RELAXED);
    facts->requests = __atomic_load_n(&tally->requests, __ATOMIC_RELAXED);
    facts->failed = __atomic_load_n(&tally->failed, __ATOMIC_RELAXED);
    facts->status_5xx = __atomic_load_n(&tally->status_5xx, __ATOMIC_RELAXED);
    facts->answers = __atomic_load_n(&tally->answers, __ATOMIC_RELAXED);
    facts->answer_us = __atomic_load_n(&tally->answer_us, __ATOMIC_RELAXED);
    facts->recently = (struct wr_span){ (int64_t) __atomic_load_n(&tally->recent_us, __ATOMIC_RELAXED) };
    facts->checks = s->checks;
    facts->checks_failed = s->checks_failed;
}
