/* SPDX-License-Identifier: BSD-2-Clause */
/* admin/input: queries, forms and JSON bodies; good, bad and cut off. */
#include "config.h"

#include "test.h"

#include <stdlib.h>

#include "admin/input.h"

struct admin_input {
    const char *query;
    struct wr_slice body;
    bool json;
    const char *want; /* NULL: it is refused */
};

static const struct admin_input inputs[] = {
    { "url=http://a.example/", WR_SLICE_INIT(""), false, "http://a.example/" },
    { "url=http%3A%2f%2Fa%2Fb%3Fc%3D1%26d", WR_SLICE_INIT(""), false, "http://a/b?c=1&d" },
    { "url=http://a/?b=1", WR_SLICE_INIT(""), false, "http://a/?b=1" },
    { "url=a+b", WR_SLICE_INIT(""), false, "a b" },
    { "&url=x&", WR_SLICE_INIT(""), false, "x" },
    { "", WR_SLICE_INIT("url=http://a/"), false, "http://a/" },
    { "", WR_SLICE_INIT("{\"url\":\"http://a/\"}"), true, "http://a/" },
    { "", WR_SLICE_INIT(" { \"url\" :\n\t\"http:\\/\\/a\\/\\u0062\\u00e9\\u20ac\" } \r\n"), true,
      "http://a/b\xc3\xa9\xe2\x82\xac" },
    { "", WR_SLICE_INIT("{\"\\u0075rl\":\"x\"}"), true, "x" },
    /* no parameter, no value, or too much */
    { "", WR_SLICE_INIT(""), false, NULL },
    { "", WR_SLICE_INIT(""), true, NULL },
    { "url=", WR_SLICE_INIT(""), false, NULL },
    { "url", WR_SLICE_INIT(""), false, NULL },
    { "uri=x", WR_SLICE_INIT(""), false, NULL },
    { "url=http://a/?b=1&c=2", WR_SLICE_INIT(""), false,
      NULL }, /* the & was not encoded, so this is another URL */
    { "url=x&url=y", WR_SLICE_INIT(""), false, NULL },
    { "url=x", WR_SLICE_INIT("url=y"), false, NULL },
    { "url=x", WR_SLICE_INIT("{\"url\":\"y\"}"), true, NULL },
    /* broken percent-encoding */
    { "url=%", WR_SLICE_INIT(""), false, NULL },
    { "url=%4", WR_SLICE_INIT(""), false, NULL },
    { "url=%4g", WR_SLICE_INIT(""), false, NULL },
    { "url=a%00b", WR_SLICE_INIT(""), false, NULL },
    { "url=a%0d%0ab", WR_SLICE_INIT(""), false, NULL },
    { "", WR_SLICE_INIT("url=a\0b"), false, NULL },
    { "", WR_SLICE_INIT("{\"url\":\"a\\u0000b\"}"), true, NULL },
    { "", WR_SLICE_INIT("{\"url\":\"a\nb\"}"), true, NULL },
    { "", WR_SLICE_INIT("{\"url\":\"a\\ud800\"}"), true, NULL },
    { "", WR_SLICE_INIT("{\"url\":\"a\\x41\"}"), true, NULL },
    { "", WR_SLICE_INIT("{\"url\":\"a\\\0\"}"), true, NULL },
    { "", WR_SLICE_INIT("{\"url\":5}"), true, NULL },
    { "", WR_SLICE_INIT("{\"url\":[\"x\"]}"), true, NULL },
    { "", WR_SLICE_INIT("{\"url\":\"x\",\"soft\":true}"), true, NULL },
    { "", WR_SLICE_INIT("{\"URL\":\"x\"}"), true, NULL },
    { "", WR_SLICE_INIT("{\"url\":\"x\"}}"), true, NULL },
    { "", WR_SLICE_INIT("\"url\""), true, NULL },
    { "", WR_SLICE_INIT("{\"url\":\"x\"}"), false, NULL }, /* Content-Type doesn't say that it is JSON */
};

/* Reads the value of one parameter, `name`. */
static const char *one(struct wr_slice query, struct wr_slice body, bool json, const char *name,
                       struct wr_buf *out)
{
    struct wr_admin_param param = { .name = name };
    const char *wrong = wr_admin_params(query, body, json, &param, 1);
    if (wrong == NULL && (!param.given || param.value.len == 0))
        wrong = "the parameter is missing";
    if (wrong == NULL)
        wr_buf_add_slice(out, wr_buf_slice(&param.value));
    wr_buf_fini(&param.value);
    return wrong;
}

static const char *read_input(const char *query, struct wr_slice body, bool json, struct wr_buf *out)
{
    char *exact = malloc(body.len ? body.len : 1);
    memcpy(exact, body.at, body.len);
    const char *why = one(wr_slice_str(query), wr_slice(exact, body.len), json, "url", out);
    free(exact);
    return why;
}

static void table_of_inputs(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        const struct admin_input *in = &inputs[i];
        struct wr_buf out = { 0 };
        const char *why = read_input(in->query, in->body, in->json, &out);
        if ((why == NULL) != (in->want != NULL))
            fail_msg("%zu: ?%s %.*s: %s", i, in->query, WR_SLICE_ARG(in->body), why ? why : "taken");
        if (in->want)
            assert_true(wr_slice_eq(wr_buf_slice(&out), wr_slice_str(in->want)));
        wr_buf_fini(&out);
    }
}

/* A JSON body that is cut off anywhere is refused. */
static void cut_off_json(void **state)
{
    const struct wr_slice whole = WR_SLICE("{\"url\":\"http:\\/\\/a\\u0062\"}");
    (void) state;
    for (size_t len = 1; len < whole.len; len++) {
        struct wr_buf out = { 0 };
        assert_non_null(read_input("", wr_slice(whole.at, len), true, &out));
        wr_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(table_of_inputs), cmocka_unit_test(cut_off_json) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
