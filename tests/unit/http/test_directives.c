/* SPDX-License-Identifier: BSD-2-Clause */
/* http/directives: RFC 9111's rules about Cache-Control, and the strict reading of targeted fields. */
#include "head_of.h"

#include "http/directives.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NONE WR_DELTA_NONE

static void lifetimes(void **state)
{
    (void) state;
    static const struct {
        const char *lines;
        int64_t max_age, s_maxage;
    } cases[] = {
        { "", NONE, NONE },
        { "Cache-Control: max-age=60\r\n", 60, NONE },
        { "cache-control: MaX-aGe=60,S-MaxAge=0\r\n", 60, 0 },
        { "Cache-Control: max-age=003600\r\n", 3600, NONE },
        { "Cache-Control: max-age=\"60\"\r\n", 60, NONE },
        { "Cache-Control: max-age=2147483647\r\n", 2147483647, NONE },
        { "Cache-Control: max-age=2147483648\r\n", WR_DELTA_MAX, NONE },
        { "Cache-Control: max-age=99999999999999999999999999\r\n", WR_DELTA_MAX, NONE },
        { "Cache-Control: , ,foo, max-age=60 ,\r\n", 60, NONE },
        { "Cache-Control: foo=bar, s-maxage=5\r\nX: y\r\nCache-Control: max-age=60\r\n", 60, 5 },
        /* several: the first, unless one is malformed */
        { "Cache-Control: max-age=60, max-age=30\r\n", 60, NONE },
        { "Cache-Control: max-age=1\r\nCache-Control: max-age=30\r\n", 1, NONE },
        { "Cache-Control: max-age=60, max-age=x\r\n", 0, NONE },
        { "Cache-Control: max-age=x, max-age=60\r\n", 0, NONE },
        /* malformed: stale */
        { "Cache-Control: max-age\r\n", 0, NONE },
        { "Cache-Control: max-age=\r\n", 0, NONE },
        { "Cache-Control: max-age=\"\"\r\n", 0, NONE },
        { "Cache-Control: max-age=-1\r\n", 0, NONE },
        { "Cache-Control: max-age=+1\r\n", 0, NONE },
        { "Cache-Control: max-age=3600.0\r\n", 0, NONE },
        { "Cache-Control: max-age=a3600\r\n", 0, NONE },
        { "Cache-Control: max-age=3600a\r\n", 0, NONE },
        { "Cache-Control: max-age='3600'\r\n", 0, NONE },
        { "Cache-Control: max-age =3600\r\n", 0, NONE },
        { "Cache-Control: max-age= 3600\r\n", 0, NONE },
        { "Cache-Control: max-age=\"3600\r\n", 0, NONE },
        { "Cache-Control: s-maxage=1e3, max-age=60\r\n", 60, 0 },
        /* within another directive's value it doesn't count */
        { "Cache-Control: extension=\"max-age=3600\", max-age=1\r\n", 1, NONE },
        { "Cache-Control: max-age=1, extension=\"max-age=3600\"\r\n", 1, NONE },
        { "Cache-Control: extension=\"a, max-age=3600, \\\", s-maxage=7\"\r\n", NONE, NONE },
        { "Cache-Control: xmax-age=3600, max-agex=3600\r\n", NONE, NONE },
    };
    struct head_of room;
    struct wr_response_directives d;
    for (size_t i = 0; i < COUNT(cases); i++) {
        wr_directives_of_response(head_of(&room, cases[i].lines), &d);
        if (d.max_age != cases[i].max_age || d.s_maxage != cases[i].s_maxage)
            fail_msg("max-age %ld s-maxage %ld: %s", (long) d.max_age, (long) d.s_maxage, cases[i].lines);
    }
}

