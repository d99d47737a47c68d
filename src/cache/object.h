/* SPDX-License-Identifier: BSD-2-Clause */
/* A stored response (RFC 9111): what the origin answered, when, how long that is fresh, and the flow that
 * holds the content.
 *
 * An object is immutable once it is published, though its flow may still be arriving. So it is shared by
 * counted references and read without locks. A 304 makes a new object that shares the flow. Redis holds the
 * same facts, encoded by store/record.h. */
#pragma once

#include "base/hash.h"
#include "base/instant.h"
#include "net/flow.h"

enum wr_object_kind {
    WR_OBJECT_RESPONSE, /* a stored response */
    WR_OBJECT_VARY, /* a VARY marker, under the primary key: which request fields choose among its variants */
};

/* The numbers are written into Redis (store/record.h). */
enum wr_object_flag {
    WR_OF_MUST_REVALIDATE = 1, /* never served stale (RFC 9111 5.2.2.2, .8, .10) */
    WR_OF_NO_CACHE = 2,        /* validated before every use (5.2.2.4) */
    WR_OF_SHARED_AUTH = 4,     /* may answer requests with Authorization (3.5) */
    WR_OF_HEURISTIC = 8,       /* its lifetime is a guess (4.2.2) */
    WR_OF_PARTIAL = 16,        /* a 206: one part of the content */
    WR_OF_OVERRIDE = 32,       /* the policy's ttl won over what the origin said */
    WR_OF_AGED = 128,          /* it came with an Age field, so from another cache */
    WR_OF_FOR_AUTHORIZED = 64, /* of a pass marker: concerns requests with Authorization only; the answers to
                                  others may be shared */
    /* The policy gave its lifetime (ttl, statuses), where the origin was silent or with OVERRIDE. */
    WR_OF_BY_POLICY = 1024,
    WR_OF_SET_COOKIE = 256, /* its head holds fields that change a client's state (set_cookie: store); every
                               client gets them */
    WR_OF_FOR_COOKIE = 512, /* of a pass marker: concerns requests with a cookie that counts only */
    WR_OF_UNASSURED = 2048, /* its origin neither calls it public nor lets it be used without validation */
};

/* It is shared because weir assumes that it may be, not because its origin said so. So it isn't used for
 * requests with a cookie that counts, and isn't stored from them. Validation doesn't make up for that: an
 * entity tag that is made of a date, as in WordPress's feeds, is the same for pages that differ by visitor.
 */
#define WR_OF_GUESSED (WR_OF_HEURISTIC | WR_OF_BY_POLICY | WR_OF_UNASSURED)

#define WR_SPAN_NONE ((struct wr_span){ -1 })

/* The facts about a response that the cache's rules go by. Spans are in microseconds. */
struct wr_meta {
    enum wr_object_kind kind;
    unsigned flags; /* enum wr_object_flag */
    int status;
    struct wr_wall request_time;  /* when the request left, by our wall clock (4.2.3) */
    struct wr_wall response_time; /* when the head came, by our wall clock (4.2.3) */
    struct wr_span initial_age;   /* corrected_initial_age at response_time (4.2.3) */
    struct wr_span lifetime;      /* freshness lifetime after jitter (4.2.1) */
    struct wr_span swr;           /* stale-while-revalidate (RFC 5861 3) or the policy's grace; -1: none */
    struct wr_span sie;           /* stale-if-error (RFC 5861 4) or the policy's; -1: none */
    struct wr_span fetch_time;    /* how long the origin took; XFetch calls it delta */
    uint64_t length;              /* bytes of content; UINT64_MAX while unknown */
    uint64_t version;             /* random; a new one each time a response is written to Redis */
};

/* The fields before `hash` may change at any time and are atomic, apart from refs, which wr_object_ref() and
 * wr_object_unref() keep. All others never change once the object is published. */
struct wr_object {
    unsigned refs;
    uint64_t purge_epoch; /* atomic: the epoch of the purges at which the object was last found unpurged; 0:
                             never compared */
    int64_t shown_us;     /* atomic, monotonic: when a worker last told Redis that the object is used */
    bool in_redis;        /* atomic: Redis has confirmed that it holds the object */
    bool stored;          /* atomic: the memory store holds the object; written under its shard's lock */
    struct wr_hash hash;  /* of key */
    struct wr_slice key;  /* the whole text of the cache key; len 0: no store takes the object */
    struct wr_slice host; /* part of the name of the key in Redis; "" if the cache key has no host */
    struct wr_meta meta;
    struct wr_slice head; /* a response: status line and end-to-end fields, each with CR LF, without Age,
                             Content-Length, Connection, Transfer-Encoding, our Cache-Status and the empty
                             line; VARY: see wr_vary_lineage() */
    struct wr_slice etag, last_modified; /* point into head; at NULL: none */
    struct wr_slice vary_values;         /* of a variant: the values of the fields that chose it, from
                                            wr_key_variant(); at NULL: it is no variant */
    struct wr_slice tags; /* from Cache-Groups, Cache-Tag and Surrogate-Key, one per line; groups stand there
                             once more after a tab, as groups of this host */
    struct wr_slice first_only; /* field lines that only the request that fetched it may get, such as
                                   private="..."; not written to Redis */
    struct wr_flow *flow;       /* the content; NULL: none (VARY) */
    struct wr_instant began;    /* when its fetch began; a purge with a later instant concerns it */
    /* Monotonic, this process only: when it was last known to be equal to what Redis holds. */
    struct wr_mono checked;
    bool own;     /* this process fetched it and writes it to Redis */
    size_t bytes; /* the size of this struct and its texts, which the memory store counts besides the flow */
};

/* Makes an object like `like`, with the flow `flow` (may be NULL). Copies all texts into one allocation and
 * takes a reference of its own to the flow. Computes hash from key. The caller owns the one reference.
 * Thread: any. */
struct wr_object *wr_object_new(const struct wr_object *like, struct wr_flow *flow);
/* Makes an object that no store takes: it has no key. head.at has room for `room` bytes; the caller writes
 * the head there and sets head.len before it publishes the object. Takes a reference of its own to the flow.
 * The caller owns the one reference. Thread: any. */
struct wr_object *wr_object_new_passed(const struct wr_meta *meta, size_t room, struct wr_flow *flow);
/* Returns a copy of the fields that never change, from which another object can be made. Its texts and its
 * flow are borrowed from o. */
struct wr_object wr_object_facts(const struct wr_object *o);
/* Takes and gives back a reference. The last one to be given back frees the object. unref takes NULL, too.
 * Thread: any. */
struct wr_object *wr_object_ref(struct wr_object *o);
void wr_object_unref(struct wr_object *o);
/* The same for several references at once. */
void wr_object_ref_many(struct wr_object *o, unsigned count);
void wr_object_unref_many(struct wr_object *o, unsigned count);

/* Returns current_age (RFC 9111 4.2.3), never negative. */
struct wr_span wr_object_age(const struct wr_object *o, struct wr_wall now);
/* Returns lifetime - current_age. A negative result says for how long the object has been stale. */
struct wr_span wr_object_freshness(const struct wr_object *o, struct wr_wall now);
