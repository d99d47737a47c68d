/* SPDX-License-Identifier: BSD-2-Clause */
/* One worker's part of the room: makes and frees the origins of a policy, and keeps spare runs. */
#include <stdlib.h>

#include "origin/lives_priv.h"

/* --- runs --- */

struct wr_exchange_run *wr_origins_run(struct wr_origins *o)
{
    struct wr_exchange_run *run = TAILQ_FIRST(&o->spare);
    if (run)
        TAILQ_REMOVE(&o->spare, run, entry);
    else
        run = wr_run_new(o);
    o->running++;
    return run;
}

static void close_down(struct wr_origins *o);

void wr_origins_spare(struct wr_exchange_run *run)
{
    struct wr_origins *o = run->origins;
    TAILQ_INSERT_HEAD(&o->spare, run, entry);
    if (--o->running == 0 && o->closing)
        close_down(o);
}

void wr_origins_count(enum wr_err err)
{
    WR_COUNT(origin_exchanges);
    switch (err) {
    case WR_OK:
        break;
    case WR_ERR_ORIGIN_REFUSED:
        WR_COUNT(origin_errors_refused);
        break;
    case WR_ERR_ORIGIN_BROKEN:
        WR_COUNT(origin_errors_broken);
        break;
    case WR_ERR_ORIGIN_CLOSED:
        WR_COUNT(origin_errors_closed);
        break;
    case WR_ERR_ORIGIN_TIMEOUT:
        WR_COUNT(origin_errors_timeout);
        break;
    case WR_ERR_ORIGIN_DOWN:
        WR_COUNT(origin_errors_down);
        break;
    case WR_ERR_OVERLOADED:
        WR_COUNT(origin_errors_overloaded);
        break;
    case WR_ERR_QUEUE_FULL:
        WR_COUNT(origin_errors_queue_full);
        break;
    case WR_ERR_QUEUE_TIMEOUT:
        WR_COUNT(origin_errors_queue_timeout);
        break;
    default: /* the request itself broke off */
        WR_COUNT(origin_errors_client);
        break;
    }
}

/* --- origins --- */

static void origin_init(struct wr_origin *origin, struct wr_origins *o, const struct wr_origin_policy *policy)
{
    *origin = (struct wr_origin){ .policy = policy, .origins = o };
    for (enum wr_line line = 0; line < WR_LINE_COUNT; line++)
        TAILQ_INIT(&origin->queue[line]);
    TAILQ_INIT(&origin->resolving);
    wr_note_init(&origin->vacancy, o->loop, wr_queue_vacancy);
    wr_retry_init(origin);
    wr_origin_servers_init(origin);
}

static void origin_fini(struct wr_origin *origin)
{
    wr_origin_servers_fini(origin);
    wr_note_fini(&origin->vacancy);
}

struct wr_origins *wr_origins_make(struct wr_loop *loop, struct wr_policy *policy,
                                   struct wr_backends *backends, bool probing)
{
    struct wr_origins *o = calloc(1, sizeof *o);
    WR_CHECK(o != NULL);
    o->loop = loop;
    o->policy = wr_policy_ref(policy);
    o->backends = backends;
    o->probing = probing;
    o->count = policy->origin_count;
    o->list = calloc(o->count ? o->count : 1, sizeof *o->list);
    WR_CHECK(o->list != NULL);
    TAILQ_INIT(&o->spare);
    TAILQ_INIT(&o->asking);
    wr_note_init(&o->ask, loop, wr_run_ask);
    for (size_t i = 0; i < o->count; i++)
        origin_init(&o->list[i], o, &policy->origins[i]);
    return o;
}

struct wr_origins *wr_origins_new(struct wr_loop *loop, struct wr_policy *policy,
                                  struct wr_backends *backends)
{
    return wr_origins_make(loop, policy, backends, false);
}

static void close_idle(struct wr_origins *o)
{
    for (size_t i = 0; i < o->count; i++)
        for (size_t k = 0; k < o->list[i].count; k++)
            wr_pool_clear(o->list[i].peers[k]);
}

/* Runs at the end of the turn, because the function that ended the last exchange may still be on the stack.
 */
static void free_origins(struct wr_deferred_free *deferred)
{
    struct wr_origins *o = WR_CONTAINER(deferred, struct wr_origins, deferred);
    struct wr_exchange_run *run;
    while ((run = TAILQ_FIRST(&o->spare)) != NULL) {
        TAILQ_REMOVE(&o->spare, run, entry);
        wr_run_free(run);
    }
    for (size_t i = 0; i < o->count; i++)
        origin_fini(&o->list[i]);
    wr_note_fini(&o->ask);
    wr_policy_unref(o->policy);
    free(o->list);
    free(o);
}

static void close_down(struct wr_origins *o)
{
    for (size_t i = 0; i < o->count; i++)
        wr_origin_servers_leave(&o->list[i]);
    wr_loop_defer_free(o->loop, &o->deferred, free_origins);
}

void wr_origins_free(struct wr_origins *o)
{
    if (o == NULL)
        return;
    o->closing = true;
    if (o->running == 0)
        close_down(o);
    else
        close_idle(o);
}
