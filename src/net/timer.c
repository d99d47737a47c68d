/* SPDX-License-Identifier: BSD-2-Clause */
/* The timers of a loop: a wheel of slots, each one tick of the clock wide (Varghese and Lauck, 1987), and
 * one libevent event, set to the next slot that isn't empty.
 *
 * Nearly every timer here is a time-out that is set, moved with each sign of life, and never fires. So
 * moving a timer to a later time changes only the timer: its slot notices when its tick comes, and moves
 * the timer to a later slot. */
#include "net/timer_priv.h"

#include <stdlib.h>

#define GRAIN 4096 /* microseconds of a tick */
#define SLOTS 4096 /* a power of two; a timer more than 16 s ahead is looked at every 16 s */
#define NEVER INT64_MAX

LIST_HEAD(slot, wr_timer);

struct wr_wheel {
    struct wr_loop *loop;
    struct event *event;
    int64_t next;  /* all ticks before it have been looked at */
    int64_t armed; /* the tick to which the event is set; no slot before it has a timer */
    uint64_t occupied[SLOTS / 64];
    struct slot slots[SLOTS];
};

static int64_t tick_of(struct wr_mono t)
{
    return t.us / GRAIN;
}

static void arm(struct wr_wheel *w, int64_t tick)
{
    int64_t us = tick * GRAIN - w->loop->mono.us;
    us = us > 0 ? us : 0;
    struct timeval tv = { us / WR_US_PER_S, us % WR_US_PER_S };
    WR_CHECK(event_add(w->event, &tv) == 0);
    w->armed = tick;
}

/* Puts the timer into the slot of its tick, rounded up so that it never fires early, or into the last
 * slot. */
static void place(struct wr_wheel *w, struct wr_timer *t)
{
    int64_t tick = tick_of((struct wr_mono){ t->due.us + GRAIN - 1 });
    if (tick < w->next)
        tick = w->next;
    if (tick > w->next + SLOTS - 1)
        tick = w->next + SLOTS - 1;
    size_t i = (size_t) tick % SLOTS;
    LIST_INSERT_HEAD(&w->slots[i], t, entry);
    w->occupied[i / 64] |= UINT64_C(1) << (i % 64);
    t->tick = tick;
}

static void take_out_timer(struct wr_timer *t)
{
    if (t->tick == 0)
        return;
    LIST_REMOVE(t, entry); /* its slot's bit stays set: at worst the event comes in vain */
    t->tick = 0;
}

/* Fires the slot's timers that are due, and moves those that have been set later. Timers set meanwhile go
 * into later slots. */
static void turn_slot(struct wr_wheel *w, size_t i)
{
    struct slot here = w->slots[i];
    struct wr_timer *t;
    if (here.lh_first)
        here.lh_first->entry.le_prev = &here.lh_first;
    LIST_INIT(&w->slots[i]);
    w->occupied[i / 64] &= ~(UINT64_C(1) << (i % 64));
    while ((t = LIST_FIRST(&here)) != NULL) {
        take_out_timer(t);
        if (t->due.us == 0)
            continue;
        if (wr_time_before(w->loop->mono, t->due)) {
            place(w, t);
            continue;
        }
        t->due.us = 0;
        t->fire(t);
    }
}

/* Returns the first tick from w->next on whose slot isn't empty. */
static int64_t first_occupied(const struct wr_wheel *w)
{
    for (int64_t tick = w->next; tick < w->next + SLOTS;) {
        size_t i = (size_t) tick % SLOTS;
        uint64_t bits = w->occupied[i / 64] >> (i % 64);
        if (bits)
            return tick + __builtin_ctzll(bits);
        tick += 64 - (int64_t) (i % 64);
    }
    return NEVER;
}

static void on_wheel_event(evutil_socket_t fd, short what, void *arg)
{
    struct wr_wheel *w = arg;
    (void) fd;
    (void) what;
    wr_loop_tick(w->loop);
    int64_t now = tick_of(w->loop->mono), tick;
    w->armed = 0; /* a timer set now needs no event: it is armed below */
    while ((tick = first_occupied(w)) <= now) {
        w->next = tick + 1;
        turn_slot(w, (size_t) tick % SLOTS);
    }
    if (w->next <= now)
        w->next = now + 1;
    w->armed = NEVER;
    if (tick != NEVER)
        arm(w, tick);
}

struct wr_wheel *wr_wheel_new(struct wr_loop *loop)
{
    struct wr_wheel *w = calloc(1, sizeof *w);
    WR_CHECK(w != NULL);
    w->loop = loop;
    w->armed = NEVER;
    w->event = event_new(loop->base, -1, 0, on_wheel_event, w);
    WR_CHECK(w->event != NULL);
    return w;
}

void wr_wheel_free(struct wr_wheel *w)
{
    if (w == NULL)
        return;
    event_free(w->event);
    free(w);
}

void wr_timer_init(struct wr_timer *t, struct wr_loop *loop, void (*fire)(struct wr_timer *))
{
    *t = (struct wr_timer){ .loop = loop, .fire = fire };
}

void wr_timer_set(struct wr_timer *t, struct wr_span from_now)
{
    struct wr_wheel *w = t->loop->wheel;
    t->due = wr_time_add(t->loop->mono, from_now);
    if (t->tick != 0 && t->tick * GRAIN <= t->due.us)
        return;
    int64_t now = tick_of(t->loop->mono);
    if (w->armed > now && w->next < now)
        w->next = now; /* there was none in between */
    take_out_timer(t);
    place(w, t);
    if (t->tick < w->armed)
        arm(w, t->tick);
}

void wr_timer_clear(struct wr_timer *t)
{
    t->due.us = 0;
}

void wr_timer_fini(struct wr_timer *t)
{
    take_out_timer(t);
    t->due.us = 0;
}
