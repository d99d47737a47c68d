/* SPDX-License-Identifier: BSD-2-Clause */
/* Pass markers: of what could not be shared a moment ago, so that the next ones don't queue for it.
 *
 * All about them is decided here. A marker is left by an answer that may not be stored, and neither by an
 * error, which says nothing of the next answer, nor while something fresh is stored, for which nobody waits.
 * It stands beside what is stored, in a table of its own, and takes nobody's place. It concerns requests like
 * the one that left it: those with Authorization if that had one. It is over when its time is, which each
 * passed answer renews; when something that may be shared is stored (a request under a marker fetches by
 * itself, and its answer is judged like any other's); and when what is stored is newer.
 *
 * Each node has its own: one answer tells it. Bounded: where many are left, the oldest of its row gives way.
 * Thread: any. */
#pragma once

#include "cache/rules.h"

struct wr_passes;

struct wr_passes *wr_passes_new(void);
void wr_passes_free(struct wr_passes *p);

/* Is one to be left because of an answer of this status that was judged so? held: what is stored, or NULL.
 * now: wall clock. */
bool wr_pass_is_due(enum wr_storing storing, int status, const struct wr_object *held, struct wr_wall now);
/* Leaves it under the key's hash, for ttl from now on, or renews the one under which the request has passed.
 * held: what it stands beside, or NULL. */
void wr_passes_leave(struct wr_passes *p, struct wr_hash key, const struct wr_request_rules *asked,
                     const struct wr_object *held, struct wr_wall now, struct wr_span ttl);
enum wr_pass {
    WR_PASS_NONE,   /* none that concerns the request */
    WR_PASS_BESIDE, /* something is stored beside it that may serve if the origin fails, or be confirmed */
    WR_PASS_BARE,
};
/* Does one stand there for this request? held as above. */
enum wr_pass wr_passes_find(struct wr_passes *p, struct wr_hash key, const struct wr_request_rules *asked,
                            const struct wr_object *held, struct wr_wall now);
/* Something has been stored there, or what is stored has changed. */
void wr_passes_end(struct wr_passes *p, struct wr_hash key);
