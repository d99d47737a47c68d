/* SPDX-License-Identifier: BSD-2-Clause */
/* Follows the journal: begins it, reads it backwards and forwards, and writes again what it has lost. One
 * step at a time is under way; take_next_step() chooses the next one. */
#include "purge/feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "log/log.h"
#include "purge/journal_priv.h"
#include "redis/keys.h"
#include "redis/node.h"

#define RETRY WR_SPAN_MS(20)
#define POLL_MOST WR_SPAN_MS(250) /* interval where Redis doesn't report changes */
#define CLOCK_EVERY WR_SPAN_S(1)
#define AGAIN_AT_ONCE 200 /* purges written again in one call */

struct wr_feed {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_purges *purges;
    struct wr_link *link;
    struct wr_buf key, node_key;
    struct wr_timer tick; /* for the next step, and for polling */
    struct wr_timer clock_timer;
    struct wr_timer watch_timer; /* what was reported must have been read by then */

    struct wr_call call; /* beginning, writing again or reading backwards: one at a time */
    struct wr_journal_read read;
    struct wr_call clock_call;
    struct wr_mono sent; /* when `call` was sent */
    struct wr_mono clock_sent;

    bool begun;               /* the journal exists on this very server */
    bool again;               /* what is known here must be written again */
    bool rewriting;           /* the journal was missing when that began */
    struct wr_instant said;   /* how far it has been written again */
    struct wr_instant saying; /* the same, once this call is answered */
    struct wr_instant since;  /* since when the journal is complete */
    struct wr_instant least;  /* what its clock had reached before it went back */

    enum wr_feed_back {
        WR_BACK_FIRST, /* the newest page must be read */
        WR_BACK_ON,    /* then the pages before it */
        WR_BACK_DONE,
    } back;
    bool whole; /* the table holds everything since its floor: the journal has once been read back to where it
                   is complete */
    struct wr_instant oldest, newest; /* of what was read backwards so far */
    struct wr_instant until;          /* what is older is known already */
    struct wr_mono newest_sent;
    bool unread;     /* the journal has grown */
    bool missed;     /* it may have grown while Redis couldn't be heard, and Redis can't be asked yet */
    bool unreported; /* how far this node has read isn't in its entry yet */
};

static void take_next_step(struct wr_feed *f);
static void watch(struct wr_feed *f);

static void go_on_later(struct wr_feed *f)
{
    struct wr_span most = f->policy->redis.max_staleness;
    struct wr_span poll = { most.us / 2 };
    if (wr_subscriber_hears(f->purges->subscriber))
        return;
    if (poll.us > POLL_MOST.us)
        poll = POLL_MOST;
    wr_timer_set(&f->tick, poll.us > RETRY.us ? poll : RETRY);
}

/* Redis couldn't answer: tries again soon. */
static void failed(struct wr_feed *f)
{
    wr_timer_set(&f->tick, RETRY);
}

/* --- how far this node has read --- */

static void tell(struct wr_feed *f)
{
    char id[WR_INSTANT_TEXT], lifetime[24];
    if (!f->unreported || f->unread)
        return;
    f->unreported = false;
    int len = snprintf(lifetime, sizeof lifetime, "%lld",
                       (long long) wr_span_ms(wr_node_lifetime(&f->policy->redis)));
    struct wr_slice key = wr_buf_slice(&f->node_key);
    wr_link_tell(f->link, 4,
                 (struct wr_slice[]){ WR_SLICE("HSET"), key, WR_SLICE("purges"),
                                      wr_instant_text(wr_purges_last(f->purges), id) });
    wr_link_tell(f->link, 3,
                 (struct wr_slice[]){ WR_SLICE("PEXPIRE"), key, wr_slice(lifetime, (size_t) len) });
}

/* --- the journal's clock --- */

/* Checks again whether the journal exists and is the same. */
static void begin_anew(struct wr_feed *f)
{
    f->begun = false;
    f->unread = true;
    if (!f->again)
        f->said = WR_INSTANT_NONE;
}

static void learn_clock(struct wr_feed *f, struct wr_mono sent, uint64_t us)
{
    struct wr_instant was;
    if (us == 0 || us > INT64_MAX / 4)
        return;
    if (wr_purge_clock_learn(f->purges, sent, wr_time_monotonic(), (struct wr_redis_time){ (int64_t) us },
                             &was))
        return;
    wr_warn("Redis's clock has gone back: the journal of purges continues from its latest entry");
    f->least = wr_instant_later(f->least, was);
    begin_anew(f);
}

