/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of the process as a machine of states (worker/life.def) that a timer and signals move on. */
#include "main/drain.h"

#include "log/log.h"
#include "main/systemd.h"

/* systemd waits so much longer than the policy allows, for what comes after the last request. */
#define MARGIN WR_SPAN_S(10)

static void set_life(struct wr_drain *d, enum wr_life life)
{
    __atomic_store_n(&d->shared->life, life, __ATOMIC_RELAXED);
}

static void add_seconds(struct wr_buf *out, struct wr_span span)
{
    wr_buf_printf(out, "%g s", (double) span.us / (double) WR_US_PER_S);
}

void wr_drain_describe(const struct wr_drain *d, struct wr_buf *out)
{
    enum wr_life life = wr_shared_life(d->shared);
    wr_buf_add_str(out, wr_words_text(&wr_words_life, life));
    if (life == WR_LIFE_DRAINING) {
        wr_buf_add_str(out, ": not ready, serving on for ");
        add_seconds(out, d->delay);
        wr_buf_add_str(out, d->stays ? "" : ", then finishing open requests and exiting");
    } else if (life == WR_LIFE_FINISHING) {
        wr_buf_add_str(out, d->accepts ? ": accepting until no request is left" : ": no new connections");
        wr_buf_add_str(out, d->stays ? "; the process stays, because it holds systemd's sockets" : "");
    }
}

/* Tells the log and systemd what the process does. When it is going to end, systemd is also told how long
 * that may take: a policy with longer times needs no change of the unit. */
static void tell(const struct wr_drain *d)
{
    struct wr_buf text = { 0 };
    enum wr_life life = wr_shared_life(d->shared);
    bool ends = life > WR_LIFE_SERVING && (d->signalled || (life == WR_LIFE_FINISHING && !d->stays));
    int64_t left = d->timeout.us + MARGIN.us + (life == WR_LIFE_DRAINING ? d->delay.us : 0);
    wr_drain_describe(d, &text);
    wr_info("%.*s", WR_SLICE_ARG(wr_buf_slice(&text)));
    if (ends)
        wr_systemd_notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld\nSTATUS=%.*s", (long long) left,
                          WR_SLICE_ARG(wr_buf_slice(&text)));
    else
        wr_systemd_notify("STATUS=%.*s", WR_SLICE_ARG(wr_buf_slice(&text)));
    wr_buf_fini(&text);
}

/* --- from state to state --- */

static void finish(struct wr_drain *d)
{
    set_life(d, WR_LIFE_FINISHING);
    tell(d);
    wr_timer_set(&d->timer, d->timeout);
    wr_workers_drain(d->workers, d->accepts, d->stays);
}

static void cut(struct wr_drain *d, const char *why)
{
    wr_timer_clear(&d->timer);
    if (__atomic_load_n(&d->shared->connections, __ATOMIC_RELAXED) > 0)
        wr_warn("%s: closing the remaining connections", why);
    set_life(d, WR_LIFE_FINISHING);
    wr_workers_cut(d->workers, d->stays);
}

static void on_timer(struct wr_timer *timer)
{
    struct wr_drain *d = WR_CONTAINER(timer, struct wr_drain, timer);
    if (wr_shared_life(d->shared) == WR_LIFE_DRAINING)
        finish(d);
    else
        cut(d, "drain.timeout is over");
}

static bool has_systemd_socket(const struct wr_policy *policy)
{
    for (size_t i = 0; i < policy->listen_count; i++)
        if (policy->listens[i].address.kind == WR_ADDRESS_SYSTEMD)
            return true;
    return false;
}

static void begin(struct wr_drain *d, enum wr_drain_by by, const struct wr_policy *policy)
{
    bool was_ready = wr_shared_life(d->shared) == WR_LIFE_SERVING;
    d->delay = was_ready && by != WR_DRAIN_BY_INT ? policy->drain_delay : WR_SPAN_S(0);
    d->timeout = policy->drain_timeout;
    d->accepts = policy->drain_order == WR_DRAIN_ORDER_ACCEPT_UNTIL_END;
    d->stays = by == WR_DRAIN_BY_ADMIN && has_systemd_socket(policy);
    if (d->delay.us == 0) {
        finish(d);
        return;
    }
    set_life(d, WR_LIFE_DRAINING);
    tell(d);
    wr_timer_set(&d->timer, d->delay);
}

/* A drain that weirctl began goes on, and now the process ends with it. */
static void obey(struct wr_drain *d, enum wr_drain_by by)
{
    d->stays = false;
    if (wr_shared_life(d->shared) == WR_LIFE_FINISHING) {
        tell(d);
        wr_workers_drain(d->workers, d->accepts, false);
    } else if (by == WR_DRAIN_BY_INT) {
        finish(d);
    } else {
        tell(d);
    }
}

void wr_drain_ask(struct wr_drain *d, enum wr_drain_by by, const struct wr_policy *policy)
{
    bool again = d->signalled, begun = wr_shared_life(d->shared) > WR_LIFE_SERVING;
    if (by == WR_DRAIN_BY_ADMIN && begun)
        return;
    d->signalled = by != WR_DRAIN_BY_ADMIN;
    if (!begun)
        begin(d, by, policy);
    else if (again)
        cut(d, "a second signal");
    else
        obey(d, by);
}

bool wr_drain_undo(struct wr_drain *d)
{
    if (d->signalled || wr_shared_life(d->shared) != WR_LIFE_DRAINING)
        return false;
    wr_timer_clear(&d->timer);
    set_life(d, WR_LIFE_SERVING);
    tell(d);
    return true;
}

bool wr_drain_is_final(const struct wr_drain *d)
{
    return d->signalled || wr_shared_life(d->shared) == WR_LIFE_FINISHING;
}

void wr_drain_init(struct wr_drain *d, struct wr_loop *loop, struct wr_shared *shared)
{
    *d = (struct wr_drain){ .loop = loop, .shared = shared };
    wr_timer_init(&d->timer, loop, on_timer);
}

void wr_drain_fini(struct wr_drain *d)
{
    wr_timer_fini(&d->timer);
}
