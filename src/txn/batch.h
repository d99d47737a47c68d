/* A batch: the connections on which something has arrived in this turn of the loop, and the small answers that are about to
 * leave.
 *
 * First every socket that is ready is read, then the requests are worked on, then all answers are sent: each of the
 * three finds its own code in the processor's caches, instead of what the other two have put there (as in cohort
 * scheduling: Larus and Parkes, USENIX ATC 2002). It also lets the answers to pipelined requests leave in one write. Nothing waits
 * for a batch to fill: it ends with the turn. Thread: the worker's. */
#pragma once

#include "txn/conn.h"

struct wr_batch *wr_batch_new(struct wr_worker *worker);
void wr_batch_free(struct wr_batch *b);
/* There is something in its buffer: wr_conn_look() is called for it before the turn ends. */
void wr_batch_add(struct wr_batch *b, struct wr_conn *c);
/* It ends, or has been looked at. */
void wr_batch_remove(struct wr_batch *b, struct wr_conn *c);
/* t is about to look up t->key. true: others of the batch make their keys first, so that what all of them lead to is fetched into
 * the processor's caches together: a look-up alone waits for memory three times in a row. Then wr_txn_unpark(t) is called. */
bool wr_batch_park(struct wr_batch *b, struct wr_txn *t);
/* t, which is parked, has ended. */
void wr_batch_forget(struct wr_batch *b, const struct wr_txn *t);
/* Copies an answer, to be sent when the batch ends. false: it is too large for that. */
bool wr_batch_stage(struct wr_batch *b, struct wr_conn *c, const struct iovec *iov, int count, size_t octets) WR_MUST_USE;
/* Sends what has been staged: wr_conn_put_staged() for each connection, in order. */
void wr_batch_flush(struct wr_batch *b);
