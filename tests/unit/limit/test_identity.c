/* SPDX-License-Identifier: BSD-2-Clause */
/* limit: identities of requests, and the RateLimit fields. */
#include "test.h"

#include <stdio.h>

#include "base/hash.h"
#include "http/parse.h"
#include "limit/limit.h"

static struct wr_arena arena;
static struct wr_head head;
static struct wr_field fields[WR_MAX_FIELDS];
static char text[4096];

static const struct wr_head *request(const char *target, const char *lines)
{
    static struct wr_parse p;
    p = (struct wr_parse){ 0 };
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", target, lines);
    assert_true(len > 0 && (size_t) len < sizeof text);
    const struct wr_parse_limits limits = { sizeof text, sizeof text };
    assert_int_equal(wr_parse_request(&p, text, (size_t) len, &limits, fields, &head), WR_PARSE_DONE);
    return &head;
}

#define CLIENT WR_SLICE("192.0.2.7")

static struct wr_identity_part client_part = { WR_IDENTITY_CLIENT, WR_SLICE_INIT("") };
static struct wr_identity_part header_part = { WR_IDENTITY_HEADER, WR_SLICE_INIT("X-Api-Key") };
static struct wr_identity_part cookie_part = { WR_IDENTITY_COOKIE, WR_SLICE_INIT("sid") };
static struct wr_identity_part query_part = { WR_IDENTITY_QUERY, WR_SLICE_INIT("key") };

static struct wr_slice identity(struct wr_identity_part *part, const struct wr_head *h)
{
    struct wr_limit_policy limit = { .parts = part, .part_count = 1 };
    return wr_limit_identity(&limit, h, CLIENT, &arena);
}

static void is(struct wr_slice got, const char *want)
{
    if (!wr_slice_eq(got, wr_slice_str(want)))
        fail_msg("got %.*s, want %s", WR_SLICE_ARG(got), want);
}

/* Makes the identity of a request from this value. */
static void is_hash_of(struct wr_slice got, const char *value)
{
    char want[WR_HASH_HEX + 2] = "#";
    wr_hash_hex(wr_hash_of(wr_slice_str(value)), want + 1);
    is(got, want);
}

static void a_client_is_its_address(void **state)
{
    (void) state;
    struct wr_limit_policy limit = { .parts = &client_part, .part_count = 1 };
    const struct wr_head *h = request("/", "");
    is(identity(&client_part, h), "192.0.2.7");
    is(wr_limit_identity(&limit, h, WR_SLICE("2001:db8:0:1::/64"), &arena), "2001:db8:0:1::/64");
    is(wr_limit_identity(&limit, h, wr_slice(NULL, 0), &arena), "~");
    struct wr_slice odd = wr_limit_identity(&limit, h, WR_SLICE("unix:{pid 7}"), &arena);
    is_hash_of(odd, "unix:{pid 7}");
}

static void fields_cookies_and_parameters(void **state)
{
    (void) state;
    is_hash_of(identity(&header_part, request("/", "x-api-KEY: s3cret\r\n")), "s3cret");
    is_hash_of(identity(&header_part, request("/", "X-Api-Key: one\r\nX-Api-Key: two\r\n")), "one");
    is_hash_of(identity(&cookie_part, request("/", "Cookie: a=b; sid=xyz; sid=other\r\n")), "xyz");
    is_hash_of(identity(&cookie_part, request("/", "Cookie: xsid=1; sid2=2\r\nCookie: sid = \"q\" \r\n")),
               "q");
    is(identity(&cookie_part, request("/", "Cookie: SID=xyz; sid\r\n")), "~,192.0.2.7");
    struct wr_identity_part pattern = { WR_IDENTITY_COOKIE,
                                        WR_SLICE_INIT("wp_*") }; /* the first cookie that matches */
    is_hash_of(identity(&pattern, request("/", "Cookie: a=b; wp_1=x; wp_2=y\r\n")), "x");
    is_hash_of(identity(&query_part, request("/p?a=1&key=v&key=w", "")), "v");
    is_hash_of(identity(&query_part, request("/p?%6Bey=%76+%zz%", "")), "v %zz%");
    is(identity(&query_part, request("/p?keys=1&akey=2&key", "")), "~,192.0.2.7");
}

