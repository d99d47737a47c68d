/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow: the bytes of one body on their way from one producer to any number of readers, on any threads.
 *
 * The producer appends; readers send what has arrived and wait for more. A *kept* flow holds everything: it
 * is being stored, and late readers start at the front. A *windowed* flow frees what every reader has
 * passed, and makes the producer pause when the slowest reader lags too far. So memory is bounded by the
 * window, not by the body. If other readers wait because of the slowest, it is left behind after a while:
 * see wr_flow_hurry(). A flow carries responses to clients and requests to origins alike; it knows nothing
 * of HTTP.
 *
 * The content of a flow is memory in flight (net/budget.h), until a store counts it. A body that is to be
 * kept is charged with its whole length from the beginning. Over half of the budget a body larger than a
 * piece isn't kept, and windows are smaller. Over all of it a flow takes new memory only when it holds none.
 *
 * Once WHOLE, a kept flow never changes again and is read without its lock. */
#pragma once

#include <sys/uio.h>

#include "base/err.h"
#include "net/budget.h"
#include "net/loop.h"

#define WR_FLOW_WINDOW (256 * 1024)
#define WR_FLOW_PIECE (64 * 1024)

enum wr_flow_state {
    WR_FLOW_ARRIVING,
    WR_FLOW_WHOLE,
    WR_FLOW_BROKEN,
    WR_FLOW_BEHIND, /* returned to one reader only: the others no longer wait for it, and it gets no more
                     * here */
};

struct wr_flow;

/* One reader. Embedded in its owner; its note belongs to the reader's loop. */
struct wr_flow_reader {
    struct wr_note note;
    void (*wake)(struct wr_flow_reader *reader); /* more has arrived, or the end; on the reader's loop */
    struct wr_flow *flow;                        /* counted while listed */
    uint64_t at;                                 /* how far it has read */
    uint64_t until;                              /* the reader wants nothing from this offset on */
    bool listed;
    bool behind;            /* this and the next are guarded by the flow's lock */
    struct wr_span held_up; /* how long others have waited for it */
    TAILQ_ENTRY(wr_flow_reader) entry;
};

/* Makes a flow. expected: the length if known, else UINT64_MAX; it lets a small body lie in one piece of
 * the right size. keep: hold everything, if the budget of memory in flight allows it; wr_flow_kept() says
 * whether it does. most: a kept flow that grows beyond this becomes windowed by itself, as does one of
 * unknown length when memory becomes scarce. Returns the producer's reference. Thread: any. */
struct wr_flow *wr_flow_new(uint64_t expected, bool keep, uint64_t most);
/* Returns a WHOLE flow with a copy of these bytes. */
struct wr_flow *wr_flow_of(struct wr_slice bytes);
struct wr_flow *wr_flow_ref(struct wr_flow *f);
void wr_flow_unref(struct wr_flow *f);

/* --- producer: one thread at a time --- */
/* Sets the producer's note (NULL: none). It is posted when a windowed flow that was full has room again, or
 * when its last reader has left. */
void wr_flow_producer(struct wr_flow *f, struct wr_note *note);
/* Makes a kept flow windowed while it is arriving. Thread: any. */
void wr_flow_stop_keeping(struct wr_flow *f);
/* Sets a note that is posted when a kept flow becomes windowed; it is forgotten when the flow ends. */
void wr_flow_on_outgrown(struct wr_flow *f, struct wr_note *note);
/* Returns how many bytes the producer should append now; 0: wait for the note. A kept flow always has
 * room. */
size_t wr_flow_room(struct wr_flow *f);
/* Returns memory for the next bytes; *len says how many (at least 1). Fill it and commit: this saves a
 * copy. */
char *wr_flow_reserve(struct wr_flow *f, size_t *len);
void wr_flow_commit(struct wr_flow *f, size_t len);
void wr_flow_append(struct wr_flow *f, struct wr_slice bytes);
/* Ends the flow. err: WR_OK for WHOLE, else BROKEN. trailers: field lines "Name: value\r\n"..., or empty;
 * copied. */
