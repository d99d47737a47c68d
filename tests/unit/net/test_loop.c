/* SPDX-License-Identifier: BSD-2-Clause */
/* Loops: timers, notes from this and other threads, what is freed at the end of a turn. */
#include "test.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/loop.h"

struct fixture {
    struct wr_loop loop;
    struct wr_timer timer, other;
    struct wr_note note, second;
    int fired, woken;
    struct wr_mono at;
};

static struct fixture *f;

static int setup(void **state)
{
    (void) state;
    f = calloc(1, sizeof *f);
    assert_int_equal(wr_loop_init(&f->loop, 0), 0);
    return 0;
}

static int teardown(void **state)
{
    (void) state;
    wr_timer_fini(&f->timer);
    wr_timer_fini(&f->other);
    wr_loop_fini(&f->loop);
    free(f);
    return 0;
}

static void fire_and_stop(struct wr_timer *t)
{
    f->fired++;
    f->at = t->loop->mono;
    wr_loop_stop(t->loop);
}

static void fire(struct wr_timer *t)
{
    (void) t;
    f->fired++;
}

/* --- timers --- */

static void timer_fires_no_earlier_than_set(void **state)
{
    (void) state;
    wr_timer_init(&f->timer, &f->loop, fire_and_stop);
    wr_loop_tick(&f->loop);
    struct wr_mono from = f->loop.mono;
    wr_timer_set(&f->timer, WR_SPAN_MS(20));
    wr_loop_run(&f->loop);
    assert_int_equal(f->fired, 1);
    assert_true(wr_time_since(f->at, from).us >= 20000);
    assert_true(f->timer.due.us == 0);
}

static void timer_set_later_fires_once_and_later(void **state)
{
    (void) state;
    wr_timer_init(&f->timer, &f->loop, fire_and_stop);
    wr_loop_tick(&f->loop);
    struct wr_mono from = f->loop.mono;
    wr_timer_set(&f->timer, WR_SPAN_MS(5));
    wr_timer_set(&f->timer, WR_SPAN_MS(40));
    wr_loop_run(&f->loop);
    assert_int_equal(f->fired, 1);
    assert_true(wr_time_since(f->at, from).us >= 40000);
}

static void timer_set_earlier_fires_earlier(void **state)
{
    (void) state;
    wr_timer_init(&f->timer, &f->loop, fire_and_stop);
    wr_loop_tick(&f->loop);
    wr_timer_set(&f->timer, WR_SPAN_S(3600));
    wr_timer_set(&f->timer, WR_SPAN_MS(5));
    wr_loop_run(&f->loop);
    assert_int_equal(f->fired, 1);
}

static void cleared_timer_is_silent_and_can_be_set_again(void **state)
{
    (void) state;
    wr_timer_init(&f->timer, &f->loop, fire);
    wr_timer_init(&f->other, &f->loop, fire_and_stop);
    wr_loop_tick(&f->loop);
    wr_timer_set(&f->timer, WR_SPAN_MS(5));
    wr_timer_clear(&f->timer);
    wr_timer_set(&f->other, WR_SPAN_MS(20));
    wr_loop_run(&f->loop);
    assert_int_equal(f->fired, 1);
    wr_loop_tick(&f->loop);
    wr_timer_set(&f->timer, WR_SPAN_MS(1));
    wr_timer_set(&f->other, WR_SPAN_MS(20));
    wr_loop_run(&f->loop);
    assert_int_equal(f->fired, 3);
}

/* --- notes --- */

static void wake_and_stop(struct wr_note *n)
{
    f->woken++;
    wr_loop_stop(n->loop);
}

static void posted_twice_wakes_once_and_never_at_once(void **state)
{
    (void) state;
    wr_note_init(&f->note, &f->loop, wake_and_stop);
    wr_note_post(&f->note);
    wr_note_post(&f->note);
    assert_int_equal(f->woken, 0);
    wr_loop_run(&f->loop);
    assert_int_equal(f->woken, 1);
    wr_note_fini(&f->note);
}

