/* SPDX-License-Identifier: BSD-2-Clause */
/* Stored responses in Redis: reading, writing and dropping one, as pipelined calls on a link.
 *
 * A response is a HASH {ns}:{ks}:cache:<host>:{<hash>} with the fields key, meta, head and body
 * (weir-redis(7)). A content over `chunk` bytes lies in STRINGs ...:<version>:<n>. While such a response is
 * arriving, its HASH has a short time to live and one more field, `arriving`, with the fetch's token; and a
 * STRING ...:<version>:sums has the checksums of the pieces that have come. A response that is read is
 * checked (text of the key, lengths, checksums, version) before it is used; if anything is wrong it counts as
 * a miss. Thread: the link's owner. */
#pragma once

#include "cache/object.h"
#include "redis/link.h"
#include "store/variants.h"

struct wr_redis_store; /* one per worker: the link, the names of keys, the limits */
struct wr_redis_store_arrival;

/* Makes a store, which the caller owns. It keeps a reference to the policy. The link must outlive the store.
 * free: NULL is fine; what is under way is cancelled. */
struct wr_redis_store *wr_redis_store_new(struct wr_loop *loop, struct wr_policy *policy,
                                          struct wr_link *link);
void wr_redis_store_free(struct wr_redis_store *s);
/* Takes over a reloaded policy with another max_object, chunk or memory size; the names of keys are the same.
 * Takes a reference of its own. */
void wr_redis_store_adopt(struct wr_redis_store *s, struct wr_policy *policy);
/* Returns the largest content that the store takes with a head of that many bytes; 0: none. */
uint64_t wr_redis_store_most(const struct wr_redis_store *s, size_t head);

/* A look-up under way, embedded in the asker's struct. */
struct wr_redis_store_read {
    /* object: one reference, which the callee owns. NULL with WR_OK: a miss. NULL with an error: Redis is
     * away or late. The flow of a large object may still be arriving when this is called. */
    void (*done)(struct wr_redis_store_read *read, enum wr_err err, struct wr_object *object);
    bool early; /* set by the asker: a response that another node is still fetching will do; else it counts as
                   a miss */
    bool arriving; /* set by the store before done(): the object is such a response; its flow breaks if the
                      fetch fails */
    bool part; /* set by the asker: it wants a part of the content, so of a large one only the pieces that are
                  read are fetched */
    struct wr_object *held; /* set by the asker: a whole copy that may still be right, or NULL; borrowed until
                               done. If Redis has the same version (meta.version), nothing more is read: the
                               object is a new one of the same facts and content */
    /* private to the store from here on */
    struct wr_redis_store *redis_store;
    struct wr_call call;
    struct wr_hash hash;
    struct wr_slice key, host; /* borrowed until done */
    struct wr_object *object;  /* found; its pieces are still being counted */
    struct wr_redis_store_fill *fill;
};
/* Starts a look-up. Set read->done, early, part and held first; the store fills in the rest. host and key are
 * borrowed until done. Takes one round trip, two if the content lies in pieces, and one more if Redis doesn't
 * have `held`. Returns an error if the call is refused: then done is never called. */
enum wr_err wr_redis_store_get(struct wr_redis_store *s, struct wr_redis_store_read *read,
                               const struct wr_slice host, struct wr_hash hash,
                               struct wr_slice key) WR_MUST_USE;
/* Cancels a look-up: done is not called any more. Does nothing if it has already been called. */
void wr_redis_store_cancel(struct wr_redis_store_read *read);

/* Writes a whole object with its time to live, or nothing. The pieces are written first; then one script
 * makes them visible. Until then the response that is replaced stays as it is, and its pieces go by their own
 * time to live, so that their readers can finish.
 *
 * No answer waits for this. `written` (may be NULL) is called once on this loop when Redis has confirmed or
 * refused, never before this function returns. WR_ERR_CANCELLED: the store doesn't take the object (its
 * content isn't whole, or is over redis.max_object), or the store was freed meanwhile. WR_ERR_PURGED: not
 * stored, because the response there was fetched later (object->began). Purges aren't looked at here: the
 * reader compares.
 *
 * keep: the time to live. arrived (may be NULL): it has already written some of the pieces; free it only
 * after `written`. */
