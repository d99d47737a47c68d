/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the Redis store share. */
#pragma once

#include "redis/keys.h"
#include "store/record.h"
#include "store/redis_store.h"

#define WR_REDIS_STORE_VALUE_MOST (1024u * 1024) /* no value in Redis is larger */
#define WR_REDIS_STORE_CHUNK (512u * 1024)

/* A write or a drop under way. */
struct wr_redis_store_job;
/* A content that is being read piece by piece. */
struct wr_redis_store_fill;

/* Who waits until pieces of others have left the link: what others ask there shall not stand after the pieces
 * of all. Embedded in the asker, zeroed. */
struct wr_redis_store_turn {
    void (*come)(struct wr_redis_store_turn *turn); /* it is its turn */
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
    struct wr_mono showing; /* monotonic: the second in which ... */
    unsigned shown;         /* ... so many objects have been shown */
    TAILQ_HEAD(, wr_redis_store_job) jobs;
    TAILQ_HEAD(, wr_redis_store_fill) fills;
    TAILQ_HEAD(, wr_redis_store_arrival) arrivals; /* that have been let go */
    TAILQ_HEAD(, wr_redis_store_turn) turns;       /* awaited */
    unsigned turns_taken;
    bool passing_on; /* turns: on the stack */
    bool ending;
};

/* Asks for a turn to write one piece. true: now; false: come() is called later. */
bool wr_redis_store_turn_take(struct wr_redis_store *s, struct wr_redis_store_turn *turn) WR_MUST_USE;
/* The piece has been written, or nothing is to be written any more; harmless without a turn. */
void wr_redis_store_turn_end(struct wr_redis_store *s, struct wr_redis_store_turn *turn);

/* For what nobody waits for: Redis may take its time. */
struct wr_span wr_redis_store_patience(const struct wr_redis_store *s);
struct wr_slice wr_redis_store_decimal(char out[24], int64_t n);

/* The octets of each piece but the last. */
uint64_t wr_redis_store_chunk(const struct wr_redis_store *s);
static inline size_t wr_redis_store_chunk_count(uint64_t length, uint64_t chunk)
{
    return length > chunk ? (size_t) ((length - 1) / chunk + 1) : 0;
}
/* Pieces outlive what names them, so that a read that has begun can end. */
struct wr_span wr_redis_store_piece_life(struct wr_span keep);
/* The next `len` octets, which have arrived, in one stretch at `into`. */
struct wr_slice wr_redis_store_read_piece(struct wr_flow_reader *reader, char *into, size_t len);
/* A command about the first `count` pieces of a content. call NULL: its reply is nobody's. */
enum wr_err wr_redis_store_ask_pieces(struct wr_redis_store *s, struct wr_call *call, struct wr_slice verb,
                                      struct wr_slice host, struct wr_hash hash, uint64_t version,
                                      size_t count);
/* The put of the whole takes over which pieces have been written (so many), and their sums: of `object`, in
 * pieces of `chunk`. From here on they aren't the arrival's. false: it writes all by itself; so for NULL. */
bool wr_redis_store_arrival_hand_over(struct wr_redis_store_arrival *a, const struct wr_object *object,
                                      uint64_t length, uint64_t chunk, uint32_t *sums, size_t *written);
/* The put has written all pieces: who reads what was handed over gets to know the sums of all, and has time.
 */
void wr_redis_store_arrival_whole(struct wr_redis_store_arrival *a, const uint32_t *sums);
/* Frees what has been let go. */
void wr_redis_store_end_arrivals(struct wr_redis_store *s);

/* Takes down what decoding has borrowed. part: see struct wr_redis_store_read. */
struct wr_redis_store_fill *wr_redis_store_fill_new(struct wr_redis_store *s, struct wr_slice host,
                                                    struct wr_hash hash, const struct wr_record *record,
                                                    bool part);
/* The flow it will fill; the fill's reference. Of a record that is arriving the pieces are waited for as long
 * as Redis holds it. */
struct wr_flow *wr_redis_store_fill_flow(const struct wr_redis_store_fill *f);
/* Asks whether all pieces exist: the answer is an integer, wr_redis_store_fill_count() if so. */
enum wr_err wr_redis_store_fill_ask(struct wr_redis_store_fill *f, struct wr_call *call) WR_MUST_USE;
size_t wr_redis_store_fill_count(const struct wr_redis_store_fill *f);
/* Begins to fill; it ends its flow and frees itself. */
void wr_redis_store_fill_start(struct wr_redis_store_fill *f);
/* Ends an unfinished flow with CANCELLED. NULL is fine. */
void wr_redis_store_fill_free(struct wr_redis_store_fill *f);

/* Ends all jobs with CANCELLED. */
void wr_redis_store_end_jobs(struct wr_redis_store *s);
