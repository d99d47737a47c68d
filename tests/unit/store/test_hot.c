/* SPDX-License-Identifier: BSD-2-Clause */
/* store/hot: objects are found again without the memory store, but never what the store has dropped. */
#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include "store/hot.h"
#include "store/memory.h"

#define FAR ((struct wr_mono){ INT64_MAX })
#define NOW ((struct wr_mono){ 1000000 })
#define LATER ((struct wr_mono){ 1030000 })

static struct wr_memory *memory;
static struct wr_hot *hot;

static int start(void **state)
{
    (void) state;
    memory = wr_memory_new(1 << 24, 1 << 22);
    hot = wr_hot_new();
    return 0;
}

static int stop(void **state)
{
    (void) state;
    wr_hot_free(hot);
    wr_memory_free(memory);
    return 0;
}

/* Stores an object and returns a reference, which the caller owns. */
static struct wr_object *put(const char *key, size_t length)
{
    static const char content[64 * 1024];
    struct wr_object like = { .key = wr_slice_str(key), .head = WR_SLICE("HTTP/1.1 200 OK\r\n") };
    struct wr_flow *flow = wr_flow_of(wr_slice(content, length));
    struct wr_object *o = wr_object_new(&like, flow);
    wr_flow_unref(flow);
    assert_int_equal(wr_memory_put(memory, o, FAR, WR_INSTANT_LAST), WR_MEMORY_PUT);
    return o;
}

static void find(struct wr_object *o, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        wr_hot_found(hot, o, NOW);
}

/* Is the object found, but not under another text? */
static bool has(const struct wr_object *o, struct wr_mono now)
{
    struct wr_object *found = wr_hot_get(hot, o->hash, o->key, now);
    assert_null(wr_hot_get(hot, o->hash, WR_SLICE("another"), now));
    assert_true(found == NULL || found == o);
    assert_true((found != NULL) == wr_hot_has(hot, o->hash, now));
    wr_hot_give(hot, found);
    return found != NULL;
}

static void what_comes_twice_is_hot(void **state)
{
    (void) state;
    struct wr_object *o = put("a/1", 100), *large = put("a/2", 20000);
    assert_false(has(o, NOW));
    find(o, 1);
    assert_false(has(o, NOW));
    find(o, 1);
    assert_true(has(o, NOW));
    find(large, 2);
    assert_false(has(large, NOW));
    wr_object_unref(o);
    wr_object_unref(large);
}

static void the_store_sees_that_it_is_used(void **state)
{
    (void) state;
    struct wr_object *o = put("a/1", 100);
    find(o, 2);
    assert_true(has(o, NOW));
    assert_false(has(o, LATER));
    wr_hot_found(hot, o, LATER);
    assert_true(has(o, LATER));
    wr_object_unref(o);
}

static void what_the_store_drops_is_gone(void **state)
{
    (void) state;
    struct wr_object *o = put("a/1", 100);
    find(o, 2);
    struct wr_object *in_use = wr_hot_get(hot, o->hash, o->key, NOW);
    assert_ptr_equal(in_use, o);
    assert_true(wr_memory_drop(memory, o->hash));
    assert_false(has(o, NOW));
    wr_hot_sweep(hot);
    assert_int_equal(o->refs, 2); /* the test's reference, and the one that was drawn */
    wr_hot_give(hot, in_use);
    assert_int_equal(o->refs, 1);
    wr_object_unref(o);
}

static void what_takes_its_place_is_found_instead(void **state)
{
    (void) state;
    struct wr_object *old = put("a/1", 100);
    find(old, 2);
    struct wr_object *fresh = put("a/1", 200);
    assert_false(has(old, NOW));
    wr_hot_found(hot, fresh, NOW);
    assert_true(has(fresh, NOW));
    assert_int_equal(old->refs, 1);
    struct wr_object facts = wr_object_facts(fresh), *updated = wr_object_new(&facts, fresh->flow);
    assert_true(wr_memory_swap(memory, fresh, updated));
    assert_false(has(fresh, NOW));
    wr_object_unref(old);
    wr_object_unref(fresh);
    wr_object_unref(updated);
}

static void references_are_counted(void **state)
{
    (void) state;
    struct wr_object *o = put("a/1", 100), *found;
    find(o, 2);
    unsigned drawn = 0;
    while ((found = wr_hot_get(hot, o->hash, o->key, NOW)) != NULL)
        drawn++;
    assert_in_range(drawn, 1000, 10000);
    for (unsigned i = 0; i < drawn; i += 2)
        wr_hot_give(hot, o);
    for (unsigned i = 1; i < drawn; i += 2)
        wr_object_unref(o); /* it may also be given back by others than the transaction */
    assert_true(has(o, NOW));
    for (unsigned i = 0; i < 20000; i++) /* the table doesn't collect references that it hasn't given out */
        wr_hot_give(hot, wr_object_ref(o));
    assert_in_range(o->refs, 1, 20000);
    wr_memory_drop(memory, o->hash);
    wr_hot_sweep(hot);
    assert_int_equal(o->refs, 1);
    wr_object_unref(o);
}

/* --- workers, while another thread drops and stores --- */

static bool ended; /* atomic */

static void *ask(void *unused)
{
    (void) unused;
    struct wr_hot *mine = wr_hot_new();
    struct wr_slice key = WR_SLICE("a/1");
    struct wr_hash hash = wr_hash_of(key);
    uintptr_t found = 0;
    while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
        struct wr_object *o = wr_hot_get(mine, hash, key, NOW);
        if (o == NULL && (o = wr_memory_get(memory, hash, key)) != NULL)
            wr_hot_found(mine, o, NOW);
        if (o) {
            found++;
            WR_CHECK(wr_slice_eq(o->head, WR_SLICE("HTTP/1.1 200 OK\r\n")));
        }
        wr_hot_give(mine, o);
        wr_hot_sweep(mine);
    }
    wr_hot_free(mine);
    return (void *) found;
}

static void workers_dont_meet(void **state)
{
    (void) state;
    pthread_t threads[2];
    __atomic_store_n(&ended, false, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, NULL), 0);
    for (int i = 0; i < 2000; i++) {
        struct wr_object *o = put("a/1", 100);
        if (i % 2)
            wr_memory_drop(memory, o->hash);
        wr_object_unref(o);
    }
    struct wr_object *last = put("a/1", 100);
    __atomic_store_n(&ended, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(last->refs,
                     2); /* the test's and the store's references: all others have been given back */
    wr_object_unref(last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_comes_twice_is_hot, start, stop),
        cmocka_unit_test_setup_teardown(the_store_sees_that_it_is_used, start, stop),
        cmocka_unit_test_setup_teardown(what_the_store_drops_is_gone, start, stop),
        cmocka_unit_test_setup_teardown(what_takes_its_place_is_found_instead, start, stop),
        cmocka_unit_test_setup_teardown(references_are_counted, start, stop),
        cmocka_unit_test_setup_teardown(workers_dont_meet, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
