/* SPDX-License-Identifier: BSD-2-Clause */
/* base: slices, units, hash, arena. */
#include "test.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/rand.h"
#include "base/units.h"

static void slices_cut_trim_and_compare(void **state)
{
    (void) state;
    struct wr_slice rest = WR_SLICE("a, b,,c"), part;
    const char *want[] = { "a", "b", "", "c" };
    for (int i = 0; i < 4; i++) {
        part = wr_slice_trim(wr_slice_cut(&rest, ','));
        assert_true(wr_slice_eq(part, wr_slice_str(want[i])));
    }
    assert_null(wr_slice_cut(&rest, ',').at);
    assert_true(wr_slice_eq_nocase(WR_SLICE("Content-LENGTH"), WR_SLICE("content-length")));
    assert_false(wr_slice_eq_nocase(WR_SLICE("Host"), WR_SLICE("Hos")));
    assert_false(wr_slice_eq_nocase(WR_SLICE("@"), WR_SLICE("`")));
}

static void patterns_match_the_whole(void **state)
{
    (void) state;
    static const struct {
        const char *pattern, *text;
        bool fold, want;
    } lines[] = {
        { "", "", false, true },
        { "", "a", false, false },
        { "*", "", false, true },
        { "*", "abc", false, true },
        { "abc", "abc", false, true },
        { "abc", "abcd", false, false },
        { "abc", "ABC", false, false },
        { "abc", "ABC", true, true },
        { "a*", "a", false, true },
        { "a*", "ba", false, false },
        { "*a", "aba", false, true },
        { "*a", "ab", false, false },
        { "a*c", "abbc", false, true },
        { "a*b*c", "axxbxbc", false, true },
        { "a*b*c", "axxcxb", false, false },
        { "**a**", "xa", false, true },
        { "A*Z", "a-z", true, true },
        { "utm_*", "utm", false, false },
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (wr_slice_matches(wr_slice_str(lines[i].text), wr_slice_str(lines[i].pattern),
                             lines[i].fold ? wr_lower : NULL) != lines[i].want)
            fail_msg("%s against %s", lines[i].text, lines[i].pattern);
}

static void numbers_are_written_as_printf_would(void **state)
{
    (void) state;
    static const int64_t numbers[] = { 0, 7, -1, 10, 1024, INT64_MAX, INT64_MIN };
    struct wr_buf fast = { 0 }, slow = { 0 };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        wr_buf_add_number(&fast, numbers[i]);
        wr_buf_add_char(&fast, ' ');
        wr_buf_add_hex(&fast, (uint64_t) numbers[i]);
        wr_buf_printf(&slow, "%lld %llx", (long long) numbers[i], (unsigned long long) numbers[i]);
        assert_true(wr_slice_eq(wr_buf_slice(&fast), wr_buf_slice(&slow)));
    }
    wr_buf_fini(&fast);
    wr_buf_fini(&slow);
}

