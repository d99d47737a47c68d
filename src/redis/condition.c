/* SPDX-License-Identifier: BSD-2-Clause */
/* Follows errors of a Redis server as a whole, and logs their begin and end. */
#include "redis/condition_priv.h"

#include "log/log.h"
#include "redis/outage.h"

#define CONDITION_LASTS WR_SPAN_S(5) /* the condition is over after so long without such an error */

struct wr_redis_condition_kind {
    const char *code, *text;
    bool redial;
};

static const struct wr_redis_condition_kind kinds[] = {
    { "READONLY", "is a read-only replica", true },
    { "LOADING", "is loading its data", false },
    { "OOM", "has no memory left", false },
    { "MISCONF", "cannot write to its disk and takes no writes", false },
    { "MASTERDOWN", "has lost its master", false },
    { "NOAUTH", "asks for a password", true },
    { "NOPERM", "does not permit this user what weir needs", false },
    { "CLUSTERDOWN", "is a cluster that is down", false },
};

static const struct wr_redis_condition_kind *kind_of(const struct wr_reply *reply)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (wr_reply_is_error(reply, kinds[i].code))
            return &kinds[i];
    return NULL;
}

static bool long_ago(struct wr_mono then, struct wr_mono now)
{
    return wr_time_since(now, then).us > CONDITION_LASTS.us;
}

static unsigned outage_of(const struct wr_redis_condition_kind *kind)
{
    return WR_OUTAGE_CONDITIONS + (unsigned) (kind - kinds);
}

/* Returns true if this was the last link of the process that saw the condition. */
static bool leave(struct wr_redis_condition *m)
{
    bool last = m->kind && wr_outage_ends(outage_of(m->kind));
    m->kind = NULL;
    return last;
}

void wr_redis_condition_fini(struct wr_redis_condition *m)
{
    leave(m);
}

static void sink(struct wr_redis_condition *m, struct wr_pipe *pipe,
                 const struct wr_redis_condition_kind *kind)
{
    struct wr_mono now = pipe->loop->mono;
    if (m->kind != kind) {
        leave(m);
        bool begins = wr_outage_begins(outage_of(kind));
        wr_log(begins ? WR_LOG_P_WARN : WR_LOG_P_DEBUG, "redis %s (%s): it %s", pipe->policy->address.text,
               pipe->name, kind->text);
    }
    m->kind = kind;
    m->seen = now;
    if (kind->redial && (m->redialled.us == 0 || long_ago(m->redialled, now))) {
        m->redialled = now;
        wr_pipe_cut(pipe, WR_PIPE_REDIAL, wr_slice(NULL, 0));
    }
}

void wr_redis_condition_watch(struct wr_redis_condition *m, struct wr_pipe *pipe,
                              const struct wr_reply *reply)
{
    if (pipe->state == WR_PIPE_DOWN) /* the callback has freed the link */
        return;
    const struct wr_redis_condition_kind *kind = kind_of(reply);
    if (kind) {
        sink(m, pipe, kind);
    } else if (m->kind && wr_reply_kind(reply) != WR_REPLY_ERROR && long_ago(m->seen, pipe->loop->mono)) {
        if (leave(m))
            wr_info("redis %s (%s): takes commands again", pipe->policy->address.text, pipe->name);
    }
}
