/* SPDX-License-Identifier: BSD-2-Clause */
/* Applies a purge to fetches under way, and purges after the answer to an unsafe method. */
#include <stdlib.h>

#include "flight/flight_priv.h"
#include "purge/invalidate.h"
#include "stats/stats.h"
#include "store/passes.h"

/* All that is stored is compared with the purge when it is read. A purge by URL frees the memory of the
 * object at once. */
void wr_flights_heard(void *ctx, const struct wr_purge *purge)
{
    struct wr_shared *shared = ctx;
    wr_flights_spoil(shared->flights, purge);
    if (purge->scope != WR_SCOPE_URL || purge->soft)
        return;
    wr_passes_end(shared->passes, purge->primary);
    wr_passes_end(shared->passes, purge->other);
    if (shared->memory == NULL)
        return;
    wr_memory_drop(shared->memory, purge->primary);
    wr_memory_drop(shared->memory, purge->other);
}

/* --- the answer to an unsafe method replaces what is stored --- */

/* Allocated by itself, since the fleet's answer may come after the flight's end. */
struct replacing {
    struct wr_flight *flight;
};

static void on_replaced(void *ctx, enum wr_err err, struct wr_instant at)
{
    struct replacing *r = ctx;
    struct wr_flight *f = r->flight;
    free(r);
    f->unconfirmed = false;
    if (err == WR_OK) {
        wr_flight_set_instant(f, at);
        if (f->built) /* no other thread uses it: the flight is alone */
            f->built->began = at;
        if (f->new_marker)
            f->new_marker->began = at;
    }
    if (!f->over && f->stage == WR_FLIGHT_LAND)
        wr_flight_wake(f, WR_FLIGHT_LAND, WR_FLIGHT_LAND);
    wr_flight_unref(f);
}

void wr_flight_replace(struct wr_flight *f)
{
    struct wr_worker *worker = f->worker_policy->worker;
    const struct wr_key *primary = &f->order.primary;
    const struct wr_purge purge = { .scope = WR_SCOPE_URL,
                                    .name = primary->text,
                                    .host = primary->host,
                                    .primary = primary->hash,
                                    .other = primary->hash,
                                    .implied = true };
    struct replacing *r = malloc(sizeof *r);
    WR_CHECK(r != NULL);
    r->flight = f;
    f->mode = WR_MODE_REPLACING;
    wr_flight_set_instant(f, wr_purges_here(worker->shared->purges, &purge));
    __atomic_store_n(&f->spoiled, false, __ATOMIC_RELEASE);
    f->unconfirmed = wr_purge_tell_fleet(worker->shared->purges, worker->link, worker->redis_store, &purge,
                                         wr_flight_instant(f), on_replaced, r) > 0;
    if (f->unconfirmed)
        __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    else
        free(r);
}
