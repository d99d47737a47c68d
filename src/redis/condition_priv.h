/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors of Redis as a whole (read-only, loading, out of memory ...): logged once when they begin and once
 * when they have passed, never per command. Where another connection may reach a server in a better
 * condition, as after a failover, the pipe is dialled again. Thread: the loop's owner. */
#pragma once

#include "redis/pipe_priv.h"

struct wr_redis_condition {
    const struct wr_redis_condition_kind *kind; /* NULL: fine */
    struct wr_mono seen, redialled;
};

void wr_redis_condition_fini(struct wr_redis_condition *m);
/* Call for each reply, last: it may cut the pipe. */
void wr_redis_condition_watch(struct wr_redis_condition *m, struct wr_pipe *pipe,
                              const struct wr_reply *reply);
