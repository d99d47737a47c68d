/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares what has moved in one direction of a connection with what its peer is allowed. */
#include "net/deadline.h"

void wr_deadline_init(struct wr_deadline *d, struct wr_loop *loop, void (*fire)(struct wr_timer *))
{
    *d = (struct wr_deadline){ .waits = false };
    wr_timer_init(&d->timer, loop, fire);
}

/* Returns the earlier of `due` and the end of `span` after `from`; no span, no end. */
static struct wr_mono sooner(struct wr_mono due, struct wr_mono from, struct wr_span span)
{
    struct wr_mono end = wr_time_add(from, span);
    return span.us > 0 && wr_time_before(end, due) ? end : due;
}

/* Sets the timer to the next moment at which the peer could be late. */
static void arm(struct wr_deadline *d)
{
    struct wr_mono now = d->timer.loop->mono, never = wr_time_add((struct wr_mono){ 0 }, WR_SPAN_MAX);
    struct wr_mono due = sooner(never, d->since, d->pace.whole);
    due = sooner(due, d->last, d->pace.pause);
    if (d->pace.rate > 0)
        due = sooner(due, d->timed, d->pace.over);
    if (wr_time_before(due, never))
        wr_timer_set(&d->timer, wr_time_since(due, now));
}

void wr_deadline_wait(struct wr_deadline *d, const struct wr_pace *pace, uint64_t moved)
{
    d->pace = *pace;
    if (d->waits)
        return;
    d->waits = true;
    d->since = d->last = d->timed = d->timer.loop->mono;
    d->timed_from = moved;
    arm(d);
}

void wr_deadline_stop(struct wr_deadline *d)
{
    d->waits = false;
    wr_timer_clear(&d->timer);
}

static bool has_passed(const struct wr_deadline *d, struct wr_mono from, struct wr_span span)
{
    return span.us > 0 && !wr_time_before(d->timer.loop->mono, wr_time_add(from, span));
}

/* Have fewer bytes moved than `rate` asks for? If not, a new time of measuring begins. */
static bool is_too_slow(struct wr_deadline *d, uint64_t moved)
{
    if (d->pace.rate == 0 || !has_passed(d, d->timed, d->pace.over))
        return false;
    struct wr_span took = wr_time_since(d->timer.loop->mono, d->timed);
    bool slow = (double) (moved - d->timed_from) * (double) WR_US_PER_S <
                (double) d->pace.rate * (double) took.us;
    d->timed = d->timer.loop->mono;
    d->timed_from = moved;
    return slow;
}

bool wr_deadline_is_over(struct wr_deadline *d, uint64_t moved)
{
    bool over = is_too_slow(d, moved) || has_passed(d, d->since, d->pace.whole) ||
                has_passed(d, d->last, d->pace.pause);
    if (over)
        wr_deadline_stop(d);
    else
        arm(d);
    return over;
}
