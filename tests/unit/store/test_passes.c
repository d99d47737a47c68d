/* SPDX-License-Identifier: BSD-2-Clause */
/* store/passes: when a pass marker is left, whom it concerns, and what ends it. */
#include "test.h"

#include "store/passes.h"

static struct wr_wall at(int64_t seconds)
{
    return (struct wr_wall){ 1700000000 * WR_US_PER_S + seconds * WR_US_PER_S };
}

static struct wr_object held_since(int64_t seconds, int64_t lifetime)
{
    return (struct wr_object){ .meta = { .response_time = at(seconds), .lifetime = WR_SPAN_S(lifetime) } };
}

static const struct wr_request_rules plain, with_password = { .authorized = true };

static void it_is_due_for_what_forbids_sharing(void **state)
{
    (void) state;
    struct wr_object fresh = held_since(0, 60), stale = held_since(-100, 60);
    assert_true(wr_pass_is_due(WR_STORE_NOT, 200, NULL, at(0)));
    assert_true(wr_pass_is_due(WR_STORE_NOT, 302, &stale, at(0)));
    assert_false(wr_pass_is_due(WR_STORE_NOT, 200, &fresh, at(0)));
    assert_false(wr_pass_is_due(WR_STORE_NOT_NOW, 200, NULL, at(0)));
    assert_false(wr_pass_is_due(WR_STORE, 200, NULL, at(0)));
    assert_false(wr_pass_is_due(WR_STORE_NOT, 403, NULL, at(0)));
    assert_false(wr_pass_is_due(WR_STORE_NOT, 503, NULL, at(0)));
}

#define LINEAGE "0123456789abcdef\n" /* stands before the names of a VARY marker */

static void it_stands_where_the_answers_vary_leads(void **state)
{
    static const struct {
        const char *names;  /* of the answer's Vary; NULL: it has none */
        const char *marked; /* the text of the VARY marker; NULL: there is no marker */
        bool held;
        enum wr_pass_place place;
    } cases[] = {
        { NULL, NULL, false, WR_PASS_HERE },
        { NULL, NULL, true, WR_PASS_HERE },
        { NULL, LINEAGE "accept", false, WR_PASS_HERE },
        { "*", NULL, true, WR_PASS_HERE },
        { "*", LINEAGE "accept", false, WR_PASS_HERE },
        { "accept", LINEAGE "accept", false, WR_PASS_HERE },
        { "accept", LINEAGE "accept,foo", true, WR_PASS_HERE },
        { "accept", NULL, false, WR_PASS_VARIANT },
        { "accept", NULL, true, WR_PASS_NOWHERE }, /* the stored response has no variants */
        { "accept,foo", LINEAGE "accept", false, WR_PASS_NOWHERE },
        { "accept,foo", LINEAGE "accept", true, WR_PASS_NOWHERE },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_object held = held_since(0, 1);
        struct wr_object marker = { .head = wr_slice_str(cases[i].marked) };
        assert_int_equal(wr_pass_place(wr_slice_str(cases[i].names), cases[i].marked ? &marker : NULL,
                                       cases[i].held ? &held : NULL),
                         cases[i].place);
    }
}

static void it_lasts_and_is_renewed(void **state)
{
    (void) state;
    struct wr_passes *p = wr_passes_new();
    struct wr_hash key = wr_hash_of(WR_SLICE("a")), other = wr_hash_of(WR_SLICE("b"));
    struct wr_object stale = held_since(-10, 1), newer = held_since(1, 1);
    assert_int_equal(wr_passes_find(p, key, &plain, NULL, at(0)), WR_PASS_NONE);
    wr_passes_leave(p, key, &plain, NULL, at(0), WR_SPAN_S(10));
    assert_int_equal(wr_passes_find(p, key, &plain, NULL, at(9)), WR_PASS_BARE);
    assert_int_equal(wr_passes_find(p, other, &plain, NULL, at(9)), WR_PASS_NONE);
    wr_passes_leave(p, key, &plain, &stale, at(9), WR_SPAN_S(10));
    assert_int_equal(wr_passes_find(p, key, &plain, NULL, at(18)), WR_PASS_BESIDE);
    assert_int_equal(wr_passes_find(p, key, &plain, &stale, at(18)), WR_PASS_BESIDE);
    assert_int_equal(wr_passes_find(p, key, &plain, NULL, at(19)), WR_PASS_NONE);
    wr_passes_leave(p, key, &plain, NULL, at(0), WR_SPAN_S(10));
    /* The object that was stored later has ended the marker. */
    assert_int_equal(wr_passes_find(p, key, &plain, &newer, at(2)), WR_PASS_NONE);
    wr_passes_end(p, key);
    assert_int_equal(wr_passes_find(p, key, &plain, NULL, at(1)), WR_PASS_NONE);
    wr_passes_leave(p, key, &plain, NULL, at(0), WR_SPAN_S(0));
    assert_int_equal(wr_passes_find(p, key, &plain, NULL, at(0)), WR_PASS_NONE);
    wr_passes_free(p);
}

static void it_concerns_those_who_ask_alike(void **state)
{
    (void) state;
    struct wr_passes *p = wr_passes_new();
    struct wr_hash key = wr_hash_of(WR_SLICE("a"));
    wr_passes_leave(p, key, &with_password, NULL, at(0), WR_SPAN_S(10));
    assert_int_equal(wr_passes_find(p, key, &plain, NULL, at(1)), WR_PASS_NONE);
    assert_int_equal(wr_passes_find(p, key, &with_password, NULL, at(1)), WR_PASS_BARE);
    wr_passes_leave(p, key, &plain, NULL, at(2), WR_SPAN_S(10)); /* a marker for all requests */
    assert_int_equal(wr_passes_find(p, key, &plain, NULL, at(3)), WR_PASS_BARE);
    wr_passes_leave(p, key, &with_password, NULL, at(4),
                    WR_SPAN_S(10)); /* a marker for all stays one for all when it is renewed */
    assert_int_equal(wr_passes_find(p, key, &plain, NULL, at(13)), WR_PASS_BARE);
    wr_passes_free(p);
}

static void the_oldest_gives_way(void **state)
{
    (void) state;
    struct wr_passes *p = wr_passes_new();
    struct wr_hash keys[6], key = { .lo = 1 };
    for (size_t found = 0; found < 6;
         key.hi++) /* all in one row of the table, whatever its size up to this one */
        if (found == 0 || wr_hash_place(key) % 65536 == wr_hash_place(keys[0]) % 65536)
            keys[found++] = key;
    for (size_t i = 0; i < 6; i++)
        wr_passes_leave(p, keys[i], &plain, NULL, at((int64_t) i), WR_SPAN_S(100));
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(wr_passes_find(p, keys[i], &plain, NULL, at(6)),
                         i < 2 ? WR_PASS_NONE : WR_PASS_BARE);
    wr_passes_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_due_for_what_forbids_sharing),
        cmocka_unit_test(it_stands_where_the_answers_vary_leads),
        cmocka_unit_test(it_lasts_and_is_renewed),
        cmocka_unit_test(it_concerns_those_who_ask_alike),
        cmocka_unit_test(the_oldest_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
