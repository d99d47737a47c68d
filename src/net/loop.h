/* SPDX-License-Identifier: BSD-2-Clause */
/* A loop: one thread's libevent base with the time, timers, notes from other threads, and memory that is
 * freed at the end of the turn.
 *
 * Rules: (1) Only its owner's thread touches a loop's base; libevent's own locking is off. (2) Only notes
 * cross threads. A note is a struct inside its receiver, put into the mailbox of the loop that owns it. (3)
 * A note only wakes. The receiver looks up the reason under a lock of the sender's, or in an atomic. */
#pragma once

#include <event2/event.h>
#include <pthread.h>
#include <sys/queue.h>

#include "base/units.h"

/* A wake-up call for something that lives on `loop`. Embedded in its receiver. Call init before use; fini
 * cancels it. */
struct wr_note {
    struct wr_loop *loop;
    void (*wake)(struct wr_note *note);
    bool posted; /* atomic: the thread that sets it puts the note into a list: the owner into its own,
                  * others into the mailbox */
    bool own;    /* the note is in the owner's list */
    TAILQ_ENTRY(wr_note) entry;
};
TAILQ_HEAD(wr_note_list, wr_note);

/* Memory to be freed when no callback can be on the stack any more. Embedded in it. */
struct wr_deferred_free {
    void (*free_it)(struct wr_deferred_free *deferred);
    TAILQ_ENTRY(wr_deferred_free) entry;
};
TAILQ_HEAD(wr_deferred_free_list, wr_deferred_free);

struct wr_wheel;

/* A timer. Never fires early, and up to 5 ms late. Moving it to a later time costs one store (timer.c). */
struct wr_timer {
    struct wr_loop *loop;
    struct wr_mono due; /* monotonic; 0: not set */
    int64_t tick;       /* when the wheel will look at it; 0: not in the wheel */
    LIST_ENTRY(wr_timer) entry;
    void (*fire)(struct wr_timer *timer);
};

struct wr_loop {
    struct event_base *base;
    unsigned index;           /* workers: 0.. ; the main loop: WR_LOOP_MAIN */
    struct wr_wall now;       /* wall clock at the start of this callback: wr_loop_tick() */
    struct wr_mono mono;      /* monotonic likewise */
    struct wr_mono wall_read; /* monotonic: when `now` was last read off the clock */
    int wake_fd;              /* eventfd: another thread has posted */
    struct event *wake_event;
    struct event *turn_event; /* activated by our own posts and deferred frees: no system call */
    pthread_mutex_t mailbox_lock;
    struct wr_note_list mailbox;   /* under the lock */
    bool wake_pending;             /* under the lock: the eventfd has been written and not read yet */
    struct wr_note_list own_notes; /* posted by the owner itself: no lock */
    struct wr_deferred_free_list deferred_frees;
    bool turn_pending;
    struct wr_wheel *wheel; /* the timers */
    int64_t beat_us;        /* atomic: monotonic time of the last turn, for /healthz and the watchdog */
};

#define WR_LOOP_MAIN 0xffffu

/* Returns 0, or -1 with errno. Thread: start. */
int wr_loop_init(struct wr_loop *loop, unsigned index) WR_MUST_USE;
/* Runs the loop until wr_loop_stop(). Thread: becomes the owner. */
void wr_loop_run(struct wr_loop *loop);
/* Thread: the owner's. */
void wr_loop_stop(struct wr_loop *loop);
/* Frees what was deferred, and the base. Thread: start, after wr_loop_run() has returned. */
void wr_loop_fini(struct wr_loop *loop);
/* Sets now and mono. Every callback from libevent calls this first. Thread: the owner's. */
void wr_loop_tick(struct wr_loop *loop);

/* Makes a note for `loop`, which must run on this thread from now on. Thread: the owner's. */
void wr_note_init(struct wr_note *note, struct wr_loop *loop, void (*wake)(struct wr_note *));
/* Wakes the note on its loop, soon and never before this returns. Posting a posted note does nothing.
 * Thread: any. */
void wr_note_post(struct wr_note *note);
/* Cancels: the note will not be woken any more. Nobody may post it afterwards. Thread: the owner's. */
void wr_note_fini(struct wr_note *note);

/* Thread: the owner's (all of these). */
void wr_timer_init(struct wr_timer *t, struct wr_loop *loop, void (*fire)(struct wr_timer *));
void wr_timer_set(struct wr_timer *t, struct wr_span from_now);
void wr_timer_clear(struct wr_timer *t);
void wr_timer_fini(struct wr_timer *t);
void wr_loop_defer_free(struct wr_loop *loop, struct wr_deferred_free *deferred,
                        void (*free_it)(struct wr_deferred_free *));
