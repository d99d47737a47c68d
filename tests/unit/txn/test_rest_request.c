/* SPDX-License-Identifier: BSD-2-Clause */
/* txn/rest_request: the request for the rest of a content, and where the rest begins in the response. */
#include "test.h"

#include "cache/heads.h"
#include "txn/rest_request.h"

static struct wr_slice value_of(const struct wr_head *h, enum wr_field_id id)
{
    const struct wr_field *f = wr_head_get(h, id);
    return f ? f->value : wr_slice(NULL, 0);
}

static void the_clients_conditions_give_way_to_ours(void **state)
{
    struct wr_arena arena = { 0 };
    struct wr_head request;
    (void) state;
    get_with(&arena,
             "Range: bytes=0-9\nIf-None-Match: \"x\"\nIf-Match: \"x\"\nIf-Modified-Since: {now}\n"
             "If-Unmodified-Since: {now}\nIf-Range: \"x\"\nAccept: text/html\nCookie: a=b",
             &request);
    struct wr_head ask = wr_rest_request(&request, 100, UINT64_MAX, WR_SLICE("\"e\""), &arena);
    assert_true(wr_slice_eq(value_of(&ask, WR_F_RANGE), WR_SLICE("bytes=100-")));
    assert_true(wr_slice_eq(value_of(&ask, WR_F_IF_RANGE), WR_SLICE("\"e\"")));
    assert_true(wr_slice_eq(value_of(&ask, WR_F_COOKIE), WR_SLICE("a=b")));
    assert_int_equal(ask.field_count, 5);     /* Host, Accept, Cookie, and the two that weir adds */
    assert_int_equal(request.field_count, 9); /* the client's request stays as it is */
    ask = wr_rest_request(&request, 100, 200, WR_SLICE("\"e\""), &arena);
    assert_true(wr_slice_eq(value_of(&ask, WR_F_RANGE), WR_SLICE("bytes=100-199")));
    wr_arena_fini(&arena);
}

/* The first 100 bytes of "e" have been sent. */
static void only_the_same_content_goes_on(void **state)
{
    static const struct {
        int status;
        const char *fields;
        bool goes_on;
        uint64_t at;
    } cases[] = {
        { 200, "ETag: \"e\"", true, 100 },
        { 200, "ETag: \"other\"", false, 0 },
        { 200, "ETag: W/\"e\"", false, 0 },
        { 200, "", false, 0 },
        { 206, "ETag: \"e\"\nContent-Range: bytes 100-199/200", true, 0 },
        { 206, "ETag: \"e\"\nContent-Range: bytes 100-149/*", true, 0 },
        { 206, "ETag: \"e\"\nContent-Range: bytes 99-199/200", false, 0 },
        { 206, "ETag: \"e\"\nContent-Range: bytes */200", false, 0 },
        { 206, "ETag: \"e\"", false, 0 },
        { 206, "ETag: \"other\"\nContent-Range: bytes 100-199/200", false, 0 },
        { 416, "ETag: \"e\"\nContent-Range: bytes */200", false, 0 },
        { 304, "ETag: \"e\"", false, 0 },
    };
    static const struct wr_key key = { .text = WR_SLICE_INIT("k"), .host = WR_SLICE_INIT("") };
    struct wr_arena arena = { 0 };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct wr_meta meta = { .status = cases[i].status };
        struct wr_flow *flow = wr_flow_of(WR_SLICE("x"));
        struct wr_head response;
        uint64_t at;
        response_of(&arena, cases[i].status, cases[i].fields, &response);
        struct wr_object *o = wr_build_object(&key, wr_slice(NULL, 0), &meta, &response, WR_SLICE("1.1 edge"),
                                              flow);
        bool goes_on = wr_rest_begins(o, WR_SLICE("\"e\""), 100, &arena, &at);
        if (goes_on != cases[i].goes_on || (goes_on && at != cases[i].at))
            fail_msg("%d %s", cases[i].status, cases[i].fields);
        wr_object_unref(o);
        wr_flow_unref(flow);
    }
    wr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clients_conditions_give_way_to_ours),
        cmocka_unit_test(only_the_same_content_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
