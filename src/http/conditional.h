/* SPDX-License-Identifier: BSD-2-Clause */
/* Conditions on what a client already has (RFC 9110 8.8.3 and 13), as pure functions. Thread: any. */
#pragma once

#include "base/units.h"
#include "http/head.h"

/* An entity tag as the grammar has it: W/"..." or "...". */
bool wr_etag_valid(struct wr_slice tag) WR_MUST_USE;
/* Has it a condition that 304 can be the answer to (RFC 9110 13.1.2, 13.1.3)? */
bool wr_asks_whether_modified(const struct wr_head *request) WR_MUST_USE;
/* 8.8.3.2: strong needs both to be strong and equal, weak compares what is between the quotes. Both must be
 * valid. */
bool wr_etag_equal_strong(struct wr_slice a, struct wr_slice b);
bool wr_etag_equal_weak(struct wr_slice a, struct wr_slice b);

enum wr_condition {
    WR_CONDITION_NONE,  /* the request makes no such condition */
    WR_CONDITION_TRUE,  /* it holds: go on */
    WR_CONDITION_FALSE, /* If-None-Match, If-Modified-Since: 304 for GET and HEAD, else 412; If-Match ...: 412
                         */
};

/* All take the request's head and the validators of what is stored; etag.at == NULL: it has none. `*` matches
 * whatever is stored. A list with a mistake in it matches by its well-formed members. */
enum wr_condition wr_if_none_match(const struct wr_head *request, struct wr_slice etag); /* weak (13.1.2) */
enum wr_condition wr_if_match(const struct wr_head *request, struct wr_slice etag);      /* strong (13.1.1) */
/* last_modified NULL: it has none, and the condition is ignored (NONE), as with a date that isn't one
 * (13.1.3, 13.1.4). If-Modified-Since is the caller's to skip when there is an If-None-Match, likewise
 * If-Unmodified-Since after If-Match. */
enum wr_condition wr_if_modified_since(const struct wr_head *request, const struct wr_date *last_modified,
                                       struct wr_wall now);
enum wr_condition wr_if_unmodified_since(const struct wr_head *request, const struct wr_date *last_modified,
                                         struct wr_wall now);
/* 13.1.5: strong by tag; by date only if exactly the Last-Modified of what is stored and that one is strong
 * (a minute older than `date`, the stored response's Date; 8.8.2.2). FALSE: ignore the Range field. */
enum wr_condition wr_if_range(const struct wr_head *request, struct wr_slice etag,
                              const struct wr_date *last_modified, const struct wr_date *date,
                              struct wr_wall now);
/* 13.2.2 in its order for GET and HEAD (steps 3 and 4): true if 304 is the answer to give from what is
 * stored. */
bool wr_not_modified(const struct wr_head *request, struct wr_slice etag, const struct wr_date *last_modified,
                     struct wr_wall now);
