/* SPDX-License-Identifier: BSD-2-Clause */
/* A request that switches to another protocol, such as a WebSocket. It goes to the origin by itself, with an
 * empty body that hasn't ended. If the origin agrees (101), its response goes on until it closes, and what
 * the client sends from then on is the body of the request. So the flows, their windows and deadlines serve
 * tunnels as they serve content. */
#include "stats/stats.h"
#include "txn/txn.h"

static unsigned *open_tunnels(struct wr_txn *t)
{
    return &t->worker->shared->tunnels;
}

bool wr_txn_ask_tunnel(struct wr_txn *t)
{
    struct wr_upgrade asked;
    if (!wr_upgrade_asked(&t->head, t->route->upgrades, &asked))
        return true;
    unsigned most = t->worker_policy->policy->max_tunnels;
    if (__atomic_add_fetch(open_tunnels(t), 1, __ATOMIC_RELAXED) > most && most > 0) {
        __atomic_sub_fetch(open_tunnels(t), 1, __ATOMIC_RELAXED);
        return false;
    }
    WR_GAUGE_UP(tunnels_open);
    t->tunnel = wr_arena_alloc(&t->arena, sizeof *t->tunnel);
    *t->tunnel = asked;
    wr_txn_open_upload(t, WR_FRAMING_CLOSE, UINT64_MAX);
    t->body_open = false; /* nothing of it is read before the origin has agreed */
    return true;
}

void wr_txn_begin_tunnel(struct wr_txn *t)
{
    if (t->tunnel == NULL)
        return;
    if (t->err != WR_OK || t->status != 101) {
        wr_flow_end(t->upload, WR_OK, wr_slice(NULL, 0));
        return;
    }
    WR_COUNT(tunnels);
    wr_timer_clear(&t->whole);
    t->close = true;
    t->body_open = true;
    wr_txn_input(t);
}

void wr_txn_leave_tunnel(struct wr_txn *t)
{
    if (t->tunnel == NULL)
        return;
    t->tunnel = NULL;
    WR_GAUGE_DOWN(tunnels_open);
    __atomic_sub_fetch(open_tunnels(t), 1, __ATOMIC_RELAXED);
}
