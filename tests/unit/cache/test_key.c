/* SPDX-License-Identifier: BSD-2-Clause */
/* cache/key: which requests share a stored response. */
#include "test.h"

#include "heads.h"

static const struct wr_cache_policy plain = { .enabled = true };

static struct wr_key key_of(struct wr_arena *arena, const struct wr_cache_policy *policy, const char *line,
                            const char *lines)
{
    struct wr_head request;
    char all[2000];
    snprintf(all, sizeof all, "%s%s", strstr(lines, "Host:") ? "" : "Host: example.com\n", lines);
    request_of(arena, line, all, &request);
    return wr_key_build(policy, &request, arena);
}

struct pair {
    const char *line, *lines, *other_line, *other_lines;
    bool same;
};

static void check_pairs(const struct wr_cache_policy *policy, const struct pair *pairs, size_t count)
{
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < count; i++) {
        struct wr_key a = key_of(&arena, policy, pairs[i].line, pairs[i].lines);
        struct wr_key b = key_of(&arena, policy, pairs[i].other_line, pairs[i].other_lines);
        if (wr_slice_eq(a.text, b.text) != pairs[i].same)
            fail_msg("%zu: %.*s | %.*s", i, WR_SLICE_ARG(a.text), WR_SLICE_ARG(b.text));
        assert_int_equal(wr_hash_eq(a.hash, b.hash), pairs[i].same);
        wr_arena_reset(&arena);
    }
    wr_arena_fini(&arena);
}
#define CHECK_PAIRS(policy, pairs) check_pairs(policy, pairs, sizeof pairs / sizeof pairs[0])

static void host_and_path_by_default(void **state)
{
    (void) state;
    static const struct wr_cache_policy policy = { .enabled = true };
    static const struct pair pairs[] = {
        { "GET /a", "", "HEAD /a", "", true },
        { "GET /a", "", "POST /a", "", false },
        { "GET /a", "", "GET /b", "", false },
        { "GET /a", "", "GET /a?", "", false },
        { "GET /a?x=1", "", "GET /a?x=2", "", false },
        { "GET /a?x=1", "", "GET /a?x=1", "Cookie: b=c", true },
        { "GET /a", "Host: EXAMPLE.com", "GET /a", "Host: example.com:80", true },
        { "GET /a", "Host: example.com", "GET /a", "Host: example.com:8080", false },
        { "GET /a", "Host: a.example.com", "GET /a", "Host: b.example.com", false },
        { "GET http://example.com/a", "Host: example.com", "GET /a", "", true },
        { "GET /%7Euser", "", "GET /~user", "", true },
        { "GET /a%2fb", "", "GET /a%2Fb", "", true },
        { "GET /a%2fb", "", "GET /a/b", "", false },
        { "GET /%2e%2e/a", "", "GET /../a", "", false },
        { "GET /a?q=%41", "", "GET /a?q=A", "", true },
        { "GET /a?q=%26", "", "GET /a?q=&", "", false },
    };
    CHECK_PAIRS(&policy, pairs);
    struct wr_arena arena = { 0 };
    struct wr_key key = key_of(&arena, &policy, "GET /a?b=c", "Host: Example.com:80");
    assert_true(wr_slice_eq(key.text, WR_SLICE("example.com/a?b=c")));
    assert_true(wr_slice_eq(key.host, WR_SLICE("example.com")));
    wr_arena_fini(&arena);
}

