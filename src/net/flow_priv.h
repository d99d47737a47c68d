/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a flow, for its three files: flow.c is its life and its producer, flow_pieces.c its memory,
 * flow_reader.c its readers. All functions here are called under the flow's lock, or before others know the
 * flow. */
#pragma once

#include "net/flow.h"

#define WR_FLOW_INLINE_MOST \
    (16 * 1024) /* a body known to be at most so long lies in the same allocation as its flow */

struct wr_flow_piece {
    uint64_t at; /* offset of its first byte in the flow */
    size_t len, cap;
    char bytes[];
};

struct wr_flow {
    unsigned refs;
    unsigned state; /* enum wr_flow_state; written under the lock, read by anyone */
    bool keep;
    bool held;    /* was WHOLE before any of it was freed, and short: stays complete to its end, and is read
                   * without the lock */
    bool begun;   /* a reader has begun: before that a windowed flow frees nothing */
    bool starved; /* the producer has seen no room, or a reader nothing to read: wake it */
    enum wr_err err;
    uint64_t start;                /* offset of pieces[0]: everything before it has been freed */
    uint64_t length;               /* offset after the last byte */
    struct wr_flow_piece **pieces; /* every piece but the last is full unless trimmed by end */
    size_t count;
    struct wr_flow_piece *one[1]; /* most flows have one piece */
    /* readers of a WHOLE flow use only the members above: one cache line */
    size_t room, bytes;
    size_t reserved;         /* charged from the beginning for a body that is kept whole */
    struct wr_charge charge; /* what counts as memory in flight: nothing while a store counts it */
    unsigned stores;         /* stores that count this flow as theirs */
    struct wr_note *outgrown;
    uint64_t expected, most;
    size_t inline_room; /* bytes after the struct that will become the first piece */
    pthread_mutex_t lock;
    struct wr_note *producer;
    unsigned holds;               /* readers that are about to begin: while there are any, nothing is freed */
    struct wr_mono paced_since;   /* start of the readers' held_up counts; 0: not yet */
    struct wr_mono held_up_since; /* since when readers that have read all wait for others; 0: none does */
    struct wr_buf trailers;
    TAILQ_HEAD(, wr_flow_reader) readers;
    _Alignas(struct wr_flow_piece) char inline_piece[];
};

/* Does the flow never change again, and is read without its lock? Thread: any. */
static inline bool wr_flow_settled(const struct wr_flow *f)
{
    return __atomic_load_n(&f->state, __ATOMIC_ACQUIRE) == WR_FLOW_WHOLE && (f->held || f->keep);
}

/* --- flow_pieces.c --- */

/* Counts what the flow holds as memory in flight. To be called after each change of that. */
void wr_flow_recharge(struct wr_flow *f);
/* May the new flow's body be kept whole? Then its length is charged, if it is known. */
bool wr_flow_may_be_kept(struct wr_flow *f) WR_MUST_USE;
/* The flow is windowed from now on. */
void wr_flow_make_windowed(struct wr_flow *f);
/* Returns the last piece, after adding one if it is full. */
struct wr_flow_piece *wr_flow_piece_with_room(struct wr_flow *f);
/* Frees the pieces that all readers have passed (only in a windowed flow), or all pieces. */
void wr_flow_drop_passed(struct wr_flow *f);
void wr_flow_drop_all(struct wr_flow *f);
/* Returns how many bytes a windowed flow may hold while the budget is in that state. */
uint64_t wr_flow_window(enum wr_budget_state state);
/* Returns how many bytes may be appended now. */
size_t wr_flow_room_now(const struct wr_flow *f);
/* Like wr_flow_reader_peek(). Needs no lock if the flow is settled. */
int wr_flow_peek(const struct wr_flow *f, uint64_t at, struct iovec *iov, int max, uint64_t limit);

/* --- flow.c, flow_reader.c --- */

/* Wakes the producer if it waits for room and there is some, or if no reader is left. */
void wr_flow_wake_producer(struct wr_flow *f);
void wr_flow_wake_readers(struct wr_flow *f);