static void on_time(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_feed *f = WR_CONTAINER(call, struct wr_feed, clock_call);
    uint64_t s, us;
    if (err != WR_OK || !wr_slice_u64(wr_reply_slice(wr_reply_at(reply, 0)), INT64_MAX / 4000000, &s) ||
        !wr_slice_u64(wr_reply_slice(wr_reply_at(reply, 1)), 999999, &us))
        return;
    learn_clock(f, f->clock_sent, s * 1000000 + us);
    take_next_step(f);
}

static void on_clock_timer(struct wr_timer *timer)
{
    struct wr_feed *f = WR_CONTAINER(timer, struct wr_feed, clock_timer);
    wr_timer_set(timer, CLOCK_EVERY);
    if (wr_call_pending(&f->clock_call))
        return;
    f->clock_call = (struct wr_call){ .done = on_time };
    f->clock_sent = wr_time_monotonic();
    const struct wr_slice argv[] = { WR_SLICE("TIME") };
    (void) !wr_link_send(f->link, &f->clock_call, WR_JOURNAL_PATIENCE, 1, argv);
}

/* --- beginning it, and saying it again --- */

/* Since when what this node knows is complete; '': it knows nothing. */
static struct wr_slice known_since(const struct wr_feed *f, char out[WR_INSTANT_TEXT])
{
    return f->whole ? wr_instant_text((struct wr_instant){ f->purges->floor }, out) : WR_SLICE("");
}

static void on_again(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_feed *f = WR_CONTAINER(call, struct wr_feed, call);
    struct wr_instant last;
    uint64_t us;
    if (err != WR_OK || !wr_instant_parse(wr_reply_slice(wr_reply_at(reply, 0)), &f->since) ||
        !wr_instant_parse(wr_reply_slice(wr_reply_at(reply, 1)), &last) ||
        !wr_slice_u64(wr_reply_slice(wr_reply_at(reply, 2)), INT64_MAX, &us)) {
        failed(f);
        return;
    }
    bool missing = wr_reply_int(wr_reply_at(reply, 3)) == 1;
    struct wr_arena arena = { 0 };
    struct wr_purge next;
    struct wr_instant at;
    f->begun = true;
    f->least = WR_INSTANT_NONE;
    f->said = f->saying;
    if (missing && f->whole) {
        wr_warn(
            "the journal of purges was missing in Redis: this node writes the purges that it knows again");
        f->again = f->rewriting = true;
    }
    if (f->again && !wr_purge_log_after(f->purges, f->said, &arena, &next, &at)) {
        f->again = f->rewriting = false; /* all is written; now read what others have written there */
        f->back = WR_BACK_FIRST;
        f->until = wr_purges_last(f->purges);
    }
    wr_arena_fini(&arena);
    learn_clock(f, f->sent, us);
    take_next_step(f);
}

/* One call begins the journal if it is missing, and writes the next purges again. */
static void begin_journal(struct wr_feed *f)
{
    char least[WR_INSTANT_TEXT], known[WR_INSTANT_TEXT], kept[24];
    char ids[AGAIN_AT_ONCE][WR_INSTANT_TEXT], counts[AGAIN_AT_ONCE][24],
        hex[AGAIN_AT_ONCE][2][WR_HASH_HEX + 1];
    struct wr_slice *args = malloc((5 + AGAIN_AT_ONCE * (2 + WR_JOURNAL_WORDS)) * sizeof *args);
    struct wr_arena arena = { 0 };
    struct wr_purge purge;
    struct wr_instant at;
    size_t count = 5, n = 0;
    WR_CHECK(args != NULL);
    f->saying = f->said;
    bool more = f->whole && wr_purge_log_after(f->purges, f->saying, &arena, &purge, &at);
    for (; more && n < AGAIN_AT_ONCE; n++) {
        size_t words = wr_journal_words(f->purges, &purge, WR_SLICE("said again"), args + count + 2, hex[n]);
        args[count] = wr_instant_text(at, ids[n]);
        args[count + 1] = wr_slice(counts[n], (size_t) snprintf(counts[n], sizeof counts[n], "%zu", words));
        count += 2 + words;
        f->saying = at;
        more = wr_purge_log_after(f->purges, f->saying, &arena, &purge, &at);
    }
    args[0] = wr_instant_text(f->least, least);
    args[1] = wr_slice(kept,
                       (size_t) snprintf(kept, sizeof kept, "%lld", (long long) wr_span_ms(WR_PURGES_KEPT)));
    args[2] = known_since(f, known);
    args[3] = more ? WR_SLICE("0") : WR_SLICE("1");
    args[4] = f->rewriting ? WR_SLICE("1") : WR_SLICE("0");
    struct wr_slice stream = wr_buf_slice(&f->key);
    f->call = (struct wr_call){ .done = on_again };
    f->sent = wr_time_monotonic();
    if (wr_link_script(f->link, &f->call, WR_JOURNAL_PATIENCE, WR_SCRIPT_JOURNAL_AGAIN, 1, &stream, count,
                       args) != WR_OK)
        failed(f);
    wr_arena_fini(&arena);
    free(args);
}

