/* SPDX-License-Identifier: BSD-2-Clause */
/* A batch: the connections on which something has arrived in this turn of the loop, and the small answers
 * that leave at the turn's end.
 *
 * First every socket that is ready is read, then the requests are worked on, then all answers are sent. So
 * each of the three finds its own code in the processor's caches (cohort scheduling: Larus and Parkes, USENIX
 * ATC 2002), and the answers to pipelined requests leave in one write. Nothing waits for a batch to fill: it
 * ends with the turn. Thread: the worker's. */
#pragma once

#include "base/bytes.h"
#include "base/hash.h"
#include "worker/worker.h"

/* A connection, as the batch sees it. Embedded in the connection; zeroed, then `look` and `send` are set. */
struct wr_batch_member {
    void (*look)(struct wr_batch_member *m); /* works on what has arrived */
    /* Sends these bytes. Returns false if the socket hasn't taken all: then nothing more can be staged for
     * it. */
    bool (*send)(struct wr_batch_member *m, struct wr_slice bytes);
    bool queued; /* something has arrived that hasn't been looked at yet */
    bool staged; /* some of its answers wait for the end of the batch */
    TAILQ_ENTRY(wr_batch_member) in_turn;
};

/* A transaction that is about to look up a key. To be "parked" means to wait until the other connections of
 * the batch have made their keys. Embedded in the transaction. */
struct wr_batch_parking {
    void (*go_on)(struct wr_batch_parking *p); /* called when all others have made their keys */
    struct wr_hash key;
};

/* Makes the worker's batch. wr_batch_free() frees it; no member may be queued then. Thread: start. */
struct wr_batch *wr_batch_new(struct wr_worker *worker);
void wr_batch_free(struct wr_batch *b);
/* Something has arrived for this member: look() is called before the turn ends, perhaps before this returns.
 */
void wr_batch_add(struct wr_batch *b, struct wr_batch_member *m);
/* look() is not called any more: the connection ends, or has been looked at. Harmless when not queued. */
void wr_batch_remove(struct wr_batch *b, struct wr_batch_member *m);
/* Parks a transaction that is about to look up p->key, so that the memory which all keys of the batch lead to
 * is fetched into the processor's caches together. (A single look-up waits for memory three times in a row.)
 * Returns true if it is parked: then go_on() is called in this turn. Returns false if there is nobody to wait
 * for. */
bool wr_batch_park(struct wr_batch *b, struct wr_batch_parking *p);
/* Forgets a parked transaction that ends: go_on() is not called. Harmless when it isn't parked. */
void wr_batch_forget(struct wr_batch *b, const struct wr_batch_parking *p);
/* Copies an answer, `bytes` long in all, to be sent when the batch ends. Returns false if it is too large for
 * that, or if the socket hasn't taken all that was staged for this member before. */
bool wr_batch_stage(struct wr_batch *b, struct wr_batch_member *m, const struct iovec *iov, int count,
                    size_t bytes) WR_MUST_USE;
/* Sends what has been staged: calls send() for each member, in order. */
void wr_batch_flush(struct wr_batch *b);
