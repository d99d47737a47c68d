/* SPDX-License-Identifier: BSD-2-Clause */
/* The workers: one thread and loop each, with its part of every listener. Thread: main, unless said otherwise. */
#pragma once

#include "flight/worker.h"
#include "net/listener.h"

struct wr_crew;

/* Makes the workers, not their threads. gone(ctx) is called on the main loop once all have ended. */
struct wr_crew *wr_crew_new(struct wr_shared *shared, struct wr_policy *policy, const char *node_name,
                            struct wr_listener **listeners, size_t listener_count, struct wr_loop *main_loop,
                            void (*gone)(void *ctx), void *ctx);
void wr_crew_start(struct wr_crew *crew);
/* All workers serve this policy from their next request on; each takes a reference. */
void wr_crew_adopt(struct wr_crew *crew, struct wr_policy *policy);
/* No new connections; each worker ends when its last transaction and flight have. */
void wr_crew_drain(struct wr_crew *crew);
/* Ends what is left at once. */
void wr_crew_cut(struct wr_crew *crew);
/* Does every worker accept connections by now? */
bool wr_crew_serving(const struct wr_crew *crew);
/* Has every worker's loop turned within `within`? */
bool wr_crew_alive(const struct wr_crew *crew, struct wr_mono now, struct wr_span within);
/* The workers' loops; as many as the policy's workers. The array is the crew's. */
struct wr_loop **wr_crew_loops(struct wr_crew *crew);
/* Waits for the threads and frees. */
void wr_crew_free(struct wr_crew *crew);