static void query_parameters_as_the_policy_says(void **state)
{
    (void) state;
    char *drop[] = { "utm_*", "fbclid", "*_debug_*", NULL }, *keep[] = { "page", "q", NULL };
    struct wr_cache_policy dropping = { .key = { .query_drop = drop } },
                           keeping = { .key = { .query_keep = keep } },
                           sorting = { .key = { .sort_query = true } },
                           none = { .key = { .no_query = true } };
    static const struct pair dropped[] = {
        { "GET /a?utm_source=x&b=1", "", "GET /a?b=1&utm_medium=y&fbclid=z", "", true },
        { "GET /a?utm_source=x", "", "GET /a", "", true },
        { "GET /a?utm%5Fsource=x", "", "GET /a", "", true },
        { "GET /a?a_debug_b=x", "", "GET /a", "", true },
        { "GET /a?utm=x", "", "GET /a", "", false },
        { "GET /a?xutm_source=x", "", "GET /a", "", false },
        { "GET /a?b=1&a=1", "", "GET /a?a=1&b=1", "", false },
    };
    CHECK_PAIRS(&dropping, dropped);
    static const struct pair kept[] = {
        { "GET /a?page=1&x=y", "", "GET /a?page=1", "", true },
        { "GET /a?page=1", "", "GET /a?page=2", "", false },
        { "GET /a?pages=1", "", "GET /a", "", true },
    };
    CHECK_PAIRS(&keeping, kept);
    static const struct pair sorted[] = {
        { "GET /a?b=1&a=1", "", "GET /a?a=1&b=1", "", true },
        { "GET /a?a=1&a=2", "", "GET /a?a=2&a=1", "", false },
        { "GET /a?b&&a", "", "GET /a?a&b", "", true },
    };
    CHECK_PAIRS(&sorting, sorted);
    static const struct pair ignored[] = { { "GET /a?b=1", "", "GET /a", "", true } };
    CHECK_PAIRS(&none, ignored);
}

static void what_the_key_leaves_out_may_be_stripped(void **state)
{
    (void) state;
    char *drop[] = { "utm_*", "fbclid", NULL }, *keep[] = { "page", "q*", NULL }, *nothing[] = { NULL };
    const struct wr_key_policy dropping = { .query_drop = drop, .strip_query = true },
                               keeping = { .query_keep = keep, .strip_query = true, .sort_query = true },
                               all = { .query_keep = nothing, .strip_query = true },
                               not = { .query_drop = drop };
    const struct {
        const struct wr_key_policy *policy;
        const char *came, *sent;
    } cases[] = {
        { &dropping, NULL, NULL },
        { &dropping, "", NULL },
        { &dropping, "a=1", "a=1" },
        { &dropping, "b=%7e&utm_x=1&a=%41&fbclid", "b=%7e&a=%41" },
        { &dropping, "%75tm_x=1&%66bclid=2", NULL },
        { &dropping, "&&a&", "a" },
        { &keeping, "x=1&query=%20&page=2&q", "query=%20&page=2&q" },
        { &all, "a=1&b", NULL },
        { &not, "utm_x=1&&", "utm_x=1&&" },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_slice sent = wr_key_query_sent(cases[i].policy, wr_slice_str(cases[i].came), &arena);
        if (!wr_slice_eq(sent, wr_slice_str(cases[i].sent)) || (sent.at == NULL) != (cases[i].sent == NULL))
            fail_msg("%zu: %.*s", i, WR_SLICE_ARG(sent));
    }
    wr_arena_fini(&arena);
}

static void headers_cookies_and_no_host(void **state)
{
    (void) state;
    char *headers[] = { "Accept-Language", "X-Tier", NULL }, *cookies[] = { "tier", NULL };
    struct wr_cache_policy policy = { .key = { .headers = headers, .cookies = cookies, .no_host = true } };
    static const struct pair pairs[] = {
        { "GET /a", "Host: a", "GET /a", "Host: b", true },
        { "GET /a", "Accept-Language: de", "GET /a", "Accept-Language: en", false },
        { "GET /a", "X-Tier: ", "GET /a", "", false },
        { "GET /a", "X-Tier: x", "GET /a", "x-tier: x", true },
        { "GET /a", "Cookie: tier=1; b=2", "GET /a", "Cookie: b=3;  tier=1", true },
        { "GET /a", "Cookie: tier=1", "GET /a", "Cookie: tier=2", false },
        { "GET /a", "Cookie: tier=1; tier=2", "GET /a", "Cookie: tier=1", false },
        { "GET /a", "Cookie: xtier=1", "GET /a", "", true },
        { "GET /a", "X-Tier: 1", "GET /a", "Cookie: tier=1", false },
    };
    CHECK_PAIRS(&policy, pairs);
}

