/* SPDX-License-Identifier: BSD-2-Clause */
/* http/date: the three forms, texts that are almost one of them, and the calendar. */
#include "test.h"

#include <time.h>

#include "http/date.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct wr_wall now = { INT64_C(1700000000) * WR_US_PER_S }; /* November 2023 */

static void good_dates(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int64_t s;
    } cases[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sun, 06 Nov 1994 08:49:37 gMT", 784111777 },
        { "SUN, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sun, 06 nOV 1994 08:49:37 GMT", 784111777 },
        { "sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Sun Nov  6 08:49:37 1994", 784111777 },
        { "Sun Nov 06 08:49:37 1994", 784111777 },
        { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
        { "Tue, 29 Feb 2000 23:59:59 GMT", 951868799 },
        { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
        { "Mon, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Wednesday, 18-Aug-50 02:01:18 GMT", 2544400878 },
        { "Tuesday, 14-Nov-73 00:00:00 GMT", 3277843200 },
        { "Thursday, 14-Nov-74 00:00:00 GMT", 153619200 },
        { "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
        { "Sat, 01 Jan 0000 00:00:00 GMT", -62167219200 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wr_date t;
        if (!wr_date_parse(wr_slice_str(cases[i].text), now, &t) || t.us != cases[i].s * WR_US_PER_S)
            fail_msg("%s", cases[i].text);
    }
}

static void bad_dates(void **state)
{
    (void) state;
    static const char *bad[] = {
        "",
        "0",
        "-1",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06  Nov  1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 2001 08:49:37 GMT",
        "Thu, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 AEST",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 06 Nov 1994 08:49:37 GM",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    };
    struct wr_date t;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (wr_date_parse(wr_slice_str(bad[i]), now, &t))
            fail_msg("taken for a date: %s", bad[i]);
}

static void writing_is_what_the_libc_writes_and_reads_back(void **state)
{
    (void) state;
    char ours[WR_DATE_LEN + 1], theirs[64];
    for (int64_t s = 0; s <= INT64_C(253402300799); s += INT64_C(86400) * 61 + 12347) {
        time_t at = (time_t) s;
        struct tm tm;
        struct wr_wall t = { s * WR_US_PER_S + 999999 };
        struct wr_date back;
        gmtime_r(&at, &tm);
        strftime(theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        wr_date_format(t, ours);
        assert_string_equal(ours, theirs);
        assert_true(wr_date_parse(wr_slice_str(ours), now, &back) && back.us == s * WR_US_PER_S);
        strftime(theirs, sizeof theirs, "%a %b %e %H:%M:%S %Y", &tm);
        assert_true(wr_date_parse(wr_slice_str(theirs), now, &back) && back.us == s * WR_US_PER_S);
    }
    wr_date_format((struct wr_wall){ -5 }, ours);
    assert_string_equal(ours, "Thu, 01 Jan 1970 00:00:00 GMT");
    wr_date_format((struct wr_wall){ INT64_MAX }, ours);
    assert_string_equal(ours, "Fri, 31 Dec 9999 23:59:59 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_dates),
        cmocka_unit_test(bad_dates),
        cmocka_unit_test(writing_is_what_the_libc_writes_and_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
