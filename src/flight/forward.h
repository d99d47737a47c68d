/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the request that is sent to the origin: always in one unambiguous form, never as it came. Pure.
 * Thread: any. */
#pragma once

#include "cache/build.h"
#include "flight/flight.h"

/* Appends the request's head to `out`. via: weir's own element of the Via field. own_conditions: sends GET,
 * and leaves out the client's preconditions and ranges, which the cache answers itself from the whole
 * response; the validators of order->stale, if any, take their place (RFC 9111 4.3.1). */
void wr_forward_write(struct wr_buf *out, const struct wr_flight_order *order, struct wr_slice via,
                      bool own_conditions);
