/* SPDX-License-Identifier: BSD-2-Clause */
/* A batch: the connections on which something has arrived in this turn of the loop, and the small answers
 * that are about to leave.
 *
 * First every socket that is ready is read, then the requests are worked on, then all answers are sent: each
 * of the three finds its own code in the processor's caches, instead of what the other two have put there (as
 * in cohort scheduling: Larus and Parkes, USENIX ATC 2002). It also lets the answers to pipelined requests
 * leave in one write. Nothing waits for a batch to fill: it ends with the turn. Thread: the worker's. */
#pragma once

#include "base/bytes.h"
#include "base/hash.h"
#include "worker/worker.h"

/* One from whom something has arrived, and whose answers leave with the batch. Embedded in the connection,
 * zeroed but for the two calls. */
struct wr_batch_member {
    void (*look)(struct wr_batch_member *m); /* it is to work on what has arrived */
    /* It is to send this. false: the socket hasn't taken all, and nothing more can be staged for it. */
    bool (*send)(struct wr_batch_member *m, struct wr_slice octets);
    bool queued; /* something has arrived that hasn't been looked at yet */
    bool staged; /* answers of its wait for the end of the batch */
    TAILQ_ENTRY(wr_batch_member) in_turn;
};

/* One who is about to look up a key. Embedded in the transaction. */
struct wr_batch_parking {
    void (*go_on)(struct wr_batch_parking *p); /* all others have made their keys */
    struct wr_hash key;
};

struct wr_batch *wr_batch_new(struct wr_worker *worker);
void wr_batch_free(struct wr_batch *b);
/* Something has arrived: look() is called before the turn ends; perhaps before this returns. */
void wr_batch_add(struct wr_batch *b, struct wr_batch_member *m);
/* It ends, or has been looked at. */
void wr_batch_remove(struct wr_batch *b, struct wr_batch_member *m);
/* p->key is about to be looked up. true: others of the batch make their keys first, so that what all of them
 * lead to is fetched into the processor's caches together: a look-up alone waits for memory three times in a
 * row. Then go_on() is called. */
bool wr_batch_park(struct wr_batch *b, struct wr_batch_parking *p);
/* p, which is parked, has ended. */
void wr_batch_forget(struct wr_batch *b, const struct wr_batch_parking *p);
/* Copies an answer, to be sent when the batch ends. false: it is too large for that, or what was staged for
 * it before has not all been taken by the socket. */
bool wr_batch_stage(struct wr_batch *b, struct wr_batch_member *m, const struct iovec *iov, int count,
                    size_t octets) WR_MUST_USE;
/* Sends what has been staged: send() for each member, in order. */
void wr_batch_flush(struct wr_batch *b);