static void numbers_stop_at_their_maximum(void **state)
{
    (void) state;
    uint64_t n;
    assert_true(wr_slice_u64(WR_SLICE("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
    assert_false(wr_slice_u64(WR_SLICE("18446744073709551616"), UINT64_MAX, &n));
    assert_true(wr_slice_u64(WR_SLICE("100"), 100, &n) && n == 100);
    assert_false(wr_slice_u64(WR_SLICE("101"), 100, &n));
    assert_false(wr_slice_u64(WR_SLICE("5"), 3, &n));
    assert_false(wr_slice_u64(WR_SLICE("+1"), 100, &n));
    assert_false(wr_slice_u64(WR_SLICE(""), 100, &n));
}

static void units_have_one_parser_each(void **state)
{
    (void) state;
    struct wr_span d;
    uint64_t size;
    struct wr_rate rate;
    double share;
    static const struct {
        const char *text;
        int64_t us;
    } spans[] = { { "500ms", 500000 },
                  { "60s", 60000000 },
                  { "5m", 300000000 },
                  { "1h", 3600000000 },
                  { "1d", 86400000000 } };
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        assert_null(wr_span_parse(wr_slice_str(spans[i].text), &d));
        assert_int_equal(d.us, spans[i].us);
    }
    const char *bad_spans[] = {
        "", "5", "s", "5 s", "-1s", "1.5s", "5sec", "99999999999999999999d", "9223372036854775807d"
    };
    for (size_t i = 0; i < sizeof bad_spans / sizeof bad_spans[0]; i++)
        assert_non_null(wr_span_parse(wr_slice_str(bad_spans[i]), &d));
    assert_null(wr_size_parse(WR_SLICE("512KB"), &size));
    assert_int_equal(size, 524288);
    assert_non_null(wr_size_parse(WR_SLICE("512"), &size));
    assert_null(wr_rate_parse(WR_SLICE("100/s"), &rate));
    assert_true(rate.count == 100 && rate.window.us == 1000000);
    assert_null(wr_rate_parse(WR_SLICE("50/10s"), &rate));
    assert_true(rate.count == 50 && rate.window.us == 10000000);
    assert_null(wr_rate_parse(WR_SLICE("1000/m"), &rate));
    assert_true(rate.window.us == 60000000);
    const char *bad_rates[] = { "", "100", "/s", "100/", "0/s", "100/0s", "100/fortnight", "100/1" };
    for (size_t i = 0; i < sizeof bad_rates / sizeof bad_rates[0]; i++)
        assert_non_null(wr_rate_parse(wr_slice_str(bad_rates[i]), &rate));
    assert_null(wr_share_parse(WR_SLICE("10%"), &share));
    assert_true(share == 0.1);
    assert_non_null(wr_share_parse(WR_SLICE("101%"), &share));
    assert_non_null(wr_share_parse(WR_SLICE("10"), &share));
}

/* Made by an independent implementation that gives the authors' own vectors under their key. Every node and
 * every version must agree on these: a change would empty every cache. */
static void hash_never_changes(void **state)
{
    (void) state;
    char hex[WR_HASH_HEX + 1], again[WR_HASH_HEX + 1];
    wr_hash_hex(wr_hash_of(WR_SLICE("")), hex);
    assert_string_equal(hex, "5648e9ffd6655c5677966fc2fcf8ad32");
    wr_hash_hex(wr_hash_of(WR_SLICE("http shop.example.com /static/a.css")), again);
    assert_string_equal(again, "f94a391e3fda73489a2fb55600895bda");
}

static void count_undo(void *arg)
{
    (*(int *) arg)++;
}

static void arena_undoes_and_reuses(void **state)
{
    (void) state;
    struct wr_arena a = { 0 };
    int undone = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++)
            memset(wr_arena_alloc(&a, (size_t) i), 0xa5, (size_t) i);
        struct wr_slice s = wr_arena_printf(&a, "%d-%s", 7, "x");
        assert_true(wr_slice_eq(s, WR_SLICE("7-x")));
        wr_arena_defer(&a, count_undo, &undone);
        wr_arena_reset(&a);
        assert_int_equal(undone, round + 1);
    }
    wr_arena_fini(&a);
}

static void random_stays_in_bounds(void **state)
{
    (void) state;
    char token[33];
    for (int i = 0; i < 10000; i++) {
        double u = wr_rand_unit();
        assert_true(u >= 0.0 && u < 1.0);
        assert_true(wr_rand_below(7) < 7);
    }
    wr_rand_token(token, 16);
    assert_int_equal(strlen(token), 32);
}

static void quotes_go_in_pairs(void **state)
{
    static const struct {
        const char *quoted, *plain;
    } cases[] = { { " \"a b\" ", "a b" }, { "\"\"", "" }, { "\"", "\"" },
                  { "\"a", "\"a" },       { "a", "a" },   { "", "" } };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(
            wr_slice_eq(wr_slice_unquote(wr_slice_str(cases[i].quoted)), wr_slice_str(cases[i].plain)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_the_whole),
        cmocka_unit_test(quotes_go_in_pairs),
        cmocka_unit_test(slices_cut_trim_and_compare),
        cmocka_unit_test(numbers_stop_at_their_maximum),
        cmocka_unit_test(numbers_are_written_as_printf_would),
        cmocka_unit_test(units_have_one_parser_each),
        cmocka_unit_test(hash_never_changes),
        cmocka_unit_test(arena_undoes_and_reuses),
        cmocka_unit_test(random_stays_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
