/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of a flow: how they come and go, and which of them are too slow for the others. */
#include "net/flow_priv.h"

#define HURRY_AFTER WR_SPAN_S(1) /* a reader is too slow if others have waited for it so long ... */
#define HURRY_SHARE 10           /* ... and for this share (1/n) of the time */
#define HURRY_LOOK WR_SPAN_MS(100)

void wr_flow_wake_readers(struct wr_flow *f)
{
    struct wr_flow_reader *r;
    TAILQ_FOREACH(r, &f->readers, entry)
        wr_note_post(&r->note);
}

static bool is_full(const struct wr_flow *f)
{
    return wr_flow_room_now(f) == 0;
}

static void on_reader_note(struct wr_note *note)
{
    struct wr_flow_reader *r = WR_CONTAINER(note, struct wr_flow_reader, note);
    r->wake(r);
}

/* Adds the reader to the list. A reader that begins ahead of what has arrived may be what the producer
 * waits for. */
static bool enlist(struct wr_flow *f, struct wr_flow_reader *r)
{
    bool given_up = f->state == WR_FLOW_BROKEN && f->err == WR_ERR_CANCELLED;
    if (r->at < f->start || (given_up && !f->keep))
        return false;
    TAILQ_INSERT_TAIL(&f->readers, r, entry);
    wr_flow_ref(f);
    r->listed = true;
    f->begun = true;
    wr_flow_drop_passed(f);
    if (f->producer && f->starved && is_full(f)) { /* so that it sees which readers wait */
        f->starved = false;
        wr_note_post(f->producer);
    }
    wr_flow_wake_producer(f);
    return true;
}

bool wr_flow_reader_open_part(struct wr_flow_reader *r, struct wr_flow *f, struct wr_loop *loop, uint64_t at,
                              uint64_t length, void (*wake)(struct wr_flow_reader *))
{
    r->flow = NULL;
    r->at = at;
    r->until = length < UINT64_MAX - at ? at + length : UINT64_MAX;
    r->wake = wake;
    r->listed = r->behind = false;
    r->held_up = WR_SPAN_S(0);
    wr_note_init(&r->note, loop, on_reader_note);
    if (wr_flow_settled(f)) {
        r->flow = f;
        return true;
    }
    bool held = true;
    pthread_mutex_lock(&f->lock);
    if (!wr_flow_settled(f))
        held = enlist(f, r);
    pthread_mutex_unlock(&f->lock);
    if (held)
        r->flow = f;
    return held;
}

bool wr_flow_reader_open(struct wr_flow_reader *r, struct wr_flow *f, struct wr_loop *loop, uint64_t at,
                         void (*wake)(struct wr_flow_reader *))
{
    return wr_flow_reader_open_part(r, f, loop, at, UINT64_MAX, wake);
}

int wr_flow_reader_peek(struct wr_flow_reader *r, struct iovec *iov, int max, uint64_t limit,
                        enum wr_flow_state *state)
{
    struct wr_flow *f = r->flow;
    if (wr_flow_settled(f)) {
        *state = WR_FLOW_WHOLE;
        return wr_flow_peek(f, r->at, iov, max, limit);
    }
    pthread_mutex_lock(&f->lock);
    int n = r->behind ? 0 : wr_flow_peek(f, r->at, iov, max, limit);
    *state = r->behind ? WR_FLOW_BEHIND : (enum wr_flow_state) f->state;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void wr_flow_reader_advance(struct wr_flow_reader *r, uint64_t bytes)
{
    struct wr_flow *f = r->flow;
    if (!r->listed) {
        r->at += bytes;
        return;
    }
    pthread_mutex_lock(&f->lock);
    r->at += bytes;
    WR_CHECK(r->at <= f->length);
    wr_flow_drop_passed(f);
    wr_flow_wake_producer(f);
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_reader_close(struct wr_flow_reader *r)
{
    struct wr_flow *f = r->flow;
    if (f == NULL)
        return;
    r->flow = NULL;
    if (!r->listed)
        return; /* its note was never posted either */
    pthread_mutex_lock(&f->lock);
    TAILQ_REMOVE(&f->readers, r, entry);
    r->listed = false;
    wr_flow_drop_passed(f);
    wr_flow_wake_producer(f);
    pthread_mutex_unlock(&f->lock);
    wr_note_fini(&r->note);
    wr_flow_unref(f);
}

/* --- who is too slow for the others --- */

static bool holds_others_up(const struct wr_flow *f)
{
    const struct wr_flow_reader *r;
    TAILQ_FOREACH(r, &f->readers, entry)
        if (r->at >= f->length && r->at < r->until && !r->behind)
            return is_full(f);
    return false;
}

/* Others have waited for `more`: adds that to each reader that lags by half the window. A reader that is
 * left behind closes on its own loop; the bytes that it is sending stay until then. */
static void count_waiting(struct wr_flow *f, struct wr_span more, struct wr_span most)
{
    const uint64_t lag = wr_flow_window(wr_budget_state()) / 2;
    struct wr_flow_reader *r;
    TAILQ_FOREACH(r, &f->readers, entry) {
        if (r->behind || r->at + lag > f->length)
            continue;
        r->held_up.us += more.us;
        if (r->held_up.us <= most.us)
            continue;
        r->behind = true;
        wr_note_post(&r->note);
    }
}

struct wr_span wr_flow_hurry(struct wr_flow *f, struct wr_mono now)
{
    pthread_mutex_lock(&f->lock);
    wr_flow_drop_passed(f);
    if (f->paced_since.us == 0)
        f->paced_since = now;
    if (f->held_up_since.us)
        count_waiting(
            f, wr_time_since(now, f->held_up_since),
            (struct wr_span){ HURRY_AFTER.us + wr_time_since(now, f->paced_since).us / HURRY_SHARE });
    f->held_up_since.us = holds_others_up(f) ? now.us : 0;
    struct wr_flow_reader *first = TAILQ_FIRST(&f->readers);
    bool shared = first && TAILQ_NEXT(first, entry);
    struct wr_span again = { is_full(f) && shared ? HURRY_LOOK.us : 0 };
    pthread_mutex_unlock(&f->lock);
    return again;
}
