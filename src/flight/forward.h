/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the request that goes to the origin: always in one unambiguous form, never as it came. Pure. Thread:
 * any. */
#pragma once

#include "cache/build.h"
#include "flight/flight.h"

/* own_conditions: the client's preconditions and ranges are left out (the cache answers those itself from the
 * whole), and `stale`'s validators, if any, stand in their place (RFC 9111 4.3.1). as_get: HEAD goes out as
 * GET. */
void wr_forward_write(struct wr_buf *out, const struct wr_flight_order *order, struct wr_slice via,
                      bool own_conditions);
