/* SPDX-License-Identifier: BSD-2-Clause */
/* Active health checks: sends a request to each server at intervals, on the main loop. A status below 400 is
 * a good result. */
#include <stdlib.h>

#include "origin/origin_priv.h"

/* The checks of one server. There is one request per interval, each over a connection of its own, which also
 * shows whether the server still accepts connections. */
struct probe {
    struct wr_exchange exchange;
    struct wr_origin_server *peer;
    struct wr_timer tick;
    struct wr_buf head;
};

struct wr_probes {
    struct wr_origins *origins;
    struct probe *list;
    size_t count;
};

static void result(struct probe *p, bool ok)
{
    if (!ok)
        WR_COUNT(origin_checks_failed);
    wr_backend_checked(p->peer->backend, ok);
}

static void on_head(struct wr_exchange *x, const struct wr_head *head)
{
    bool ok = head->status < 400;
    wr_exchange_cancel(x); /* the body isn't needed */
    result(WR_CONTAINER(x, struct probe, exchange), ok);
}

static void on_end(struct wr_exchange *x, enum wr_err err)
{
    WR_CHECK(err != WR_OK); /* otherwise on_head would have been called */
    result(WR_CONTAINER(x, struct probe, exchange), false);
}

static void on_probe_tick(struct wr_timer *t)
{
    struct probe *p = WR_CONTAINER(t, struct probe, tick);
    wr_timer_set(t, p->exchange.origin->health_interval);
    WR_COUNT(origin_checks);
    if (p->exchange.run) { /* no answer within a whole interval */
        wr_exchange_cancel(&p->exchange);
        result(p, false);
    }
    if (wr_exchange_start_at(&p->exchange, p->peer) != WR_OK)
        result(p, false);
}

static void probe_init(struct probe *p, struct wr_origin_server *peer, struct wr_loop *loop)
{
    const struct wr_origin_policy *policy = peer->origin->policy;
    p->peer = peer;
    wr_buf_printf(&p->head,
                  "GET %s HTTP/1.1\r\n%sUser-Agent: weir (health check)\r\nConnection: close\r\n\r\n",
                  policy->health_path, peer->host);
    p->exchange.origin = policy;
    p->exchange.method = WR_METHOD_GET;
    p->exchange.head = wr_buf_slice(&p->head);
    p->exchange.on_head = on_head;
    p->exchange.on_end = on_end;
    wr_timer_init(&p->tick, loop, on_probe_tick);
    wr_timer_set(&p->tick, WR_SPAN_MS(0));
}

struct wr_probes *wr_probes_new(struct wr_backends *b, struct wr_loop *loop, struct wr_policy *policy)
{
    size_t count = 0;
    for (size_t i = 0; i < policy->origin_count; i++)
        count += policy->origins[i].health_path ? policy->origins[i].server_count : 0;
    if (count == 0)
        return NULL;
    struct wr_probes *ps = calloc(1, sizeof *ps);
    WR_CHECK(ps != NULL);
    ps->origins = wr_origins_new(loop, policy, b);
    ps->list = calloc(count, sizeof *ps->list);
    WR_CHECK(ps->list != NULL);
    for (size_t i = 0; i < ps->origins->count; i++) {
        struct wr_origin *o = &ps->origins->list[i];
        for (size_t k = 0; o->policy->health_path && k < o->count; k++)
            probe_init(&ps->list[ps->count++], &o->peers[k], loop);
    }
    return ps;
}

void wr_probes_free(struct wr_probes *ps)
{
    if (ps == NULL)
        return;
    for (size_t i = 0; i < ps->count; i++) {
        wr_exchange_cancel(&ps->list[i].exchange);
        wr_timer_fini(&ps->list[i].tick);
        wr_buf_fini(&ps->list[i].head);
    }
    wr_origins_free(ps->origins);
    free(ps->list);
    free(ps);
}

bool wr_probes_watch(const struct wr_probes *ps, const struct wr_backend *s)
{
    for (size_t i = 0; ps && i < ps->count; i++)
        if (ps->list[i].peer->backend == s)
            return true;
    return false;
}