void wr_flow_end(struct wr_flow *f, enum wr_err err, struct wr_slice trailers);
/* What do the readers want? For a producer that can continue at any multiple of `grain`. MORE: append from
 * *from on, which is now the flow's end; a windowed flow skips what lies before the start of all its
 * readers. WAIT: wait for the note. NOTHING: all readers have got what they wanted. A kept flow wants
 * everything. */
enum wr_flow_wish { WR_FLOW_MORE, WR_FLOW_WAIT, WR_FLOW_NOTHING };
enum wr_flow_wish wr_flow_wish(struct wr_flow *f, uint64_t grain, uint64_t *from);
/* Does a reader hold up others that have read everything? A reader that has done so for more than a second,
 * and for a tenth of the time, is left behind. Called by a producer that waits for room, and again when it
 * has got some. Returns when to ask again if nothing happens before; 0: never. now: monotonic. */
struct wr_span wr_flow_hurry(struct wr_flow *f, struct wr_mono now);
/* Does only the producer hold the flow, so that no reader can come? */
bool wr_flow_abandoned(const struct wr_flow *f);

/* --- readers --- */
/* Between these two calls a windowed flow frees nothing, so that a reader who is about to begin finds the
 * front. The caller holds a reference in between. Thread: any. */
void wr_flow_hold(struct wr_flow *f);
void wr_flow_let_go(struct wr_flow *f);
/* Starts reading at offset `at`. The caller keeps the flow until the reader is closed: a WHOLE flow is read
 * without a reference of the reader's own, because its count would move between the caches of the workers
 * that serve it. Returns false if the flow no longer holds that offset, or its producer has given it up.
 * Thread: loop's owner. */
bool wr_flow_reader_open(struct wr_flow_reader *r, struct wr_flow *f, struct wr_loop *loop, uint64_t at,
                         void (*wake)(struct wr_flow_reader *)) WR_MUST_USE;
/* The same for a reader that reads no more than `length` bytes from there on. */
bool wr_flow_reader_open_part(struct wr_flow_reader *r, struct wr_flow *f, struct wr_loop *loop, uint64_t at,
                              uint64_t length, void (*wake)(struct wr_flow_reader *)) WR_MUST_USE;
/* Returns up to max iovecs of what has arrived from r->at on (at most `limit` bytes); *state is the flow's
 * state at that moment. 0 and ARRIVING: wake() will be called. 0 and WHOLE: that was all. 0 and BEHIND:
 * close the reader, and get the rest from r->at on elsewhere. The bytes are valid until
 * wr_flow_reader_advance() or close. */
int wr_flow_reader_peek(struct wr_flow_reader *r, struct iovec *iov, int max, uint64_t limit,
                        enum wr_flow_state *state);
void wr_flow_reader_advance(struct wr_flow_reader *r, uint64_t bytes);
/* Closes the reader. Harmless on a zeroed or closed reader. */
void wr_flow_reader_close(struct wr_flow_reader *r);

/* --- both --- */
enum wr_flow_state wr_flow_state(const struct wr_flow *f);
bool wr_flow_kept(const struct wr_flow *f);                /* it still holds everything */
enum wr_err wr_flow_err(const struct wr_flow *f);          /* once BROKEN */
uint64_t wr_flow_length(const struct wr_flow *f);          /* bytes so far; final once WHOLE */
struct wr_slice wr_flow_trailers(const struct wr_flow *f); /* once WHOLE */
size_t wr_flow_bytes(const struct wr_flow *f);             /* memory it holds, for accounting */
/* A store counts the WHOLE flow as its own from now on, or does so no more. While any store does, the flow is
 * no memory in flight. Thread: any; takes the flow's lock. */
void wr_flow_stored(struct wr_flow *f, bool stored);
/* For a WHOLE kept flow: returns it with one more reference, or a copy without slack if much of its memory
 * is unused. */
struct wr_flow *wr_flow_compact(struct wr_flow *f);
