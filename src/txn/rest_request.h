/* SPDX-License-Identifier: BSD-2-Clause */
/* How the origin is asked for the rest of a content of which a part has been sent, and how its response is
 * read (RFC 9110 13.1.5, 14.2). Pure. Thread: any. */
#pragma once

#include "cache/object.h"
#include "http/head.h"

/* Makes the request for the bytes from offset `from` on, before `until` (UINT64_MAX: until the end): the
 * client's request without conditions, with Range and with `etag` in If-Range. Its fields lie in the arena.
 */
struct wr_head wr_rest_request(const struct wr_head *request, uint64_t from, uint64_t until,
                               struct wr_slice etag, struct wr_arena *arena);
/* Finds the offset in the response's flow where the content goes on. Returns false if it is another content
 * than `etag`'s, or if it doesn't go on at `from`. Uses the arena. */
bool wr_rest_begins(const struct wr_object *o, struct wr_slice etag, uint64_t from, struct wr_arena *arena,
                    uint64_t *at) WR_MUST_USE;
