/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the names of keys and channels. Text from outside is cut, replaced or hashed, so that it can't
 * change a name's structure. */
#include "redis/keys.h"

#include <inttypes.h>

#define NAME_MAX_BYTES 128 /* longest host, tag or identity in a key's name */

void wr_keys_prefix(struct wr_buf *out, const struct wr_policy_redis *p, const char *kind)
{
    wr_buf_add_str(out, p->namespace_);
    wr_buf_add_char(out, ':');
    wr_buf_add_str(out, p->keyspace);
    wr_buf_add_char(out, ':');
    wr_buf_add_str(out, kind);
    wr_buf_add_char(out, ':');
}

static bool fits_host(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(".-:[]", c));
}

static void add_host(struct wr_buf *out, struct wr_slice host)
{
    size_t len = host.len < NAME_MAX_BYTES ? host.len : NAME_MAX_BYTES;
    for (size_t i = 0; i < len; i++) {
        char c = wr_lower(host.at[i]);
        wr_buf_add_char(out, fits_host(c) ? c : '_');
    }
}

static void add_hash(struct wr_buf *out, struct wr_hash hash)
{
    char hex[WR_HASH_HEX + 1];
    wr_hash_hex(hash, hex);
    wr_buf_add_char(out, '{');
    wr_buf_add(out, hex, WR_HASH_HEX);
    wr_buf_add_char(out, '}');
}

static bool has_brace(struct wr_slice s)
{
    return s.len > 0 && (memchr(s.at, '{', s.len) || memchr(s.at, '}', s.len));
}

/* Appends any bytes: as they are if they are short and can't begin or end a hash tag, else hashed. */
static void add_name(struct wr_buf *out, struct wr_slice name)
{
    if (name.len <= NAME_MAX_BYTES && !has_brace(name)) {
        wr_buf_add_slice(out, name);
        return;
    }
    char hex[WR_HASH_HEX + 1];
    wr_hash_hex(wr_hash_of(name), hex);
    wr_buf_add_char(out, '#');
    wr_buf_add(out, hex, WR_HASH_HEX);
}

void wr_keys_cache(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice host,
                   struct wr_hash hash)
{
    wr_keys_prefix(out, p, "cache");
    add_host(out, host);
    wr_buf_add_char(out, ':');
    add_hash(out, hash);
}

void wr_keys_chunk(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice host,
                   struct wr_hash hash, uint64_t generation, uint64_t n)
{
    wr_keys_cache(out, p, host, hash);
    wr_buf_printf(out, ":%016" PRIx64 ":%" PRIu64, generation, n);
}

void wr_keys_sums(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice host,
                  struct wr_hash hash, uint64_t generation)
{
    wr_keys_cache(out, p, host, hash);
    wr_buf_printf(out, ":%016" PRIx64 ":sums", generation);
}

void wr_keys_lock(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_hash hash)
{
    wr_keys_prefix(out, p, "lock");
    add_hash(out, hash);
}

void wr_keys_variants(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_hash primary)
{
    wr_keys_prefix(out, p, "variants");
    add_hash(out, primary);
}

void wr_keys_flight(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_hash hash)
{
    wr_keys_prefix(out, p, "flight");
    add_hash(out, hash);
}

void wr_keys_limit(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice policy,
                   struct wr_slice identity)
{
    wr_keys_prefix(out, p, "limit");
    add_name(out, policy);
    wr_buf_add_str(out, ":{");
    add_name(out, identity);
    wr_buf_add_char(out, '}');
}

void wr_keys_purges(struct wr_buf *out, const struct wr_policy_redis *p)
{
    wr_buf_printf(out, "%s:%s:purges", p->namespace_, p->keyspace);
}

void wr_keys_node(struct wr_buf *out, const struct wr_policy_redis *p, struct wr_slice name)
{
    wr_keys_prefix(out, p, "node");
    add_name(out, name);
}

void wr_keys_nodes(struct wr_buf *out, const struct wr_policy_redis *p)
{
    wr_buf_printf(out, "%s:%s:nodes", p->namespace_, p->keyspace);
}

void wr_keys_nodes_away(struct wr_buf *out, const struct wr_policy_redis *p)
{
    wr_buf_printf(out, "%s:%s:nodes:away", p->namespace_, p->keyspace);
}

bool wr_keys_cache_hash(const struct wr_policy_redis *p, struct wr_slice key, struct wr_hash *hash)
{
    struct wr_buf prefix = { 0 };
    wr_keys_prefix(&prefix, p, "cache");
    bool ours = wr_slice_starts(key, wr_buf_slice(&prefix));
    wr_buf_fini(&prefix);
    const char *open = ours ? memchr(key.at, '{', key.len) : NULL;
    if (open == NULL || (size_t) (key.at + key.len - open) != WR_HASH_HEX + 2 || open[WR_HASH_HEX + 1] != '}')
        return false;
    return wr_hash_read(wr_slice(open + 1, WR_HASH_HEX), hash);
}
