/* SPDX-License-Identifier: BSD-2-Clause */
/* The estimate of Redis's clock is never later than Redis's clock. */
#include "test.h"

#include "redis/clock.h"

static const struct wr_mono zero = { 0 };

static struct wr_mono at(int64_t us)
{
    return (struct wr_mono){ us };
}

static void unknown_until_learned(void **state)
{
    (void) state;
    struct wr_clock c = { 0 };
    assert_int_equal(wr_clock_at(&c, at(1000)).us, 0);
}

/* Redis's clock is 1000000 ahead. The arguments are how long the question and the reply travel. */
static void tell(struct wr_clock *c, int64_t sent, int64_t there, int64_t back)
{
    wr_clock_learn(c, at(sent), at(sent + there + back), (struct wr_redis_time){ sent + there + 1000000 });
}

static void never_later_than_it_was(void **state)
{
    (void) state;
    struct wr_clock c = { 0 };
    for (int64_t n = 1; n < 1000; n++) {
        tell(&c, n * 700000, n * 7919 % 5000, n * 104729 % 9000);
        assert_true(wr_clock_at(&c, at(n * 700000)).us <= n * 700000 + 1000000);
    }
}

static void a_better_answer_stands_for_a_while(void **state)
{
    (void) state;
    struct wr_clock c = { 0 };
    tell(&c, 1000, 10, 10);
    tell(&c, 2000, 10, 50000);
    assert_int_equal(wr_clock_at(&c, zero).us, 1000000 - 10);
    tell(&c, 6000000, 10, 50000);
    assert_int_equal(wr_clock_at(&c, zero).us, 1000000 - 50000);
    tell(&c, 6100000, 10, 5);
    assert_int_equal(wr_clock_at(&c, zero).us, 1000000 - 5);
}

/* Redis's clock was set back by 300, so an estimate from before would be too late. */
static void a_clock_set_back_is_noticed(void **state)
{
    (void) state;
    struct wr_clock c = { 0 };
    tell(&c, 1000, 10, 10);
    wr_clock_learn(&c, at(2000), at(2100), (struct wr_redis_time){ 2010 + 1000000 - 300 });
    assert_int_equal(wr_clock_at(&c, zero).us, 2010 + 1000000 - 300 - 2100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_until_learned),
        cmocka_unit_test(never_later_than_it_was),
        cmocka_unit_test(a_better_answer_stands_for_a_while),
        cmocka_unit_test(a_clock_set_back_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
