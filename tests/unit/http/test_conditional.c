/* SPDX-License-Identifier: BSD-2-Clause */
/* http/conditional and http/accept: conditions of requests, and media types that a client prefers. */
#include "head_of.h"

#include "http/accept.h"
#include "http/conditional.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define T WR_CONDITION_TRUE
#define F WR_CONDITION_FALSE
#define N WR_CONDITION_NONE

static const struct wr_wall now = { INT64_C(1700000000) * WR_US_PER_S };
static const struct wr_date modified = { INT64_C(784111777) *
                                         WR_US_PER_S }; /* Sun, 06 Nov 1994 08:49:37 GMT */

static void tags(void **state)
{
    (void) state;
    static const char *good[] = { "\"\"", "\"a b\"", "W/\"x\"", "\"\\\"", "\"\344,\"" };
    static const bool valid[] = { true, false, true, true, true }; /* a space is no etagc */
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(wr_etag_valid(wr_slice_str(good[i])), valid[i]);
    static const char *bad[] = { "", "\"", "a", "w/\"x\"", "W/x", "\"a\"b", "\"a\"b\"", "W/ \"x\"", "*" };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(wr_etag_valid(wr_slice_str(bad[i])));
    /* RFC 9110 8.8.3.2's table */
    static const struct {
        const char *a, *b;
        bool strong, weak;
    } pairs[] = { { "W/\"1\"", "W/\"1\"", false, true },
                  { "W/\"1\"", "W/\"2\"", false, false },
                  { "W/\"1\"", "\"1\"", false, true },
                  { "\"1\"", "\"1\"", true, true } };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        assert_int_equal(wr_etag_equal_strong(wr_slice_str(pairs[i].a), wr_slice_str(pairs[i].b)),
                         pairs[i].strong);
        assert_int_equal(wr_etag_equal_weak(wr_slice_str(pairs[i].a), wr_slice_str(pairs[i].b)),
                         pairs[i].weak);
    }
}

static void lists_of_tags(void **state)
{
    (void) state;
    static const struct {
        const char *lines, *etag;
        enum wr_condition none_match, match;
    } cases[] = {
        { "", "\"a\"", N, N },
        { "If-None-Match: \"a\"\r\nIf-Match: \"a\"\r\n", "\"a\"", F, T },
        { "If-None-Match: \"b\", W/\"a\"\r\nIf-Match: \"b\", W/\"a\"\r\n", "\"a\"", F, F },
        { "If-None-Match: \"b\"\r\nIf-None-Match: \"a\"\r\nIf-Match: \"b\"\r\n", "W/\"a\"", F, F },
        { "If-None-Match: *\r\nIf-Match: *\r\n", NULL, F, T },
        { "If-None-Match: \"a\"\r\nIf-Match: \"a\"\r\n", NULL, T, F },
        { "If-None-Match: \"x,\"a\",y\"\r\nIf-Match: \"a,b\"\r\n", "\"a,b\"", T, T },
        { "If-None-Match: \"a\\\", \"b\"\r\nIf-Match: , ,\"b\",\r\n", "\"b\"", F, T },
        { "If-None-Match: a, \"b\r\nIf-Match: a\r\n", "\"a\"", T, F },
        { "If-None-Match:\r\nIf-Match: \"A\"\r\n", "\"a\"", T, F },
    };
    struct head_of room;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct wr_head *h = head_of(&room, cases[i].lines);
        struct wr_slice etag = wr_slice_str(cases[i].etag);
        if (wr_if_none_match(h, etag) != cases[i].none_match || wr_if_match(h, etag) != cases[i].match)
            fail_msg("%s", cases[i].lines);
    }
}

#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT"

