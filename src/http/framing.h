/* SPDX-License-Identifier: BSD-2-Clause */
/* How long a message's body is, and what of the head concerns this connection only. Thread: any.
 *
 * Where RFC 9112 6 offers a choice between guessing and refusing, this refuses: two readers that guess
 * differently are how a request hides inside another. */
#pragma once

#include "http/head.h"

/* Sets framing and content_length, and hides Content-Length and Transfer-Encoding (a forwarder writes its
 * own). NULL, or what is wrong (static text). */
const char *wr_framing_of_request(struct wr_head *h) WR_MUST_USE;
/* What they say of codings that are well-formed, end in chunked, and have others before it (RFC 9112 6.1:
 * 501). */
extern const char wr_framing_unknown_coding[];
/* The same for a response with h->status to a request with `method`; where the origin's claim about the
 * length of an absent body can't be trusted, clears keep_alive. After wr_connection_settle(). */
const char *wr_framing_of_response(struct wr_head *h, enum wr_method method) WR_MUST_USE;
/* Reads Connection: sets keep_alive, upgrade and trailers_wanted, and hides what is of this connection only.
 * A field name in fields.def that isn't hop-by-hop is never hidden: a client must not be able to take
 * X-Forwarded-For, Authorization or Cache-Control away from the origin by naming it (RFC 9110 7.6.1). NULL,
 * or what is wrong (static text). */
const char *wr_connection_settle(struct wr_head *h) WR_MUST_USE;
