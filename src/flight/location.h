/* SPDX-License-Identifier: BSD-2-Clause */
/* Origins that don't know under which name they are visited call themselves by their own address in a
 * response: what names a server of the policy's `servers` is put right to the scheme and the host that the
 * client knows. Pure. Thread: any. */
#pragma once

#include "http/head.h"
#include "policy/policy.h"

/* The response's head with Location, Content-Location and Refresh put right: `response` itself if there is
 * nothing to do, else *room, with its fields in the arena. host, secure and site of the request are looked
 * at, and nothing else. */
const struct wr_head *wr_location_right(const struct wr_head *response, const struct wr_route *route,
                                        const struct wr_head *request, struct wr_arena *arena,
                                        struct wr_head *room);
