#include "redis/mood_priv.h"

#include "log/log.h"

#define MOOD_LASTS WR_SPAN_S(5) /* no such error for so long: it is over */

struct wr_mood_kind {
    const char *code, *text;
    bool redial;
};

static const struct wr_mood_kind kinds[] = {
    { "READONLY", "is a read-only replica", true },
    { "LOADING", "is loading its data", false },
    { "OOM", "has no memory left", false },
    { "MISCONF", "cannot write to its disk and takes no writes", false },
    { "MASTERDOWN", "has lost its master", false },
    { "NOAUTH", "asks for a password", true },
    { "NOPERM", "does not permit this user what weir needs", false },
    { "CLUSTERDOWN", "is a cluster that is down", false },
};

static const struct wr_mood_kind *kind_of(const struct wr_reply *reply)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (wr_reply_is_error(reply, kinds[i].code))
            return &kinds[i];
    return NULL;
}

static bool long_ago(struct wr_time then, struct wr_time now)
{
    return wr_time_since(now, then).us > MOOD_LASTS.us;
}

static void sink(struct wr_mood *m, struct wr_pipe *pipe, const struct wr_mood_kind *kind)
{
    struct wr_time now = pipe->loop->mono;
    if (m->kind != kind)
        wr_warn("redis %s (%s): it %s", pipe->policy->address.text, pipe->name, kind->text);
    m->kind = kind;
    m->seen = now;
    if (kind->redial && (m->redialled.us == 0 || long_ago(m->redialled, now))) {
        m->redialled = now;
        wr_pipe_cut(pipe, WR_PIPE_REDIAL, wr_slice(NULL, 0));
    }
}

void wr_mood_watch(struct wr_mood *m, struct wr_pipe *pipe, const struct wr_reply *reply)
{
    if (pipe->state == WR_PIPE_DOWN) /* the asker has freed the link */
        return;
    const struct wr_mood_kind *kind = kind_of(reply);
    if (kind) {
        sink(m, pipe, kind);
    } else if (m->kind && wr_reply_kind(reply) != WR_REPLY_ERROR && long_ago(m->seen, pipe->loop->mono)) {
        m->kind = NULL;
        wr_info("redis %s (%s): takes commands again", pipe->policy->address.text, pipe->name);
    }
}