/* --- reading what has come --- */

static void on_journal_read(struct wr_journal_read *read, enum wr_journal_answer answer)
{
    struct wr_feed *f = WR_CONTAINER(read, struct wr_feed, read);
    switch (answer) {
    case WR_JOURNAL_READ:
        f->unreported = true;
        break;
    case WR_JOURNAL_MORE:
        f->unread = true;
        break;
    case WR_JOURNAL_LOST:
        if (f->whole)
            wr_warn("the journal of purges lacks purges that this node knows: it writes them again");
        begin_anew(f);
        f->again = f->whole;
        f->back = WR_BACK_FIRST;
        f->until = WR_INSTANT_NONE;
        break;
    case WR_JOURNAL_FAILED:
        f->unread = true;
        failed(f);
        return;
    }
    take_next_step(f);
}

static void read_on(struct wr_feed *f)
{
    f->read.done = on_journal_read;
    f->unread = false;
    if (wr_journal_read(&f->read, f->purges, f->link, WR_JOURNAL_PATIENCE) == WR_OK)
        return;
    f->unread = true;
    failed(f);
}

/* --- reading backwards --- */

/* During the first reading the table proves more with each page, unless it already drops its oldest entries.
 */
static void prove(struct wr_feed *f, const struct wr_reply *page, bool last)
{
    struct wr_purges *p = f->purges;
    struct wr_instant floor = { p->floor };
    wr_journal_take(p, page, true, &f->newest, &f->oldest);
    bool full = f->back == WR_BACK_ON && floor.n < p->floor;
    f->whole = last || full;
    if (full)
        return;
    floor = last ? f->since : f->oldest;
    wr_purges_set_floor(p, (struct wr_instant){ floor.n > 0 ? floor.n - 1 : 0 });
}

static void on_page(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_feed *f = WR_CONTAINER(call, struct wr_feed, call);
    if (err != WR_OK || wr_reply_kind(reply) != WR_REPLY_ARRAY) {
        failed(f);
        return;
    }
    bool first = f->back == WR_BACK_FIRST, last = wr_reply_count(reply) < WR_JOURNAL_PAGE;
    if (first) {
        f->newest = f->since;
        f->oldest = WR_INSTANT_LAST;
        f->newest_sent = f->sent;
    }
    if (f->whole) {
        wr_journal_take(f->purges, reply, false, &f->newest, &f->oldest);
        f->back = last || wr_instant_before(f->oldest, f->until) ? WR_BACK_DONE : WR_BACK_ON;
        if (f->back == WR_BACK_DONE)
            wr_purges_restart(f->purges, f->newest, f->newest_sent);
    } else {
        prove(f, reply, last);
        f->back = f->whole ? WR_BACK_DONE : WR_BACK_ON;
        if (first)
            wr_purges_restart(f->purges, f->newest, f->newest_sent);
    }
    wr_purges_turn(f->purges);
    f->unreported = true;
    take_next_step(f);
}

static void read_page(struct wr_feed *f)
{
    char from[WR_INSTANT_TEXT + 1] = "(", count[24];
    struct wr_slice id = WR_SLICE("+");
    if (f->back == WR_BACK_ON)
        id = wr_slice(from, 1 + wr_instant_text(f->oldest, from + 1).len);
    int len = snprintf(count, sizeof count, "%d", WR_JOURNAL_PAGE);
    const struct wr_slice argv[] = { WR_SLICE("XREVRANGE"), wr_buf_slice(&f->key),        id, WR_SLICE("-"),
                                     WR_SLICE("COUNT"),     wr_slice(count, (size_t) len) };
    f->call = (struct wr_call){ .done = on_page };
    f->sent = wr_time_monotonic();
    if (wr_link_send(f->link, &f->call, WR_JOURNAL_PATIENCE, 6, argv) != WR_OK)
        failed(f);
}

