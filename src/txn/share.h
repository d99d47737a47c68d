/* SPDX-License-Identifier: BSD-2-Clause */
/* May a request have what a flight brings, or what the flight found stored? Pure: no clock, no I/O. Thread:
 * any. */
#pragma once

#include "cache/cache_status.h"
#include "flight/flight.h"

/* The request that asks. */
struct wr_asker {
    const struct wr_cache_policy *policy;
    const struct wr_request_rules *rules;
    struct wr_wall started; /* when the request was made */
    struct wr_wall now;
};

/* May the request have the flight's response (fetched->object), which may have been fetched for another
 * request? It may if it could have it from the store, or if it takes part in the fetch. */
bool wr_share_suits(const struct wr_asker *a, const struct wr_flight_result *fetched);
/* The same for a response that came out of Redis: has another node fetched it while this request waited, so
 * that it needn't be validated for this request? */
bool wr_share_was_waited_for(const struct wr_asker *a, const struct wr_flight_result *fetched);
/* Is what is stored good enough for this request, although not for the flight? found: NULL: nothing is. */
bool wr_share_found_will_do(const struct wr_asker *a, const struct wr_object *found);
/* Corrects the reason why the request was forwarded: if nothing was found in memory, but Redis held a
 * response, it isn't a miss. Returns the reason. */
enum wr_fwd wr_share_fwd(enum wr_fwd fwd, const struct wr_flight_result *fetched);
