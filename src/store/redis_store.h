/* SPDX-License-Identifier: BSD-2-Clause */
/* Stored responses in Redis: reading, writing and dropping one, as pipelined calls on a link.
 *
 * Layout (DESIGN): HASH {ns}:{ks}:cache:<host>:{<hash>} with key, meta, head, body; a content over `chunk`
 * octets lies in STRINGs ...:<version>:<n>. While that arrives the HASH has a short life and a field more,
 * `arriving`, whose it is; a STRING ...:<version>:sums has the checksums of the pieces that have come. What
 * is read is checked (key text, lengths, checksum, version) before it is believed; whatever is wrong reads as
 * a miss. Thread: the link's owner. */
#pragma once

#include "cache/object.h"
#include "redis/link.h"
#include "store/variants.h"

struct wr_redis_store; /* one per worker: link, names, limits */
struct wr_redis_store_arrival;

/* Keeps a reference to the policy. The link must outlive the store. */
struct wr_redis_store *wr_redis_store_new(struct wr_loop *loop, struct wr_policy *policy,
                                          struct wr_link *link);
void wr_redis_store_free(struct wr_redis_store *s);
/* A reload has changed max_object, chunk or what memory takes; the names are the same. Takes a reference of
 * its own. */
void wr_redis_store_adopt(struct wr_redis_store *s, struct wr_policy *policy);
/* The largest content that it takes with a head of that many octets; 0: none. */
uint64_t wr_redis_store_most(const struct wr_redis_store *s, size_t head);

/* A look-up under way; embedded in the asker. */
struct wr_redis_store_read {
    /* object: one reference to the callee, or NULL with OK (miss) or with an error (Redis away, late). A
     * large object's flow may still be arriving when this is called. */
    void (*done)(struct wr_redis_store_read *read, enum wr_err err, struct wr_object *object);
    bool early;    /* what another node is still fetching will do; else that reads as a miss */
    bool arriving; /* with done(): that is what it is; its flow breaks if the fetch fails */
    bool part;     /* who asks wants a part of the content: of a large one only the pieces that are read are
                      fetched */
    struct wr_object *held; /* a whole copy that may still be right, or NULL; borrowed until done. If Redis
                               has this very storing (meta.version) nothing more is read: object is a new one
                               of the same facts and content */
    /* private to the store from here */
    struct wr_redis_store *redis_store;
    struct wr_call call;
    struct wr_hash hash;
    struct wr_slice key, host; /* borrowed until done */
    struct wr_object *object;  /* found, and waiting to know that its pieces are all there */
    struct wr_redis_store_fill *fill;
};
/* Set read->done, early, part and held first, the rest is filled in. host and key are borrowed until done.
 * One round trip; two where the content lies in pieces; one more where `held` isn't what Redis has. Refused:
 * an error now, done never. */
enum wr_err wr_redis_store_get(struct wr_redis_store *s, struct wr_redis_store_read *read,
                               const struct wr_slice host, struct wr_hash hash,
                               struct wr_slice key) WR_MUST_USE;
/* Harmless on one that is done. */
void wr_redis_store_cancel(struct wr_redis_store_read *read);

/* Writes a whole object with its TTL, or nothing: pieces first, what makes them visible last, in one script.
 * What it replaces is not touched before: its pieces go by their own TTL, so that who reads them just now can
 * finish. Fire and forget: nobody's answer depends on it; `written` (may be NULL) is called once on this loop
 * when Redis has confirmed or refused, never before this returns. arrived (may be NULL): has written some of
 * the pieces already; it is to be freed when this has ended. CANCELLED: not for the Redis store (content not
 * whole, or over redis.max_object), or the store was freed meanwhile. PURGED: not stored, because what is
 * there was fetched later (object->began). Whether it has been purged is the question of who reads it. */
void wr_redis_store_put(struct wr_redis_store *s, struct wr_object *object, struct wr_span keep,
                        struct wr_redis_store_arrival *arrived, void (*written)(void *ctx, enum wr_err err),
                        void *ctx);
/* A large response that others may read from Redis while it arrives here: its pieces are written as they
 * become whole, one at a time, so that a slow Redis only makes it lag. */
struct wr_redis_store_lock {
    struct wr_slice key, token; /* of the fetch: nothing becomes visible unless it still has the lock */
    struct wr_span ttl;         /* what is arriving lives no longer than a lock, unless renewed */
};
/* object: as it will be put, but for its flow, which is kept and still arriving, and meta.length says how
 * much comes. All is copied or counted. alive(ctx): others can read it by now; called again and again as long
 * as that lasts, never before this returns, and not after it has been freed. NULL: not large enough to lie in
 * pieces, over redis.max_object, or Redis is away. Whatever goes wrong later costs the sharing only. */
struct wr_redis_store_arrival *wr_redis_store_arrive(struct wr_redis_store *s, struct wr_object *object,
                                                     const struct wr_redis_store_lock *lock,
                                                     struct wr_span keep, void (*alive)(void *ctx),
                                                     void *ctx);
/* It has been purged: nobody finds it any more, but who reads it already gets all of it. Takes it over;
 * alive() is not called any more, and what is still to be written is the Redis store's care. NULL is fine. */
void wr_redis_store_arrival_let_go(struct wr_redis_store_arrival *a);
/* What is arriving goes, with its pieces unless they have been put. Before its store. NULL is fine. */
void wr_redis_store_arrival_free(struct wr_redis_store_arrival *a);
/* Tells Redis that `variant` has been stored under the VARY marker's key. What is too much, counted over the
 * fleet, is dropped there: first what was stored once and not used since, then what was used least lately.
 * keep: as the variant's. Nobody waits for it. */
void wr_redis_store_add_variant(struct wr_redis_store *s, const struct wr_object *marker,
                                const struct wr_object *variant, struct wr_span keep,
                                const struct wr_variants_bound *most);
/* Tells Redis that a node has read it there. Nobody waits for it. */
void wr_redis_store_use_variant(struct wr_redis_store *s, const struct wr_object *marker,
                                const struct wr_object *variant);
/* Shows Redis that it is used (TOUCH), with its pieces: it may evict what it hasn't been asked for in a long
 * time, and what is served from memory never is. At most once in a few seconds for each object, and not for
 * more of them than Redis notices. */
void wr_redis_store_show(struct wr_redis_store *s, struct wr_object *object);
/* UNLINKs one key. Nobody waits for it. */
void wr_redis_store_drop(struct wr_redis_store *s, struct wr_slice host, struct wr_hash hash);
/* Does Redis still hold this very storing of it (meta.version)? Embedded in the asker. */
struct wr_redis_store_check {
    void (*done)(struct wr_redis_store_check *check, bool same);
    struct wr_call call;
    uint64_t version;
};
/* done(false) also when Redis is away or late. Refused: an error now, done never. Cancelled by its
 * call's wr_call_cancel(). */
enum wr_err wr_redis_store_compare(struct wr_redis_store *s, struct wr_redis_store_check *check,
                                   const struct wr_object *object) WR_MUST_USE;
