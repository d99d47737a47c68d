/* SPDX-License-Identifier: BSD-2-Clause */
/* Deadlines: when a peer is late. The test sets the clock. */
#include "test.h"

#include <stdlib.h>

#include "net/deadline.h"

struct waiting {
    struct wr_loop loop;
    struct wr_deadline deadline;
};

static struct waiting *f;

static void fire(struct wr_timer *t)
{
    (void) t;
}

static int setup(void **state)
{
    (void) state;
    f = calloc(1, sizeof *f);
    assert_int_equal(wr_loop_init(&f->loop, 0), 0);
    wr_loop_tick(&f->loop);
    wr_deadline_init(&f->deadline, &f->loop, fire);
    return 0;
}

static int teardown(void **state)
{
    (void) state;
    wr_timer_fini(&f->deadline.timer);
    wr_loop_fini(&f->loop);
    free(f);
    return 0;
}

static void expect(struct wr_pace pace)
{
    wr_deadline_wait(&f->deadline, &pace, f->deadline.moved);
}

/* Lets the time pass, then moves the bytes. Returns whether the peer is late. */
static bool late_after(int ms, size_t bytes)
{
    f->loop.mono = wr_time_add(f->loop.mono, WR_SPAN_MS(ms));
    if (bytes)
        wr_deadline_moved(&f->deadline, bytes);
    return wr_deadline_is_over(&f->deadline, f->deadline.moved);
}

static int ms_to_go(void)
{
    return (int) (wr_time_since(f->deadline.timer.due, f->loop.mono).us / 1000);
}

static void the_whole_ends_however_much_moves(void **state)
{
    (void) state;
    expect((struct wr_pace){ .whole = WR_SPAN_MS(100) });
    assert_false(late_after(60, 1000));
    assert_int_equal(ms_to_go(), 40);
    assert_true(late_after(40, 1000));
    assert_false(f->deadline.waits);
}

static void a_pause_counts_from_the_last_byte(void **state)
{
    (void) state;
    expect((struct wr_pace){ .pause = WR_SPAN_MS(100) });
    for (int i = 0; i < 10; i++)
        assert_false(late_after(90, 1));
    assert_int_equal(ms_to_go(), 100);
    assert_false(late_after(90, 0));
    assert_int_equal(ms_to_go(), 10);
    assert_true(late_after(10, 0));
}

static void a_byte_now_and_then_is_below_the_rate(void **state)
{
    (void) state;
    expect((struct wr_pace){ .pause = WR_SPAN_S(1), .rate = 1000, .over = WR_SPAN_S(1) });
    for (int i = 0; i < 9; i++)
        assert_false(late_after(100, 1));
    assert_true(late_after(100, 1));
}

static void what_moved_before_is_no_credit(void **state)
{
    (void) state;
    expect((struct wr_pace){ .rate = 1000, .over = WR_SPAN_S(1) });
    assert_false(late_after(1000, 1000000));
    assert_false(late_after(1000, 1000));
    assert_true(late_after(1000, 999));
}

static void a_wait_goes_on_with_another_pace(void **state)
{
    (void) state;
    expect((struct wr_pace){ .pause = WR_SPAN_S(9), .rate = 1000, .over = WR_SPAN_S(1) });
    assert_false(late_after(900, 1));
    expect((struct wr_pace){ .pause = WR_SPAN_S(9) });
    assert_false(late_after(900, 1));
    assert_int_equal(ms_to_go(), 9000);
}

static void a_stopped_wait_begins_anew(void **state)
{
    (void) state;
    expect((struct wr_pace){ .whole = WR_SPAN_MS(100) });
    wr_deadline_stop(&f->deadline);
    assert_int_equal(f->deadline.timer.due.us, 0);
    f->loop.mono = wr_time_add(f->loop.mono, WR_SPAN_S(5));
    expect((struct wr_pace){ .whole = WR_SPAN_MS(100) });
    assert_int_equal(ms_to_go(), 100);
}

static void no_bound_sets_no_timer(void **state)
{
    (void) state;
    expect((struct wr_pace){ .over = WR_SPAN_S(1) });
    assert_int_equal(f->deadline.timer.due.us, 0);
    assert_false(late_after(1000000, 0));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_whole_ends_however_much_moves),
        T(a_pause_counts_from_the_last_byte),
        T(a_byte_now_and_then_is_below_the_rate),
        T(what_moved_before_is_no_credit),
        T(a_wait_goes_on_with_another_pace),
        T(a_stopped_wait_begins_anew),
        T(no_bound_sets_no_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
