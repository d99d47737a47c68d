/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client would rather read (RFC 9110 12.5.1). Thread: any. */
#pragma once

#include "http/head.h"

/* Whether weir's own answers should be application/problem+json for this request: Accept gives that or
 * application/json (by name or by a range) a higher quality than text/plain. Without Accept, or when it is
 * undecided: false, text. */
bool wr_accept_prefers_json(const struct wr_head *h);
/* The quality from 0 to 1000 that Accept gives to type/subtype: the most specific range counts. No Accept:
 * 1000. */
int wr_accept_quality(const struct wr_head *h, struct wr_slice type, struct wr_slice subtype);
