/* SPDX-License-Identifier: BSD-2-Clause */
/* What is to be purged, and how it is named: a URL, a tag, a group, a prefix, a host, everything. Thread:
 * any. */
#pragma once

#include "cache/key.h"

/* The name of a GROUP (of one host, RFC 9875) is "<host> <group>"; of a PREFIX "host/path" as a key's text
 * begins; of ALL it is empty. */
enum wr_scope {
#define X(ID, word) WR_SCOPE_##ID,
#include "purge/scopes.def"
#undef X
    WR_SCOPE_COUNT
};
extern const struct wr_words wr_words_scope;
/* "url", "tag", ... Static memory. */
const char *wr_scope_name(enum wr_scope scope);
/* false: none of them. */
bool wr_scope_of(struct wr_slice name, enum wr_scope *out) WR_MUST_USE;

/* What is to be purged. Borrowed. */
struct wr_purge {
    enum wr_scope scope;
    struct wr_slice name;   /* URL: the URL; else see enum wr_scope */
    struct wr_slice host;   /* URL: of its primary key; at NULL: not known (heard from another node) */
    struct wr_hash primary; /* URL: the hash of its primary key, ... */
    struct wr_hash other;   /* ... and of that with the other scheme */
    bool soft;              /* stale, not gone */
    bool implied;           /* by an unsafe method: nobody has asked for it by name */
};

/* All that is stored of the URL of a GET, by either scheme, whatever else its keys hold (then it is the purge
 * of a tag). Sets all but `soft`, and `name` only of a tag; in the arena. */
void wr_purge_of(const struct wr_cache_policy *policy, const struct wr_head *get, struct wr_arena *arena,
                 struct wr_purge *out);
/* What a text of that scope means ("https://Host/path", "host/path*"...): *out borrows from the arena and the
 * name. false and *why (static) if nothing. */
bool wr_purge_read(const struct wr_policy *policy, enum wr_scope scope, struct wr_slice name,
                   struct wr_arena *arena, struct wr_purge *out, const char **why) WR_MUST_USE;
/* Does a key's text lie below a prefix? without_host: the key was made without one. */
bool wr_prefix_covers(struct wr_slice prefix, struct wr_slice key_text, bool without_host) WR_MUST_USE;
/* A key's text without what doesn't belong to its URL in front ("POST "). */
struct wr_slice wr_prefix_text(struct wr_slice key_text);
/* Does it purge what has this primary key, this host and these tags (as an object holds them; empty: none are
 * known)? */
bool wr_purge_means(const struct wr_purge *purge, const struct wr_key *primary, struct wr_slice host,
                    struct wr_slice tags);