static void finished_note_is_not_woken(void **state)
{
    (void) state;
    wr_note_init(&f->note, &f->loop, wake_and_stop);
    wr_note_init(&f->second, &f->loop, wake_and_stop);
    wr_note_post(&f->note);
    wr_note_post(&f->second);
    wr_note_fini(&f->note);
    wr_loop_run(&f->loop);
    assert_int_equal(f->woken, 1);
    wr_note_fini(&f->second);
    wr_note_fini(&f->second);
}

static void wake_again(struct wr_note *n)
{
    bool long_enough = ++f->woken >= 100 && (f->fired || f->woken == 100000000);
    if (long_enough)
        wr_loop_stop(n->loop);
    else
        wr_note_post(n);
}

/* A note that posts itself must not delay other notes or timers for ever. */
static void self_posting_note_starves_nobody(void **state)
{
    (void) state;
    wr_timer_init(&f->timer, &f->loop, fire);
    wr_loop_tick(&f->loop);
    wr_timer_set(&f->timer, WR_SPAN_MS(0));
    wr_note_init(&f->note, &f->loop, wake_again);
    wr_note_post(&f->note);
    wr_loop_run(&f->loop);
    assert_true(f->woken >= 100);
    assert_int_equal(f->fired, 1);
    wr_note_fini(&f->note);
}

static void on_byte(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;
    (void) arg;
    wr_loop_stop(&f->loop);
}

static void wake_for_ever(struct wr_note *n)
{
    char byte = 'x';
    if (f->woken++ == 10)
        assert_int_equal(write(f->fired, &byte, 1), 1);
    wr_note_post(n);
}

/* Two notes that post each other must not delay sockets for ever: each of them may move much data in a turn.
 */
static void self_posting_note_lets_sockets_be_polled(void **state)
{
    (void) state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    f->fired = ends[1];
    struct event *readable = event_new(f->loop.base, ends[0], EV_READ, on_byte, NULL);
    assert_int_equal(event_add(readable, NULL), 0);
    wr_note_init(&f->note, &f->loop, wake_for_ever);
    wr_note_post(&f->note);
    wr_loop_run(&f->loop);
    assert_in_range(f->woken, 11, 14);
    wr_note_fini(&f->note);
    event_free(readable);
    close(ends[0]);
    close(ends[1]);
}

static void kill_second(struct wr_note *n)
{
    f->woken++;
    wr_note_fini(&f->second);
    wr_loop_stop(n->loop);
}

static void note_may_finish_the_one_behind_it(void **state)
{
    (void) state;
    wr_note_init(&f->note, &f->loop, kill_second);
    wr_note_init(&f->second, &f->loop, kill_second);
    wr_note_post(&f->note);
    wr_note_post(&f->second);
    wr_loop_run(&f->loop);
    assert_int_equal(f->woken, 1);
    wr_note_fini(&f->note);
}

static void post_both(struct wr_timer *t)
{
    (void) t;
    wr_note_post(&f->note);
    wr_note_post(&f->note);
    wr_note_post(&f->second);
    f->fired += f->woken == 0;
}

/* Notes that a loop's own thread posts stand in a list of their own. */
static void own_posts_wake_once_later_and_may_be_finished(void **state)
{
    (void) state;
    wr_timer_init(&f->timer, &f->loop, post_both);
    wr_note_init(&f->note, &f->loop, kill_second);
    wr_note_init(&f->second, &f->loop, kill_second);
    wr_loop_tick(&f->loop);
    wr_timer_set(&f->timer, WR_SPAN_MS(0));
    wr_loop_run(&f->loop);
    assert_int_equal(f->fired, 1);
    assert_int_equal(f->woken, 1);
    wr_note_fini(&f->note);
}

/* --- notes from other threads: nothing that was said before a post is missed after its wake-up --- */

#define POSTERS 3
#define POSTS 20000

static struct poster {
    struct wr_note note;
    unsigned said; /* atomic */
    unsigned heard;
    pthread_t thread;
} posters[POSTERS];

static void hear(struct wr_note *note)
{
    struct poster *p = WR_CONTAINER(note, struct poster, note);
    p->heard = __atomic_load_n(&p->said, __ATOMIC_ACQUIRE);
    for (size_t i = 0; i < POSTERS; i++)
        if (posters[i].heard < POSTS)
            return;
    wr_loop_stop(note->loop);
}

