/* SPDX-License-Identifier: BSD-2-Clause */
/* http/range: the examples of RFC 9110 14, and hostile requests. */
#include "test.h"

#include <stdio.h>

#include "http/range.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MAX "18446744073709551615"

static void ranges_of_a_representation(void **state)
{
    (void) state;
    static const struct {
        const char *value;
        uint64_t length;
        enum wr_range_result result;
        const char *want;
    } cases[] = {
        { "bytes=0-499", 10000, WR_RANGE_OK, "0-499 " },
        { "bytes=500-999", 10000, WR_RANGE_OK, "500-999 " },
        { "bytes=-500", 10000, WR_RANGE_OK, "9500-9999 " },
        { "bytes=9500-", 10000, WR_RANGE_OK, "9500-9999 " },
        { "bytes=0-0,-1", 10000, WR_RANGE_OK, "0-0 9999-9999 " },
        { "bytes= 0-999, 4500-5499, -1000", 10000, WR_RANGE_OK, "0-999 4500-5499 9000-9999 " },
        { "bytes=500-600,601-999", 10000, WR_RANGE_OK, "500-999 " },
        { "bytes=500-700,601-999", 10000, WR_RANGE_OK, "500-999 " },
        { "bytes=900-950, 0-5", 10000, WR_RANGE_OK, "900-950 0-5 " },
        { "bytes=900-950, 0-5, 3-8, 940-", 1000, WR_RANGE_OK, "0-8 900-999 " },
        { "Bytes=0-,,", 5, WR_RANGE_OK, "0-4 " },
        { "bytes=0-99999", 5, WR_RANGE_OK, "0-4 " },
        { "bytes=-99999", 5, WR_RANGE_OK, "0-4 " },
        { "bytes=0-" MAX "0", 5, WR_RANGE_OK, "0-4 " },
        { "bytes=-" MAX "0", 5, WR_RANGE_OK, "0-4 " },
        { "bytes=2-3,7-9", 5, WR_RANGE_OK, "2-3 " },
        { "bytes=5-", 5, WR_RANGE_UNSATISFIABLE, "" },
        { "bytes=5-9,-0", 5, WR_RANGE_UNSATISFIABLE, "" },
        { "bytes=" MAX "0-", 5, WR_RANGE_UNSATISFIABLE, "" },
        { "bytes=0-", 0, WR_RANGE_UNSATISFIABLE, "" },
        { "bytes=-1", 0, WR_RANGE_UNSATISFIABLE, "" },
        { "", 5, WR_RANGE_IGNORE, "" },
        { "bytes", 5, WR_RANGE_IGNORE, "" },
        { "bytes=", 5, WR_RANGE_IGNORE, "" },
        { "bytes=,", 5, WR_RANGE_IGNORE, "" },
        { "bytes=-", 5, WR_RANGE_IGNORE, "" },
        { "bytes=1", 5, WR_RANGE_IGNORE, "" },
        { "bytes=3-1", 5, WR_RANGE_IGNORE, "" },
        { "bytes=0-1,x", 5, WR_RANGE_IGNORE, "" },
        { "bytes=0-1,5-2", 5, WR_RANGE_IGNORE, "" },
        { "bytes=+0-1", 5, WR_RANGE_IGNORE, "" },
        { "bytes=0 -1", 5, WR_RANGE_IGNORE, "" },
        { "bytes=0-1-2", 5, WR_RANGE_IGNORE, "" },
        { "bytes =0-1", 5, WR_RANGE_IGNORE, "" },
        { "rows=0-1", 5, WR_RANGE_IGNORE, "" },
        { "bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-", 5, WR_RANGE_OK, "0-4 " },
        { "bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-", 5, WR_RANGE_IGNORE, "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wr_range ranges[WR_MAX_RANGES];
        size_t count;
        char text[256] = "";
        enum wr_range_result got = wr_range_parse(wr_slice_str(cases[i].value), cases[i].length, ranges,
                                                  &count);
        for (size_t r = 0; got == WR_RANGE_OK && r < count; r++)
            sprintf(text + strlen(text), "%llu-%llu ", (unsigned long long) ranges[r].first,
                    (unsigned long long) ranges[r].last);
        if (got != cases[i].result || strcmp(text, cases[i].want) != 0)
            fail_msg("%s of %llu: %d %s", cases[i].value, (unsigned long long) cases[i].length, got, text);
    }
}

static void content_ranges(void **state)
{
    (void) state;
    char out[WR_CONTENT_RANGE_MAX];
    struct wr_content_range c;
    struct wr_range r = { 42, 1233 };
    assert_true(wr_slice_eq(wr_content_range_format(&r, 1234, out), WR_SLICE("bytes 42-1233/1234")));
    assert_true(wr_content_range_parse(wr_slice_str(out), &c));
    assert_true(c.satisfied && c.length_known && c.length == 1234 && c.range.first == 42 &&
                c.range.last == 1233);
    assert_true(wr_slice_eq(wr_content_range_format(NULL, 1234, out), WR_SLICE("bytes */1234")));
    assert_true(wr_content_range_parse(wr_slice_str(out), &c) && !c.satisfied && c.length == 1234);
    assert_true(wr_content_range_parse(WR_SLICE("bytes 0-0/*"), &c) && c.satisfied && !c.length_known);
    static const char *bad[] = { "",
                                 "bytes",
                                 "bytes */*",
                                 "bytes 0-0",
                                 "bytes 0-/5",
                                 "bytes -5/5",
                                 "bytes 3-1/5",
                                 "bytes 0-5/5",
                                 "rows 0-1/5",
                                 "bytes  0-1/5",
                                 "bytes 0-1/5 ",
                                 "bytes=0-1/5",
                                 "bytes 0-1/-5",
                                 "bytes 0-1/",
                                 "bytes x-1/5",
                                 "bytes 0-18446744073709551616/*" };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (wr_content_range_parse(wr_slice_str(bad[i]), &c))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ranges_of_a_representation),
                                        cmocka_unit_test(content_ranges) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
