/* SPDX-License-Identifier: BSD-2-Clause */
/* cache/rules: the rules of RFC 9111, one line for each case, with an instant in place of a clock. */
#include "test.h"

#include <math.h>

#include "heads.h"

static const struct wr_cache_policy plain = { .enabled = true };
static const struct wr_key no_key = { .text = WR_SLICE_INIT("k"), .host = WR_SLICE_INIT("") };

/* Stores `response` as the answer to `request` at NOW and returns the object, or NULL. */
static struct wr_object *stored(const struct wr_cache_policy *policy, struct wr_arena *arena, int status,
                                const char *request_lines, const char *response_lines, double delay)
{
    struct wr_head request, response;
    struct wr_request_rules asked;
    struct wr_meta meta;
    const char *detail = "unset";
    get_with(arena, request_lines, &request);
    response_of(arena, status, response_lines, &response);
    wr_rules_request(policy, &request, &asked);
    enum wr_storing storing = wr_rules_store(policy, &request, &asked, &response, after(-delay), NOW, 0,
                                             &meta, &detail);
    assert_true((storing == WR_STORE) == (detail == NULL));
    if (storing != WR_STORE)
        return NULL;
    struct wr_flow *flow = wr_flow_of(WR_SLICE("0123456789"));
    struct wr_object *o = wr_build_object(&no_key, wr_slice(NULL, 0), &meta, &response, WR_SLICE("1.1 edge"),
                                          flow);
    wr_flow_unref(flow);
    return o;
}

static enum wr_reuse reused(const struct wr_cache_policy *policy, struct wr_arena *arena,
                            const struct wr_object *o, const char *request_lines, double seconds)
{
    struct wr_head request;
    struct wr_request_rules asked;
    get_with(arena, request_lines, &request);
    wr_rules_request(policy, &request, &asked);
    return wr_rules_reuse(policy, &asked, o, after(seconds), 0.5);
}

enum rules_outcome { FRESH, STALE, NOT_STORED };

/* The uses of a response 3 seconds after it came. */
struct line {
    int status;
    const char *response;
    enum rules_outcome want;
};

static void check_lines(const struct wr_cache_policy *policy, const struct line *lines, size_t count)
{
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < count; i++) {
        struct wr_object *o = stored(policy, &arena, lines[i].status, "", lines[i].response, 0);
        enum rules_outcome got = NOT_STORED;
        if (o)
            got = reused(policy, &arena, o, "", 3) == WR_REUSE_FRESH ? FRESH : STALE;
        if (got != lines[i].want)
            fail_msg("%d %s: want %d, got %d", lines[i].status, lines[i].response, lines[i].want, got);
        wr_object_unref(o);
        wr_arena_reset(&arena);
    }
    wr_arena_fini(&arena);
}
#define CHECK_LINES(policy, lines) check_lines(policy, lines, sizeof lines / sizeof lines[0])

#define D "Date: {now}\n"
#define E "ETag: \"a\"\n"
#define OLD "Last-Modified: {-100000}\n"

static void lifetimes_come_from_where_4_2_1_says(void **state)
{
    (void) state;
    static const struct line lines[] = {
        { 200, D, NOT_STORED },
        { 200, D "Cache-Control: max-age=3600", FRESH },
        { 200, D "Cache-Control: max-age=2147483648", FRESH },
        { 200, D "Cache-Control: max-age=99999999999999999999999", FRESH },
        { 200, D "Cache-Control: max-age=3600\nExpires: {-100}", FRESH },
        { 200, D "Cache-Control: max-age=3600\nExpires: 0", FRESH },
        { 200, D "Cache-Control: foobar, max-age=3600", FRESH },
        { 200, D "Cache-Control: MaX-aGe=3600", FRESH },
        { 200, D "Cache-Control: max-age=1, s-maxage=3600", FRESH },
        { 200, D "Cache-Control: max-age=0, s-maxage=3600\nExpires: {-100}", FRESH },
        { 200, D "Cache-Control: s-maxage=3600", FRESH },
        { 200, D "Cache-Control: max-age=2", STALE },
        { 200, D "Cache-Control: max-age=3", STALE }, /* the lifetime must be greater than the age */
        { 200, D E "Cache-Control: max-age=0", STALE },
        { 200, D E "Cache-Control: max-age=0\nExpires: {+1000}", STALE },
        { 200, D E "Cache-Control: max-age=-3600", STALE },
        { 200, D E "Cache-Control: max-age='3600'", STALE },
        { 200, D "Cache-Control: max-age=003600", FRESH },
        { 200, D E "Cache-Control: max-age=3600, s-maxage=1", STALE },
        { 200, D E "Cache-Control: s-maxage=1\nCache-Control: max-age=3600", STALE },
        { 200, D E "Cache-Control: extension=\"max-age=3600\", max-age=1", STALE },
        { 200, D "Cache-Control: max-age=0", NOT_STORED }, /* neither fresh nor able to be validated */
    };
    CHECK_LINES(&plain, lines);
}

