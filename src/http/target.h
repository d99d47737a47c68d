/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request is for: its target in the forms of RFC 9112 3.2, and who is meant by host. Thread: any. */
#pragma once

#include "http/head.h"

/* uri-host [":" port] of RFC 9110 7.2 and 4.2.1: a registered name, an IPv4 address or an IPv6 literal in
 * brackets, not empty, without userinfo; port up to 65535, possibly empty. */
bool wr_authority_valid(struct wr_slice authority) WR_MUST_USE;

/* Splits h->target into host (absolute-form only), path and query. Needs method and target. NULL, or what is
 * wrong (static text). */
const char *wr_target_split(struct wr_head *h) WR_MUST_USE;

/* What stands after "scheme://authority" in a reference if the authority is `host`, or the whole reference if
 * it names none; without a fragment. at == NULL: it names another host, or isn't http. Ports that go without
 * saying make no difference. */
struct wr_slice wr_target_on_host(struct wr_slice reference, struct wr_slice host);
/* The path and query of a reference (RFC 3986 5.2) in an answer to `base`, a request. In the arena, or
 * borrowed from both. false: as above. */
bool wr_target_resolve(const struct wr_head *base, struct wr_slice reference, struct wr_arena *arena,
                       struct wr_slice *path, struct wr_slice *query) WR_MUST_USE;

/* Checks the Host fields (RFC 9112 3.2) and sets h->host. With an absolute-form target the target's host
 * counts, and the Host field is made to say the same (3.2.2). NULL, or what is wrong (static text). */
const char *wr_host_settle(struct wr_head *h) WR_MUST_USE;
