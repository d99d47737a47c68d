/* SPDX-License-Identifier: BSD-2-Clause */
/* Determines the length of a message's body and which fields concern only this connection. Thread: any.
 *
 * Where RFC 9112 6 allows a recipient to guess or to refuse, this refuses. If two readers guess
 * differently, one request can hide inside another (request smuggling). */
#pragma once

#include "http/head.h"

/* Sets framing and content_length. Hides Content-Length and Transfer-Encoding, because a forwarder writes
 * its own. Returns NULL, or the reason why it is malformed (static text). */
const char *wr_framing_of_request(struct wr_head *h) WR_MUST_USE;
/* The reason that both return for well-formed codings that end in chunked and have others before it (RFC
 * 9112 6.1: 501). Compare the pointer. */
extern const char wr_framing_unknown_coding[];
/* The same for a response with h->status to a request with `method`. Call after wr_connection_settle(). If
 * the response has no body but claims one, the origin may send it: clears keep_alive. */
const char *wr_framing_of_response(struct wr_head *h, enum wr_method method) WR_MUST_USE;
/* Reads Connection. Sets keep_alive, upgrade and trailers_wanted, and hides the fields that concern only
 * this connection. A field name in fields.def that isn't hop-by-hop is never hidden: a client must not be
 * able to keep X-Forwarded-For, Authorization or Cache-Control from the origin by naming it (RFC 9110
 * 7.6.1). Returns NULL, or the reason why it is malformed (static text). */
const char *wr_connection_settle(struct wr_head *h) WR_MUST_USE;
