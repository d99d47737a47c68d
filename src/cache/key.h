/* SPDX-License-Identifier: BSD-2-Clause */
/* The cache key: a text that says which stored response a request is for. Below a primary key lie the keys of
 * its variants (Vary).
 *
 * Pure functions of request and policy, so all nodes make the same key. Thread: any. */
#pragma once

#include "base/arena.h"
#include "base/hash.h"
#include "cache/object.h"
#include "policy/policy.h"

/* The format of the text is described in key.c. Texts are borrowed from the arena they were made in. */
struct wr_key {
    struct wr_slice text;
    struct wr_hash hash;
    struct wr_slice host; /* lower case, without the default port; "" if the policy leaves the host out */
};

/* Do keys hold more than a URL by this policy (headers or cookies)? Then a URL has as many primary keys as
 * clients send values. All that is stored for the URL carries the same tag (wr_key_tag()), by which a purge
 * finds it. */
bool wr_key_holds_more(const struct wr_cache_policy *policy);
/* Returns the tag of all responses to this key's URL. No origin can send this tag: it begins with a space,
 * and theirs don't. In the arena. */
struct wr_slice wr_key_tag(const struct wr_key *primary, struct wr_arena *arena);
/* Returns the URL in a key's text if the key holds more than a URL and its scheme; else at NULL. Borrowed
 * from text. */
struct wr_slice wr_key_url_of_more(struct wr_slice text);
/* Returns the text of the primary key, with which a variant's key begins. Borrowed from variant. */
struct wr_slice wr_key_primary_text(struct wr_slice variant);
/* Returns the primary key of the same URL with the other scheme (http or https). The text lives in the arena.
 */
struct wr_key wr_key_other_scheme(const struct wr_key *primary, struct wr_arena *arena);
/* Returns the text with which the keys of all this host's URLs begin whose path begins with `path`. path: of
 * visible bytes; may be empty. In the arena. */
struct wr_slice wr_key_prefix(struct wr_slice host, struct wr_slice path, struct wr_arena *arena);
/* Makes the primary key of a request. HEAD has the key of GET. Percent-encoded unreserved characters are
 * decoded (RFC 3986 6.2.2), apart from dots. Dot segments stay, because the origin gets the path as it was
 * sent. Texts live in the arena. */
struct wr_key wr_key_build(const struct wr_cache_policy *policy, const struct wr_head *request,
                           struct wr_arena *arena);
/* Returns the query to send to the origin when the response may be stored. If the policy strips parameters,
 * those that the key leaves out are taken away; the others keep their order and spelling. at NULL: no query.
 * Borrowed from query, or in the arena. */
struct wr_slice wr_key_query_sent(const struct wr_key_policy *policy, struct wr_slice query,
                                  struct wr_arena *arena);
/* Makes the key of the variant that `request` chooses. It holds:
 *
 * - the text of the primary key;
 * - the lineage of the VARY marker, so that a purged primary key never leads to old variants again;
 * - the request's values of the fields that the marker names, normalised where RFC 9111 4.1 allows it. Fields
 *   that the request doesn't have are left out, so that a marker which names more fields leads to the same
 *   variants.
 *
 * Gives in *values a line for each field that the marker names: "name=value", or "name" if the request
 * doesn't have the field. Texts live in the arena. */
struct wr_key wr_key_variant(const struct wr_cache_policy *policy, const struct wr_key *primary,
                             const struct wr_object *marker, const struct wr_head *request,
                             struct wr_arena *arena, struct wr_slice *values);
struct wr_text;
/* Appends "=" and the canonical form of the value that the origin gets for the field `name` (http/onward.h).
 * Appends nothing if the origin gets no such field. Of Cookie only the cookies that the policy names are
 * written, and nothing if there is none of them. */
void wr_vary_value(struct wr_text *out, const struct wr_cache_policy *policy, const struct wr_head *request,
                   struct wr_slice name, struct wr_arena *arena);
/* Returns the canonical list of the fields that a response's Vary names: lower case, sorted, each once,
 * separated by commas. "*" if wr_vary_any(); at NULL: no Vary. In the arena. */
struct wr_slice wr_vary_names(const struct wr_head *response, struct wr_arena *arena);
/* The head of a VARY marker is its lineage (16 digits), a space, and the names of the fields that choose, as
 * wr_vary_names() gives them. Markers of the same lineage lead to the same variants. These two return the
 * lineage and the names, borrowed from the marker. */
static inline struct wr_slice wr_vary_lineage(const struct wr_object *marker)
{
    return wr_slice(marker->head.at, marker->head.len < 16 ? marker->head.len : 16);
}
static inline struct wr_slice wr_vary_marked(const struct wr_object *marker)
{
    size_t skip = marker->head.len < 17 ? marker->head.len : 17;
    return wr_slice_from(marker->head, skip);
}
/* Are all `names` among `marked`? Both are lists as wr_vary_names() gives them; names at NULL: none. */
bool wr_vary_covers(struct wr_slice marked, struct wr_slice names);
/* Returns a list of the names in a and in b, both as wr_vary_names() gives them. In the arena. */
struct wr_slice wr_vary_union(struct wr_slice a, struct wr_slice b, struct wr_arena *arena);
/* May a variant answer this request (RFC 9111 4.1)? values: what wr_key_variant() gave for the request it was
 * fetched with; at NULL: the response is no variant. */
bool wr_vary_fits(const struct wr_cache_policy *policy, struct wr_slice values, const struct wr_head *request,
                  struct wr_arena *arena);
/* Is the content coding of this response one that the canonical form of the request's Accept-Encoding names?
 * If not, the response must not be shared among the requests with this form. */
bool wr_vary_tells_coding(const struct wr_cache_policy *policy, const struct wr_head *request,
                          const struct wr_head *response, struct wr_arena *arena);
/* Does Vary make the response one that no later request can be known to match? That is so if it names *,
 * something that isn't a field name, a field that is written anew for each request (wr_onward_differs()), or
 * too many fields. */
bool wr_vary_any(const struct wr_head *response);
