/* SPDX-License-Identifier: BSD-2-Clause */
/* http/serialise: a head is written in one form only, and that form parses to the same head. */
#include "test.h"

#include "http/parse.h"
#include "http/serialise.h"

static const struct wr_parse_limits limits = { 1024, 8192 };

static void a_request_goes_out_in_one_form(void **state)
{
    (void) state;
    static const char in[] = "\r\nPOST HTTP://Real:80?a=b HTTP/1.0\r\nhost:fake\r\nX-A: \t 1 "
                             "\t\r\nX-B:\r\nConnection: x-c, close\r\n"
                             "X-C: 2\r\nContent-Length: 007\r\nKeep-Alive: 1\r\n\r\n";
    static const char want[] =
        "POST /?a=b HTTP/1.1\r\nhost: Real:80\r\nX-A: 1\r\nX-B: \r\nContent-Length: 7\r\n\r\n";
    struct wr_field fields[WR_MAX_FIELDS], again[WR_MAX_FIELDS];
    struct wr_head head, back;
    struct wr_parse p = { 0 };
    struct wr_buf b = { 0 };
    assert_int_equal(wr_parse_request(&p, in, sizeof in - 1, &limits, fields, &head), WR_PARSE_DONE);
    wr_head_write_request_line(&b, &head);
    wr_head_write_fields(&b, &head);
    wr_head_write_framing(&b, head.framing, head.content_length);
    wr_buf_add_str(&b, "\r\n");
    assert_true(wr_slice_eq(wr_buf_slice(&b), wr_slice(want, sizeof want - 1)));
    p = (struct wr_parse){ 0 };
    assert_int_equal(wr_parse_request(&p, b.at, b.len, &limits, again, &back), WR_PARSE_DONE);
    assert_true(back.content_length == 7 && wr_slice_eq(back.host, head.host) &&
                wr_slice_eq(back.query, head.query));
    wr_buf_fini(&b);
}

static void a_response_goes_out_in_one_form(void **state)
{
    (void) state;
    static const char in[] = "HTTP/1.0 200\r\nServer:x\r\nContent-Length: 5\r\n\r\n";
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head head;
    struct wr_parse p = { 0 };
    struct wr_buf b = { 0 };
    assert_int_equal(wr_parse_response(&p, in, sizeof in - 1, 8192, WR_METHOD_GET, fields, &head),
                     WR_PARSE_DONE);
    wr_head_write_status_line(&b, head.status, head.reason);
    wr_head_write_fields(&b, &head);
    wr_head_write_field(&b, WR_SLICE("Age"), WR_SLICE("3"));
    wr_head_write_framing(&b, WR_FRAMING_CHUNKED, 0);
    wr_head_write_framing(&b, WR_FRAMING_NONE, 0);
    wr_head_write_framing(&b, WR_FRAMING_CLOSE, 0);
    assert_true(
        wr_slice_eq(wr_buf_slice(&b),
                    WR_SLICE("HTTP/1.1 200 \r\nServer: x\r\nAge: 3\r\nTransfer-Encoding: chunked\r\n")));
    wr_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_out_in_one_form),
        cmocka_unit_test(a_response_goes_out_in_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
