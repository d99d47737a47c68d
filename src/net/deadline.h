/* SPDX-License-Identifier: BSD-2-Clause */
/* A deadline: how long one direction of a connection waits for its peer.
 *
 * A wait begins once and goes on until it is stopped. Bytes that move meanwhile are only counted. A timer is
 * set when the wait begins. When it fires, the deadline compares the count with the least that the peer must
 * move, and either sets the timer again or finds the peer late. So each arrival of bytes costs two stores in
 * memory, and no timer is touched for it. Embedded in its owner, a socket (socket.h). Thread: the loop's
 * owner. */
#pragma once

#include "net/loop.h"

/* How slow a peer may be while weir waits for it. 0: no bound of that kind. */
struct wr_pace {
    struct wr_span whole; /* from the beginning of the wait to its end */
    struct wr_span pause; /* without a byte */
    uint64_t rate;        /* bytes per second, at least, ... */
    struct wr_span over;  /* ... on average over each such time; longer than 0 where there is a rate */
};

struct wr_deadline {
    struct wr_timer timer; /* the owner's callback calls wr_deadline_is_over() */
    bool waits;
    struct wr_pace pace;
    uint64_t moved;       /* bytes in this direction, ever */
    struct wr_mono since; /* the wait began */
    struct wr_mono last;  /* bytes moved, or the wait began */
    struct wr_mono timed; /* the time over which `rate` is measured now began ... */
    uint64_t timed_from;  /* ... when so many bytes had moved */
};

/* Sets it up, not waiting. fire: the timer's callback. */
void wr_deadline_init(struct wr_deadline *d, struct wr_loop *loop, void (*fire)(struct wr_timer *));
/* Waits by this pace. A wait that has begun goes on: then only the pace is another one. moved: how many bytes
 * have reached their end by now, ever. */
void wr_deadline_wait(struct wr_deadline *d, const struct wr_pace *pace, uint64_t moved);
/* Stops waiting. Harmless when it doesn't wait. */
void wr_deadline_stop(struct wr_deadline *d);
/* Called when the timer has fired. Is the peer late? Then the wait has ended. Otherwise it goes on. moved: as
 * for wr_deadline_wait(). */
bool wr_deadline_is_over(struct wr_deadline *d, uint64_t moved);
/* Bytes have moved. */
static inline void wr_deadline_moved(struct wr_deadline *d, size_t bytes)
{
    d->moved += bytes;
    d->last = d->timer.loop->mono;
}