static void dates(void **state)
{
    (void) state;
    static const struct {
        const char *value;
        enum wr_condition modified, unmodified;
    } cases[] = {
        { SAME, F, T }, { EARLIER, T, F }, { "Sunday, 06-Nov-94 08:49:38 GMT", F, T },
        { "0", N, N },  { "", N, N },      { SAME ", " SAME, N, N },
    };
    struct head_of room;
    char lines[256];
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(lines, sizeof lines, "If-Modified-Since: %s\r\nIf-Unmodified-Since: %s\r\n", cases[i].value,
                 cases[i].value);
        const struct wr_head *h = head_of(&room, lines);
        assert_int_equal(wr_if_modified_since(h, &modified, now), cases[i].modified);
        assert_int_equal(wr_if_unmodified_since(h, &modified, now), cases[i].unmodified);
        assert_int_equal(wr_if_modified_since(h, NULL, now), N);
        assert_int_equal(wr_if_unmodified_since(h, NULL, now), N);
    }
    assert_int_equal(
        wr_if_modified_since(head_of(&room, "If-Modified-Since: " SAME "\r\nIf-Modified-Since: " SAME "\r\n"),
                             &modified, now),
        N);
    /* a tag that doesn't match is final, whatever the date says */
    assert_false(wr_not_modified(head_of(&room, "If-None-Match: \"b\"\r\nIf-Modified-Since: " SAME "\r\n"),
                                 WR_SLICE("\"a\""), &modified, now));
    assert_true(wr_not_modified(head_of(&room, "If-None-Match: \"a\"\r\nIf-Modified-Since: " EARLIER "\r\n"),
                                WR_SLICE("\"a\""), &modified, now));
    assert_true(wr_not_modified(head_of(&room, "If-Modified-Since: " SAME "\r\n"), WR_SLICE("\"a\""),
                                &modified, now));
    assert_false(wr_not_modified(head_of(&room, "X: y\r\n"), WR_SLICE("\"a\""), &modified, now));
}

static void if_range(void **state)
{
    (void) state;
    struct wr_date later = { modified.us + 60 * WR_US_PER_S }, soon = { modified.us + 59 * WR_US_PER_S };
    static const struct {
        const char *lines;
        enum wr_condition old,
            young; /* Date of the stored response is a minute after Last-Modified, or less */
    } cases[] = {
        { "X: y\r\n", N, N },
        { "If-Range: \"a\"\r\n", T, T },
        { "If-Range: \"b\"\r\n", F, F },
        { "If-Range: W/\"a\"\r\n", F, F },
        { "If-Range: \"a\"\r\nIf-Range: \"a\"\r\n", F, F },
        { "If-Range: " SAME "\r\n", T, F },
        { "If-Range: " EARLIER "\r\n", F, F },
        { "If-Range: a\r\n", F, F },
    };
    struct head_of room;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct wr_head *h = head_of(&room, cases[i].lines);
        if (wr_if_range(h, WR_SLICE("\"a\""), &modified, &later, now) != cases[i].old ||
            wr_if_range(h, WR_SLICE("\"a\""), &modified, &soon, now) != cases[i].young)
            fail_msg("%s", cases[i].lines);
        assert_int_equal(wr_if_range(h, WR_SLICE("W/\"a\""), NULL, NULL, now), i == 0 ? N : F);
    }
}

static void json_or_text(void **state)
{
    (void) state;
    static const struct {
        const char *accept;
        bool json;
    } cases[] = {
        { "Accept: */*\r\n", false },
        { "Accept: application/json\r\n", true },
        { "Accept: application/problem+json\r\n", true },
        { "Accept: application/*\r\n", true },
        { "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n", false },
        { "Accept: application/json, text/plain, */*\r\n", false },
        { "Accept: application/json, text/plain;q=0.9, */*;q=0.1\r\n", true },
        { "Accept: application/json, */*;q=0.5\r\n", true },
        { "Accept: text/*;q=0.3\r\nAccept: Application/JSON ; Q=0.4\r\n", true },
        { "Accept: application/json;q=0\r\n", false },
        { "Accept: application/json;q=0.001\r\n", true },
        { "Accept: application/json;q=1.001, text/plain;q=0.1\r\n", false },
        { "Accept: application/json;q=x, text/plain;q=0.1\r\n", false },
        { "Accept: application/json;v=2\r\n", false },
        { "Accept:\r\n", false },
        { "X: y\r\n", false },
    };
    struct head_of room;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (wr_accept_prefers_json(head_of(&room, cases[i].accept)) != cases[i].json)
            fail_msg("%s", cases[i].accept);
    const struct wr_head *h = head_of(&room, "Accept: text/*;q=0.25, text/html;q=0.7, */*;q=0.5\r\n");
    assert_int_equal(wr_accept_quality(h, WR_SLICE("text"), WR_SLICE("html")), 700);
    assert_int_equal(wr_accept_quality(h, WR_SLICE("text"), WR_SLICE("plain")), 250);
    assert_int_equal(wr_accept_quality(h, WR_SLICE("image"), WR_SLICE("png")), 500);
    assert_int_equal(wr_accept_quality(head_of(&room, "X: y\r\n"), WR_SLICE("image"), WR_SLICE("png")), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags),     cmocka_unit_test(lists_of_tags), cmocka_unit_test(dates),
        cmocka_unit_test(if_range), cmocka_unit_test(json_or_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
