/* SPDX-License-Identifier: BSD-2-Clause */
/* The one place that decides which fields of a request go to the origin, and in which form.
 *
 * The code that writes the request to the origin asks here, and so does the code that chooses by fields
 * (keys, Vary, limits, bypass). A field that the origin never saw must not select a response; otherwise one
 * client could store its response as another's (RFC 9111 4.1 compares the request as it is sent). Thread:
 * any. */
#pragma once

#include "http/head.h"

enum wr_onward {
    WR_ONWARD_SENT,    /* as it came */
    WR_ONWARD_DROPPED, /* not at all */
    WR_ONWARD_OURS,    /* weir writes its own value, whether the client sent one or not */
};

/* Decides what happens to this field of the request. whole: the response may be shared, so the request asks
 * for the whole of it. The cache answers the client's conditions and ranges itself and sends its own
 * instead. */
enum wr_onward wr_onward(const struct wr_head *request, const struct wr_field *f, bool whole);
/* Returns the next field after `after` (NULL: the first) that is forwarded as it came and that an origin
 * takes for a field of this name, or NULL. id: the id of the name. */
const struct wr_field *wr_onward_next(const struct wr_head *request, enum wr_field_id id,
                                      struct wr_slice name, bool whole, const struct wr_field *after);
/* Is it a field that weir writes itself, from the request's host and scheme? If so, *value is what weir
 * sends (len 0: nothing is sent). */
bool wr_onward_ours(const struct wr_head *request, enum wr_field_id id, struct wr_slice *value);
/* Returns the next field after `after` (NULL: the first) that is forwarded as it came and whose name
 * matches the pattern, or NULL. In the pattern '*' stands for any number of bytes; letters compare in any
 * case, '_' as '-'. */
const struct wr_field *wr_onward_matching(const struct wr_head *request, struct wr_slice pattern, bool whole,
                                          const struct wr_field *after);
/* Returns the value that the origin gets, if the request is forwarded on its own; of several fields, the
 * first. name: a name, or a pattern with a '*'. at == NULL: the origin gets none that depends on the
 * request. */
struct wr_slice wr_onward_value(const struct wr_head *request, struct wr_slice name);

/* Does weir write a new value for each request or client (X-Forwarded-For, X-Request-ID, Via)? No two
 * requests share such a value. */
bool wr_onward_differs(enum wr_field_id id);
/* Can a client's field of this name reach an origin at all? whole: as for wr_onward(). */
bool wr_onward_reaches(struct wr_slice name, bool whole);
/* Could an origin take this odd name (see wr_field_name_plain()) for a field that weir drops, trusts,
 * writes or frames messages by? Such a field is never forwarded. */
bool wr_onward_forged(struct wr_slice odd);
/* Does a field of this name tell the origin who asks (X-Real-IP, X-Forwarded-Port ...)? Only proxies write
 * such fields. */
bool wr_onward_tells_who(struct wr_slice name);
/* May the field stand in trailers that are passed on (RFC 9110 6.5.1)? */
bool wr_onward_as_trailer(const struct wr_field *f);
