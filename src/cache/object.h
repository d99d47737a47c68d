/* SPDX-License-Identifier: BSD-2-Clause */
/* A stored response (RFC 9111): what was answered, when, how long it is fresh, and the flow that holds its
 * content.
 *
 * An object is immutable once published (its flow may still be arriving), so it is shared by counted
 * references and read without locks. A 304 makes a new object that shares the flow. The same facts, encoded
 * by record.h, are what Redis holds. */
#pragma once

#include "base/hash.h"
#include "base/instant.h"
#include "net/flow.h"

enum wr_object_kind {
    WR_OBJECT_RESPONSE, /* a stored response */
    WR_OBJECT_VARY,     /* under the primary key: which request fields choose among its variants */
};

enum wr_object_flag {
    WR_OF_MUST_REVALIDATE = 1, /* never served stale (RFC 9111 5.2.2.2, .8, .10) */
    WR_OF_NO_CACHE = 2,        /* validated before every use (5.2.2.4) */
    WR_OF_SHARED_AUTH = 4,     /* may answer requests with Authorization (3.5) */
    WR_OF_HEURISTIC = 8,       /* its lifetime is our guess (4.2.2) */
    WR_OF_PARTIAL = 16,        /* a 206: one part of the content */
    WR_OF_OVERRIDE = 32,       /* the policy's ttl won over what the origin said */
    WR_OF_AGED = 128,          /* it came with an Age: from another cache */
    WR_OF_FOR_AUTHORIZED =
        64, /* of a pass marker: for requests with Authorization; others may yet find something to share */
    WR_OF_BY_POLICY =
        1024, /* its lifetime is the policy's word: ttl, statuses, with OVERRIDE whatever the origin says */
    WR_OF_SET_COOKIE =
        256, /* its head holds fields that change a client's state, for everybody: set_cookie: store */
    WR_OF_FOR_COOKIE = 512, /* likewise: for requests with a cookie that counts */
    WR_OF_UNASSURED = 2048, /* its origin neither calls it public nor lets it be used without validation */
};

/* Shared because we think so, not because its origin said so: for requests without cookies, and from them.
 * Validation doesn't make up for that: an entity tag that is made of a date, as in WordPress's feeds, is the
 * same for pages that differ by visitor. */
#define WR_OF_GUESSED (WR_OF_HEURISTIC | WR_OF_BY_POLICY | WR_OF_UNASSURED)

#define WR_SPAN_NONE ((struct wr_span){ -1 })

struct wr_meta {
    enum wr_object_kind kind;
    unsigned flags; /* enum wr_object_flag */
    int status;
    struct wr_wall request_time;  /* wall clock: when the request left, ... */
    struct wr_wall response_time; /* ... and its head came (4.2.3) */
    struct wr_span initial_age;   /* corrected_initial_age at response_time (4.2.3) */
    struct wr_span lifetime;      /* freshness lifetime after jitter (4.2.1) */
    struct wr_span swr;           /* stale-while-revalidate (RFC 5861 3) or grace; -1: none */
    struct wr_span sie;           /* stale-if-error (RFC 5861 4); -1: none */
    struct wr_span fetch_time;    /* how long the origin took: XFetch's delta */
    uint64_t length;              /* octets of content; UINT64_MAX while unknown */
    uint64_t version;             /* random: names one storing of one response in Redis */
};

struct wr_object {
    unsigned refs;
    uint64_t purge_epoch; /* atomic: of the purges it was last compared with and found current; 0: never */
    int64_t shown_us;     /* atomic, monotonic: when Redis was shown last that it is used */
    bool in_redis;        /* atomic: Redis has confirmed that it holds it */
    bool stored;          /* atomic: the memory store holds it; written under its shard's lock */
    struct wr_hash hash;  /* of key; from here on nothing changes */
    struct wr_slice key;  /* the cache key's whole text */
    struct wr_slice host; /* part of the Redis key's name; "" if the key has none */
    struct wr_meta meta;
    struct wr_slice head;                /* status line and end-to-end fields, each with CR LF; without Age,
                                            Content-Length, Connection, Transfer-Encoding, our Cache-Status and
                                            the empty line. VARY: see wr_vary_lineage() and wr_vary_marked() */
    struct wr_slice etag, last_modified; /* inside head; at NULL: none */
    struct wr_slice vary_values; /* of a variant: what its selecting fields were, for its key (at NULL:
                                    none) */
    struct wr_slice tags;        /* of Cache-Groups, Cache-Tag, Surrogate-Key: one per line; groups once more
                                    after a tab, as those of this host */
    struct wr_slice first_only;  /* field lines that only the request that fetched it may see
                                    (private="...", no-cache="..."): not written to Redis */
    struct wr_flow *flow;        /* NULL: no content (VARY) */
    struct wr_instant began;     /* when its fetch began: a purge with a later instant concerns it */
    struct wr_mono checked;      /* monotonic, this process: when it was last known equal to Redis */
    bool own;                    /* this process has fetched it, and stores it in Redis */
    size_t bytes;                /* of this struct and its texts: what the memory store accounts besides
                                    the flow */
};

/* All octets are copied into one allocation; flow: takes a reference of its own. One reference to the caller.
 * hash is computed from key. Thread: any. */
struct wr_object *wr_object_new(const struct wr_object *like, struct wr_flow *flow);
/* One for a response that no store is for: no key, and room for a head of at most `room` octets at head.at,
 * which the caller writes and measures. flow: takes a reference of its own. One reference to the caller. */
struct wr_object *wr_object_new_passed(const struct wr_meta *meta, size_t room, struct wr_flow *flow);
/* What of it never changes, to make another object of. */
struct wr_object wr_object_facts(const struct wr_object *o);
struct wr_object *wr_object_ref(struct wr_object *o);
void wr_object_unref(struct wr_object *o);
/* Several references at once. */
void wr_object_ref_many(struct wr_object *o, unsigned count);
void wr_object_unref_many(struct wr_object *o, unsigned count);

/* current_age (RFC 9111 4.2.3), never negative. */
struct wr_span wr_object_age(const struct wr_object *o, struct wr_wall now);
/* lifetime - current_age: negative when stale by so much. */
struct wr_span wr_object_freshness(const struct wr_object *o, struct wr_wall now);
