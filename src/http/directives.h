/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads Cache-Control and related fields (RFC 9111 5.2, RFC 5861, RFC 8246, RFC 9213) from all field lines
 * of a head.
 *
 * Lengths of time are whole seconds. If a field can be read in two ways, the more restrictive one counts
 * (RFC 9111 4.2.1): a lifetime that isn't a number is 0, and of several lifetimes the first counts unless
 * one is malformed. Unknown directives are ignored. This room only reads; cache/ decides. Thread: any. */
#pragma once

#include "http/head.h"

#define WR_DELTA_NONE INT64_C(-1)        /* the directive is not there */
#define WR_DELTA_MAX INT64_C(2147483648) /* greater numbers are read as this one (RFC 9111 1.2.2) */

struct wr_request_directives {
    int64_t max_age, min_fresh;
    int64_t max_stale; /* WR_DELTA_MAX: any staleness is accepted (no value was given) */
    bool no_cache, no_store, no_transform, only_if_cached;
    bool pragma_no_cache; /* Pragma: no-cache, and no Cache-Control at all (RFC 9111 5.4) */
};

struct wr_response_directives {
    int64_t max_age, s_maxage, stale_while_revalidate, stale_if_error;
    bool no_store, no_transform, must_revalidate, proxy_revalidate, must_understand, immutable;
    bool is_public;
    bool no_cache, is_private; /* true also without field names: about the whole response */
    struct wr_slice no_cache_fields,
        private_fields; /* field names in no-cache="..." and private="..."; at == NULL: none */
};

/* Reads Cache-Control and Pragma of a request. */
void wr_directives_of_request(const struct wr_head *h, struct wr_request_directives *out);
/* Reads Cache-Control of a response. */
void wr_directives_of_response(const struct wr_head *h, struct wr_response_directives *out);
/* Reads a targeted field (`id`: CDN_CACHE_CONTROL, WEIR_CACHE_CONTROL ...) as a strict dictionary (RFC 9213
 * 2.1). A directive whose value has the wrong type is ignored; a field with an error anywhere is ignored as
 * a whole. Returns true if *out counts instead of Cache-Control and Expires. Returns false if the field is
 * absent, empty or invalid; *out is then empty. */
bool wr_directives_of_targeted(const struct wr_head *h, enum wr_field_id id,
                               struct wr_response_directives *out) WR_MUST_USE;
/* The same for a targeted field with any name. */
bool wr_directives_of_targeted_named(const struct wr_head *h, struct wr_slice name,
                                     struct wr_response_directives *out) WR_MUST_USE;
/* Reads delta-seconds (RFC 9111 1.2.2; Age has the same form): digits only, at most WR_DELTA_MAX. Returns
 * false for anything else. */
bool wr_delta_parse(struct wr_slice s, int64_t *out) WR_MUST_USE;
