/* SPDX-License-Identifier: BSD-2-Clause */
/* Which media types a client prefers (RFC 9110 12.5.1). Thread: any. */
#pragma once

#include "http/head.h"

/* Should weir's own answer to this request be application/problem+json? Yes if Accept gives that or
 * application/json (by name or by a range) a higher quality than text/plain. Without Accept, or with equal
 * qualities: no, it is text. */
bool wr_accept_prefers_json(const struct wr_head *h);
/* Should it be HTML? Yes if Accept gives text/html a higher quality than text/plain, and none that is lower
 * than that of JSON. */
bool wr_accept_prefers_html(const struct wr_head *h);
/* Returns the quality, from 0 to 1000, that Accept gives to type/subtype. The most specific range counts.
 * Without Accept: 1000. */
int wr_accept_quality(const struct wr_head *h, struct wr_slice type, struct wr_slice subtype);
