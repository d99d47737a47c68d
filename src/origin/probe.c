/* SPDX-License-Identifier: BSD-2-Clause */
/* Active health checks: sends a request to each address at intervals, on the main loop. A status below 400 is
 * a good result. */
#include <stdlib.h>

#include "origin/lives_priv.h"

/* The checks of one address. There is one request per interval, each over a connection of its own, which also
 * shows whether the address still accepts connections. */
struct wr_probe {
    struct wr_exchange exchange;
    struct wr_peer *peer;
    struct wr_timer tick;
    struct wr_buf head;
};

static void result(struct wr_probe *p, bool ok)
{
    if (!ok)
        WR_COUNT(origin_checks_failed);
    wr_backend_checked(p->peer->backend, ok);
}

static void on_head(struct wr_exchange *x, const struct wr_head *head)
{
    bool ok = head->status < 400;
    wr_exchange_cancel(x); /* the body isn't needed */
    result(WR_CONTAINER(x, struct wr_probe, exchange), ok);
}

static void on_end(struct wr_exchange *x, enum wr_err err)
{
    WR_CHECK(err != WR_OK); /* otherwise on_head would have been called */
    result(WR_CONTAINER(x, struct wr_probe, exchange), false);
}

static void on_probe_tick(struct wr_timer *t)
{
    struct wr_probe *p = WR_CONTAINER(t, struct wr_probe, tick);
    wr_timer_set(t, p->exchange.origin->health_interval);
    WR_COUNT(origin_checks);
    if (p->exchange.run) { /* no answer within a whole interval */
        wr_exchange_cancel(&p->exchange);
        result(p, false);
    }
    if (wr_exchange_start_at(&p->exchange, p->peer) != WR_OK)
        result(p, false);
}

struct wr_probe *wr_probe_new(struct wr_peer *peer)
{
    struct wr_origin *origin = peer->server->origin;
    const struct wr_origin_policy *policy = origin->policy;
    if (policy->health_path == NULL)
        return NULL;
    struct wr_probe *p = calloc(1, sizeof *p);
    WR_CHECK(p != NULL);
    p->peer = peer;
    wr_buf_printf(&p->head,
                  "GET %s HTTP/1.1\r\n%sUser-Agent: weir (health check)\r\nConnection: close\r\n\r\n",
                  policy->health_path, peer->server->host);
    p->exchange.origin = policy;
    p->exchange.method = WR_METHOD_GET;
    p->exchange.head = wr_buf_slice(&p->head);
    p->exchange.on_head = on_head;
    p->exchange.on_end = on_end;
    wr_backend_check_begins(peer->backend);
    wr_timer_init(&p->tick, origin->origins->loop, on_probe_tick);
    wr_timer_set(&p->tick, WR_SPAN_MS(0));
    return p;
}

void wr_probe_free(struct wr_probe *p)
{
    if (p == NULL)
        return;
    wr_exchange_cancel(&p->exchange);
    wr_backend_check_ends(p->peer->backend);
    wr_timer_fini(&p->tick);
    wr_buf_fini(&p->head);
    free(p);
}

struct wr_origins *wr_probes_new(struct wr_backends *b, struct wr_loop *loop, struct wr_policy *policy)
{
    for (size_t i = 0; i < policy->origin_count; i++)
        if (policy->origins[i].health_path)
            return wr_origins_make(loop, policy, b, true);
    return NULL;
}

void wr_probes_free(struct wr_origins *probes)
{
    if (probes == NULL)
        return;
    probes->probing = false;
    for (size_t i = 0; i < probes->count; i++)
        for (size_t k = 0; k < probes->list[i].count; k++) {
            wr_probe_free(probes->list[i].peers[k]->probe);
            probes->list[i].peers[k]->probe = NULL;
        }
    wr_origins_free(probes);
}
