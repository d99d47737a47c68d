/* SPDX-License-Identifier: BSD-2-Clause */
/* The request target in the forms of RFC 9112 3.2, and the host it is meant for. Thread: any. */
#pragma once

#include "http/head.h"

/* Is it a valid uri-host [":" port] (RFC 9110 7.2 and 4.2.1)? The host is a registered name, an IPv4
 * address or an IPv6 literal in brackets; it is not empty and has no userinfo. The port is at most 65535
 * and may be empty. */
bool wr_authority_valid(struct wr_slice authority) WR_MUST_USE;

/* Splits h->target into host (absolute-form only), path and query. h->method and h->target must be set.
 * Returns NULL, or the reason for the error (static text). */
const char *wr_target_split(struct wr_head *h) WR_MUST_USE;

/* Returns the part of a reference after "scheme://authority" if the authority is `host`, or the whole
 * reference if it has no authority; without the fragment. A scheme's default port makes no difference. at
 * == NULL: the reference names another host, or isn't http or https. */
struct wr_slice wr_target_on_host(struct wr_slice reference, struct wr_slice host);
/* Resolves a reference (RFC 3986 5.2) in a response to the request `base` into a path and a query. They lie
 * in the arena or point into base and reference. Returns false where wr_target_on_host() returns NULL. */
bool wr_target_resolve(const struct wr_head *base, struct wr_slice reference, struct wr_arena *arena,
                       struct wr_slice *path, struct wr_slice *query) WR_MUST_USE;

/* Checks the Host fields (RFC 9112 3.2) and sets h->host. If the target is in absolute-form, its host
 * counts, and the Host field is changed to match (3.2.2). Returns NULL, or the reason for the error (static
 * text). */
const char *wr_host_settle(struct wr_head *h) WR_MUST_USE;
