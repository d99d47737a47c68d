/* Purging one URL: its stored responses here and in Redis, and what is being fetched of it now. */
#include "flight/flight_priv.h"
#include "stats/stats.h"

void wr_flight_purge(struct wr_worker *worker, const struct wr_key *primary)
{
    wr_flights_spoil(worker->shared->flights, &primary->hash);
    if (worker->shared->memory)
        wr_memory_drop(worker->shared->memory, primary->hash);
    if (worker->shelf)
        wr_shelf_drop(worker->shelf, primary->host, primary->hash, NULL, NULL);
    WR_COUNT(purges);
}