void wr_redis_store_put(struct wr_redis_store *s, struct wr_object *object, struct wr_span keep,
                        struct wr_redis_store_arrival *arrived, void (*written)(void *ctx, enum wr_err err),
                        void *ctx);
/* The fetch lock of a large response that others may read from Redis while it is arriving here. Its pieces
 * are written as they become whole, one at a time, so a slow Redis only makes the readers wait longer. */
struct wr_redis_store_lock {
    /* Of the fetch lock: nothing becomes visible unless the fetch still has the lock. */
    struct wr_slice key, token;
    struct wr_span ttl; /* the time to live of the arriving response, which is renewed as the lock is */
};
/* Begins to write a response that is arriving. object: as it will be put later, but its flow is
 * still arriving; meta.length is known. Copies or counts all it needs. alive(ctx) is called again and again
 * as long as others can read the response; never before this function returns, and not after the arrival has
 * been freed. lost(ctx) is called when the arrival has given up by itself; the caller still owns it. While
 * memory in flight is scarce, the arrival makes the flow windowed. keep: the time to live of the whole
 * response. Returns NULL if the response isn't large enough
 * to lie in pieces, is over redis.max_object, or Redis is away. If anything fails later, only the sharing is
 * lost. The caller owns the arrival. */
struct wr_redis_store_arrival *wr_redis_store_arrive(struct wr_redis_store *s, struct wr_object *object,
                                                     const struct wr_redis_store_lock *lock,
                                                     struct wr_span keep, void (*alive)(void *ctx),
                                                     void (*lost)(void *ctx), void *ctx);
/* Is the response's flow windowed, and is the arrival one of its readers? Then what is in Redis needn't stay
 * in memory, and only the arrival can store the response. NULL: false. */
bool wr_redis_store_arrival_streams(const struct wr_redis_store_arrival *a);
/* The response has been purged: nobody finds it any more, but its present readers get all of it. Takes over
 * the arrival: alive() isn't called any more, and the store writes the rest. NULL is fine. */
void wr_redis_store_arrival_let_go(struct wr_redis_store_arrival *a);
/* Takes the arriving response back out of Redis, with its pieces unless a put has taken them over. Call this
 * before the store is freed. NULL is fine. */
void wr_redis_store_arrival_free(struct wr_redis_store_arrival *a);
/* Tells Redis that `variant` has been stored under the VARY marker's key. If there are more than `most`,
 * counted over the whole fleet, some are dropped in Redis: first those that were stored once and not used
 * since, then those that were used least recently. keep: the variant's time to live. Nobody waits for this.
 */
void wr_redis_store_add_variant(struct wr_redis_store *s, const struct wr_object *marker,
                                const struct wr_object *variant, struct wr_span keep,
                                const struct wr_variants_bound *most);
/* Tells Redis that a node has read this variant there. Nobody waits for this. */
void wr_redis_store_use_variant(struct wr_redis_store *s, const struct wr_object *marker,
                                const struct wr_object *variant);
/* Tells Redis that the object is used (TOUCH), with its pieces. Redis may evict what it hasn't been asked for
 * in a long time, and it is never asked for what memory serves. Does so at most once in a few seconds for
 * each object, and only for as many objects as cost Redis little. */
void wr_redis_store_show(struct wr_redis_store *s, struct wr_object *object);
/* Drops what is stored under one key (UNLINK). Nobody waits for this. */
void wr_redis_store_drop(struct wr_redis_store *s, struct wr_slice host, struct wr_hash hash);
/* Asks whether Redis still holds this version of an object (meta.version). Embedded in the asker's struct. */
struct wr_redis_store_check {
    void (*done)(struct wr_redis_store_check *check, bool same);
    struct wr_call call;
    uint64_t version;
};
/* Starts the question. done(false) is called as well when Redis is away or late. Returns an error if the call
 * is refused: then done is never called. wr_call_cancel() on its call cancels it. */
enum wr_err wr_redis_store_compare(struct wr_redis_store *s, struct wr_redis_store_check *check,
                                   const struct wr_object *object) WR_MUST_USE;
