/* SPDX-License-Identifier: BSD-2-Clause */
/* Conditional requests (RFC 9110 8.8.3 and 13), as pure functions. Thread: any. */
#pragma once

#include "base/units.h"
#include "http/head.h"

/* Is it a well-formed entity tag: W/"..." or "..."? */
bool wr_etag_valid(struct wr_slice tag) WR_MUST_USE;
/* Does the request have a condition that can be answered with 304 (RFC 9110 13.1.2, 13.1.3)? */
bool wr_asks_whether_modified(const struct wr_head *request) WR_MUST_USE;
/* Compare two valid entity tags (8.8.3.2). Strong: both are strong and equal. Weak: the parts between the
 * quotes are equal. */
bool wr_etag_equal_strong(struct wr_slice a, struct wr_slice b);
bool wr_etag_equal_weak(struct wr_slice a, struct wr_slice b);

enum wr_condition {
    WR_CONDITION_NONE,  /* the request has no such condition */
    WR_CONDITION_TRUE,  /* it holds: perform the method */
    WR_CONDITION_FALSE, /* If-None-Match, If-Modified-Since: 304 for GET and HEAD, else 412; If-Match ...: 412
                         */
};

/* Evaluate a condition of the request against the validators of the stored response. etag.at == NULL: it
 * has no entity tag. `*` matches any stored response. In a list with an error, the well-formed members
 * count. */
enum wr_condition wr_if_none_match(const struct wr_head *request, struct wr_slice etag); /* weak (13.1.2) */
enum wr_condition wr_if_match(const struct wr_head *request, struct wr_slice etag);      /* strong (13.1.1) */
/* last_modified NULL: the stored response has none. The condition is then ignored (NONE), as it is when its
 * date is not valid (13.1.3, 13.1.4). The caller must ignore If-Modified-Since if there is an
 * If-None-Match, and If-Unmodified-Since if there is an If-Match. */
enum wr_condition wr_if_modified_since(const struct wr_head *request, const struct wr_date *last_modified,
                                       struct wr_wall now);
enum wr_condition wr_if_unmodified_since(const struct wr_head *request, const struct wr_date *last_modified,
                                         struct wr_wall now);
/* If-Range (13.1.5): an entity tag is compared strongly. A date must equal the Last-Modified of the stored
 * response exactly, and that must be strong: at least a minute older than `date`, the stored response's
 * Date (8.8.2.2). FALSE: ignore the Range field. */
enum wr_condition wr_if_range(const struct wr_head *request, struct wr_slice etag,
                              const struct wr_date *last_modified, const struct wr_date *date,
                              struct wr_wall now);
/* Evaluates the conditions of GET and HEAD in the order of 13.2.2 (steps 3 and 4). Returns true if the
 * stored response answers with 304. */
bool wr_not_modified(const struct wr_head *request, struct wr_slice etag, const struct wr_date *last_modified,
                     struct wr_wall now);
