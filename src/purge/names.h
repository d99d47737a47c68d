/* SPDX-License-Identifier: BSD-2-Clause */
/* The things that can be purged, and their names: a URL, a tag, a group, a prefix, a host, or everything.
 * Thread: any. */
#pragma once

#include "cache/key.h"

/* The meaning of a purge's name. The name of a GROUP (of one host, RFC 9875) is "<host> <group>"; that of a
 * PREFIX is "host/path", as a key's text begins; that of ALL is empty. */
enum wr_scope {
#define X(ID, word) WR_SCOPE_##ID,
#include "purge/scopes.def"
#undef X
    WR_SCOPE_COUNT
};
extern const struct wr_words wr_words_scope;
/* Returns "url", "tag", ...; a constant. */
const char *wr_scope_name(enum wr_scope scope);
/* Finds the scope of that name. Returns false if there is none. */
bool wr_scope_of(struct wr_slice name, enum wr_scope *out) WR_MUST_USE;

/* A purge. All texts are borrowed. */
struct wr_purge {
    enum wr_scope scope;
    struct wr_slice name; /* URL: the URL; otherwise see enum wr_scope */
    struct wr_slice host; /* URL: the host of its primary key; at NULL: not known, as another node sent it */
    struct wr_hash primary; /* URL: the hash of its primary key */
    struct wr_hash other;   /* URL: the hash of the primary key with the other scheme */
    bool soft;              /* make it stale, don't remove it */
    bool implied;           /* an unsafe method caused it; nobody asked for it by name */
};

/* Gives the purge of all that is stored for the URL of a GET, with either scheme. If keys hold more than a
 * URL, it is the purge of the URL's tag. Sets all fields but `soft`, and `name` only for a tag; texts live in
 * the arena. */
void wr_purge_of(const struct wr_cache_policy *policy, const struct wr_head *get, struct wr_arena *arena,
                 struct wr_purge *out);
/* The most purges that one URL takes: one for each route that may serve it. */
#define WR_MAX_URL_PURGES 8
/* Gives the purges of all that is stored for the URL of a GET, whichever routes have served it. host: as
 * wr_policy_host() returns it. Returns how many there are; 0: no route that may serve it caches. If more
 * routes may than there is room for, the last purge is that of all URLs that begin so. */
size_t wr_purges_of_url(const struct wr_policy *policy, struct wr_slice host, const struct wr_head *get,
                        struct wr_arena *arena, struct wr_purge out[WR_MAX_URL_PURGES]);
/* Reads the name that an operator has given for this scope ("https://Host/path", "host/path"...). The
 * purges borrow from the arena and from name; only a URL may take several purges. If the name is
 * wrong, returns 0 and says why in *why, a constant. */
size_t wr_purge_read(const struct wr_policy *policy, enum wr_scope scope, struct wr_slice name,
                     struct wr_arena *arena, struct wr_purge out[WR_MAX_URL_PURGES],
                     const char **why) WR_MUST_USE;
/* Does a key's text begin with this prefix? without_host: the key was made without a host. */
bool wr_prefix_covers(struct wr_slice prefix, struct wr_slice key_text, bool without_host) WR_MUST_USE;
/* Returns a key's text from its URL on, without what may stand before it ("POST "). */
struct wr_slice wr_prefix_text(struct wr_slice key_text);
/* Does the purge concern a response with this primary key, this host and these tags (as an object holds them;
 * empty: none are known)? */
bool wr_purge_means(const struct wr_purge *purge, const struct wr_key *primary, struct wr_slice host,
                    struct wr_slice tags);
