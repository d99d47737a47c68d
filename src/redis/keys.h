/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of everything weir keeps in Redis (the keyspace table of the design), in one place.
 *
 * All begin with "{namespace}:{keyspace}:". What comes from outside (hosts, tags, identities) is made
 * harmless and short here: the names stay readable, split on ':' and never break out of their cluster hash
 * tag. Each function appends one name to *out. Thread: any. */
#pragma once

#include "base/hash.h"
#include "policy/policy.h"

/* HASH: a stored response. host: any octets; what is not [a-z0-9.:-] or a bracket becomes '_', at most 128
 * octets stay. */
void wr_keys_cache(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice host,
                   struct wr_hash hash);
/* STRING: chunk n of the content of one storing (generation) of that response; the same slot. */
void wr_keys_chunk(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice host,
                   struct wr_hash hash, uint64_t generation, uint64_t n);
/* STRING: while that storing arrives, and for who reads it meanwhile, the sums of the chunks that have come;
 * the same slot. */
void wr_keys_sums(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice host,
                  struct wr_hash hash, uint64_t generation);
/* STRING: the fetch lock of that response; the same slot. */
void wr_keys_lock(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_hash hash);
/* HASH: the keys of its variants (primary: the primary key's hash), when each was used and how large it is;
 * the same slot. */
void wr_keys_variants(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_hash primary);
/* Channel: how its fetch ended. */
void wr_keys_flight(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_hash hash);
/* STRING, HASH or ZSET by algorithm. policy: the limit's name. identity: likewise. */
void wr_keys_limit(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice policy,
                   struct wr_slice identity);
/* STREAM: the journal of purges. */
void wr_keys_purges(struct wr_buf *out, const struct wr_policy_redis *p);
/* HASH: one node's heartbeat. */
void wr_keys_node(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice name);
/* ZSET: which nodes live, scored by when each spoke last (milliseconds on Redis's clock). */
void wr_keys_nodes(struct wr_buf *out, const struct wr_policy_redis *p);
/* The beginning that all keys of one kind share: kind "cache" gives "weir:v1:cache:". */
void wr_keys_prefix(struct wr_buf *out, const struct wr_policy_redis *p, const char *kind);

/* The hash of the response whose key's name this is. false: no such name; that of a chunk isn't: what a
 * chunk's going breaks is found out when it is read. */
bool wr_keys_cache_hash(const struct wr_policy_redis *p, struct wr_slice key,
                        struct wr_hash *hash) WR_MUST_USE;
