/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs libevent's base for one thread. Wakes notes and frees deferred memory once per turn. */
#include "net/loop.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/timer_priv.h"

#define WALL_EVERY                                                                                         \
    1000 /* us: in between, the wall clock is advanced by the monotonic one; reading a clock costs as much \
          * as a hash */
#define CALLBACKS_PER_TURN                                                                                \
    256 /* after so many the sockets are polled again: callbacks that activate themselves must not starve \
         * them */

/* The loop that runs on this thread. */
static _Thread_local struct wr_loop *running_here;

void wr_loop_tick(struct wr_loop *loop)
{
    struct wr_mono mono = wr_time_monotonic();
    loop->now.us += mono.us - loop->mono.us;
    loop->mono = mono;
    if (mono.us - loop->wall_read.us >= WALL_EVERY) {
        loop->now = wr_time_wall();
        loop->wall_read = mono;
    }
    __atomic_store_n(&loop->beat_us, loop->mono.us, __ATOMIC_RELAXED);
}

static void ask_turn(struct wr_loop *loop)
{
    if (loop->turn_pending)
        return;
    loop->turn_pending = true;
    event_active(loop->turn_event, EV_READ, 0);
}

/* Clears `posted` and wakes the note. A post from now on lists the note again; what threads that found it
 * posted had written is visible from here on. */
static void wake_one(struct wr_note *note)
{
    (void) __atomic_exchange_n(&note->posted, false, __ATOMIC_ACQ_REL);
    note->wake(note);
}

static size_t count_of(const struct wr_note_list *list)
{
    size_t count = 0;
    struct wr_note *note;
    TAILQ_FOREACH(note, list, entry)
        count++;
    return count;
}

static void wake_own(struct wr_loop *loop)
{
    struct wr_note *note;
    for (size_t count = count_of(&loop->own_notes);
         count > 0 && (note = TAILQ_FIRST(&loop->own_notes)) != NULL; count--) {
        TAILQ_REMOVE(&loop->own_notes, note, entry);
        note->own = false;
        wake_one(note);
    }
}

/* Takes the notes one by one under the lock, so that a note that is freed while others are being woken is
 * never touched. Returns whether notes have come meanwhile. */
static bool wake_mailbox(struct wr_loop *loop)
{
    pthread_mutex_lock(&loop->mailbox_lock);
    loop->wake_pending = false;
    struct wr_note *note;
    for (size_t count = count_of(&loop->mailbox); count > 0 && (note = TAILQ_FIRST(&loop->mailbox)) != NULL;
         count--) {
        TAILQ_REMOVE(&loop->mailbox, note, entry);
        pthread_mutex_unlock(&loop->mailbox_lock);
        wake_one(note);
        pthread_mutex_lock(&loop->mailbox_lock);
    }
    bool more = !TAILQ_EMPTY(&loop->mailbox);
    pthread_mutex_unlock(&loop->mailbox_lock);
    return more;
}

/* Wakes only the notes that were there at the start: a note that posts itself again waits for the next turn.
 * Returns whether the mailbox holds more. */
static bool wake_notes(struct wr_loop *loop)
{
    wake_own(loop);
    return wake_mailbox(loop);
}

static void free_deferred(struct wr_loop *loop)
{
    struct wr_deferred_free *deferred;
    while ((deferred = TAILQ_FIRST(&loop->deferred_frees)) != NULL) {
        TAILQ_REMOVE(&loop->deferred_frees, deferred, entry);
        deferred->free_it(deferred);
    }
}

static void on_wake_fd(evutil_socket_t fd, short what, void *arg)
{
    struct wr_loop *loop = arg;
    (void) what;
    uint64_t count;
    wr_loop_tick(loop);
    if (read(fd, &count, sizeof count) < 0)
        WR_CHECK(errno == EAGAIN || errno == EINTR);
    if (wake_notes(loop))
        ask_turn(loop);
}

/* Runs after the callback that asked for it has returned to libevent. The callbacks that it wakes run after
 * the sockets have been polled: a reader and its producer that wake each other must not keep others waiting.
 */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct wr_loop *loop = arg;
    (void) fd;
    (void) what;
    wr_loop_tick(loop);
    bool more = wake_notes(loop);
    free_deferred(loop);
    loop->turn_pending = false;
    if (!more && TAILQ_EMPTY(&loop->own_notes))
        return;
    ask_turn(loop);
    event_base_loopcontinue(loop->base);
}

