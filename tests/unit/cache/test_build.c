/* SPDX-License-Identifier: BSD-2-Clause */
/* cache/build and cache/cache_status: what is stored of a response, and what is answered from it. */
#include "test.h"

#include "heads.h"

#include "cache/cache_status.h"

static const struct wr_key key = { .text = WR_SLICE_INIT("example.com/x"),
                                   .host = WR_SLICE_INIT("example.com") };

static struct wr_object *object(struct wr_arena *arena, int status, const char *lines)
{
    struct wr_head response;
    response_of(arena, status, lines, &response);
    struct wr_meta meta = {
        .status = status, .response_time = NOW, .request_time = NOW, .lifetime = WR_SPAN_S(100), .length = 10
    };
    struct wr_flow *flow = wr_flow_of(WR_SLICE("0123456789"));
    struct wr_object *o = wr_build_object(&key, wr_slice(NULL, 0), &meta, &response, WR_SLICE("1.1 edge"),
                                          flow);
    wr_flow_unref(flow);
    return o;
}

static bool head_has(const struct wr_object *o, const char *line)
{
    return memmem(o->head.at, o->head.len, line, strlen(line)) != NULL;
}

static void keeps_end_to_end_fields_only(void **state)
{
    (void) state;
    struct wr_arena arena = { 0 };
    struct wr_object *o = object(
        &arena, 200,
        "Date: {-5}\nContent-Length: 10\nConnection: a, b\na: 1\nb: 2\nc: 3\nAge: 7\n"
        "Keep-Alive: x\nProxy-Authenticate: x\nUpgrade: x\nTE: x\nETag: \"v\"\n"
        "Last-Modified: {-100}\nCache-Status: up; hit\nVia: 1.1 up");
    assert_true(wr_slice_starts(o->head, WR_SLICE("HTTP/1.1 200 Some Reason\r\n")));
    static const char *gone[] = { "\na:",   "\nb:",    "Age:", "Content-Length", "Connection", "Keep-Alive",
                                  "Proxy-", "Upgrade", "TE:" };
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        assert_false(head_has(o, gone[i]));
    static const char *kept[] = { "\nc: 3\r\n", "ETag: \"v\"", "Cache-Status: up; hit", "Via: 1.1 up\r\n",
                                  "Via: 1.1 edge\r\n" };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        assert_true(head_has(o, kept[i]));
    assert_true(wr_slice_eq(o->etag, WR_SLICE("\"v\"")));
    assert_int_equal(o->last_modified.len, WR_DATE_LEN);
    assert_true(o->meta.version != 0);

    struct wr_buf conditions = { 0 };
    wr_build_conditions(o, &conditions);
    assert_true(
        wr_slice_starts(wr_buf_slice(&conditions), WR_SLICE("If-None-Match: \"v\"\r\nIf-Modified-Since: ")));
    wr_buf_fini(&conditions);

    struct wr_head again;
    wr_build_head(o, &arena, &again);
    assert_int_equal(again.status, 200);
    assert_true(wr_slice_eq(again.reason, WR_SLICE("Some Reason")));
    assert_true(wr_slice_eq(wr_head_get(&again, WR_F_ETAG)->value, WR_SLICE("\"v\"")));
    assert_null(wr_head_get(&again, WR_F_AGE));
    wr_object_unref(o);

    o = object(&arena, 200, "");
    assert_true(head_has(o, "Date: Sat, 10 Jan 2026 12:00:00 GMT\r\n"));
    assert_null(o->etag.at);
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void reserved_fields_are_for_the_first_client(void **state)
{
    (void) state;
    struct wr_arena arena = { 0 };
    static const char *lines[] = {
        "Cache-Control: private=\"set-cookie, x-user\", max-age=10\nX-User: 1\nSet-Cookie: a=b\nX-Other: 2",
        "Cache-Control: no-cache=\"X-User\", private=\"Set-Cookie\"\nX-User: 1\nSet-Cookie: a=b\nX-Other: 2",
    };
    for (size_t i = 0; i < 2; i++) {
        struct wr_object *o = object(&arena, 200, lines[i]);
        assert_true(wr_slice_eq(o->first_only, WR_SLICE("X-User: 1\r\nSet-Cookie: a=b\r\n")));
        assert_false(head_has(o, "\nX-User:"));
        assert_true(head_has(o, "X-Other: 2"));
        wr_object_unref(o);
    }
    wr_arena_fini(&arena);
}

/* Fields that change a client's state, or belong to its log-in, are for the first client only, unless the
 * rules say that they are for all. */
static void set_cookie_and_its_like_are_for_the_first_client(void **state)
{
    (void) state;
    struct wr_arena arena = { 0 };
    static const char fields[] =
        "Set-Cookie: a=b\nX-Other: 2\nset-cookie2: c=d\nClear-Site-Data: \"cookies\"\nSet-Login: logged-in\n"
        "Authentication-Info: nextnonce=\"n\"\nSet-Cookie: e=f";
    struct wr_object *o = object(&arena, 200, fields);
    assert_true(wr_slice_eq(
        o->first_only,
        WR_SLICE("Set-Cookie: a=b\r\nset-cookie2: c=d\r\nClear-Site-Data: \"cookies\"\r\n"
                 "Set-Login: logged-in\r\nAuthentication-Info: nextnonce=\"n\"\r\nSet-Cookie: e=f\r\n")));
    assert_true(head_has(o, "X-Other: 2"));
    wr_object_unref(o);

    struct wr_head response;
    struct wr_meta meta = { .status = 200, .response_time = NOW, .length = 10, .flags = WR_OF_SET_COOKIE };
    response_of(&arena, 200, fields, &response);
    o = wr_build_object(&key, wr_slice(NULL, 0), &meta, &response, WR_SLICE("1.1 edge"), NULL);
    assert_true(wr_slice_eq(o->first_only, WR_SLICE("Authentication-Info: nextnonce=\"n\"\r\n")));
    assert_true(o->meta.flags & WR_OF_SET_COOKIE);
    wr_object_unref(o);
    response_of(&arena, 200, "X-Other: 2", &response); /* without such a field the flag is taken away */
    o = wr_build_object(&key, wr_slice(NULL, 0), &meta, &response, WR_SLICE("1.1 edge"), NULL);
    assert_false(o->meta.flags & WR_OF_SET_COOKIE);
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void set_cookie_of_a_304_is_for_whom_it_answers(void **state)
{
    (void) state;
    struct wr_arena arena = { 0 };
    struct wr_meta meta = { .status = 200, .response_time = NOW, .length = 10, .flags = WR_OF_SET_COOKIE };
    struct wr_head response, update, merged;
    response_of(&arena, 200, "ETag: \"v\"\nSet-Cookie: a=1\nX-A: 1", &response);
    struct wr_object *shared = wr_build_object(&key, wr_slice(NULL, 0), &meta, &response, WR_SLICE(""), NULL);
    response_of(&arena, 304, "ETag: \"v\"\nSet-Cookie: b=2", &update);
    wr_build_merged_head(shared, &update, &arena, &merged); /* it is judged without such fields */
    assert_null(wr_head_get(&merged, WR_F_SET_COOKIE));

    struct wr_object *o = wr_build_updated(shared, &key, wr_slice(NULL, 0), &meta, &update,
                                           WR_SLICE("")); /* set_cookie: store */
    assert_true(head_has(o, "Set-Cookie: b=2") && !head_has(o, "a=1"));
    wr_object_unref(o);
    meta.flags = 0; /* the origin no longer declares it fresh, so nobody gets the stored field */
    o = wr_build_updated(shared, &key, wr_slice(NULL, 0), &meta, &update, WR_SLICE(""));
    assert_false(head_has(o, "Set-Cookie"));
    assert_true(wr_slice_eq(o->first_only, WR_SLICE("Set-Cookie: b=2\r\n")));
    wr_object_unref(o);
    response_of(&arena, 304, "ETag: \"v\"", &update);
    o = wr_build_updated(shared, &key, wr_slice(NULL, 0), &meta, &update, WR_SLICE(""));
    assert_false(head_has(o, "Set-Cookie") || o->first_only.len);
    wr_object_unref(o);
    wr_object_unref(shared);
    wr_arena_fini(&arena);
}

/* A response for one client only reserves nothing for the first client, and has no hop-by-hop fields. */
static void what_passes_has_its_whole_head_and_no_key(void **state)
{
    (void) state;
    struct wr_arena arena = { 0 };
    struct wr_head response;
    response_of(
        &arena, 203,
        "Cache-Control: private=\"x-user\"\nX-User: 1\nConnection: a\na: 1\nContent-Length: 10\nVia: 1.0 up",
        &response);
    const struct wr_meta meta = { .status = 203, .response_time = NOW, .length = 10 };
    struct wr_flow *flow = wr_flow_of(WR_SLICE("0123456789"));
    struct wr_object *o = wr_build_passed(&meta, &response, WR_SLICE("1.1 edge"), flow);
    wr_flow_unref(flow);
    assert_true(wr_slice_eq(
        o->head, WR_SLICE("HTTP/1.1 203 Some Reason\r\nCache-Control: private=\"x-user\"\r\nX-User: 1\r\n"
                          "Via: 1.0 up\r\nDate: Sat, 10 Jan 2026 12:00:00 GMT\r\nVia: 1.1 edge\r\n")));
    assert_null(o->first_only.at);
    assert_int_equal(o->key.len, 0);
    assert_int_equal(wr_flow_length(o->flow), 10);
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void tags_are_gathered(void **state)
{
    (void) state;
    struct wr_arena arena = { 0 };
    struct wr_object *o = object(&arena, 200,
                                 "Cache-Groups: \"a\", \"b\"\nCache-Tag: c, a\nSurrogate-Key: d e");
    assert_true(wr_slice_eq(o->tags, WR_SLICE("a\nb\nc\nd\ne\n\ta\n\tb\n")));
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void a_304_updates_what_it_may(void **state)
{
    (void) state;
    struct wr_arena arena = { 0 };
    struct wr_object *o = object(&arena, 200,
                                 "Date: {-500}\nETag: \"v\"\nX-A: 1\nX-A: 2\nX-B: 1\nContent-Encoding: gzip\n"
                                 "Content-Type: text/plain\nCache-Control: max-age=1");
    struct wr_head update, merged;
    response_of(&arena, 304,
                "ETag: W/\"v\"\nX-A: 3\nX-C: 1\nContent-Length: 99\nContent-Encoding: br\nCache-Control: "
                "max-age=3600\n"
                "Content-Type: text/html\nConnection: X-D\nX-D: 1\nContent-Digest: sha-256=:AA==:",
                &update);
    wr_build_merged_head(o, &update, &arena, &merged);
    assert_int_equal(merged.status, 200);
    assert_null(wr_head_get(&merged, WR_F_DATE)); /* confirmed just now, not 500 seconds ago */

    struct wr_cache_policy policy = { .enabled = true };
    struct wr_request_rules asked;
    struct wr_head request;
    struct wr_meta meta;
    const char *detail;
    get_with(&arena, "", &request);
    wr_rules_request(&policy, &request, &asked);
    assert_int_equal(wr_rules_store(&policy, &request, &asked, &merged, NOW, after(1), 0, &meta, &detail),
                     WR_STORE);
    assert_int_equal(wr_span_s(meta.lifetime), 3600);
    assert_int_equal(wr_span_s(meta.initial_age), 1);

    struct wr_object *updated = wr_build_updated(o, &key, wr_slice(NULL, 0), &meta, &update,
                                                 WR_SLICE("1.1 edge"));
    static const char *want[] = { "\nX-A: 3\r\n",
                                  "\nX-B: 1\r\n",
                                  "\nX-C: 1\r\n",
                                  "Content-Encoding: gzip",
                                  "Content-Type: text/plain",
                                  "max-age=3600",
                                  "ETag: \"v\"",
                                  "HTTP/1.1 200 Some Reason",
                                  "Date: Sat, 10 Jan 2026 12:00:01 GMT" };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        if (!head_has(updated, want[i]))
            fail_msg("%s is not in %.*s", want[i], WR_SLICE_ARG(updated->head));
    static const char *gone[] = { "X-A: 1",   "X-A: 2",    "X-D",           "Content-Length",
                                  "gzip, br", "text/html", "Content-Digest" };
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        assert_false(head_has(updated, gone[i]));
    /* only one Via element of ours, however often it is validated */
    const char *via = memmem(updated->head.at, updated->head.len, "1.1 edge", 8);
    assert_non_null(via);
    assert_null(memmem(via + 1, (size_t) (updated->head.at + updated->head.len - via - 1), "1.1 edge", 8));
    assert_ptr_equal(updated->flow, o->flow);
    assert_int_equal(updated->meta.length, 10);
    wr_object_unref(o);
    wr_object_unref(updated);
    wr_arena_fini(&arena);
}

/* RFC 9111 4.3.5. */
static void a_head_describes_what_is_stored_or_doesnt(void **state)
{
    (void) state;
    static const struct {
        const char *stored, *head;
        bool want;
    } lines[] = {
        { "ETag: \"v\"", "", true },
        { "ETag: \"v\"", "ETag: \"v\"\nContent-Length: 10", true },
        { "ETag: \"v\"", "ETag: W/\"v\"", false },
        { "ETag: \"v\"", "ETag: \"w\"", false },
        { "ETag: \"v\"", "Content-Length: 11", false },
        { "ETag: \"v\"", "Last-Modified: {-500}", false },
        { "Last-Modified: {-500}", "Last-Modified: {-500}", true },
        { "Last-Modified: {-500}", "Last-Modified: {-499}", false },
        { "X: y", "ETag: \"v\"", false },
        { "X: y", "X: z", true },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_object *o = object(&arena, 200, lines[i].stored);
        struct wr_head head;
        response_of(&arena, 200, lines[i].head, &head);
        if (wr_build_describes(&head, o) != lines[i].want)
            fail_msg("%s / %s", lines[i].stored, lines[i].head);
        wr_object_unref(o);
    }
    wr_arena_fini(&arena);
}

static void heads_are_the_same_but_for_their_date(void **state)
{
    (void) state;
    static const struct {
        const char *a, *b;
        bool want;
    } lines[] = {
        { "ETag: \"v\"\nDate: {now}", "ETag: \"v\"\nDate: {+5}", true },
        { "Date: {now}\nETag: \"v\"", "ETag: \"v\"\nDate: {+5}", true },
        { "ETag: \"v\"", "ETag: \"w\"", false },
        { "ETag: \"v\"", "ETag: \"v\"\nX: y", false },
        { "ETag: \"v\"\nX: y", "ETag: \"v\"", false },
        { "X: y\nETag: \"v\"", "ETag: \"v\"\nX: y", false },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_object *a = object(&arena, 200, lines[i].a), *b = object(&arena, 200, lines[i].b);
        if (wr_build_same(a, b) != lines[i].want)
            fail_msg("%s / %s", lines[i].a, lines[i].b);
        wr_object_unref(a);
        wr_object_unref(b);
    }
    wr_arena_fini(&arena);
}

/* RFC 9111 4.3.4. */
static void a_304_confirms_what_is_stored_or_doesnt(void **state)
{
    (void) state;
    static const struct {
        const char *stored, *not_modified;
        bool want;
    } lines[] = {
        { "ETag: \"v\"", "ETag: \"v\"", true },
        { "ETag: \"v\"", "ETag: \"w\"", false },
        { "ETag: \"v\"", "ETag: W/\"w\"", false },
        { "ETag: W/\"v\"", "ETag: \"v\"", true },
        { "ETag: \"v\"", "", true },
        { "ETag: \"v\"\nLast-Modified: {-500}", "ETag: \"v\"\nLast-Modified: {-400}", true },
        { "ETag: \"v\"\nLast-Modified: {-500}", "ETag: \"w\"\nLast-Modified: {-500}", false },
        { "ETag: \"v\"\nLast-Modified: {-500}", "Last-Modified: {-400}", false },
        { "Last-Modified: {-500}", "Last-Modified: {-500}", true },
        { "Last-Modified: {-500}", "Last-Modified: {-499}", false },
        { "Last-Modified: {-500}", "ETag: \"v\"\nLast-Modified: {-500}", true },
        { "Last-Modified: {-500}", "", true },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_object *o = object(&arena, 200, lines[i].stored);
        struct wr_head head;
        response_of(&arena, 304, lines[i].not_modified, &head);
        if (wr_build_confirms(&head, o) != lines[i].want)
            fail_msg("%s / %s", lines[i].stored, lines[i].not_modified);
        wr_object_unref(o);
    }
    wr_arena_fini(&arena);
}

static void conditions_and_ranges_are_answered(void **state)
{
    (void) state;
    static const char plain[] = "Date: {now}\nETag: \"abc\"\nLast-Modified: {-3000}";
    static const struct {
        const char *stored, *line, *request;
        int status;
        uint64_t from, length;
    } lines[] = {
        { plain, "GET /x", "", 200, 0, 0 },
        { plain, "GET /x", "If-None-Match: \"abc\"", 304, 0, 0 },
        { plain, "HEAD /x", "If-None-Match: \"abc\"", 304, 0, 0 },
        { plain, "GET /x", "If-None-Match: W/\"abc\"", 304, 0, 0 },
        { plain, "GET /x", "If-None-Match: \"x\", \"abc\", \"y\"", 304, 0, 0 },
        { plain, "GET /x", "If-None-Match: *", 304, 0, 0 },
        { plain, "GET /x", "If-None-Match: \"x\"", 200, 0, 0 },
        { plain, "GET /x", "If-None-Match: \"abc\"\nIf-Modified-Since: {-5000}", 304, 0, 0 },
        { plain, "GET /x", "If-None-Match: \"x\"\nIf-Modified-Since: {now}", 200, 0, 0 },
        { plain, "GET /x", "If-Modified-Since: {-3000}", 304, 0, 0 },
        { plain, "GET /x", "If-Modified-Since: {-3001}", 200, 0, 0 },
        { plain, "GET /x", "If-Modified-Since: never", 200, 0, 0 },
        { "Date: {-100}", "GET /x", "If-Modified-Since: {-100}", 304, 0,
          0 }, /* RFC 9111 4.3.2: Date stands in */
        { "Date: {-100}", "GET /x", "If-Modified-Since: {-101}", 200, 0, 0 },
        { plain, "GET /x", "If-Match: \"other\"", 200, 0, 0 }, /* only the origin evaluates it */
        { plain, "GET /x", "Range: bytes=0-1", 206, 0, 2 },
        { plain, "GET /x", "Range: bytes=1-", 206, 1, 9 },
        { plain, "GET /x", "Range: bytes=-1", 206, 9, 1 },
        { plain, "GET /x", "Range: bytes=10-", 416, 0, 0 },
        { plain, "GET /x", "Range: lines=1-2", 200, 0, 0 },
        { plain, "HEAD /x", "Range: bytes=0-1", 200, 0, 0 },
        { plain, "GET /x", "Range: bytes=0-1\nIf-Range: \"abc\"", 206, 0, 2 },
        { plain, "GET /x", "Range: bytes=0-1\nIf-Range: W/\"abc\"", 200, 0, 0 },
        { plain, "GET /x", "Range: bytes=0-1\nIf-Range: \"x\"", 200, 0, 0 },
        { plain, "GET /x", "Range: bytes=0-1\nIf-Range: {-3000}", 206, 0, 2 },
        { plain, "GET /x", "Range: bytes=0-1\nIf-Range: {-2999}", 200, 0, 0 },
        { plain, "GET /x", "Range: bytes=0-1\nIf-None-Match: \"abc\"", 304, 0, 0 },
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_object *o = object(&arena, 200, lines[i].stored);
        struct wr_head request;
        struct wr_answer answer;
        char all[300];
        snprintf(all, sizeof all, "Host: example.com\n%s", lines[i].request);
        request_of(&arena, lines[i].line, all, &request);
        wr_build_answer(o, &request, true, &answer);
        if (answer.status != lines[i].status || (answer.status == 206) != (answer.part_count == 1) ||
            answer.length != 10)
            fail_msg("%zu: %s: %d", i, lines[i].request, answer.status);
        if (answer.status == 206)
            assert_true(answer.parts[0].from == lines[i].from && answer.parts[0].length == lines[i].length);
        wr_build_answer(o, &request, false, &answer); /* not all of it is there, so no ranges are served */
        assert_true(answer.status != 206 && answer.status != 416);
        wr_object_unref(o);
    }
    struct wr_object *o = object(&arena, 404, plain);
    struct wr_head request;
    struct wr_answer answer;
    get_with(&arena, "If-None-Match: \"abc\"\nRange: bytes=0-1", &request);
    wr_build_answer(o, &request, true, &answer);
    assert_int_equal(answer.status, 404);
    wr_object_unref(o);
    o = object(&arena, 200, plain);
    get_with(&arena, "Range: bytes=0-1,5-6", &request);
    wr_build_answer(o, &request, true, &answer);
    assert_true(answer.status == 206 && answer.part_count == 2 && answer.parts[1].from == 5 &&
                answer.parts[1].length == 2);
    wr_object_unref(o);
    wr_arena_fini(&arena);
}

static void cache_status_is_a_structured_field(void **state)
{
    (void) state;
    const struct {
        const char *name;
        struct wr_cache_status s;
        const char *want;
    } lines[] = {
        { "edge-1", { .hit = true, .has_ttl = true, .ttl = 376 }, "edge-1; hit; ttl=376" },
        { "edge-1", { .hit = true, .has_ttl = true, .ttl = -5, .stored = true }, "edge-1; hit; ttl=-5" },
        { "edge-1",
          { .fwd = WR_FWD_URI_MISS, .stored = true, .collapsed = true },
          "edge-1; fwd=uri-miss; stored; collapsed" },
        { "edge-1", { .fwd = WR_FWD_STALE, .fwd_status = 304 }, "edge-1; fwd=stale; fwd-status=304" },
        { "1edge", { .fwd = WR_FWD_BYPASS }, "\"1edge\"; fwd=bypass" },
        { "a \"b\\", { .hit = true }, "\"a \\\"b\\\\\"; hit" },
        { "e", { .hit = true, .key = WR_SLICE("a\nb\"c") }, "e; hit; key=\"a?b\\\"c\"" },
        { "e", { .detail = WR_SLICE("none") }, "e; detail=none" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct wr_buf out = { 0 };
        struct wr_buf name = { 0 };
        wr_cache_status_name(&name, wr_slice_str(lines[i].name));
        wr_cache_status_write(&out, wr_buf_slice(&name), &lines[i].s);
        wr_buf_fini(&name);
        if (!wr_slice_eq(wr_buf_slice(&out), wr_slice_str(lines[i].want)))
            fail_msg("%.*s", WR_SLICE_ARG(wr_buf_slice(&out)));
        wr_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_end_to_end_fields_only),
        cmocka_unit_test(reserved_fields_are_for_the_first_client),
        cmocka_unit_test(set_cookie_and_its_like_are_for_the_first_client),
        cmocka_unit_test(set_cookie_of_a_304_is_for_whom_it_answers),
        cmocka_unit_test(what_passes_has_its_whole_head_and_no_key),
        cmocka_unit_test(tags_are_gathered),
        cmocka_unit_test(a_304_updates_what_it_may),
        cmocka_unit_test(a_head_describes_what_is_stored_or_doesnt),
        cmocka_unit_test(a_304_confirms_what_is_stored_or_doesnt),
        cmocka_unit_test(heads_are_the_same_but_for_their_date),
        cmocka_unit_test(conditions_and_ranges_are_answered),
        cmocka_unit_test(cache_status_is_a_structured_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