static void names_in_keys_may_be_patterns(void **state)
{
    (void) state;
    char *headers[] = { "X-Exp-*", NULL }, *cookies[] = { "ab_*", NULL };
    struct wr_cache_policy policy = { .key = { .headers = headers, .cookies = cookies } };
    static const struct pair pairs[] = {
        { "GET /a", "X-Exp-A: 1\nX-Other: 2", "GET /a", "x-exp-a: 1", true },
        { "GET /a", "X-Exp-A: 1\nX-Exp-B: 2", "GET /a", "X-Exp-B: 2\nX-Exp-A: 1", true },
        { "GET /a", "X-Exp-A: 1", "GET /a", "X-Exp-B: 1", false },
        { "GET /a", "X-Exp-A: 1", "GET /a", "", false },
        { "GET /a", "Cookie: ab_x=1; b=2", "GET /a", "Cookie: ab_x=1", true },
        { "GET /a", "Cookie: ab_x=1; ab_y=2", "GET /a", "Cookie: ab_y=2; ab_x=1", true },
        { "GET /a", "Cookie: ab_x=1", "GET /a", "Cookie: ab_y=1", false },
        { "GET /a", "Cookie: ab_x=1; ab_y=2", "GET /a", "Cookie: ab_x=1=ab_y=2", false },
        { "GET /a", "Cookie: ab_x=1", "GET /a", "Cookie: AB_x=1", false },
    };
    CHECK_PAIRS(&policy, pairs);
    struct wr_arena arena = { 0 }; /* what is stored under such a key is found by its URL's tag */
    struct wr_key key = key_of(&arena, &policy, "GET /a", "");
    assert_true(wr_slice_eq(wr_key_url_of_more(key.text), WR_SLICE("example.com/a")));
    wr_arena_fini(&arena);
}

static void vary_names_are_canonical(void **state)
{
    (void) state;
    static const struct {
        const char *lines, *want;
    } lines[] = {
        { "", NULL },
        { "Vary: Foo", "foo" },
        { "Vary: Foo, Bar\nVary: bar,,baz", "bar,baz,foo" },
        { "Vary: *", "*" },
        { "Vary: , *", "*" },
        { "Vary: Foo, *", "*" },
        { "Vary: Foo\nVary: *", "*" },
        { "Vary: foo bar", "*" },
        { "Vary: Accept, X-Forwarded-For", "*" },
        { "Vary: via", "*" },
        { "Vary: x-request-id", "*" },
        { "Vary: X-Forwarded-Proto, Host", "host,x-forwarded-proto" },
        { "Vary: ", NULL },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_head response;
        response_of(&arena, 200, lines[i].lines, &response);
        struct wr_slice got = wr_vary_names(&response, &arena);
        if (!wr_slice_eq(got, wr_slice_str(lines[i].want)) || (got.at == NULL) != (lines[i].want == NULL))
            fail_msg("%s: %.*s", lines[i].lines, WR_SLICE_ARG(got));
        assert_int_equal(wr_vary_any(&response), lines[i].want && lines[i].want[0] == '*');
    }
    wr_arena_fini(&arena);
}

