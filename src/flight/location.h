/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts right what an origin says of its own address. An origin that doesn't know its public name sends the
 * address of one of the policy's `servers`; weir replaces it by the scheme and host that the client knows.
 * Pure. Thread: any. */
#pragma once

#include "http/head.h"
#include "policy/policy.h"

/* Returns the response's head with Location, Content-Location and Refresh put right: `response` itself if
 * there is nothing to do, else `room`, with its fields in the arena. Of the request only host, host_sent,
 * secure and site are used. */
const struct wr_head *wr_location_right(const struct wr_head *response, const struct wr_route *route,
                                        const struct wr_head *request, struct wr_arena *arena,
                                        struct wr_head *room);
