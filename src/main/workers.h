/* SPDX-License-Identifier: BSD-2-Clause */
/* The workers: a thread and a loop each, with a part of every listener. Thread: main, unless said otherwise.
 */
#pragma once

#include "net/listener.h"
#include "worker/worker.h"

struct wr_workers;

/* Makes the workers without their threads. The listeners and `shared` must outlive them. gone(ctx) is called
 * on the main loop once all threads have ended. */
struct wr_workers *wr_workers_new(struct wr_shared *shared, struct wr_policy *policy, const char *node_name,
                                  struct wr_listener **listeners, size_t listener_count,
                                  struct wr_loop *main_loop, void (*gone)(void *ctx), void *ctx);
/* Starts the threads. Each accepts once Redis has answered, or after half a second. */
void wr_workers_start(struct wr_workers *workers);
/* All workers serve this policy from their next request on. Each takes a reference. */
void wr_workers_adopt(struct wr_workers *workers, struct wr_policy *policy);
/* Each worker ends when its last connection and flight have. accepts: it goes on accepting until then,
 * instead of stopping now. stays: it doesn't end, until this is called again without it. */
void wr_workers_drain(struct wr_workers *workers, bool accepts, bool stays);
/* Stops accepting, and ends all connections and flights at once. stays: as above. */
void wr_workers_cut(struct wr_workers *workers, bool stays);
/* Does every worker accept connections by now? Thread: any. */
bool wr_workers_serving(const struct wr_workers *workers);
/* Has every worker's loop turned within the last `within`? Thread: any. */
bool wr_workers_alive(const struct wr_workers *workers, struct wr_mono now, struct wr_span within);
/* The loops of the workers, as many as the policy's `workers`. The array belongs to the workers. */
struct wr_loop **wr_workers_loops(struct wr_workers *workers);
/* Waits for the threads to end, and frees the workers. */
void wr_workers_free(struct wr_workers *workers);
