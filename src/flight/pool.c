/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the list of a worker's flights, and the memory that ended flights leave to the next ones. */
#include <stddef.h>
#include <stdlib.h>

#include "flight/flight_priv.h"

#define SPARES_MOST 256       /* per worker: more flights are seldom under way at once */
#define SPARE_HEAD (8 * 1024) /* bytes; a flight with a larger request head isn't kept as a spare */

struct wr_flight_pool *wr_flight_pool_new(void)
{
    struct wr_flight_pool *pool = calloc(1, sizeof *pool);
    WR_CHECK(pool != NULL);
    TAILQ_INIT(&pool->list);
    return pool;
}

void wr_flight_pool_free(struct wr_flight_pool *pool)
{
    struct wr_flight *f;
    WR_CHECK(TAILQ_EMPTY(&pool->list));
    while ((f = pool->spares) != NULL) {
        pool->spares = f->next_spare;
        wr_flight_memory_free(f);
    }
    free(pool);
}

struct wr_flight *wr_flight_memory_take(struct wr_worker *w)
{
    struct wr_flight_pool *pool = w->flight_pool;
    struct wr_flight *f = pool->spares;
    if (f) {
        pool->spares = f->next_spare;
        pool->spare_count--;
        f->next_spare = NULL;
        return f;
    }
    f = calloc(1, sizeof *f);
    WR_CHECK(f != NULL && pthread_mutex_init(&f->lock, NULL) == 0);
    return f;
}

void wr_flight_memory_free(struct wr_flight *f)
{
    wr_arena_fini(&f->arena);
    wr_buf_fini(&f->head);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void wr_flight_memory_give(struct wr_flight *f)
{
    struct wr_flight_pool *pool = WR_CONTAINER(f->loop, struct wr_worker, loop)->flight_pool;
    if (!WR_RECYCLES || pool->spare_count == SPARES_MOST || f->head.cap > SPARE_HEAD) {
        wr_flight_memory_free(f);
        return;
    }
    wr_arena_reset(&f->arena);
    wr_buf_clear(&f->head);
    memset(f, 0, offsetof(struct wr_flight, lock));
    f->next_spare = pool->spares;
    pool->spares = f;
    pool->spare_count++;
}