static void flags_and_field_names(void **state)
{
    (void) state;
    struct head_of room;
    struct wr_response_directives d;
    wr_directives_of_response(head_of(&room,
                                      "Cache-Control: public, no-store,NO-TRANSFORM, must-revalidate\r\n"
                                      "Cache-Control: proxy-revalidate, must-understand, immutable, "
                                      "stale-while-revalidate=5, stale-if-error=\"6\"\r\n"),
                              &d);
    assert_true(d.is_public && d.no_store && d.no_transform && d.must_revalidate && d.proxy_revalidate);
    assert_true(d.must_understand && d.immutable && !d.no_cache && !d.is_private);
    assert_true(d.stale_while_revalidate == 5 && d.stale_if_error == 6);
    wr_directives_of_response(head_of(&room, "Cache-Control: stale-while-revalidate=x, stale-if-error\r\n"),
                              &d);
    assert_true(d.stale_while_revalidate == NONE && d.stale_if_error == NONE && !d.is_public && !d.no_store);

    wr_directives_of_response(head_of(&room, "Cache-Control: no-cache=\"Set-Cookie, x-y\", private=Foo\r\n"),
                              &d);
    assert_true(!d.no_cache && !d.is_private);
    assert_true(wr_slice_eq(d.no_cache_fields, WR_SLICE("Set-Cookie, x-y")));
    assert_true(wr_slice_eq(d.private_fields, WR_SLICE("Foo")));
    static const char *whole[] = {
        "Cache-Control: no-cache, private\r\n", "Cache-Control: no-cache=\"\", private=\r\n",
        "Cache-Control: no-cache=\"a\", no-cache, private, private=\"b\"\r\n",
        "Cache-Control: no-cache=\"a\", private=a\r\nCache-Control: no-cache=\"b\", private=b\r\n",
        "Cache-Control: no-cache=\"a, private=\"b\r\n"
    };
    for (size_t i = 0; i < COUNT(whole); i++) {
        wr_directives_of_response(head_of(&room, whole[i]), &d);
        if (!d.no_cache || (!d.is_private && i < 4))
            fail_msg("%s", whole[i]);
    }
}

static void requests(void **state)
{
    (void) state;
    static const struct {
        const char *lines;
        int64_t max_age, min_fresh, max_stale;
        bool no_cache, only_if_cached, pragma;
    } cases[] = {
        { "", NONE, NONE, NONE, false, false, false },
        { "Cache-Control: max-age=0\r\n", 0, NONE, NONE, false, false, false },
        { "Cache-Control: max-age=x, min-fresh=x, max-stale=x\r\n", 0, NONE, NONE, false, false, false },
        { "Cache-Control: min-fresh=5, max-stale\r\n", NONE, 5, WR_DELTA_MAX, false, false, false },
        { "Cache-Control: max-stale=10, max-stale\r\n", NONE, NONE, 10, false, false, false },
        { "Cache-Control: no-cache, only-if-cached\r\nPragma: no-cache\r\n", NONE, NONE, NONE, true, true,
          false },
        { "Pragma: foo, No-Cache\r\n", NONE, NONE, NONE, false, false, true },
        { "Pragma: foo\r\n", NONE, NONE, NONE, false, false, false },
    };
    struct head_of room;
    struct wr_request_directives d;
    for (size_t i = 0; i < COUNT(cases); i++) {
        wr_directives_of_request(head_of(&room, cases[i].lines), &d);
        if (d.max_age != cases[i].max_age || d.min_fresh != cases[i].min_fresh ||
            d.max_stale != cases[i].max_stale || d.no_cache != cases[i].no_cache ||
            d.only_if_cached != cases[i].only_if_cached || d.pragma_no_cache != cases[i].pragma)
            fail_msg("%s", cases[i].lines);
    }
}

#define CDN "CDN-Cache-Control: "