static void variants_are_chosen_by_what_fields_mean(void **state)
{
    (void) state;
    static const struct {
        const char *names, *a, *b;
        bool same;
    } lines[] = {
        { "foo", "Foo: 1", "Foo: 1\nBar: 2", true },
        { "foo", "Foo: 1", "Foo: 2", false },
        { "foo", "Foo: 1", "", false },
        { "foo", "Foo: ", "", false },
        { "foo", "", "Bar: x", true },
        { "foo", "Foo: 1, 2", "Foo: 1\nFoo: 2", true },
        { "foo", "Foo: 1,2", "Foo: 1 ,  2", true },
        { "foo", "Foo: 1,2", "Foo: 2,1", false },
        { "foo", "Foo: \"a, b\"", "Foo: \"a,b\"", false },
        { "bar,foo", "Foo: 1", "Bar: 1", false },
        { "bar,foo", "Foo: 1\nBar: abc", "Bar: abc\nFoo: 1", true },
        { "accept-encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: BR;q=0.5,gzip", true },
        { "accept-encoding", "Accept-Encoding: gzip", "Accept-Encoding: x-gzip", true },
        { "accept-encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip;q=0", false },
        { "accept-encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip, br", false },
        { "accept-encoding", "Accept-Encoding: gzip", "", false },
        { "accept-language", "Accept-Language: en, de", "Accept-Language: de, en", true },
        { "accept-language", "Accept-Language: eN, De", "Accept-Language:  en ,   de", true },
        { "accept-language", "Accept-Language: en;q=0.5, de", "Accept-Language: de;q=1.0, en;q=0.50", true },
        { "accept-language", "Accept-Language: en;q=0.5, de", "Accept-Language: en, de", false },
        { "accept-language", "Accept-Language: en;q=5, de", "Accept-Language: de, en;q=5", true },
        { "accept-encoding", "Accept-Encoding: gzip", "Accept-Encoding: deflate, gzip", true },
        { "accept-encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip, nonsense-17, x;y=z", true },
        { "accept-encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip, identity;q=0", false },
        { "accept-encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip, *;q=0", false },
        { "accept-encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip, identity, *;q=0", true },
        { "accept-encoding", "Accept-Encoding: deflate", "Accept-Encoding: nonsense", false },
        { "accept-language", "Accept-Language: de", "Accept-Language: de, nonsense9, 17, madeupnonsense",
          true },
        { "accept-language", "Accept-Language: de, en;q=0.5", "Accept-Language: en;q=0.5, en;q=0.1, de",
          true },
        { "accept-language", "Accept-Language: de-CH", "Accept-Language: de", false },
    };
    struct wr_arena arena = { 0 };
    const struct wr_key primary = { .text = WR_SLICE("example.com/x") };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_head a, b;
        struct wr_slice values_a, values_b;
        struct wr_meta of = { .status = 200 };
        struct wr_object *marker = wr_build_vary(&primary, wr_slice_str(lines[i].names), &of, NULL);
        get_with(&arena, lines[i].a, &a);
        get_with(&arena, lines[i].b, &b);
        struct wr_key key_a = wr_key_variant(&plain, &primary, marker, &a, &arena, &values_a);
        struct wr_key key_b = wr_key_variant(&plain, &primary, marker, &b, &arena, &values_b);
        if (wr_slice_eq(key_a.text, key_b.text) != lines[i].same ||
            wr_slice_eq(values_a, values_b) != lines[i].same)
            fail_msg("%s: %s | %s: %.*s", lines[i].names, lines[i].a, lines[i].b, WR_SLICE_ARG(values_a));
        struct wr_object *again = wr_build_vary(&primary, wr_slice_str(lines[i].names), &of, NULL);
        key_b = wr_key_variant(&plain, &primary, again, &a, &arena, &values_b);
        assert_false(wr_slice_eq(key_a.text, key_b.text)); /* another marker leads to other variants */
        wr_object_unref(marker);
        wr_object_unref(again);
        wr_arena_reset(&arena);
    }
    wr_arena_fini(&arena);
}

/* Of Vary: Cookie only the cookies that count choose the variant. */
static void vary_cookie_asks_for_those_that_count(void **state)
{
    (void) state;
    char *names[] = { "sid", "wp_*", NULL };
    const struct wr_cache_policy named = { .enabled = true,
                                           .cookies = WR_COOKIES_NAMED,
                                           .cookie_names = names },
                                 ignoring = { .enabled = true, .cookies = WR_COOKIES_IGNORE };
    static const struct {
        const char *a, *b;
        bool same, same_named;
    } lines[] = {
        { "", "Cookie: _ga=1", false, true },
        { "Cookie: _ga=2; x", "Cookie: _ga=1", false, true },
        { "Cookie: sid=1; _ga=1", "Cookie: _ga=2; sid=1", false, true },
        { "Cookie: sid=1", "Cookie: sid=2", false, false },
        { "Cookie: sid=1", "", false, false },
        { "Cookie: sid=1; wp_a=2", "Cookie: wp_a=2\nCookie: sid=1", false, true },
        { "Cookie: sid=1; sid=2", "Cookie: sid=2; sid=1", false, false },
        { "Cookie: sid=", "Cookie: _ga=1", false, false },
        { "Cookie: sid=1", "Cookie: sid = 1", false, true },
        { "Cookie: sid=1", "Cookie: sid=1", true, true },
    };
    struct wr_arena arena = { 0 };
    const struct wr_key primary = { .text = WR_SLICE("example.com/x") };
    struct wr_meta of = { .status = 200 };
    struct wr_object *marker = wr_build_vary(&primary, WR_SLICE("cookie"), &of, NULL);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const struct wr_cache_policy *const policies[] = { &plain, &named, &ignoring };
        const bool same[] = { lines[i].same, lines[i].same_named, true };
        struct wr_head a, b;
        get_with(&arena, lines[i].a, &a);
        get_with(&arena, lines[i].b, &b);
        for (size_t j = 0; j < 3; j++) {
            struct wr_slice values;
            struct wr_key key_a = wr_key_variant(policies[j], &primary, marker, &a, &arena, &values);
            struct wr_key key_b = wr_key_variant(policies[j], &primary, marker, &b, &arena, &values);
            if (wr_slice_eq(key_a.text, key_b.text) != same[j])
                fail_msg("%s | %s by policy %zu", lines[i].a, lines[i].b, j);
        }
        wr_arena_reset(&arena);
    }
    wr_object_unref(marker);
    wr_arena_fini(&arena);
}

