/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow: the octets of one body on their way from one producer to any number of readers, on any threads.
 *
 * The producer appends; readers send what has arrived and wait for more. A *kept* flow holds everything (it
 * is being stored, and late readers start at the front). A *windowed* flow frees what every reader has passed
 * and tells the producer to pause when the slowest lags too far: memory stays bounded by the window, not by
 * the body. Where others wait because of the slowest, it is left behind after a while: see wr_flow_hurry().
 * It carries responses to clients and requests to origins alike; it knows nothing of HTTP.
 *
 * Once WHOLE, a kept flow never changes again and is read without its lock. */
#pragma once

#include <sys/uio.h>

#include "base/err.h"
#include "net/loop.h"

#define WR_FLOW_WINDOW (256 * 1024)
#define WR_FLOW_PIECE (64 * 1024)

enum wr_flow_state {
    WR_FLOW_ARRIVING,
    WR_FLOW_WHOLE,
    WR_FLOW_BROKEN,
    WR_FLOW_BEHIND, /* to one reader only: the others no longer wait for it, and it gets nothing more here */
};

struct wr_flow;

/* One reader. Embedded; its note lives on the reader's loop. */
struct wr_flow_reader {
    struct wr_note note;
    void (*wake)(struct wr_flow_reader *reader); /* more has arrived, or the end; on the reader's loop */
    struct wr_flow *flow;                        /* counted while listed */
    uint64_t at;                                 /* how far it has read */
    uint64_t until;                              /* it wants nothing from here on */
    bool listed;
    bool behind;            /* this and the next under the flow's lock */
    struct wr_span held_up; /* how long others have waited for it */
    TAILQ_ENTRY(wr_flow_reader) entry;
};

/* expected: the length if known, else UINT64_MAX; lets a small body live in one exact piece. keep: hold
 * everything. most: a kept flow that grows beyond it becomes windowed by itself. One reference, the
 * producer's. Thread: any. */
struct wr_flow *wr_flow_new(uint64_t expected, bool keep, uint64_t most);
/* A whole flow of octets that are there already (copied). */
struct wr_flow *wr_flow_of(struct wr_slice octets);
struct wr_flow *wr_flow_ref(struct wr_flow *f);
void wr_flow_unref(struct wr_flow *f);

/* --- producer: one thread at a time --- */
/* Wakes on the producer's loop when a windowed flow that was full has room again, or its last reader left.
 * NULL: nobody. */
void wr_flow_producer(struct wr_flow *f, struct wr_note *note);
/* How many octets it should append now; 0: wait for the note. A kept flow always has room. */
size_t wr_flow_room(struct wr_flow *f);
/* Memory for the next octets (at least 1, *len says how many), to be filled and committed: no copy needed. */
char *wr_flow_reserve(struct wr_flow *f, size_t *len);
void wr_flow_commit(struct wr_flow *f, size_t len);
void wr_flow_append(struct wr_flow *f, struct wr_slice octets);
/* No more comes. err: WR_OK for WHOLE. trailers: field lines "Name: value\r\n"..., or empty; copied. */
void wr_flow_end(struct wr_flow *f, enum wr_err err, struct wr_slice trailers);
/* For a producer that can go on at any multiple of `grain`: what do its readers want? MORE: it should append
 * from *from on, where the flow goes on by now; a windowed flow has left out what all its readers start
 * after. WAIT: for the note. NOTHING: whoever read it has what they wanted. A kept flow wants everything. */
enum wr_flow_wish { WR_FLOW_MORE, WR_FLOW_WAIT, WR_FLOW_NOTHING };
enum wr_flow_wish wr_flow_wish(struct wr_flow *f, uint64_t grain, uint64_t *from);
/* For a producer that waits for room, and again when it has got some: does a reader hold up others who have
 * read all there is? Who has done so for more than a second, and a tenth of the time besides, is left behind.
 * Gives when to ask again if nothing happens before; 0: never. now: monotonic. */
struct wr_span wr_flow_hurry(struct wr_flow *f, struct wr_mono now);
/* Does nobody but the producer hold it, so that no reader can come? */
bool wr_flow_abandoned(const struct wr_flow *f);

/* --- readers --- */
/* A reader is about to begin: until wr_flow_let_go(), a windowed flow frees nothing, so that it finds the
 * front. The caller holds a reference in between. Thread: any. */
void wr_flow_hold(struct wr_flow *f);
void wr_flow_let_go(struct wr_flow *f);
/* Starts at offset `at`. The caller keeps the flow until the reader is closed: one that is WHOLE is read
 * without a reference of the reader's own, as its count would travel between the workers that serve it.
 * false: the flow no longer holds that offset, or its producer has given it up. Thread: loop's owner. */
bool wr_flow_reader_open(struct wr_flow_reader *r, struct wr_flow *f, struct wr_loop *loop, uint64_t at,
                         void (*wake)(struct wr_flow_reader *)) WR_MUST_USE;
/* The same for one who reads no more than `length` octets from there on. */
bool wr_flow_reader_open_part(struct wr_flow_reader *r, struct wr_flow *f, struct wr_loop *loop, uint64_t at,
                              uint64_t length, void (*wake)(struct wr_flow_reader *)) WR_MUST_USE;
/* Up to max iovecs of what has arrived from r->at on (limit: at most so many octets); gives their count and
 * in *state how the flow stood at that moment. 0 and ARRIVING: wake() will be called. 0 and WHOLE: that was
 * all. 0 and BEHIND: close it, and look elsewhere for what comes from r->at on. The octets hold until
 * wr_flow_reader_advance() or close. */
int wr_flow_reader_peek(struct wr_flow_reader *r, struct iovec *iov, int max, uint64_t limit,
                        enum wr_flow_state *state);
void wr_flow_reader_advance(struct wr_flow_reader *r, uint64_t octets);
/* Harmless on a zeroed or closed reader. */
void wr_flow_reader_close(struct wr_flow_reader *r);

/* --- both --- */
enum wr_flow_state wr_flow_state(const struct wr_flow *f);
bool wr_flow_kept(const struct wr_flow *f);                /* holds everything so far */
enum wr_err wr_flow_err(const struct wr_flow *f);          /* once BROKEN */
uint64_t wr_flow_length(const struct wr_flow *f);          /* octets so far; final once WHOLE */
struct wr_slice wr_flow_trailers(const struct wr_flow *f); /* once WHOLE */
size_t wr_flow_bytes(const struct wr_flow *f);             /* memory it holds, for accounting */
/* Of a WHOLE kept flow: itself with one more reference, or a copy without slack where much memory would idle.
 */
struct wr_flow *wr_flow_compact(struct wr_flow *f);
