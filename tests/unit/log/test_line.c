/* SPDX-License-Identifier: BSD-2-Clause */
/* One access line: both formats, and whatever bytes a client may send. */
#include "config.h"

#include "test.h"

#include <stdlib.h>

#include "base/json.h"
#include "log/line.h"

static struct wr_access_line plain_line(void)
{
    return (struct wr_access_line){
        .started = { INT64_C(1794996245678901) }, /* 2026-11-18 10:04:05.678901 UTC */
        .client = WR_SLICE("192.0.2.7"),
        .method = WR_SLICE("GET"),
        .target = WR_SLICE("/a?b=1"),
        .host = WR_SLICE("shop.example.com"),
        .referer = WR_SLICE("http://from.example/"),
        .user_agent = WR_SLICE("curl/8"),
        .request_id = WR_SLICE("id-1"),
        .route = WR_SLICE("/a*"),
        .minor = 1,
        .status = 200,
        .sent = 18446744073709551615u,
        .received = 0,
        .cache = "hit",
        .server = WR_SLICE("10.0.0.1:9000"),
        .error = NULL,
        .total = { 1234567 },
        .first = { 89 },
    };
}

static void formats_as(enum wr_access_format format, const struct wr_access_line *line, const char *want)
{
    struct wr_buf out = { 0 };
    wr_access_format(format, line, &out);
    wr_buf_add_char(&out, '\0');
    assert_string_equal(out.at, want);
    wr_buf_fini(&out);
}

static void combined_line(void **state)
{
    struct wr_access_line line = plain_line();
    (void) state;
    formats_as(WR_ACCESS_COMBINED, &line,
               "192.0.2.7 - - [18/Nov/2026:10:04:05 +0000] \"GET /a?b=1 HTTP/1.1\" 200 18446744073709551615 "
               "\"http://from.example/\" \"curl/8\" cache=hit time=1.234567 first=0.000089 received=0 "
               "host=\"shop.example.com\" route=\"/a*\" server=10.0.0.1:9000 error=- id=id-1\n");
}

static void combined_line_of_nothing(void **state)
{
    struct wr_access_line line = { .first = { -1 }, .error = "BAD_REQUEST" };
    (void) state;
    formats_as(
        WR_ACCESS_COMBINED, &line,
        "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 499 0 \"-\" \"-\" cache=- time=0.000000 first=- received=0 "
        "host=\"-\" route=\"-\" server=- error=BAD_REQUEST id=-\n");
}

static void json_line(void **state)
{
    struct wr_access_line line = plain_line();
    line.minor = 0;
    line.referer = wr_slice(NULL, 0);
    line.user_agent = WR_SLICE("");
    (void) state;
    formats_as(WR_ACCESS_JSON, &line,
               "{\"time\":\"2026-11-18T10:04:05.678901Z\",\"client\":\"192.0.2.7\",\"method\":\"GET\","
               "\"target\":\"/a?b=1\","
               "\"host\":\"shop.example.com\",\"protocol\":\"HTTP/"
               "1.0\",\"status\":200,\"sent\":18446744073709551615,"
               "\"received\":0,\"referer\":null,\"user_agent\":\"\",\"cache\":\"hit\",\"route\":\"/a*\","
               "\"server\":\"10.0.0.1:9000\",\"error\":null,\"request_id\":\"id-1\",\"total_s\":1.234567,"
               "\"first_s\":0.000089}\n");
}

/* --- whatever bytes come --- */

static void combined_hides_every_special_byte(void **state)
{
    struct wr_access_line line = plain_line();
    char bytes[256];
    struct wr_buf out = { 0 };
    (void) state;
    for (int i = 0; i < 256; i++)
        bytes[i] = (char) i;
    line.method = line.target = line.client = line.server = line.user_agent = line.request_id = wr_slice(
        bytes, 256);
    line.referer = WR_SLICE("a \"b\\\n\xff");
    wr_access_format(WR_ACCESS_COMBINED, &line, &out);
    size_t quotes = 0;
    for (size_t i = 0; i < out.len; i++) {
        unsigned char c = (unsigned char) out.at[i];
        assert_true(c == '\n' ? i + 1 == out.len : c >= ' ' && c < 0x7f);
        quotes += c == '"';
    }
    assert_int_equal(quotes, 10); /* the five pairs that the format has */
    assert_non_null(memmem(out.at, out.len, WR_SLICE("\"a \\x22b\\x5c\\x0a\\xff\"").at, 21));
    wr_buf_fini(&out);
}

static void cut_long_fields(void **state)
{
    struct wr_access_line line = plain_line();
    char *endless = malloc(100000);
    struct wr_buf out = { 0 };
    (void) state;
    memset(endless, '\x01', 100000);
    line.target = line.user_agent = line.referer = wr_slice(endless, 100000);
    wr_access_format(WR_ACCESS_JSON, &line, &out);
    assert_in_range(out.len, 3 * 6 * WR_ACCESS_FIELD_MOST, 3 * 6 * WR_ACCESS_FIELD_MOST + 600);
    free(endless);
    wr_buf_fini(&out);
}

static void json_strings(void **state)
{
    static const struct {
        struct wr_slice in;
        const char *want;
    } cases[] = {
        { WR_SLICE_INIT("plain /~"), "\"plain /~\"" },
        { WR_SLICE_INIT("\"\\"), "\"\\\"\\\\\"" },
        { WR_SLICE_INIT("\0\x1f\n\x7f"), "\"\\u0000\\u001f\\u000a\\u007f\"" },
        { WR_SLICE_INIT("\xc2\x80\xc2\x9f\xc2\xa0"),
          "\"\\u0080\\u009f\xc2\xa0\"" }, /* C1 controls, then a space */
        { WR_SLICE_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8a"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8a\"" },
        { WR_SLICE_INIT("a\xff"
                        "b"),
          "\"a\\ufffdb\"" },
        { WR_SLICE_INIT("\x80"), "\"\\ufffd\"" }, /* a continuation alone */
        { WR_SLICE_INIT("\xc3"), "\"\\ufffd\"" }, /* cut off */
        { WR_SLICE_INIT("\xe2\x82"), "\"\\ufffd\\ufffd\"" },
        { WR_SLICE_INIT("\xc3\""), "\"\\ufffd\\\"\"" },      /* the quote is not swallowed */
        { WR_SLICE_INIT("\xc0\xaf"), "\"\\ufffd\\ufffd\"" }, /* overlong */
        { WR_SLICE_INIT("\xe0\x80\xaf"), "\"\\ufffd\\ufffd\\ufffd\"" },
        { WR_SLICE_INIT("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"" }, /* a surrogate */
        { WR_SLICE_INIT("\xed\x9f\xbf"), "\"\xed\x9f\xbf\"" },
        { WR_SLICE_INIT("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" }, /* beyond U+10FFFF */
        { WR_SLICE_INIT("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\"" },
        { WR_SLICE_INIT("\xf0\x8f\xbf\xbf"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_buf out = { 0 };
        char *exact = malloc(
            cases[i].in.len); /* of exact size, so that a sanitizer reports a read beyond the end */
        memcpy(exact, cases[i].in.at, cases[i].in.len);
        wr_json_string(&out, wr_slice(exact, cases[i].in.len));
        wr_buf_add_char(&out, '\0');
        assert_string_equal(out.at, cases[i].want);
        free(exact);
        wr_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(combined_line),   cmocka_unit_test(combined_line_of_nothing),
        cmocka_unit_test(json_line),       cmocka_unit_test(combined_hides_every_special_byte),
        cmocka_unit_test(cut_long_fields), cmocka_unit_test(json_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