static void *say(void *arg)
{
    struct poster *p = arg;
    for (unsigned i = 1; i <= POSTS; i++) {
        __atomic_store_n(&p->said, i, __ATOMIC_RELEASE);
        wr_note_post(&p->note);
    }
    return NULL;
}

static void posts_of_other_threads_all_arrive(void **state)
{
    (void) state;
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i].said = posters[i].heard = 0;
        wr_note_init(&posters[i].note, &f->loop, hear);
    }
    for (size_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&posters[i].thread, NULL, say, &posters[i]), 0);
    wr_loop_run(&f->loop);
    for (size_t i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].thread, NULL);
        assert_int_equal(posters[i].heard, POSTS);
    }
    for (size_t i = 0; i < POSTERS; i++)
        wr_note_fini(&posters[i].note);
}

static void hear_and_post(struct wr_note *note)
{
    struct poster *p = WR_CONTAINER(note, struct poster, note);
    p->heard = __atomic_load_n(&p->said, __ATOMIC_ACQUIRE);
    if (p->heard == POSTS)
        wr_loop_stop(note->loop);
    else if (f->woken++ % 2)
        wr_note_post(note);
}

/* A thread that finds the note already posted doesn't wake the loop: the thread that posted it does. */
static void posts_of_the_owner_hide_none_of_another_thread(void **state)
{
    (void) state;
    struct poster *p = &posters[0];
    p->said = p->heard = 0;
    wr_note_init(&p->note, &f->loop, hear_and_post);
    assert_int_equal(pthread_create(&p->thread, NULL, say, p), 0);
    wr_loop_run(&f->loop);
    pthread_join(p->thread, NULL);
    assert_int_equal(p->heard, POSTS);
    wr_note_fini(&p->note);
}

/* --- deferred frees --- */

struct deferred_case {
    struct wr_deferred_free deferred;
    bool *freed;
};

static void free_mourned(struct wr_deferred_free *deferred)
{
    struct deferred_case *m = WR_CONTAINER(deferred, struct deferred_case, deferred);
    *m->freed = true;
    free(m);
}

static struct deferred_case *deferred_new(bool *freed)
{
    struct deferred_case *m = calloc(1, sizeof *m);
    m->freed = freed;
    return m;
}

static bool deferred_in_callback;

static void defer_in_callback(struct wr_timer *t)
{
    struct deferred_case *m = deferred_new(&deferred_in_callback);
    wr_loop_defer_free(t->loop, &m->deferred, free_mourned);
    assert_false(deferred_in_callback);
    wr_note_post(&f->note);
}

static void deferred_frees_wait_for_the_callbacks_end(void **state)
{
    (void) state;
    deferred_in_callback = false;
    wr_timer_init(&f->timer, &f->loop, defer_in_callback);
    wr_note_init(&f->note, &f->loop, wake_and_stop);
    wr_loop_tick(&f->loop);
    wr_timer_set(&f->timer, WR_SPAN_MS(0));
    wr_loop_run(&f->loop);
    assert_true(deferred_in_callback);
    wr_note_fini(&f->note);
}

static void what_is_left_is_freed_at_the_end(void **state)
{
    struct wr_loop *loop = calloc(1, sizeof *loop);
    bool freed = false;
    (void) state;
    assert_int_equal(wr_loop_init(loop, 1), 0);
    wr_loop_defer_free(loop, &deferred_new(&freed)->deferred, free_mourned);
    wr_loop_fini(loop);
    assert_true(freed);
    free(loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timer_fires_no_earlier_than_set),           TEST(timer_set_later_fires_once_and_later),
        TEST(timer_set_earlier_fires_earlier),           TEST(cleared_timer_is_silent_and_can_be_set_again),
        TEST(posted_twice_wakes_once_and_never_at_once), TEST(finished_note_is_not_woken),
        TEST(self_posting_note_starves_nobody),          TEST(self_posting_note_lets_sockets_be_polled),
        TEST(note_may_finish_the_one_behind_it),         TEST(own_posts_wake_once_later_and_may_be_finished),
        TEST(posts_of_other_threads_all_arrive),         TEST(posts_of_the_owner_hide_none_of_another_thread),
        TEST(deferred_frees_wait_for_the_callbacks_end), cmocka_unit_test(what_is_left_is_freed_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
