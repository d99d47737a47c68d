/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes stored responses from what the origin sent, and answers from stored responses.
 *
 * Pure functions: no I/O, no clock, no locks. Thread: any. */
#pragma once

#include "cache/rules.h"

/* Makes a stored response from a fresh one. vary_values: for a variant, the values that wr_key_variant()
 * gave; else at NULL. flow: the content, which may still be arriving; the object takes a reference of its
 * own. via: our own Via element ("1.1 edge-1"), which is added to the stored head. Copies all texts. The
 * caller owns the one reference. */
struct wr_object *wr_build_object(const struct wr_key *key, struct wr_slice vary_values,
                                  const struct wr_meta *meta, const struct wr_head *response,
                                  struct wr_slice via, struct wr_flow *flow);
/* Makes a response that goes to one client only. It holds the head that is sent to the client, and nothing of
 * what the stores need. flow: the object takes a reference of its own. The caller owns the one reference. */
struct wr_object *wr_build_passed(const struct wr_meta *meta, const struct wr_head *response,
                                  struct wr_slice via, struct wr_flow *flow);
/* Makes a VARY marker under the key `primary`, with the times and flags of `of`. names: from wr_vary_names().
 * before: the marker that the new one replaces, so that both lead to the same variants (they share a
 * lineage); or NULL: the new marker begins a lineage. The caller owns the one reference. */
struct wr_object *wr_build_vary(const struct wr_key *primary, struct wr_slice names, const struct wr_meta *of,
                                const struct wr_object *before);
/* Gives the fields of `stored` as the 304 `not_modified` updates them (RFC 9111 3.2). The caller judges the
 * updated response by them, so the fields that only one client may have (Set-Cookie and the like) are left
 * out. The array of fields lives in the arena; names and values point into the two heads. */
void wr_build_merged_head(const struct wr_object *stored, const struct wr_head *not_modified,
                          struct wr_arena *arena, struct wr_head *out);
/* Is this 304 about the stored response (RFC 9111 4.3.4)? Entity tags are compared weakly: an origin that
 * compresses may make the tag weak in the 200 and leave it strong in the 304. */
bool wr_build_confirms(const struct wr_head *not_modified, const struct wr_object *stored);
/* Does a 200 to HEAD state the same validators and length as the stored response (RFC 9111 4.3.5)? A field
 * that the 200 doesn't have agrees with anything. */
bool wr_build_describes(const struct wr_head *head, const struct wr_object *stored);
/* Makes a new object: the stored response as updated by a 304 (RFC 9111 3.2, 4.3.4). It shares the flow of
 * `stored`. key, vary_values: what the request chooses now, as the 304 may name other fields in Vary. The
 * fields that describe the content stay as they are stored. Set-Cookie and the like of the 304 go into
 * first_only, unless meta has SET_COOKIE. The caller owns the one reference. */
struct wr_object *wr_build_updated(const struct wr_object *stored, const struct wr_key *key,
                                   struct wr_slice vary_values, const struct wr_meta *meta,
                                   const struct wr_head *not_modified, struct wr_slice via);
/* Are both stored heads the same, apart from Date? */
bool wr_build_same(const struct wr_object *a, const struct wr_object *b);
/* Reads the head of a stored response into fields. Names and values point into object->head; the array of
 * fields lives in the arena. */
void wr_build_head(const struct wr_object *object, struct wr_arena *arena, struct wr_head *out);

/* Appends the fields that validate `stored` at the origin: If-None-Match and If-Modified-Since, each with CR
 * LF. */
void wr_build_conditions(const struct wr_object *stored, struct wr_buf *out);

/* One part of the content, in bytes from its beginning. */
struct wr_part {
    uint64_t from, length;
};
#define WR_MAX_PARTS 16
/* The answer to a request from a stored response, after preconditions and ranges (RFC 9110 13.2, 14). */
struct wr_answer {
    int status; /* the stored status, or 304, 206 or 416; never 412: only the origin evaluates If-Match and
                   If-Unmodified-Since (RFC 9111 4.3.2) */
    size_t part_count; /* 206: 1, or more for multipart/byteranges; else 0 */
    struct wr_part parts[WR_MAX_PARTS];
    uint64_t length; /* of the stored content, in bytes; UINT64_MAX while unknown */
};
/* Decides what to send for this request. complete: the object's length is known, and its content is all there
 * or will come. Ranges are served only then. */
void wr_build_answer(const struct wr_object *object, const struct wr_head *request, bool complete,
                     struct wr_answer *out);