/* --- what is next --- */

/* The journal is reported to have grown, or may have grown unheard: from now on it must be read in time. */
static void expect_to_read(struct wr_feed *f)
{
    f->missed = false;
    wr_purges_heard(f->purges, wr_time_monotonic());
    watch(f);
}

static void take_next_step(struct wr_feed *f)
{
    if (wr_call_pending(&f->call) || wr_call_pending(&f->read.call) || !wr_link_ready(f->link)) {
        wr_timer_set(&f->tick, RETRY);
        return;
    }
    if (f->missed)
        expect_to_read(f);
    if (!f->begun || f->again) {
        begin_journal(f);
    } else if (f->back == WR_BACK_FIRST) {
        read_page(f);
    } else if (f->unread) {
        read_on(f);
    } else if (f->back == WR_BACK_ON) {
        read_page(f);
    } else {
        while (wr_journal_say_unsaid(f->purges, f->link))
            ;
        tell(f);
        go_on_later(f);
    }
}

/* The journal is reported to have grown and can't be read. Nothing is trusted for longer than max_staleness,
 * less the time that a busy loop may need to notice. While Redis can be neither heard nor asked, redis.away
 * decides, which is the reader's business. When it can be heard again, this is called again. */
static void watch(struct wr_feed *f)
{
    struct wr_purges *p = f->purges;
    int64_t heard = p->heard_us;
    if (heard == 0 || p->behind)
        return;
    struct wr_span left = { heard + f->policy->redis.max_staleness.us / 4 * 3 - wr_time_monotonic().us };
    if (left.us > 0) {
        wr_timer_set(&f->watch_timer, left);
        return;
    }
    if (!wr_link_ready(f->link) && !wr_subscriber_hears(p->subscriber))
        return;
    if (wr_purges_fall_behind(p))
        wr_warn("the journal of purges can't be read: stored responses are validated before they are used");
}

static void on_watch(struct wr_timer *timer)
{
    watch(WR_CONTAINER(timer, struct wr_feed, watch_timer));
}

static void on_feed_tick(struct wr_timer *timer)
{
    struct wr_feed *f = WR_CONTAINER(timer, struct wr_feed, tick);
    if (!wr_subscriber_hears(f->purges->subscriber))
        f->unread = true;
    take_next_step(f);
}

void wr_feed_heard(struct wr_feed *f, bool anything)
{
    f->unread = true;
    /* Redis is back once it can be both heard and asked. Until then redis.away decides. */
    f->missed = anything && !wr_link_ready(f->link);
    if (!f->missed)
        expect_to_read(f);
    if (anything)
        begin_anew(f);
    take_next_step(f);
}

struct wr_feed *wr_feed_new(struct wr_loop *main_loop, struct wr_policy *policy, struct wr_purges *p,
                            struct wr_link *link)
{
    struct wr_feed *f = calloc(1, sizeof *f);
    WR_CHECK(f != NULL);
    *f = (struct wr_feed){ .loop = main_loop, .policy = wr_policy_ref(policy), .purges = p, .link = link };
    wr_keys_purges(&f->key, &policy->redis);
    wr_keys_node(&f->node_key, &policy->redis, wr_slice_str(p->node));
    wr_timer_init(&f->tick, main_loop, on_feed_tick);
    wr_timer_init(&f->clock_timer, main_loop, on_clock_timer);
    wr_timer_init(&f->watch_timer, main_loop, on_watch);
    wr_timer_set(&f->tick, WR_SPAN_MS(0));
    wr_timer_set(&f->clock_timer, CLOCK_EVERY);
    return f;
}

void wr_feed_free(struct wr_feed *f)
{
    if (f == NULL)
        return;
    wr_call_cancel(&f->call);
    wr_call_cancel(&f->clock_call);
    wr_journal_cancel(&f->read);
    wr_timer_fini(&f->tick);
    wr_timer_fini(&f->clock_timer);
    wr_timer_fini(&f->watch_timer);
    wr_buf_fini(&f->key);
    wr_buf_fini(&f->node_key);
    wr_policy_unref(f->policy);
    free(f);
}
