/* SPDX-License-Identifier: BSD-2-Clause */
/* http/onward: which fields of a request go to the origin. */
#include "test.h"

#include <stdio.h>

#include "http/onward.h"
#include "http/parse.h"
#include "http/serialise.h"

struct request {
    char text[2048];
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head head;
};

static const struct wr_head *request_of(struct request *r, const char *lines, bool trusted, bool odd_kept)
{
    struct wr_parse p = { 0 };
    const struct wr_parse_limits limits = { 1024, sizeof r->text };
    int len = snprintf(r->text, sizeof r->text, "GET / HTTP/1.1\r\nHost: a.example\r\n%s\r\n\r\n", lines);
    assert_true(len > 0 && (size_t) len < sizeof r->text);
    assert_int_equal(wr_parse_request(&p, r->text, (size_t) len, &limits, r->fields, &r->head),
                     WR_PARSE_DONE);
    r->head.trusted = trusted;
    r->head.odd_kept = odd_kept;
    return &r->head;
}

/* From whom the field is passed on unchanged: from strangers, from strangers whose odd names are kept, from
 * trusted peers. ALONE: only in a request that is forwarded by itself, not in one by which weir requests the
 * whole response. */
enum { NOBODY = 0, STRANGER = 1, KEPT = 2, TRUSTED = 4, ALL = 7, ALONE = 8 };

static void each_field(void **state)
{
    static const struct {
        const char *name;
        unsigned from;
    } cases[] = {
        { "X-Lang", ALL },
        { "Cookie", ALL },
        { "Accept-Encoding", ALL },
        { "X-Forwarded", ALL },
        { "X-Forwarded-", ALL },
        { "Connection", NOBODY },
        { "Keep-Alive", NOBODY },
        { "Proxy", NOBODY },
        { "Transfer-Encoding-X", ALL },
        { "Via", NOBODY },
        { "X-Forwarded-For", NOBODY },
        { "X-Forwarded-Host", NOBODY },
        { "X-Request-ID", NOBODY },
        { "Forwarded", TRUSTED },
        { "X-Real-IP", TRUSTED },
        { "X-Forwarded-Ssl", TRUSTED },
        { "x-forwarded-port", TRUSTED },
        { "Range", ALL | ALONE },
        { "If-None-Match", ALL | ALONE },
        { "X_Lang", KEPT | TRUSTED },
        { "X.Lang", KEPT | TRUSTED },
        { "api_key", KEPT | TRUSTED },
        { "Accept_Language", KEPT | TRUSTED },
        { "X_Forwarded", KEPT | TRUSTED },
        { "X_Forwarded_For", NOBODY },
        { "X-Forwarded_Ssl", NOBODY },
        { "X.Real.IP", NOBODY },
        { "X~Request~ID", NOBODY },
        { "Content_Length", NOBODY },
        { "Transfer_Encoding", NOBODY },
        { "if_none_match", NOBODY },
    };
    struct request r;
    char line[100];
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int who = 0; who < 3; who++)
            for (int whole = 0; whole < 2; whole++) {
                snprintf(line, sizeof line, "%s: 1", cases[i].name);
                const struct wr_head *h = request_of(&r, line, who == 2, who >= 1);
                bool sent = wr_onward(h, &h->fields[1], whole) == WR_ONWARD_SENT;
                bool expected = cases[i].from >> who & 1 && !(whole && cases[i].from & ALONE);
                if (sent != expected)
                    fail_msg("%s from %d, whole %d: %d", cases[i].name, who, whole, sent);
            }
}

static void value_is(const struct wr_head *h, const char *name, const char *value)
{
    struct wr_slice got = wr_onward_value(h, wr_slice_str(name));
    if ((got.at == NULL) != (value == NULL) || !wr_slice_eq(got, wr_slice_str(value)))
        fail_msg("%s: %.*s", name, WR_SLICE_ARG(got));
}

static void values(void **state)
{
    struct request r;
    (void) state;
    const struct wr_head *h = request_of(
        &r,
        "X-Lang: de\r\nX-Gone: 1\r\nX_Gone: 2\r\nConnection: x_gone\r\nX_Odd: 3\r\nX-Forwarded-For: 4\r\n"
        "X-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 5",
        false, false);
    value_is(h, "x-lang", "de");
    value_is(h, "X-Gone", NULL);
    value_is(h, "X-Odd", NULL);
    value_is(h, "X-Forwarded-For", NULL);
    value_is(h, "X-Real-IP", NULL);
    value_is(h, "Host", "a.example");
    value_is(h, "X-Forwarded-Host", "a.example");
    value_is(h, "X-Forwarded-Proto", "http");
    r.head.trusted = r.head.odd_kept = r.head.secure = true;
    r.head.site = WR_SLICE("b.example");
    value_is(h, "X-Odd", "3");
    value_is(h, "X_Odd", "3");
    value_is(h, "X-Real-IP", "5");
    value_is(h, "X-Gone", NULL);
    value_is(h, "Host", "a.example");
    value_is(h, "X-Forwarded-Host", "b.example");
    value_is(h, "X-Forwarded-Proto", "https");
}

static void what_a_policy_may_look_at(void **state)
{
    static const char *const never[] = { "Connection", "TE",           "Content-Length", "X-Forwarded-For",
                                         "Via",        "X-Request-ID", "X_Real_IP" },
                             *const alone[] = { "Range", "If-Match" },
                             *const always[] = {
                                 "X-Lang",           "X_Lang",    "Host",     "X-Forwarded-Proto",
                                 "X-Forwarded-Host", "X-Real-IP", "Forwarded"
                             };
    (void) state;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        assert_false(wr_onward_reaches(wr_slice_str(never[i]), false));
    for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++) {
        assert_true(wr_onward_reaches(wr_slice_str(alone[i]), false));
        assert_false(wr_onward_reaches(wr_slice_str(alone[i]), true));
    }
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        assert_true(wr_onward_reaches(wr_slice_str(always[i]), true));
}

static void trailers(void **state)
{
    static const struct wr_slice raw = WR_SLICE_INIT(
        "X-Sum: 1\r\nX_Sum: 2\r\nContent_Type: 3\r\nHost: 4\r\nX-Forwarded-Ssl: 5\r\nX.Forwarded.For: "
        "6\r\nETag: 7\r\n");
    struct wr_buf out = { 0 };
    (void) state;
    assert_true(wr_trailers_clean(raw, false, &out));
    assert_true(wr_slice_eq(wr_buf_slice(&out), WR_SLICE("X-Sum: 1\r\nETag: 7\r\n")));
    wr_buf_clear(&out);
    assert_true(wr_trailers_clean(raw, true, &out));
    assert_true(wr_slice_eq(wr_buf_slice(&out), WR_SLICE("X-Sum: 1\r\nX_Sum: 2\r\nETag: 7\r\n")));
    wr_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field),
        cmocka_unit_test(values),
        cmocka_unit_test(what_a_policy_may_look_at),
        cmocka_unit_test(trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
