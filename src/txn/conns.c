/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes and frees what a worker's connections and transactions share. It is made before the first connection
 * and freed after the last. */
#include <stdlib.h>

#include "txn/batch.h"
#include "txn/txn.h"

struct wr_conns *wr_conns_new(struct wr_worker *worker)
{
    struct wr_conns *c = calloc(1, sizeof *c);
    WR_CHECK(c != NULL);
    TAILQ_INIT(&c->list);
    c->batch = wr_batch_new(worker);
    TAILQ_INIT(&c->memory_waiters);
    wr_timer_init(&c->memory_timer, &worker->loop, wr_txn_on_memory_timer);
    return c;
}

/* Each client may take as many descriptors as are set aside for it and no more (main/descriptors.h). */
enum wr_conns_room wr_conns_enter(struct wr_worker *worker)
{
    const unsigned allowed = worker->worker_policy->policy->max_connections;
    const unsigned clients = worker->shared->clients_most;
    const unsigned most = allowed < clients ? allowed : clients;
    const unsigned open = __atomic_add_fetch(&worker->shared->connections, 1, __ATOMIC_RELAXED);
    if (open <= most)
        return WR_CONNS_ROOM;
    if (open - most <= WR_CONNS_REFUSED)
        return WR_CONNS_FULL;
    wr_conns_leave(worker);
    return WR_CONNS_CROWDED;
}

void wr_conns_leave(struct wr_worker *worker)
{
    __atomic_sub_fetch(&worker->shared->connections, 1, __ATOMIC_RELAXED);
}

void wr_conns_free(struct wr_conns *c)
{
    struct wr_txn *t;
    char *buffer;
    while ((t = c->spare_txns) != NULL) {
        c->spare_txns = t->next_spare;
        wr_txn_free_spare(t);
    }
    while ((buffer = c->spare_buffers) != NULL) {
        memcpy(&c->spare_buffers, buffer, sizeof c->spare_buffers);
        free(buffer);
    }
    free(c);
}
