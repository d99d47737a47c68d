/* SPDX-License-Identifier: BSD-2-Clause */
/* The budget of memory in flight, and how flows keep to it. */
#include "test.h"

#include <pthread.h>

#include "base/rand.h"
#include "net/budget.h"
#include "net/flow.h"
#include "stats/stats.h"

#define MB (1024u * 1024)
#define BUDGET (8 * MB)

static char content[MB];

static int set_budget(void **state)
{
    (void) state;
    wr_budget_set(BUDGET);
    return 0;
}

static int nothing_is_left(void **state)
{
    (void) state;
    assert_int_equal(wr_budget_used(), 0);
    assert_int_equal(wr_budget_state(), WR_BUDGET_EASY);
    return 0;
}

/* --- charges --- */

static void the_state_tells_how_much_is_used(void **state)
{
    struct wr_charge c = { 0 };
    (void) state;
    wr_charge_set(&c, BUDGET / 2);
    assert_int_equal(wr_budget_state(), WR_BUDGET_EASY);
    wr_charge_set(&c, BUDGET / 2 + 1);
    assert_int_equal(wr_budget_state(), WR_BUDGET_TIGHT);
    wr_charge_set(&c, BUDGET);
    assert_int_equal(wr_budget_state(), WR_BUDGET_SPENT);
    assert_int_equal(wr_budget_used(), BUDGET);
    wr_charge_set(&c, 0);
}

static void half_of_the_budget_can_be_reserved(void **state)
{
    struct wr_charge a = { 0 }, b = { 0 }, c = { 0 };
    (void) state;
    assert_true(wr_charge_reserve(&a, BUDGET / 4));
    assert_true(wr_charge_reserve(&b, BUDGET / 4));
    assert_false(wr_charge_reserve(&c, 1000));
    assert_int_equal(c.bytes, 0);
    wr_charge_set(&a, 0);
    assert_true(wr_charge_reserve(&c, 1000));
    wr_charge_set(&b, 0);
    wr_charge_set(&c, 0);
}

#define THREADS 4
#define CHARGES 200

/* The threads hand their charges on to each other: what one has taken another gives back. */
struct shared_charges {
    pthread_mutex_t lock;
    struct wr_charge charges[CHARGES];
};

static void *charge_at_random(void *arg)
{
    struct shared_charges *s = arg;
    wr_stats_join();
    for (int i = 0; i < 20000; i++) {
        struct wr_charge *c = &s->charges[wr_rand_below(CHARGES)];
        size_t bytes = (size_t) wr_rand_below(MB / 16);
        pthread_mutex_lock(&s->lock);
        if (bytes % 7 || bytes < c->bytes || !wr_charge_reserve(c, bytes))
            wr_charge_set(c, bytes);
        pthread_mutex_unlock(&s->lock);
    }
    wr_budget_settle();
    return NULL;
}

static void the_sum_is_exact_over_all_threads(void **state)
{
    static struct shared_charges s = { .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_t threads[THREADS];
    uint64_t sum = 0;
    (void) state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, charge_at_random, &s), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < CHARGES; i++)
        sum += s.charges[i].bytes;
    assert_int_equal(wr_budget_used(), sum);
    for (int i = 0; i < CHARGES; i++)
        wr_charge_set(&s.charges[i], 0);
    the_state_tells_how_much_is_used(state); /* threads that have ended owe nothing */
}

/* --- flows --- */

static void no_wake(struct wr_flow_reader *reader)
{
    (void) reader;
}

static void a_body_that_is_kept_counts_with_its_whole_length(void **state)
{
    (void) state;
    struct wr_flow *kept = wr_flow_new(3 * MB, true, UINT64_MAX);
    assert_true(wr_flow_kept(kept));
    assert_true(wr_budget_used() >= 3 * MB);
    struct wr_flow *other = wr_flow_new(3 * MB, true, UINT64_MAX); /* more than half in all */
    assert_false(wr_flow_kept(other));
    wr_flow_end(kept, WR_ERR_CLOSED, wr_slice(NULL, 0));
    assert_true(wr_budget_used() < MB); /* the rest doesn't come */
    wr_flow_unref(kept);
    kept = wr_flow_new(3 * MB, true, UINT64_MAX);
    assert_true(wr_flow_kept(kept));
    wr_flow_unref(kept);
    wr_flow_unref(other);
}