static void ages_are_read_as_5_1_and_4_2_3_say(void **state)
{
    (void) state;
    static const struct line lines[] = {
        { 200, D E "Cache-Control: max-age=3600\nAge: 7200", STALE },
        { 200, D E "Cache-Control: max-age=3600\nAge: 2147483648", STALE },
        { 200, D E "Cache-Control: max-age=3600\nAge: 99999999999999999999", STALE },
        { 200, D E "Cache-Control: max-age=3600\nAge: 7200, 0", STALE },
        { 200, D E "Cache-Control: max-age=3600\nAge: 7200\nAge: 0", STALE },
        { 200, D "Cache-Control: max-age=3600\nAge: 0, 7200", FRESH },
        { 200, D "Cache-Control: max-age=3600\nAge: 0\nAge: 7200", FRESH },
        { 200, D "Cache-Control: max-age=3600\nAge: abc", FRESH },
        { 200, D "Cache-Control: max-age=3600\nAge: -7200", FRESH },
        { 200, D "Cache-Control: max-age=3600\nAge: 7200.0", FRESH },
        { 200, "Via: 1.1 cache\nDate: {-7200}\n" E "Cache-Control: max-age=3600", STALE }, /* apparent age */
        { 200, "Age: 1\nDate: {-7200}\n" E "Cache-Control: max-age=3600", STALE },
        { 200, "Date: {-7200}\n" E "Cache-Control: max-age=3600",
          FRESH }, /* it came through no cache, so the origin's clock is wrong */
        { 200, "Date: {-7200}\n" E "Expires: {-3600}", FRESH },
        { 200, "Date: {+7200}\n" E "Cache-Control: max-age=3600", FRESH },
        { 200, "Date: foo\n" E "Cache-Control: max-age=3600", FRESH },
    };
    CHECK_LINES(&plain, lines);

    /* The time that an answer took counts as age, and the greater of the two ages wins. */
    struct wr_arena arena = { 0 };
    struct wr_object *o = stored(&plain, &arena, 200, "", D "Cache-Control: max-age=100\nAge: 30", 5);
    assert_int_equal(wr_span_s(wr_object_age(o, after(3))), 38);
    wr_object_unref(o);
    o = stored(&plain, &arena, 200, "", "Date: {-50}\nCache-Control: max-age=100\nAge: 30", 5);
    assert_int_equal(wr_span_s(wr_object_age(o, after(3))), 53);
    /* If the clock was set back, or belongs to another node, the age doesn't become smaller. */
    assert_int_equal(wr_span_s(wr_object_age(o, after(-9))), 50);
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void expires_is_a_date_or_the_past(void **state)
{
    (void) state;
    static const struct line lines[] = {
        { 200, D "Expires: {+1000}", FRESH },
        { 200, "Date: foo\nExpires: {+10}", FRESH },
        { 200, D E "Expires: {-1000}", STALE },
        { 200, D E "Expires: {now}", STALE },
        { 200, "Date: {+400}\n" E "Expires: {+300}", STALE },
        { 200, D E "Expires: 0", STALE },
        { 200, "Date: {-10}\n" E "Expires: {+10}\nAge: 25", STALE },
        { 200, "Date: {+10}\n" E "Expires: {+20}\nAge: 15", STALE },
        { 200, D E "Expires: {+1000}\nExpires: {+2000}", STALE },
        { 200, D "Expires: {+1000}\nExpires: {+1000}", FRESH },
        { 200, D "Expires: Thursday, 18-Aug-50 02:01:18 GMT", FRESH },
        { 200, D "Expires: Thu Aug  8 02:01:18 2050", FRESH },
        { 200, D E "Expires: Thu, 18 Aug 2050 02:01:18 AEST", STALE },
        { 200, D E "Expires: Thu, 18  Aug  2050 02:01:18 GMT", STALE },
        { 200, D E "Expires: Thu, 18 Aug 2050 2:01:18 GMT", STALE },
        { 200, D E "Expires: Thu 18 Aug 2050 02:01:18 GMT", STALE },
        { 200, D E OLD "Expires: 0", STALE }, /* if the origin names the past, nothing is guessed */
    };
    CHECK_LINES(&plain, lines);
}

static void guesses_only_where_4_2_2_lets_it(void **state)
{
    (void) state;
    static const struct wr_cache_policy guessing = { .enabled = true, .heuristic = 0.1 };
    static const int may[] = { 200, 203, 300, 301, 308, 404, 405, 410, 414, 501 };
    static const int may_not[] = { 201, 202, 302, 303, 307, 400, 403, 499, 500, 502, 503, 504, 599 };
    struct line line = { .response = D OLD, .want = FRESH };
    for (size_t i = 0; i < sizeof may / sizeof may[0]; i++) {
        line.status = may[i];
        check_lines(&guessing, &line, 1);
    }
    for (size_t i = 0; i < sizeof may_not / sizeof may_not[0]; i++) {
        line = (struct line){ may_not[i], D OLD, NOT_STORED };
        check_lines(&guessing, &line, 1);
        line = (struct line){ may_not[i], D OLD "Cache-Control: public", FRESH };
        check_lines(&guessing, &line, 1);
        line = (struct line){ may_not[i], D "Cache-Control: max-age=100", FRESH };
        check_lines(&guessing, &line, 1);
        line = (struct line){ may_not[i], D OLD "Expires: {-5000}", STALE };
        check_lines(&guessing, &line, 1);
    }
    struct wr_arena arena = { 0 };
    struct wr_object *o = stored(&guessing, &arena, 200, "", D OLD, 0);
    assert_int_equal(wr_span_s(o->meta.lifetime), 10000);
    assert_true(o->meta.flags & WR_OF_HEURISTIC);
    wr_object_unref(o);
    o = stored(&guessing, &arena, 200, "", D "Last-Modified: {-100000000}", 0);
    assert_int_equal(wr_span_s(o->meta.lifetime), 86400);
    wr_object_unref(o);
    o = stored(&plain, &arena, 200, "", D OLD, 0); /* nothing is guessed unless the policy says so */
    assert_int_equal(o->meta.lifetime.us, 0);
    assert_int_equal(reused(&plain, &arena, o, "", 1), WR_REUSE_VALIDATE);
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void stores_what_3_lets_it_store(void **state)
{
    (void) state;
    static const struct line lines[] = {
        { 200, D "Cache-Control: private, max-age=3600", NOT_STORED },
        { 200, D "Cache-Control: max-age=3600, no-store", NOT_STORED },
        { 200, D "Cache-Control: No-StOrE, max-age=3600\nExpires: {+1000}", NOT_STORED },
        { 200, D "Cache-Control: max-age=3600, no-cache\nExpires: {+1000}", NOT_STORED },
        { 200, D E "Cache-Control: max-age=3600, no-cache", STALE },
        { 200, D E "Cache-Control: no-cache", STALE },
        { 200, D "Cache-Control: private=\"set-cookie\", max-age=3600", FRESH },
        { 200, D "Cache-Control: no-cache=\"a\", max-age=3600", FRESH },
        { 599, D "Cache-Control: max-age=3600, no-store, must-understand", NOT_STORED },
        { 599, D "Cache-Control: max-age=3600, must-understand", NOT_STORED },
        { 200, D "Cache-Control: max-age=3600, no-store, must-understand", FRESH },
        { 206, D "Content-Range: bytes 0-9/10\nCache-Control: max-age=3600", NOT_STORED },
        { 200, D "Cache-Control: max-age=3600\nVary: *", NOT_STORED },
        { 200, D "Cache-Control: max-age=3600\nVary: Foo, *", NOT_STORED },
        { 200, D "Cache-Control: max-age=3600\nVary: \nVary: *", NOT_STORED },
        { 200, D "Cache-Control: max-age=3600\nVary: Foo", FRESH },
        { 200, D "Cache-Control: max-age=3600\nSet-Cookie: a=b",
          FRESH }, /* RFC 9111 7.3: the origin states a lifetime */
        { 200, D "Expires: {+100}\nSet-Cookie: a=b", FRESH },
        { 200, D OLD "Set-Cookie: a=b", NOT_STORED },
        { 200, D "Set-Cookie: a=b", NOT_STORED },
        { 200, D E "Set-Cookie: a=b", NOT_STORED },
        { 200, D E "Set-Cookie: a=b\nCache-Control: no-cache", NOT_STORED },
        { 200, D E "Set-Cookie: a=b\nCache-Control: public", NOT_STORED },
        { 200, D E "Set-Cookie: a=b\nCache-Control: max-age=0", NOT_STORED },
        { 200, D E "Set-Cookie: a=b\nCache-Control: s-maxage=0, max-age=60", NOT_STORED },
        { 200, D E "Set-Cookie: a=b\nCache-Control: max-age=60, no-cache", NOT_STORED },
        { 200, D E "Set-Cookie: a=b\nCache-Control: max-age=60\nCDN-Cache-Control: max-age=0", NOT_STORED },
        { 200, D E "Set-Cookie2: a=b", NOT_STORED },
        { 200, D E "Clear-Site-Data: \"*\"", NOT_STORED },
        { 428, D "Cache-Control: max-age=3600", NOT_STORED }, /* RFC 6585 */
        { 429, D "Cache-Control: max-age=3600, public", NOT_STORED },
        { 431, D "Cache-Control: max-age=3600, must-understand", NOT_STORED },
        { 511, D "Cache-Control: s-maxage=3600", NOT_STORED },
        { 503, D E, NOT_STORED },
        { 200, D E, STALE },
    };
    CHECK_LINES(&plain, lines);
}

static void cdn_cache_control_takes_precedence(void **state)
{
    (void) state;
    static const struct line lines[] = {
        { 200, D "CDN-Cache-Control: max-age=3600", FRESH },
        { 200, D "CDN-Cache-Control: max-age=99999999999", FRESH },
        { 200, D "CDN-Cache-Control: foobar, max-age=3600\nExpires: 0", FRESH },
        { 200, D "CDN-Cache-Control: max-age=3600\nCache-Control: max-age=1", FRESH },
        { 200, D "CDN-Cache-Control: max-age=3600\nCache-Control: no-store", FRESH },
        { 200, D E "CDN-Cache-Control: max-age=3600\nAge: 7200", STALE },
        { 200, D E "CDN-Cache-Control: max-age=0\nExpires: {+1000}", STALE },
        { 200, D E "CDN-Cache-Control: max-age=1\nCache-Control: max-age=3600", STALE },
        { 200, D "CDN-Cache-Control: private\nCache-Control: max-age=3600\nExpires: {+1000}", NOT_STORED },
        { 200, D "CDN-Cache-Control: no-store\nCache-Control: max-age=3600", NOT_STORED },
        { 200, D E "CDN-Cache-Control: no-cache\nCache-Control: max-age=3600", STALE },
        { 200, D "CDN-Cache-Control: max-age=10000, &&&&&\nCache-Control: no-store", NOT_STORED },
        { 200, D E "CDN-Cache-Control: max-age=\"10000\"\nCache-Control: no-store", STALE },
        { 200, D "CDN-Cache-Control: max-age =100\nCache-Control: max-age=3600", FRESH },
    };
    CHECK_LINES(&plain, lines);
    struct wr_cache_policy policy = plain;
    policy.target = "Weir-Cache-Control";
    static const struct line targeted[] = {
        { 200, D "Weir-Cache-Control: max-age=3600\nCDN-Cache-Control: no-store", FRESH },
        { 200, D E "Weir-Cache-Control: max-age=1\nCDN-Cache-Control: max-age=3600", STALE },
    };
    CHECK_LINES(&policy, targeted);
    static const struct line untargeted[] = {
        { 200, D "Weir-Cache-Control: max-age=3600\nCache-Control: no-store", NOT_STORED }
    };
    CHECK_LINES(&plain, untargeted);
}

static void policy_speaks_where_the_origin_is_silent(void **state)
{
    (void) state;
    struct wr_status_ttl ttls[] = {
        { 404, WR_SPAN_S(60) }, { 5, WR_SPAN_S(10) }, { 503, WR_SPAN_S(2) }, { 410, WR_SPAN_S(0) }
    };
    struct wr_cache_policy policy = {
        .enabled = true, .has_ttl = true, .ttl = WR_SPAN_S(100), .status_ttls = ttls, .status_ttl_count = 4
    };
    static const struct line lines[] = {
        { 200, D, FRESH },
        { 200, D E "Cache-Control: max-age=1", STALE },
        { 200, D "Cache-Control: no-store", NOT_STORED },
        { 200, D E "Cache-Control: no-cache", STALE },
        { 200, D "Set-Cookie: a=b", NOT_STORED },
        { 200, D E "Set-Cookie: a=b", NOT_STORED },
        { 302, D, NOT_STORED },
        { 403, D, NOT_STORED },
        { 404, D, FRESH },
        { 500, D, FRESH },
        { 503, D, STALE },
        { 410, D OLD, NOT_STORED },
    };
    CHECK_LINES(&policy, lines);
    policy.override = true;
    static const struct line overridden[] = {
        { 200, D "Cache-Control: no-store, private", FRESH },
        { 200, D "Cache-Control: max-age=1, must-revalidate", FRESH },
        { 200, D "Cache-Control: no-cache", FRESH },
        { 200, D "Set-Cookie: a=b", FRESH },
        { 200, D "Vary: *", NOT_STORED },
        { 403, D "Cache-Control: no-store", NOT_STORED },
        { 511, D, NOT_STORED },
    };
    CHECK_LINES(&policy, overridden);
    struct wr_arena arena = { 0 };
    struct wr_object *o = stored(&policy, &arena, 200, "", D "Set-Cookie: a=b", 0);
    assert_true(wr_slice_eq(o->first_only, WR_SLICE("Set-Cookie: a=b\r\n")));
    assert_null(memmem(o->head.at, o->head.len, "Set-Cookie", 10));
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void jitter_only_shortens_what_is_left(void **state)
{
    (void) state;
    struct wr_cache_policy policy = { .enabled = true, .jitter = 0.1 };
    struct wr_arena arena = { 0 };
    struct wr_head request, response;
    struct wr_request_rules asked;
    struct wr_meta meta;
    const char *detail;
    get_with(&arena, "", &request);
    response_of(&arena, 200, D "Cache-Control: max-age=1000\nAge: 900", &response);
    wr_rules_request(&policy, &request, &asked);
    static const struct {
        double unit;
        double lifetime;
    } lines[] = { { 0, 1000 }, { 0.5, 995 }, { 0.999999, 990 } };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            wr_rules_store(&policy, &request, &asked, &response, NOW, NOW, lines[i].unit, &meta, &detail),
            WR_STORE);
        assert_true(fabs((double) meta.lifetime.us / 1e6 - lines[i].lifetime) < 0.01);
    }
    wr_arena_fini(&arena);
}

static void authorization_needs_leave(void **state)
{
    (void) state;
    static const struct {
        const char *cc;
        bool allowed;
    } lines[] = {
        { "max-age=3600", false },
        { "max-age=3600, public", true },
        { "max-age=3600, must-revalidate", true },
        { "s-maxage=3600", true },
        { "max-age=3600, proxy-revalidate", false },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char response[200];
        snprintf(response, sizeof response, D "Cache-Control: %s", lines[i].cc);
        struct wr_object *o = stored(&plain, &arena, 200, "Authorization: Basic eDp5", response, 0);
        assert_int_equal(o != NULL, lines[i].allowed);
        wr_object_unref(o);
        o = stored(&plain, &arena, 200, "", response, 0);
        assert_int_equal(reused(&plain, &arena, o, "Authorization: Basic eDp5", 1) == WR_REUSE_FRESH,
                         lines[i].allowed);
        wr_object_unref(o);
    }
    struct wr_cache_policy policy = {
        .enabled = true, .has_ttl = true, .override = true, .ttl = WR_SPAN_S(100)
    };
    assert_null(stored(&policy, &arena, 200, "Authorization: Basic eDp5", D, 0));
    wr_arena_fini(&arena);
}

static void requests_have_their_say(void **state)
{
    (void) state;
    static const struct {
        const char *response, *request;
        double at;
        enum wr_reuse want;
    } lines[] = {
        { "max-age=100", "", 50, WR_REUSE_FRESH },
        { "max-age=100", "Cache-Control: no-cache", 50, WR_REUSE_VALIDATE },
        { "max-age=100", "Cache-Control: nothing-to-see-here, no-cache", 50, WR_REUSE_VALIDATE },
        { "max-age=100", "Pragma: no-cache", 50, WR_REUSE_VALIDATE },
        { "max-age=100", "Pragma: no-cache\nCache-Control: max-age=60", 50, WR_REUSE_FRESH },
        { "max-age=100", "Pragma: foo", 50, WR_REUSE_FRESH },
        { "max-age=100", "Cache-Control: max-age=0", 50, WR_REUSE_VALIDATE },
        { "max-age=100", "Cache-Control: max-age=49", 50, WR_REUSE_VALIDATE },
        { "max-age=100", "Cache-Control: max-age=51", 50, WR_REUSE_FRESH },
        { "max-age=100", "Cache-Control: min-fresh=51", 50, WR_REUSE_VALIDATE },
        { "max-age=100", "Cache-Control: min-fresh=50", 50, WR_REUSE_FRESH },
        { "max-age=100", "Cache-Control: no-store", 50, WR_REUSE_FRESH },
        { "max-age=100", "", 101, WR_REUSE_VALIDATE },
        { "max-age=100", "Cache-Control: max-stale", 5000, WR_REUSE_STALE_ASKED },
        { "max-age=100", "Cache-Control: max-stale=10", 110, WR_REUSE_STALE_ASKED },
        { "max-age=100", "Cache-Control: max-stale=10", 111, WR_REUSE_VALIDATE },
        { "max-age=100, must-revalidate", "Cache-Control: max-stale", 101, WR_REUSE_VALIDATE },
        { "max-age=100, proxy-revalidate", "Cache-Control: max-stale", 101, WR_REUSE_VALIDATE },
        { "s-maxage=100", "Cache-Control: max-stale", 101, WR_REUSE_VALIDATE },
        { "max-age=100, stale-while-revalidate=10", "", 105, WR_REUSE_STALE_SERVE },
        { "max-age=100, stale-while-revalidate=10", "", 111, WR_REUSE_VALIDATE },
        { "max-age=100, stale-while-revalidate=10", "Cache-Control: no-cache", 105, WR_REUSE_VALIDATE },
        { "max-age=100, stale-while-revalidate=10, must-revalidate", "", 105, WR_REUSE_VALIDATE },
        { "s-maxage=100, stale-while-revalidate=10", "", 105, WR_REUSE_STALE_SERVE },
        /* 5.2.1.1: with max-age and no max-stale nothing stale is served */
        { "max-age=100, stale-while-revalidate=10", "Cache-Control: max-age=200", 105, WR_REUSE_VALIDATE },
        { "max-age=100, stale-while-revalidate=10", "Cache-Control: max-age=200, max-stale", 105,
          WR_REUSE_STALE_SERVE },
        { "max-age=100, stale-while-revalidate=10", "Cache-Control: min-fresh=1", 105, WR_REUSE_VALIDATE },
        { "max-age=100", "Cache-Control: max-age=200, max-stale=10", 105, WR_REUSE_STALE_ASKED },
        { "max-age=100", "Cache-Control: max-age=104, max-stale=10", 105, WR_REUSE_VALIDATE },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char response[200];
        snprintf(response, sizeof response, D "Cache-Control: %s", lines[i].response);
        struct wr_object *o = stored(&plain, &arena, 200, "", response, 0);
        enum wr_reuse got = reused(&plain, &arena, o, lines[i].request, lines[i].at);
        if (got != lines[i].want)
            fail_msg("%s / %s at %g: want %d, got %d", lines[i].response, lines[i].request, lines[i].at,
                     lines[i].want, got);
        wr_object_unref(o);
    }
    struct wr_cache_policy deaf = { .enabled = true, .ignore_client = true };
    struct wr_object *o = stored(&deaf, &arena, 200, "", D "Cache-Control: max-age=100", 0);
    assert_int_equal(reused(&deaf, &arena, o, "Cache-Control: no-cache", 50), WR_REUSE_FRESH);
    wr_object_unref(o);
    assert_null(stored(&plain, &arena, 200, "Cache-Control: no-store", D "Cache-Control: max-age=100", 0));
    wr_arena_fini(&arena);
}

/* The response was requested at 0 and came at 5. `made`: when another request was made. `requested`,
 * `received`: whether it may share a response that was requested, or received, after that time. */
static void a_response_serves_those_who_waited_for_it(void **state)
{
    (void) state;
    static const struct {
        const char *response;
        double made;
        bool requested, received;
    } lines[] = {
        { "max-age=1", -1, true, true },
        { "max-age=1", 0, true, true },
        { "max-age=1", 1, false, true }, /* the origin may have made it before the request */
        { "max-age=1", 5, false, true },
        { "max-age=1", 6, false, false },
        { "max-age=0, stale-while-revalidate=5", -1, true, true },
        /* each request has to validate it for itself */
        { "max-age=0", -1, false, false },
        { "no-cache", -1, false, false },
        { "max-age=9, no-cache", -1, false, false },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char response[200];
        snprintf(response, sizeof response, D E "Cache-Control: %s", lines[i].response);
        struct wr_object *o = stored(&plain, &arena, 200, "", response, 5);
        struct wr_wall made = after(lines[i].made - 5);
        if (wr_rules_came_since(o, WR_CAME_REQUESTED, made) != lines[i].requested ||
            wr_rules_came_since(o, WR_CAME_RECEIVED, made) != lines[i].received)
            fail_msg("%s, for a request made at %g", lines[i].response, lines[i].made);
        wr_object_unref(o);
    }
    wr_arena_fini(&arena);
}

static void what_is_still_arriving_is_shared_by_those_who_ask_for_nothing_newer(void **state)
{
    (void) state;
    static const struct {
        const char *response, *request;
        double took; /* seconds from the request to the head */
        bool want;
    } lines[] = {
        { "Cache-Control: max-age=1", "", 0, true },
        { "Cache-Control: max-age=1", "", 60, true }, /* a slow origin doesn't make it older */
        { "Cache-Control: max-age=1", "Cache-Control: max-stale=5", 0, true },
        { "Cache-Control: max-age=1", "Cache-Control: no-cache", 0, false },
        { "Cache-Control: max-age=1", "Cache-Control: max-age=5", 0, false },
        { "Cache-Control: max-age=1", "Cache-Control: min-fresh=1", 0, false },
        { "Cache-Control: max-age=10\nAge: 9", "", 60, true },
        { "Cache-Control: max-age=10\nAge: 10", "", 0, false }, /* it was stale when it was sent */
        { "Cache-Control: max-age=0, stale-while-revalidate=5", "", 0, false },
        { "Cache-Control: max-age=10, no-cache", "", 0, false },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char response[200];
        struct wr_head request;
        struct wr_request_rules asked;
        snprintf(response, sizeof response, D E "%s", lines[i].response);
        struct wr_object *o = stored(&plain, &arena, 200, "", response, lines[i].took);
        get_with(&arena, lines[i].request, &request);
        wr_rules_request(&plain, &request, &asked);
        if (wr_rules_shares_arriving(&asked, o) != lines[i].want)
            fail_msg("%s / %s after %g s", lines[i].response, lines[i].request, lines[i].took);
        wr_object_unref(o);
    }
    wr_arena_fini(&arena);
}

static void requests_that_pass_the_cache_by(void **state)
{
    (void) state;
    struct wr_bypass bypasses[] = {
        { WR_BYPASS_COOKIE, WR_SLICE("session") },   { WR_BYPASS_HEADER, WR_SLICE("X-Raw") },
        { WR_BYPASS_QUERY, WR_SLICE("preview") },    { WR_BYPASS_COOKIE, WR_SLICE("wp_logged_in_*") },
        { WR_BYPASS_HEADER, WR_SLICE("X-Debug-*") }, { WR_BYPASS_QUERY, WR_SLICE("no*cache") }
    };
    struct wr_cache_policy off = { 0 }, policy = { .enabled = true, .bypasses = bypasses, .bypass_count = 6 },
                           posts = { .enabled = true, .methods_post = true };
    const struct {
        const struct wr_cache_policy *policy;
        const char *line, *lines, *want;
    } lines[] = {
        { &off, "GET /", "", "bypass" },
        { &plain, "GET /", "", NULL },
        { &plain, "HEAD /", "", NULL },
        { &plain, "POST /", "Content-Length: 0\n", "method" },
        { &posts, "POST /", "Content-Length: 0\n", NULL },
        { &plain, "DELETE /", "", "method" },
        { &plain, "GET /", "Content-Length: 5\n", "bypass" },
        { &plain, "GET /", "Content-Length: 0\n", NULL },
        { &policy, "GET /", "Cookie: a=b; session=1\n", "bypass" },
        { &policy, "GET /", "Cookie: a=session\n", NULL },
        { &policy, "GET /", "x-raw: 1\n", "bypass" },
        { &policy, "GET /?a=1&preview", "", "bypass" },
        { &policy, "GET /?a=preview", "", NULL },
        { &policy, "GET /", "Cookie: a=b; wp_logged_in_5f=1\n", "bypass" },
        { &policy, "GET /", "Cookie: wp_logged_in=1; x=wp_logged_in_5f\n", NULL },
        { &policy, "GET /", "X-DEBUG-level: 1\n", "bypass" },
        { &policy, "GET /", "X-Debug: 1\n", NULL },
        { &policy, "GET /?no_cache=1", "", "bypass" },
        { &policy, "GET /?nocache&x", "", "bypass" },
        { &policy, "GET /?xnocache", "", NULL },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_head request;
        struct wr_request_rules asked;
        char all[200];
        snprintf(all, sizeof all, "Host: example.com\n%s", lines[i].lines);
        request_of(&arena, lines[i].line, all, &request);
        wr_rules_request(lines[i].policy, &request, &asked);
        assert_int_equal(asked.ask, lines[i].want ? WR_ASK_PASS : WR_ASK_LOOKUP);
        if (lines[i].want)
            assert_string_equal(asked.detail, lines[i].want);
    }
    wr_arena_fini(&arena);
}

static void failures_let_stale_responses_answer(void **state)
{
    (void) state;
    static const struct {
        const char *cc, *request;
        double at;
        bool on_error, unreachable;
    } lines[] = {
        { "max-age=2", "", 5, false, true },
        { "max-age=2, must-revalidate", "", 5, false, false },
        { "max-age=2, proxy-revalidate", "", 5, false, false },
        { "s-maxage=2", "", 5, false, false },
        { "max-age=2, no-cache", "", 5, false, false },
        { "max-age=0", "", 5, false, false },
        { "x=y", "", 5, false, false },
        { "max-age=0, stale-if-error=60", "", 5, true, true },
        { "max-age=2, stale-if-error=60", "", 5, true, true },
        { "max-age=2, stale-if-error=60", "", 63, false, false },
        { "max-age=2, stale-if-error=60", "Cache-Control: no-cache", 5, false, false },
        { "s-maxage=2, stale-if-error=60", "", 5, true, true },
        { "max-age=2, stale-if-error=60, must-revalidate", "", 5, false, false },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char response[200];
        snprintf(response, sizeof response, D E "Cache-Control: %s", lines[i].cc);
        struct wr_object *o = stored(&plain, &arena, 200, "", response, 0);
        struct wr_head request;
        struct wr_request_rules asked;
        get_with(&arena, lines[i].request, &request);
        wr_rules_request(&plain, &request, &asked);
        if (wr_rules_stale_if_error(&plain, &asked, o, after(lines[i].at)) != lines[i].on_error ||
            wr_rules_stale_if_unreachable(&plain, &asked, o, after(lines[i].at)) != lines[i].unreachable)
            fail_msg("%s / %s at %g", lines[i].cc, lines[i].request, lines[i].at);
        wr_object_unref(o);
    }
    assert_true(wr_rules_is_error(500) && wr_rules_is_error(504) && !wr_rules_is_error(501) &&
                !wr_rules_is_error(404));
    wr_arena_fini(&arena);
}

static void grace_comes_from_the_policy_where_the_origin_is_silent(void **state)
{
    (void) state;
    struct wr_cache_policy policy = { .enabled = true,
                                      .has_grace = true,
                                      .grace = WR_SPAN_S(30),
                                      .has_stale_if_error = true,
                                      .stale_if_error = WR_SPAN_S(600) };
    struct wr_arena arena = { 0 };
    struct wr_object *o = stored(&policy, &arena, 200, "", D "Cache-Control: max-age=2", 0);
    assert_int_equal(reused(&policy, &arena, o, "", 31), WR_REUSE_STALE_SERVE);
    assert_int_equal(reused(&policy, &arena, o, "", 33), WR_REUSE_VALIDATE);
    assert_int_equal(wr_span_s(wr_rules_keep(&policy, o, after(1))), 601);
    wr_object_unref(o);
    o = stored(&policy, &arena, 200, "",
               D "Cache-Control: max-age=2, stale-while-revalidate=0, stale-if-error=5", 0);
    assert_int_equal(reused(&policy, &arena, o, "", 3), WR_REUSE_VALIDATE);
    assert_int_equal(wr_span_s(o->meta.sie), 5);
    wr_object_unref(o);
    o = stored(&policy, &arena, 200, "", D "Cache-Control: max-age=2, must-revalidate", 0);
    assert_int_equal(reused(&policy, &arena, o, "", 3), WR_REUSE_VALIDATE);
    wr_object_unref(o);
    o = stored(&policy, &arena, 200, "", D E, 0); /* neither the origin nor the policy states a lifetime */
    assert_int_equal(reused(&policy, &arena, o, "", 1), WR_REUSE_VALIDATE);
    assert_true(o->meta.swr.us < 0 && o->meta.sie.us < 0);
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void kept_as_long_as_it_may_be_of_use(void **state)
{
    (void) state;
    struct wr_arena arena = { 0 };
    static const struct {
        const char *response;
        int64_t want; /* seconds, counted from one second after it came */
    } lines[] = {
        { D "Cache-Control: max-age=10", 9 + 300 },    /* kept for when the origin can't be reached */
        { D E "Cache-Control: max-age=10", 9 + 3600 }, /* kept for validation */
        { D E "Cache-Control: max-age=7200", 7199 + 7200 },
        { D E "Cache-Control: max-age=864000", 863999 + 86400 },
        { D "Cache-Control: max-age=10, stale-if-error=90000", 9 + 90000 },
        { D E "Cache-Control: no-cache", 3600 },
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_object *o = stored(&plain, &arena, 200, "", lines[i].response, 0);
        assert_int_equal(wr_span_s(wr_rules_keep(&plain, o, after(1))), lines[i].want);
        if (i == 0) {
            struct wr_object *marker = wr_build_vary(&no_key, WR_SLICE("foo"), &o->meta, NULL);
            assert_int_equal(wr_span_s(wr_rules_keep(&plain, marker, after(1))), 9 + 86400);
            wr_object_unref(marker);
        }
        wr_object_unref(o);
    }
    wr_arena_fini(&arena);
}

static void early_refresh_is_close_to_the_end_only(void **state)
{
    (void) state;
    struct wr_cache_policy policy = { .enabled = true, .early_refresh = 1 };
    struct wr_arena arena = { 0 };
    struct wr_object *o = stored(&policy, &arena, 200, "", D "Cache-Control: max-age=101", 1);
    struct wr_request_rules asked = { .max_age = WR_SPAN_NONE,
                                      .min_fresh = WR_SPAN_NONE,
                                      .max_stale = WR_SPAN_NONE };
    assert_int_equal(wr_rules_reuse(&policy, &asked, o, after(50), 0.000001), WR_REUSE_FRESH);
    /* -ln(0.1) = 2.3 s. */
    assert_int_equal(wr_rules_reuse(&policy, &asked, o, after(99.5), 0.1), WR_REUSE_EARLY);
    assert_int_equal(wr_rules_reuse(&policy, &asked, o, after(99.5), 0.9), WR_REUSE_FRESH);
    assert_int_equal(wr_rules_reuse(&policy, &asked, o, after(99.999), 1.0), WR_REUSE_FRESH);
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

/* A response without a lifetime, or with 0, isn't used without validation, even if the client sends max-stale
 * or the policy sets grace. */
static void nothing_lives_that_has_no_life(void **state)
{
    (void) state;
    static const struct {
        const char *response;
        enum wr_reuse at_1, max_stale;
        bool on_error, unreachable;
    } lines[] = {
        { E, WR_REUSE_VALIDATE, WR_REUSE_VALIDATE, false, false },
        { E "Cache-Control: public", WR_REUSE_VALIDATE, WR_REUSE_VALIDATE, false, false },
        { E "Cache-Control: max-age=0", WR_REUSE_VALIDATE, WR_REUSE_VALIDATE, false, false },
        { E "Cache-Control: no-cache", WR_REUSE_VALIDATE, WR_REUSE_VALIDATE, false, false },
        { E "Expires: {-100}", WR_REUSE_VALIDATE, WR_REUSE_VALIDATE, false, false },
        { E "Expires: 0", WR_REUSE_VALIDATE, WR_REUSE_VALIDATE, false, false },
        { E "Cache-Control: max-age=60\nCDN-Cache-Control: max-age=0", WR_REUSE_VALIDATE, WR_REUSE_VALIDATE,
          false, false },
        /* only the origin itself allows it (RFC 5861), for as long as it says */
        { E "Cache-Control: max-age=0, stale-while-revalidate=3", WR_REUSE_STALE_SERVE, WR_REUSE_VALIDATE,
          false, false },
        { E "Cache-Control: max-age=0, stale-if-error=30", WR_REUSE_VALIDATE, WR_REUSE_VALIDATE, true, true },
        /* a response that had a lifetime may be used stale */
        { E "Cache-Control: max-age=1\nAge: 5", WR_REUSE_STALE_SERVE, WR_REUSE_STALE_ASKED, true, true },
    };
    struct wr_cache_policy policy = { .enabled = true,
                                      .has_grace = true,
                                      .grace = WR_SPAN_S(8),
                                      .has_stale_if_error = true,
                                      .stale_if_error = WR_SPAN_S(60),
                                      .early_refresh = 10 };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char response[200];
        snprintf(response, sizeof response, D "%s", lines[i].response);
        struct wr_object *o = stored(&policy, &arena, 200, "", response, 0);
        struct wr_head request;
        struct wr_request_rules asked;
        get_with(&arena, "Cache-Control: max-stale, only-if-cached", &request);
        wr_rules_request(&policy, &request, &asked);
        if (reused(&policy, &arena, o, "", 1) != lines[i].at_1 ||
            reused(&policy, &arena, o, "Cache-Control: max-stale, only-if-cached", 20) !=
                lines[i].max_stale ||
            wr_rules_stale_if_error(&policy, &asked, o, after(20)) != lines[i].on_error ||
            wr_rules_stale_if_unreachable(&policy, &asked, o, after(20)) != lines[i].unreachable)
            fail_msg("%s", lines[i].response);
        wr_object_unref(o);
    }
    wr_arena_fini(&arena);
}

/* If a request has a cookie that counts, a response that is fresh only by the policy or a guess is neither
 * stored nor used for it. A lifetime that the origin states applies to all requests. */
static void a_cookie_takes_no_part_in_guesses(void **state)
{
    (void) state;
    char *names[] = { "sid", "wp_*", NULL }, *in_key[] = { "tier", NULL },
         *fields[] = { "x-*", "cookie", NULL };
    const struct wr_cache_policy passes = {
        .enabled = true, .has_ttl = true, .ttl = WR_SPAN_S(60), .heuristic = 0.1
    };
    struct wr_cache_policy ignores = passes, named = passes, keyed = passes, whole = passes, guesses = passes,
                           over = passes;
    ignores.cookies = WR_COOKIES_IGNORE;
    named.cookies = WR_COOKIES_NAMED;
    named.cookie_names = names;
    keyed.key.cookies = in_key;
    whole.key.headers = fields;
    guesses.has_ttl = false;
    over.override = true;
    const struct {
        const struct wr_cache_policy *policy;
        const char *request;
        bool shares;
    } lines[] = {
        { &passes, "", true },
        { &passes, "Cookie: a=b", false },
        { &passes, "Cookie: a", false },
        { &passes, "Cookie: ", true },
        { &passes, "Cookie: ; ;", true },
        { &guesses, "Cookie: a=b", false },
        { &over, "Cookie: a=b", false },
        { &ignores, "Cookie: a=b", true },
        { &named, "Cookie: _ga=1; other=2", true },
        { &named, "Cookie: _ga=1; sid=2", false },
        { &named, "Cookie: _ga=1\nCookie: wp_logged_in_1=2", false },
        { &named, "Cookie: xsid=1; SID=2; wp-x=3", true },
        { &keyed, "Cookie: tier=gold", true },
        { &keyed, "Cookie: tier=gold; sid=1", false },
        { &whole, "Cookie: a=b", true },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const struct wr_cache_policy *p = lines[i].policy;
        struct wr_object *from = stored(p, &arena, 200, lines[i].request, D OLD, 0),
                         *o = stored(p, &arena, 200, "", D OLD, 0);
        if ((from != NULL) != lines[i].shares ||
            reused(p, &arena, o, lines[i].request, 1) != (lines[i].shares ? WR_REUSE_FRESH : WR_REUSE_NOT))
            fail_msg("%zu: %s", i, lines[i].request);
        wr_object_unref(from);
        wr_object_unref(o);
        struct wr_object *stated = stored(p, &arena, 200, lines[i].request, D "Cache-Control: max-age=60", 0);
        if (stated == NULL ||
            (p != &over && reused(p, &arena, stated, lines[i].request, 1) != WR_REUSE_FRESH))
            if (p != &over)
                fail_msg("%zu, told: %s", i, lines[i].request);
        wr_object_unref(stated);
    }
    wr_arena_fini(&arena);
}

static void stored_cookies_need_a_policy_that_stores_them(void **state)
{
    (void) state;
    const struct wr_cache_policy storing = {
        .enabled = true, .set_cookie = WR_SET_COOKIE_STORE, .has_ttl = true, .ttl = WR_SPAN_S(60)
    };
    struct wr_arena arena = { 0 };
    struct wr_object *o = stored(&storing, &arena, 200, "", D "Cache-Control: max-age=60\nSet-Cookie: a=b",
                                 0);
    assert_true(o->meta.flags & WR_OF_SET_COOKIE);
    assert_int_equal(reused(&storing, &arena, o, "", 1), WR_REUSE_FRESH);
    assert_int_equal(reused(&plain, &arena, o, "", 1), WR_REUSE_NOT); /* after a reload of the policy */
    wr_object_unref(o);
    o = stored(&storing, &arena, 200, "", D "Cache-Control: max-age=60", 0);
    assert_int_equal(reused(&plain, &arena, o, "", 1), WR_REUSE_FRESH);
    wr_object_unref(o);
    o = stored(&plain, &arena, 200, "", D "Cache-Control: max-age=60\nSet-Cookie: a=b", 0);
    assert_null(memmem(o->head.at, o->head.len, "Set-Cookie", 10));
    assert_true(wr_slice_eq(o->first_only, WR_SLICE("Set-Cookie: a=b\r\n")));
    wr_object_unref(o);
    /* The response would be fresh only by the policy. */
    assert_null(stored(&storing, &arena, 200, "", D "Set-Cookie: a=b", 0));
    wr_arena_fini(&arena);
}

static void unsafe_methods_invalidate_unless_they_failed(void **state)
{
    (void) state;
    static const struct {
        const char *line;
        int status;
        bool want;
    } lines[] = {
        { "POST /x", 200, true },      { "PUT /x", 204, true },   { "DELETE /x", 303, true },
        { "M-SEARCH /x", 200, true },  { "POST /x", 500, false }, { "PUT /x", 404, false },
        { "GET /x", 200, false },      { "HEAD /x", 200, false }, { "OPTIONS /x", 200, false },
        { "PROPFIND /x", 207, false }, { "PATCH /x", 200, true },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_head request;
        request_of(&arena, lines[i].line, "Host: a", &request);
        if (wr_rules_invalidates(&request, lines[i].status) != lines[i].want)
            fail_msg("%s %d", lines[i].line, lines[i].status);
    }
    wr_arena_fini(&arena);
}

/* RFC 9110 9.3.3, 8.7. */
static void a_post_answers_gets_only_if_it_says_so(void **state)
{
    (void) state;
    static const struct {
        const char *line, *request;
        int status;
        const char *response;
        bool want;
    } lines[] = {
        { "POST /x", "", 200, "Cache-Control: max-age=9\nContent-Location: /x", true },
        { "POST /x", "", 200, "Expires: {+60}\nContent-Location: http://A/x", true },
        { "POST /x?y=1", "", 200, "Cache-Control: s-maxage=9\nContent-Location: //a/x?y=1#z", true },
        { "POST /x", "", 200, "Cache-Control: max-age=9", false },
        { "POST /x", "", 200, "Cache-Control: max-age=9\nContent-Location: /X", false },
        { "POST /x", "", 200, "Cache-Control: max-age=9\nContent-Location: /x?", false },
        { "POST /x", "", 200, "Cache-Control: max-age=9\nContent-Location: http://b/x", false },
        { "POST /x", "", 200, "Last-Modified: {-9000}\nContent-Location: /x", false },
        { "POST /x", "", 200, "Cache-Control: max-age=9, private\nContent-Location: /x", false },
        { "POST /x", "", 201, "Cache-Control: max-age=9\nContent-Location: /x", false },
        { "POST /x", "Cache-Control: no-store", 200, "Cache-Control: max-age=9\nContent-Location: /x",
          false },
        { "POST /x", "Authorization: Basic eDp5", 200, "Cache-Control: max-age=9\nContent-Location: /x",
          false },
        { "PUT /x", "", 200, "Cache-Control: max-age=9\nContent-Location: /x", false },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_head request, response;
        struct wr_request_rules asked;
        struct wr_meta meta;
        const char *detail;
        char all[200];
        snprintf(all, sizeof all, "Host: a\n%s", lines[i].request);
        request_of(&arena, lines[i].line, all, &request);
        response_of(&arena, lines[i].status, lines[i].response, &response);
        wr_rules_request(&plain, &request, &asked);
        assert_int_equal(asked.ask, WR_ASK_PASS); /* the POST itself is never answered from the store */
        enum wr_storing got = wr_rules_store(&plain, &request, &asked, &response, NOW, NOW, 0, &meta,
                                             &detail);
        if ((got == WR_STORE) != lines[i].want)
            fail_msg("%s: %s", lines[i].line, lines[i].response);
    }
    wr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetimes_come_from_where_4_2_1_says),
        cmocka_unit_test(ages_are_read_as_5_1_and_4_2_3_say),
        cmocka_unit_test(expires_is_a_date_or_the_past),
        cmocka_unit_test(guesses_only_where_4_2_2_lets_it),
        cmocka_unit_test(stores_what_3_lets_it_store),
        cmocka_unit_test(cdn_cache_control_takes_precedence),
        cmocka_unit_test(policy_speaks_where_the_origin_is_silent),
        cmocka_unit_test(jitter_only_shortens_what_is_left),
        cmocka_unit_test(authorization_needs_leave),
        cmocka_unit_test(requests_have_their_say),
        cmocka_unit_test(a_response_serves_those_who_waited_for_it),
        cmocka_unit_test(what_is_still_arriving_is_shared_by_those_who_ask_for_nothing_newer),
        cmocka_unit_test(requests_that_pass_the_cache_by),
        cmocka_unit_test(failures_let_stale_responses_answer),
        cmocka_unit_test(grace_comes_from_the_policy_where_the_origin_is_silent),
        cmocka_unit_test(kept_as_long_as_it_may_be_of_use),
        cmocka_unit_test(early_refresh_is_close_to_the_end_only),
        cmocka_unit_test(nothing_lives_that_has_no_life),
        cmocka_unit_test(a_cookie_takes_no_part_in_guesses),
        cmocka_unit_test(stored_cookies_need_a_policy_that_stores_them),
        cmocka_unit_test(unsafe_methods_invalidate_unless_they_failed),
        cmocka_unit_test(a_post_answers_gets_only_if_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
