/* SPDX-License-Identifier: BSD-2-Clause */
/* The cache key: the text that says which stored response a request is for, and the variant's key below it
 * (Vary).
 *
 * Pure functions of request and policy: the same on every node. Thread: any. */
#pragma once

#include "base/arena.h"
#include "base/hash.h"
#include "cache/object.h"
#include "policy/policy.h"

struct wr_key {
    struct wr_slice text;
    struct wr_hash hash;
    struct wr_slice host; /* lower case, without the default port; "" when the policy leaves it out */
};

/* Whether keys hold more than a URL by this policy: then a URL has as many primary keys as clients send
 * values, and what is stored of it is found by the tag that all of them carry. */
bool wr_key_holds_more(const struct wr_cache_policy *policy);
/* That tag. No origin can send it: theirs don't begin with a space. In the arena. */
struct wr_slice wr_key_tag(const struct wr_key *primary, struct wr_arena *arena);
/* The same of a key's text by itself; at NULL: it holds no more than a URL and its scheme. Borrowed. */
struct wr_slice wr_key_url_of_more(struct wr_slice text);
/* Of a variant's key the text of its primary key, which it begins with. */
struct wr_slice wr_key_primary_text(struct wr_slice variant);
/* The primary key of the same URL with the other scheme, http or https. In the arena. */
struct wr_key wr_key_other_scheme(const struct wr_key *primary, struct wr_arena *arena);
/* How the keys of all URLs of this host that begin with this path begin, whatever else they hold. path: of
 * visible octets; may be empty. In the arena. */
struct wr_slice wr_key_prefix(struct wr_slice host, struct wr_slice path, struct wr_arena *arena);
/* HEAD asks for GET's key. Percent-encoding of unreserved characters is normalised (RFC 3986 6.2.2) but for
 * dots, dot segments are not resolved (the origin sees the path as sent). Texts live in the arena. */
struct wr_key wr_key_build(const struct wr_cache_policy *policy, const struct wr_head *request,
                           struct wr_arena *arena);
/* The query with which a request whose response may be stored goes to the origin: without the parameters that
 * the key leaves out, if the policy strips them. In its own order and spelling; at NULL: none. Borrowed, or
 * in the arena. */
struct wr_slice wr_key_query_sent(const struct wr_key_policy *policy, struct wr_slice query,
                                  struct wr_arena *arena);
/* The key of the variant that `request` chooses: the primary key's text, the lineage of the VARY marker (so
 * that a purged primary key never leads to old variants again) and the request's values of the fields that
 * the marker names, normalised where RFC 9111 4.1 lets us; fields that it hasn't got are left out, so that a
 * marker which names more leads to what was stored without them. *values: a line "name=value" for each of the
 * fields, "name" for one that the request hasn't got. Texts live in the arena. */
struct wr_key wr_key_variant(const struct wr_cache_policy *policy, const struct wr_key *primary,
                             const struct wr_object *marker, const struct wr_head *request,
                             struct wr_arena *arena, struct wr_slice *values);
struct wr_text;
/* Appends "=" and the value of that field with which the request goes to the origin (http/onward.h), in
 * canonical form; nothing if it goes without. Of Cookie only what counts by the policy: nothing if none of it
 * does. */
void wr_vary_value(struct wr_text *out, const struct wr_cache_policy *policy, const struct wr_head *request,
                   struct wr_slice name, struct wr_arena *arena);
/* The canonical list of a response's Vary fields (lower case, sorted, each once), in the arena; at == NULL:
 * no Vary;
 * "*" when * is among them. */
struct wr_slice wr_vary_names(const struct wr_head *response, struct wr_arena *arena);
/* A VARY marker's head is its lineage, 16 digits, a space, and the names of the fields that choose, as
 * wr_vary_names() gives them. A marker of the same lineage leads to the same variants. Borrowed. */
static inline struct wr_slice wr_vary_lineage(const struct wr_object *marker)
{
    return wr_slice(marker->head.at, marker->head.len < 16 ? marker->head.len : 16);
}
static inline struct wr_slice wr_vary_marked(const struct wr_object *marker)
{
    size_t skip = marker->head.len < 17 ? marker->head.len : 17;
    return wr_slice(marker->head.at + skip, marker->head.len - skip);
}
/* Are all `names` (at NULL: none) among `marked`? Both as wr_vary_names() gives them. */
bool wr_vary_covers(struct wr_slice marked, struct wr_slice names);
/* The names of both, in the arena. */
struct wr_slice wr_vary_union(struct wr_slice a, struct wr_slice b, struct wr_arena *arena);
/* Is a variant whose request's values were these (wr_key_variant()) one for this request (RFC 9111 4.1)? at
 * NULL: no variant. */
bool wr_vary_fits(const struct wr_cache_policy *policy, struct wr_slice values, const struct wr_head *request,
                  struct wr_arena *arena);
/* Has the origin chosen a content coding that the canonical form of this request's Accept-Encoding still
 * tells of? Else its response isn't one for all whose form is the same. */
bool wr_vary_tells_coding(const struct wr_cache_policy *policy, const struct wr_head *request,
                          const struct wr_head *response, struct wr_arena *arena);
/* Whether no request can be known to match: among the fields is *, or what isn't a field name, or one that is
 * written anew for each request (wr_onward_differs()), or there are more names than anyone means. */
bool wr_vary_any(const struct wr_head *response);