/* RFC 9111 2: the primary key includes the whole target URI. */
static void the_scheme_tells_keys_apart_and_each_knows_the_other(void **state)
{
    (void) state;
    char *names[] = { (char *) (uintptr_t) "X-Tenant", NULL };
    const struct wr_cache_policy policies[] = { { .enabled = true },
                                                { .enabled = true, .key = { .headers = names } } };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < 2; i++) {
        struct wr_head request;
        request_of(&arena, "GET /a?b", "Host: example.com\nX-Tenant: t", &request);
        struct wr_key http = wr_key_build(&policies[i], &request, &arena);
        request.secure = true;
        struct wr_key https = wr_key_build(&policies[i], &request, &arena);
        assert_false(wr_slice_eq(http.text, https.text));
        assert_true(wr_slice_eq(wr_key_other_scheme(&http, &arena).text, https.text));
        assert_true(wr_hash_eq(wr_key_other_scheme(&https, &arena).hash, http.hash));
        assert_true(wr_slice_eq(wr_key_tag(&http, &arena), wr_key_tag(&https, &arena)));
        assert_int_equal(wr_key_holds_more(&policies[i]), i == 1);
        assert_int_equal(wr_key_url_of_more(http.text).at != NULL, i == 1);
        assert_int_equal(wr_key_url_of_more(https.text).at != NULL, i == 1);
    }
    wr_arena_fini(&arena);
}

static void what_holds_more_than_a_url_is_found_by_its_tag(void **state)
{
    (void) state;
    static const struct {
        const char *text, *url;
    } lines[] = {
        { "example.com/a", NULL },
        { "example.com/a\nscheme:https", NULL },
        { "example.com/a\nvary:1\nfoo=1", NULL },
        { "example.com/a\nscheme:https\nvary:1\nheader=1", NULL },
        { "example.com/a\nheader:x-tenant=t", "example.com/a" },
        { "POST example.com/a\ncookie:tier\nscheme:https\nvary:1\nfoo", "example.com/a" },
        { "/a?b\nheader:x-tenant", "/a?b" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_slice url = wr_key_url_of_more(wr_slice_str(lines[i].text));
        if (lines[i].url ? !wr_slice_eq(url, wr_slice_str(lines[i].url)) : url.at != NULL)
            fail_msg("%zu: %.*s", i, WR_SLICE_ARG(url));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_and_path_by_default),
        cmocka_unit_test(query_parameters_as_the_policy_says),
        cmocka_unit_test(what_the_key_leaves_out_may_be_stripped),
        cmocka_unit_test(headers_cookies_and_no_host),
        cmocka_unit_test(names_in_keys_may_be_patterns),
        cmocka_unit_test(vary_cookie_asks_for_those_that_count),
        cmocka_unit_test(vary_names_are_canonical),
        cmocka_unit_test(variants_are_chosen_by_what_fields_mean),
        cmocka_unit_test(the_scheme_tells_keys_apart_and_each_knows_the_other),
        cmocka_unit_test(what_holds_more_than_a_url_is_found_by_its_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
