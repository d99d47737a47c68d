/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of the Redis store, for its own files. Thread: the link's owner, for all of it. */
#pragma once

#include "redis/keys.h"
#include "store/record.h"
#include "store/redis_store.h"

#define WR_REDIS_STORE_VALUE_MOST (1024u * 1024) /* bytes; no value in Redis is larger */
/* Bytes of a piece, where the policy doesn't say. */
#define WR_REDIS_STORE_CHUNK (512u * 1024)

/* A write under way, or a call about variants. */
struct wr_redis_store_job;
/* A content that is being read piece by piece. */
struct wr_redis_store_fill;

/* A turn to write or to read one piece. Only a few pieces are on the link at a time, so that other calls
 * don't wait behind the pieces of all large contents. Embedded, zeroed, in the struct of who writes or reads.
 */
struct wr_redis_store_turn {
    void (*come)(struct wr_redis_store_turn *turn); /* called when its turn has come */
    enum {
        WR_TURN_NONE,
        WR_TURN_AWAITED,
        WR_TURN_TAKEN,
    } state;
    TAILQ_ENTRY(wr_redis_store_turn) entry;
};

struct wr_redis_store {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_link *link;
    struct wr_mono showing; /* monotonic: the beginning of the second that `shown` counts */
    unsigned shown;         /* objects that Redis has been told of in this second */
    TAILQ_HEAD(, wr_redis_store_job) jobs;
    TAILQ_HEAD(, wr_redis_store_fill) fills;
    TAILQ_HEAD(, wr_redis_store_arrival) arrivals; /* those that have been let go */
    TAILQ_HEAD(, wr_redis_store_turn) turns;       /* those that wait */
    unsigned turns_taken;
    bool passing_on; /* pass_on() is on the stack */
    /* wr_redis_store_free() has begun */
    bool ending;
};

/* Asks for a turn to write or read one piece. Returns true if the caller has it now; else come() is called
 * later. */
bool wr_redis_store_turn_take(struct wr_redis_store *s, struct wr_redis_store_turn *turn) WR_MUST_USE;
/* Ends a turn, or the waiting for one: the piece has been written or read, or is not wanted any more. Does
 * nothing without a turn. */
void wr_redis_store_turn_end(struct wr_redis_store *s, struct wr_redis_store_turn *turn);

/* Returns the timeout of calls that nobody waits for: Redis may take its time. */
struct wr_span wr_redis_store_patience(const struct wr_redis_store *s);
/* Writes n in decimal. Borrowed from out. */
struct wr_slice wr_redis_store_decimal(char out[24], int64_t n);

/* Returns the bytes of each piece but the last. */
uint64_t wr_redis_store_chunk(const struct wr_redis_store *s);
/* Returns the number of pieces; 0: the content is small enough to lie in the HASH. */
static inline size_t wr_redis_store_chunk_count(uint64_t length, uint64_t chunk)
{
    return length > chunk ? (size_t) ((length - 1) / chunk + 1) : 0;
}
/* Returns the time to live of pieces. They outlive what names them, so that a read that has begun can end. */
struct wr_span wr_redis_store_piece_life(struct wr_span keep);
/* Copies the next `len` bytes, which must have arrived, to `into` and returns them. */
struct wr_slice wr_redis_store_read_piece(struct wr_flow_reader *reader, char *into, size_t len);
/* Sends a command about the first `count` pieces of a content. call NULL: nobody waits for the reply. */
enum wr_err wr_redis_store_ask_pieces(struct wr_redis_store *s, struct wr_call *call, struct wr_slice verb,
                                      struct wr_slice host, struct wr_hash hash, uint64_t version,
                                      size_t count);
/* Has the arrival written all pieces of a response that isn't kept, so that nobody else could write them? If
 * not, returns false, and finished() is called once later: with false if they will not be written. finished
 * NULL: nobody waits any more. */
bool wr_redis_store_arrival_finish(struct wr_redis_store_arrival *a, void (*finished)(void *heir, bool whole),
                                   void *heir);
/* Hands the pieces written so far over to the put of the whole response: *written of them, and their
 * checksums in sums. length, chunk: as the put will write `object`. From here on the pieces don't belong to
 * the arrival any more. Returns false if the put has to write all pieces; so for a NULL. */
bool wr_redis_store_arrival_hand_over(struct wr_redis_store_arrival *a, const struct wr_object *object,
                                      uint64_t length, uint64_t chunk, uint32_t *sums, size_t *written);
/* Call this when the put has written all pieces. The readers of the arriving response learn the checksums of
 * all pieces, and get time to read them. */
void wr_redis_store_arrival_whole(struct wr_redis_store_arrival *a, const uint32_t *sums);
/* Frees the arrivals that have been let go. */
void wr_redis_store_end_arrivals(struct wr_redis_store *s);

/* Makes a fill, which the caller owns until it starts. Copies what the record has borrowed. part: see struct
 * wr_redis_store_read. */
struct wr_redis_store_fill *wr_redis_store_fill_new(struct wr_redis_store *s, struct wr_slice host,
                                                    struct wr_hash hash, const struct wr_record *record,
                                                    bool part);
/* Returns the flow that the fill will write to; the reference is the fill's. While the response is arriving,
 * the fill waits for pieces as long as Redis holds their checksums. */
struct wr_flow *wr_redis_store_fill_flow(const struct wr_redis_store_fill *f);
/* Asks how many of the pieces exist. The reply is an integer: wr_redis_store_fill_count() if all do. */
enum wr_err wr_redis_store_fill_ask(struct wr_redis_store_fill *f, struct wr_call *call) WR_MUST_USE;
/* Returns the number of pieces. */
size_t wr_redis_store_fill_count(const struct wr_redis_store_fill *f);
/* Starts to fill. From now on it ends its flow and frees itself. */
void wr_redis_store_fill_start(struct wr_redis_store_fill *f);
/* Ends an unfinished flow with WR_ERR_CANCELLED. NULL is fine. */
void wr_redis_store_fill_free(struct wr_redis_store_fill *f);

/* Ends all jobs with WR_ERR_CANCELLED. */
void wr_redis_store_end_jobs(struct wr_redis_store *s);
