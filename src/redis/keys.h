/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of all keys and channels that weir uses in Redis, in one place.
 *
 * All begin with "{namespace}:{keyspace}:". Text from outside (hosts, tags, identities) is made harmless
 * and short here: names stay readable, split on ':' and never break out of their cluster hash tag. Each
 * function appends one name to *out. Thread: any. */
#pragma once

#include "base/hash.h"
#include "policy/policy.h"

/* HASH: a stored response. host: any bytes. A character other than [a-z0-9.:-] and brackets becomes '_'; at
 * most 128 bytes are kept. */
void wr_keys_cache(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice host,
                   struct wr_hash hash);
/* STRING: chunk n of the content of that response, as stored under this generation. In the same slot. */
void wr_keys_chunk(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice host,
                   struct wr_hash hash, uint64_t generation, uint64_t n);
/* STRING: the checksums of the chunks that have come, for readers while the response is arriving. In the
 * same slot. */
void wr_keys_sums(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice host,
                  struct wr_hash hash, uint64_t generation);
/* STRING: the fetch lock of that response. In the same slot. */
void wr_keys_lock(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_hash hash);
/* HASH: the keys of a response's variants, with each one's last use and size. primary: the primary key's
 * hash. In the same slot. */
void wr_keys_variants(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_hash primary);
/* Channel: how the fetch of that response ended. */
void wr_keys_flight(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_hash hash);
/* STRING, HASH or ZSET by algorithm. policy: the limit's name. identity: likewise. */
void wr_keys_limit(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice policy,
                   struct wr_slice identity);
/* STREAM: the journal of purges. */
void wr_keys_purges(struct wr_buf *out, const struct wr_policy_redis *p);
/* HASH: one node's heartbeat. */
void wr_keys_node(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice name);
/* ZSET: the living nodes, each scored by when it last reported (milliseconds of Redis's clock). */
void wr_keys_nodes(struct wr_buf *out, const struct wr_policy_redis *p);
/* ZSET: which nodes may serve from memory while Redis is away for them, scored likewise. */
void wr_keys_nodes_away(struct wr_buf *out, const struct wr_policy_redis *p);
/* The beginning that all keys of one kind share: kind "cache" gives "weir:v1:cache:". */
void wr_keys_prefix(struct wr_buf *out, const struct wr_policy_redis *p, const char *kind);

/* Reads the hash from the key of a stored response. Returns false for any other key, also for a chunk's: a
 * missing chunk is found out when it is read. */
bool wr_keys_cache_hash(const struct wr_policy_redis *p, struct wr_slice key,
                        struct wr_hash *hash) WR_MUST_USE;
