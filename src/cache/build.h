/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes stored responses out of what the origin sent, and answers out of stored responses. Pure.
 * Thread: any. */
#pragma once

#include "cache/rules.h"

/* A stored response from a fresh answer. flow: its content (may still be arriving). via: our own Via element
 * ("1.1 edge-1"), added to the stored head. One reference to the caller. */
struct wr_object *wr_build_object(const struct wr_key *key, struct wr_slice vary_values,
                                  const struct wr_meta *meta, const struct wr_head *response,
                                  struct wr_slice via, struct wr_flow *flow);
/* A response for one client only, on its way to it: its head as it goes out, and nothing of what the stores
 * need. */
struct wr_object *wr_build_passed(const struct wr_meta *meta, const struct wr_head *response,
                                  struct wr_slice via, struct wr_flow *flow);
/* A VARY marker. before: one that this takes the place of, and whose variants it leads to as well; or NULL.
 */
struct wr_object *wr_build_vary(const struct wr_key *primary, struct wr_slice names, const struct wr_meta *of,
                                const struct wr_object *before);
/* The fields of `stored` as `not_modified` leaves them (RFC 9111 3.2): for judging the updated response anew,
 * by what everybody may have of it, and so without Set-Cookie and the like. In the arena. */
void wr_build_merged_head(const struct wr_object *stored, const struct wr_head *not_modified,
                          struct wr_arena *arena, struct wr_head *out);
/* Is this 304 about what is stored (RFC 9111 4.3.4)? Entity tags are compared weakly: an origin that calls
 * what it has compressed weakly the same may not do so in the 304. */
bool wr_build_confirms(const struct wr_head *not_modified, const struct wr_object *stored);
/* Is what a 200 to HEAD says of the response's validators and length what is stored (RFC 9111 4.3.5)? */
bool wr_build_describes(const struct wr_head *head, const struct wr_object *stored);
/* The stored response updated by a 304 (RFC 9111 3.2, 4.3.4), sharing its flow. What describes the content
 * stays as it is stored; the 304's Set-Cookie and the like go into first_only, unless meta has SET_COOKIE. */
struct wr_object *wr_build_updated(const struct wr_object *stored, const struct wr_meta *meta,
                                   const struct wr_head *not_modified, struct wr_slice via);
/* Do both stored heads say the same, but for when? */
bool wr_build_same(const struct wr_object *a, const struct wr_object *b);
/* The head of a stored response as fields again; slices into object->head, array in the arena. */
void wr_build_head(const struct wr_object *object, struct wr_arena *arena, struct wr_head *out);

/* Conditional fields for validating `stored` at the origin: If-None-Match, If-Modified-Since, each with
 * CR LF, appended. */
void wr_build_conditions(const struct wr_object *stored, struct wr_buf *out);

/* What to send for this request from this object (RFC 9110 13.2, 14): preconditions and ranges. */
struct wr_part {
    uint64_t from, length;
};
#define WR_MAX_PARTS 16
struct wr_answer {
    int status;        /* the stored one, or 304, 206, 416; never 412: If-Match and such are the
                          origin's to evaluate (RFC 9111 4.3.2) */
    size_t part_count; /* 206: 1 part, or more: multipart/byteranges */
    struct wr_part parts[WR_MAX_PARTS];
    uint64_t length; /* of the stored content */
};
/* complete: the object's length is known and its content all there or coming; only then are ranges served. */
void wr_build_answer(const struct wr_object *object, const struct wr_head *request, bool complete,
                     struct wr_answer *out);