static void a_body_of_unknown_length_is_kept_while_there_is_memory(void **state)
{
    struct wr_charge others = { 0 };
    (void) state;
    struct wr_flow *f = wr_flow_new(UINT64_MAX, true, UINT64_MAX);
    wr_flow_append(f, wr_slice(content, MB));
    assert_true(wr_flow_kept(f));
    wr_charge_set(&others, BUDGET / 2 + 1);
    wr_flow_append(f, wr_slice(content, MB));
    assert_false(wr_flow_kept(f));
    struct wr_flow *page = wr_flow_new(UINT64_MAX, true, UINT64_MAX);
    wr_flow_append(page, wr_slice(content, WR_FLOW_PIECE / 2)); /* small ones are still stored */
    assert_true(wr_flow_kept(page));
    wr_charge_set(&others, 0);
    wr_flow_unref(page);
    wr_flow_unref(f);
}

static void what_a_store_counts_is_not_in_flight(void **state)
{
    (void) state;
    struct wr_flow *f = wr_flow_of(wr_slice(content, MB));
    assert_true(wr_budget_used() >= MB);
    wr_flow_stored(f, true);
    assert_int_equal(wr_budget_used(), 0);
    wr_flow_stored(f, true); /* under another key */
    wr_flow_stored(f, false);
    assert_int_equal(wr_budget_used(), 0);
    wr_flow_stored(f, false); /* evicted, and somebody still reads it */
    assert_true(wr_budget_used() >= MB);
    wr_flow_unref(f);
}

/* Reads all that is there, as a client does that takes it at once. */
static uint64_t read_all(struct wr_flow_reader *r)
{
    struct iovec iov[16];
    enum wr_flow_state now;
    uint64_t before = r->at;
    int n;
    while ((n = wr_flow_reader_peek(r, iov, 16, UINT64_MAX, &now)) > 0)
        for (int i = 0; i < n; i++)
            wr_flow_reader_advance(r, iov[i].iov_len);
    return r->at - before;
}

static void without_memory_each_body_goes_on_a_little_at_a_time(void **state)
{
    struct wr_charge others = { 0 };
    struct wr_loop loop;
    struct wr_flow_reader reader;
    uint64_t sent = 0;
    (void) state;
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    wr_charge_set(&others, BUDGET);
    struct wr_flow *f = wr_flow_new(UINT64_MAX, false, 0);
    assert_true(wr_flow_reader_open(&reader, f, &loop, 0, no_wake));
    for (int i = 0; i < 100; i++) {
        size_t room, len;
        while ((room = wr_flow_room(f)) > 0) {
            (void) wr_flow_reserve(f, &len);
            len = len < room ? len : room;
            len = (size_t) wr_rand_below(len) + 1;
            wr_flow_commit(f, len);
            sent += len;
        }
        assert_true(wr_flow_bytes(f) < 20 * 1024);
        sent -= read_all(&reader);
        assert_int_equal(sent, 0);
        assert_true(wr_flow_room(f) > 0);
    }
    wr_flow_end(f, WR_OK, wr_slice(NULL, 0));
    wr_flow_reader_close(&reader);
    wr_flow_unref(f);
    wr_charge_set(&others, 0);
    wr_loop_fini(&loop);
}

static void on_outgrown(struct wr_note *note)
{
    wr_loop_stop(note->loop);
}

static void the_owner_hears_that_a_flow_is_kept_no_more(void **state)
{
    struct wr_loop loop;
    struct wr_note note;
    (void) state;
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    wr_note_init(&note, &loop, on_outgrown);
    struct wr_flow *f = wr_flow_new(2 * MB, true, UINT64_MAX);
    wr_flow_on_outgrown(f, &note);
    wr_flow_append(f, wr_slice(content, MB));
    wr_flow_stop_keeping(f);
    wr_flow_stop_keeping(f);
    assert_true(wr_budget_used() < 2 * MB); /* what is still to come isn't reserved any more */
    wr_loop_run(&loop);
    wr_flow_unref(f);
    wr_note_fini(&note);
    wr_loop_fini(&loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_budget, nothing_is_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_state_tells_how_much_is_used),
        TEST(half_of_the_budget_can_be_reserved),
        TEST(the_sum_is_exact_over_all_threads),
        TEST(a_body_that_is_kept_counts_with_its_whole_length),
        TEST(a_body_of_unknown_length_is_kept_while_there_is_memory),
        TEST(what_a_store_counts_is_not_in_flight),
        TEST(without_memory_each_body_goes_on_a_little_at_a_time),
        TEST(the_owner_hears_that_a_flow_is_kept_no_more),
    };
    wr_stats_join();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