static void targeted_fields_are_strict(void **state)
{
    (void) state;
    static const struct {
        const char *lines;
        bool counts;
        int64_t max_age;
        bool no_store;
    } cases[] = {
        { "Cache-Control: max-age=5\r\n", false, NONE, false },
        { CDN "\r\n", false, NONE, false },
        { CDN "max-age=3600\r\n", true, 3600, false },
        { CDN "max-age=3600;foo;bar=\"x\", no-store\r\n", true, 3600, true },
        { CDN "max-age=1, max-age=2\r\n", true, 2, false },
        { CDN "max-age=1\r\n" CDN "no-store\r\n", true, 1, true },
        { CDN "max-age=99999999999\r\n", true, WR_DELTA_MAX, false },
        { CDN "max-age=-5\r\n", true, 0, false },
        { CDN "no-store=?0, no-store=?1, no-store=?0\r\n", true, NONE, false },
        { CDN "foobar\r\n", true, NONE, false },
        { CDN "x=(1 2;a \"b\");c, max-age=7\r\n", true, 7, false },
        /* a value of the wrong type: the directive is ignored */
        { CDN "max-age=\"3600\", no-store=1\r\n", true, NONE, false },
        { CDN "max-age=3600.0\r\n", true, NONE, false },
        { CDN "max-age\r\n", true, NONE, false },
        { CDN "max-age=token, a=:YQ==:, b=@12, c=%\"f%c3%bc\"\r\n", true, NONE, false },
        /* a syntax error: the field is ignored */
        { CDN "MaX-aGe=3600\r\n", false, NONE, false },
        { CDN "max-age=3600\r\n" CDN "\r\n", false, NONE, false },
        { CDN "\r\n" CDN "max-age=3600\r\n", false, NONE, false },
        { CDN "max-age=3600, Bad\r\n", false, NONE, false },
        { CDN "max-age =3600\r\n", false, NONE, false },
        { CDN "max-age= 3600\r\n", false, NONE, false },
        { CDN "max-age=3600,\r\n", false, NONE, false },
        { CDN ",max-age=3600\r\n", false, NONE, false },
        { CDN "max-age=3600,,no-store\r\n", false, NONE, false },
        { CDN "max-age=3600 no-store\r\n", false, NONE, false },
        { CDN "max-age=1234567890123456\r\n", false, NONE, false },
        { CDN "max-age=1.\r\n", false, NONE, false },
        { CDN "max-age=1.2345\r\n", false, NONE, false },
        { CDN "max-age=--1\r\n", false, NONE, false },
        { CDN "max-age=1, a=\"x\r\n", false, NONE, false },
        { CDN "max-age=1, a=\"\\x\"\r\n", false, NONE, false },
        { CDN "max-age=1, a=?2\r\n", false, NONE, false },
        { CDN "max-age=1, a=:*:\r\n", false, NONE, false },
        { CDN "max-age=1, a=(1\r\n", false, NONE, false },
        { CDN "max-age=1, a=(1,2)\r\n", false, NONE, false },
        { CDN "max-age=1, a=@1.5\r\n", false, NONE, false },
        { CDN "max-age=1, a=%\"%C3\"\r\n", false, NONE, false },
        { CDN "max-age=1; B\r\n", false, NONE, false },
        { CDN "max-age=1\r\n" CDN "&\r\n", false, NONE, false },
        { CDN "max-age='1'\r\n", false, NONE, false },
    };
    struct head_of room;
    struct wr_response_directives d;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool counts = wr_directives_of_targeted(head_of(&room, cases[i].lines), WR_F_CDN_CACHE_CONTROL, &d);
        if (counts != cases[i].counts || d.max_age != cases[i].max_age || d.no_store != cases[i].no_store)
            fail_msg("counts %d max-age %ld: %s", counts, (long) d.max_age, cases[i].lines);
    }
    const struct wr_head *h = head_of(&room,
                                      "My-Cache: max-age=5, private=\"a\", no-cache, no-cache=\"b\"\r\n");
    assert_true(wr_directives_of_targeted_named(h, WR_SLICE("my-cache"), &d));
    assert_true(d.max_age == 5 && !d.is_private && !d.no_cache);
    assert_true(wr_slice_eq(d.private_fields, WR_SLICE("a")) &&
                wr_slice_eq(d.no_cache_fields, WR_SLICE("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetimes),
        cmocka_unit_test(flags_and_field_names),
        cmocka_unit_test(requests),
        cmocka_unit_test(targeted_fields_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