static void what_is_lacking_is_made_up_for_by_the_address(void **state)
{
    (void) state;
    is(identity(&header_part, request("/", "")), "~,192.0.2.7");
    is(identity(&header_part, request("/", "X-Api-Key:\r\n")), "~,192.0.2.7");
    /* a value that looks like an address is another identity than the address */
    struct wr_slice liar = identity(&header_part, request("/", "X-Api-Key: ~,192.0.2.7\r\n"));
    is_hash_of(liar, "~,192.0.2.7");

    struct wr_identity_part both[] = { header_part, cookie_part },
                            with_client[] = { client_part, header_part };
    struct wr_limit_policy limit = { .parts = both, .part_count = 2 };
    struct wr_slice got = wr_limit_identity(&limit, request("/", "Cookie: sid=1\r\n"), CLIENT, &arena);
    assert_true(wr_slice_starts(got, WR_SLICE("~,#")));
    assert_int_equal(got.len, 3 + WR_HASH_HEX + 1 + CLIENT.len);
    limit = (struct wr_limit_policy){ .parts = with_client, .part_count = 2 };
    is(wr_limit_identity(&limit, request("/", ""), CLIENT, &arena), "192.0.2.7,~");
    limit = (struct wr_limit_policy){ .part_count = 0 };
    is(wr_limit_identity(&limit, request("/", ""), CLIENT, &arena), "192.0.2.7");
}

/* A key in Redis has no spaces and one hash tag, whatever clients send. */
static void no_value_breaks_out_of_the_hash_tag(void **state)
{
    (void) state;
    static const char *evil[] = { "}", "{", "a}:b{", "a b", "\xff\xfe", "a:b,c~#", "}{" };
    char line[1200], longest[1001];
    struct wr_identity_part parts[] = { header_part, client_part };
    struct wr_limit_policy limit = { .parts = parts, .part_count = 2 };
    memset(longest, 'x', 1000);
    longest[1000] = '\0';
    for (size_t i = 0; i <= sizeof evil / sizeof evil[0]; i++) {
        snprintf(line, sizeof line, "X-Api-Key: %s\r\n",
                 i < sizeof evil / sizeof evil[0] ? evil[i] : longest);
        struct wr_slice got = wr_limit_identity(&limit, request("/", line), CLIENT, &arena);
        assert_true(got.len <= 64);
        for (size_t n = 0; n < got.len; n++)
            assert_non_null(strchr("0123456789abcdef.:/,~#", got.at[n]));
    }
}

static void fields_tell_what_is_left(void **state)
{
    (void) state;
    struct wr_limit_policy client = { .name = (char *) "per-client", .rate = { 100, { 1000000 } } };
    struct wr_limit_policy odd = { .name = (char *) "q\"b\\\xc3", .rate = { 5, { 1500000 } } };
    struct wr_limit_policy observed = { .name = (char *) "quiet", .observe = true };
    struct wr_limit_ask ask = {
        .count = 3,
        .limits = { &client, &observed, &odd },
        .verdicts = {
            { .allowed = true, .quota = 100, .window = { 1000000 }, .remaining = 57, .reset = { 430001 } },
            { .allowed = true, .over = true, .quota = 1, .window = { 1000000 }, .retry_after = { 99000000 } },
            { .over = true, .quota = 5, .window = { 1500000 }, .reset = { 2000000 }, .retry_after = { 300000 } },
        },
    };
    struct wr_buf out = { 0 };
    wr_limit_write_policy(&ask, &out);
    is(wr_buf_slice(&out), "\"per-client\";q=100;w=1, \"q\\\"b\\\\?\";q=5;w=2");
    wr_buf_clear(&out);
    wr_limit_write_state(&ask, &out);
    is(wr_buf_slice(&out), "\"per-client\";r=57;t=1, \"q\\\"b\\\\?\";r=0;t=2");
    assert_int_equal(wr_limit_refused_by(&ask), 2);
    ask.verdicts[0] = (struct wr_limit_verdict){ .over = true, .retry_after = { 300001 } };
    assert_int_equal(wr_limit_refused_by(&ask), 0);

    wr_buf_clear(&out);
    ask = (struct wr_limit_ask){ .count = 1,
                                 .limits = { &observed },
                                 .verdicts = { { .allowed = true, .over = true } } };
    wr_limit_write_policy(&ask, &out);
    wr_limit_write_state(&ask, &out);
    assert_int_equal(out.len, 0);
    assert_int_equal(wr_limit_refused_by(&ask), -1);
    wr_buf_fini(&out);
}

static int forget(void **state)
{
    (void) state;
    wr_arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_client_is_its_address, forget),
        cmocka_unit_test_teardown(fields_cookies_and_parameters, forget),
        cmocka_unit_test_teardown(what_is_lacking_is_made_up_for_by_the_address, forget),
        cmocka_unit_test_teardown(no_value_breaks_out_of_the_hash_tag, forget),
        cmocka_unit_test(fields_tell_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
