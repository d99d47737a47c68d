/* SPDX-License-Identifier: BSD-2-Clause */
/* How the process ends: first it only says that it isn't ready and serves on (drain.delay), so that load
 * balancers turn to other nodes; then it finishes what is under way (drain.timeout); then it cuts off the
 * rest. Thread: main. */
#pragma once

#include "main/workers.h"

enum wr_drain_by {
    WR_DRAIN_BY_ADMIN, /* weirctl drain: can be undone while the node still accepts */
    WR_DRAIN_BY_TERM,  /* systemd stops the service */
    WR_DRAIN_BY_INT,   /* Ctrl-C: without drain.delay */
};

/* Embedded. */
struct wr_drain {
    struct wr_loop *loop;
    struct wr_shared *shared;
    struct wr_workers *workers; /* set before the main loop runs */
    struct wr_timer timer;
    struct wr_span delay, timeout; /* of the policy in force when it began */
    bool accepts;                  /* drain.order: accept_until_end */
    bool signalled;                /* a signal has asked: the process is going to end */
    bool stays;                    /* it doesn't end, because systemd would start it anew */
};

void wr_drain_init(struct wr_drain *d, struct wr_loop *loop, struct wr_shared *shared);
/* Begins, or goes on faster: a signal while another one is being obeyed ends everything at once. By the
 * policy in force. A node that was never ready, or that finishes already, doesn't wait for drain.delay. */
void wr_drain_ask(struct wr_drain *d, enum wr_drain_by by, const struct wr_policy *policy);
/* Makes the node ready again. Returns false if it can't be: it isn't draining, or has stopped accepting, or a
 * signal ends it. */
bool wr_drain_undo(struct wr_drain *d);
/* Is the process going to end, or has the node stopped accepting? A reload has no point then. */
bool wr_drain_is_final(const struct wr_drain *d);
/* Writes what the process does now, for people: "serving", "draining: ...". */
void wr_drain_describe(const struct wr_drain *d, struct wr_buf *out);
void wr_drain_fini(struct wr_drain *d);
