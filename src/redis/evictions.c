/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks Redis at intervals how many keys it has evicted. Counts the difference and logs when it begins and
 * ends. */
#include "redis/evictions.h"

#include <stdlib.h>

#include "log/log.h"
#include "stats/stats.h"

#define LOOK_EVERY WR_SPAN_S(5)
#define LOOK_FIRST WR_SPAN_MS(100) /* until the first total is known, with which later ones are compared */
#define QUIET_FOR 12               /* looks without an eviction, after which it is over */

struct wr_evictions {
    struct wr_policy *policy;
    struct wr_link *link;
    struct wr_timer timer;
    struct wr_call call;
    bool known;
    uint64_t total; /* evictions since that server started */
    unsigned quiet; /* looks since the last one */
    bool evicts;
};

/* Reads "evicted_keys:5" of INFO's reply. */
static bool read_total(struct wr_slice info, uint64_t *total)
{
    struct wr_slice line;
    while ((line = wr_slice_cut(&info, '\n')).at) {
        struct wr_slice name = wr_slice_cut(&line, ':');
        if (wr_slice_eq(name, WR_SLICE("evicted_keys")))
            return wr_slice_u64(
                wr_slice(line.at, line.len && line.at[line.len - 1] == '\r' ? line.len - 1 : line.len),
                UINT64_MAX, total);
    }
    return false;
}

static void note(struct wr_evictions *e, uint64_t more)
{
    WR_COUNT_N(redis_evicted, more);
    e->quiet = more > 0 ? 0 : e->quiet + 1;
    if (more > 0 && !e->evicts)
        wr_warn("redis %s: it evicts keys because its memory is full (%llu just now): responses are fetched "
                "anew, "
                "and rate limits and locks may be "
                "lost",
                e->policy->redis.address.text, (unsigned long long) more);
    if (e->evicts && e->quiet == QUIET_FOR)
        wr_info("redis %s: it no longer evicts keys", e->policy->redis.address.text);
    e->evicts = more > 0 || (e->evicts && e->quiet < QUIET_FOR);
}

static void on_info(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_evictions *e = WR_CONTAINER(call, struct wr_evictions, call);
    uint64_t total;
    if (wr_reply_is_error(reply, "NOPERM"))
        wr_timer_clear(&e->timer); /* this user may not call INFO */
    if (err != WR_OK || !read_total(wr_reply_slice(reply), &total))
        return;
    note(e, e->known && total > e->total ? total - e->total : 0);
    e->known = true;
    e->total = total;
}

static void on_look_timer(struct wr_timer *timer)
{
    struct wr_evictions *e = WR_CONTAINER(timer, struct wr_evictions, timer);
    const struct wr_slice argv[] = { WR_SLICE("INFO"), WR_SLICE("stats") };
    wr_timer_set(timer, e->known ? LOOK_EVERY : LOOK_FIRST);
    if (wr_call_pending(&e->call))
        return;
    e->call = (struct wr_call){ .done = on_info };
    (void) !wr_link_send(e->link, &e->call, WR_SPAN_S(2), 2, argv);
}

struct wr_evictions *wr_evictions_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_link *link)
{
    struct wr_evictions *e = calloc(1, sizeof *e);
    WR_CHECK(e != NULL);
    e->policy = wr_policy_ref(policy);
    e->link = link;
    wr_timer_init(&e->timer, loop, on_look_timer);
    wr_timer_set(&e->timer, LOOK_FIRST);
    return e;
}

void wr_evictions_free(struct wr_evictions *e)
{
    if (e == NULL)
        return;
    wr_call_cancel(&e->call);
    wr_timer_fini(&e->timer);
    wr_policy_unref(e->policy);
    free(e);
}
