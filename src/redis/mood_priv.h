/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors of Redis as a whole (read-only, loading, out of memory ...): told once when they begin and once when
 * they have passed, never per command. Where another connection may reach a server in a better mood, as after
 * a failover, the pipe is dialled again. Thread: the loop's owner. */
#pragma once

#include "redis/pipe_priv.h"

struct wr_mood {
    const struct wr_mood_kind *kind; /* NULL: fine */
    struct wr_mono seen, redialled;
};

void wr_mood_fini(struct wr_mood *m);
/* Call for each reply, last: it may cut the pipe. */
void wr_mood_watch(struct wr_mood *m, struct wr_pipe *pipe, const struct wr_reply *reply);