int wr_loop_init(struct wr_loop *loop, unsigned index)
{
    *loop = (struct wr_loop){ .index = index, .wake_fd = -1 };
    TAILQ_INIT(&loop->mailbox);
    TAILQ_INIT(&loop->own_notes);
    TAILQ_INIT(&loop->deferred_frees);
    WR_CHECK(pthread_mutex_init(&loop->mailbox_lock, NULL) == 0);
    struct event_config *config = event_config_new();
    WR_CHECK(config != NULL);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    /* Not EPOLL_USE_CHANGELIST: that would tell the kernel about a closed descriptor after another thread
     * has got its number. */
    event_config_set_max_dispatch_interval(config, NULL, CALLBACKS_PER_TURN, 0);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (loop->base == NULL)
        return -1;
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0)
        return -1;
    loop->wake_event = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake_fd, loop);
    loop->turn_event = event_new(loop->base, -1, 0, on_turn, loop);
    WR_CHECK(loop->wake_event != NULL && loop->turn_event != NULL);
    WR_CHECK(event_add(loop->wake_event, NULL) == 0);
    loop->wheel = wr_wheel_new(loop);
    wr_loop_tick(loop);
    return 0;
}

void wr_loop_run(struct wr_loop *loop)
{
    running_here = loop;
    wr_loop_tick(loop);
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    running_here = NULL;
}

void wr_loop_stop(struct wr_loop *loop)
{
    event_base_loopbreak(loop->base);
}

void wr_loop_fini(struct wr_loop *loop)
{
    free_deferred(loop);
    WR_CHECK(TAILQ_EMPTY(&loop->mailbox) && TAILQ_EMPTY(&loop->own_notes));
    wr_wheel_free(loop->wheel);
    event_free(loop->wake_event);
    event_free(loop->turn_event);
    event_base_free(loop->base);
    close(loop->wake_fd);
    pthread_mutex_destroy(&loop->mailbox_lock);
}

void wr_note_init(struct wr_note *note, struct wr_loop *loop, void (*wake)(struct wr_note *))
{
    *note = (struct wr_note){ .loop = loop, .wake = wake };
}

static void put_into_mailbox(struct wr_loop *loop, struct wr_note *note)
{
    pthread_mutex_lock(&loop->mailbox_lock);
    TAILQ_INSERT_TAIL(&loop->mailbox, note, entry);
    bool ring = !loop->wake_pending;
    loop->wake_pending = true;
    pthread_mutex_unlock(&loop->mailbox_lock);
    if (ring) {
        uint64_t one = 1;
        ssize_t n = write(loop->wake_fd, &one, sizeof one);
        WR_CHECK(n == (ssize_t) sizeof one || errno == EAGAIN);
    }
}

void wr_note_post(struct wr_note *note)
{
    struct wr_loop *loop = note->loop;
    if (__atomic_exchange_n(&note->posted, true, __ATOMIC_ACQ_REL))
        return; /* it has not been woken yet, and will see the news then */
    if (loop == running_here) {
        note->own = true;
        TAILQ_INSERT_TAIL(&loop->own_notes, note, entry);
        ask_turn(loop);
    } else {
        put_into_mailbox(loop, note);
    }
}

void wr_note_fini(struct wr_note *note)
{
    struct wr_loop *loop = note->loop;
    if (loop == NULL)
        return;
    note->loop = NULL;
    if (!__atomic_load_n(&note->posted, __ATOMIC_ACQUIRE))
        return;
    if (note->own) {
        TAILQ_REMOVE(&loop->own_notes, note, entry);
    } else {
        pthread_mutex_lock(&loop->mailbox_lock);
        TAILQ_REMOVE(&loop->mailbox, note, entry);
        pthread_mutex_unlock(&loop->mailbox_lock);
    }
    note->own = note->posted = false;
}

void wr_loop_defer_free(struct wr_loop *loop, struct wr_deferred_free *deferred,
                        void (*free_it)(struct wr_deferred_free *))
{
    deferred->free_it = free_it;
    TAILQ_INSERT_TAIL(&loop->deferred_frees, deferred, entry);
    ask_turn(loop);
}
