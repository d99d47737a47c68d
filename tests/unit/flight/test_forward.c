/* SPDX-License-Identifier: BSD-2-Clause */
/* flight/forward: the request as the origin gets it, in one unambiguous form. */
#include "test.h"

#include "flight/forward.h"
#include "http/parse.h"

static struct wr_server servers[] = { { .address = { .text = (char[]){ "app.internal:80" } } } };
static struct wr_origin_policy origin = { .servers = servers, .server_count = 1, .pass_host = true };
static struct wr_origin_policy own_host = { .servers = servers, .server_count = 1 };

#define ABOUT_US "Via: 1.1 edge\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"
#define ID "X-Request-ID: 7\r\n"
#define HOST "X-Forwarded-Host: example.com\r\n"

struct forward_case {
    const char *came;
    const char *went;
    const struct wr_origin_policy *to;
    bool own_conditions;
    bool chunked;      /* there is a body whose length isn't known */
    const char *stale; /* the ETag of what is to be validated; NULL: nothing is */
};

static void check(const struct forward_case *c)
{
    static struct wr_field fields[WR_MAX_FIELDS];
    const struct wr_parse_limits limits = { 8192, 65536 };
    struct wr_parse p = { 0 };
    struct wr_head request;
    if (wr_parse_request(&p, c->came, strlen(c->came), &limits, fields, &request) != WR_PARSE_DONE)
        fail_msg("refused: %s: %s", p.why, c->came);
    const struct wr_route route = { .origin = (struct wr_origin_policy *) (uintptr_t) c->to };
    struct wr_object stale = { .etag = wr_slice_str(c->stale) };
    const struct wr_flight_order order = {
        .route = &route,
        .request = &request,
        .stale = c->stale ? &stale : NULL,
        .forwarded_for = WR_SLICE("192.0.2.1"),
        .request_id = WR_SLICE("7"),
        .body = c->chunked ? (struct wr_flow *) &stale : NULL, /* it isn't looked into */
        .body_chunked = c->chunked,
    };
    struct wr_buf out = { 0 };
    wr_forward_write(&out, &order, WR_SLICE("1.1 edge"), c->own_conditions);
    if (!wr_slice_eq(wr_buf_slice(&out), wr_slice_str(c->went)))
        fail_msg("%s\n--- became:\n%.*s--- not:\n%s", c->came, WR_SLICE_ARG(wr_buf_slice(&out)), c->went);
    wr_buf_fini(&out);
}

static void requests_are_written_anew(void **state)
{
    static const struct forward_case cases[] = {
        { "GET /a?b HTTP/1.1\r\nHost: example.com\r\nAccept: x\r\n\r\n",
          "GET /a?b HTTP/1.1\r\nHost: example.com\r\nAccept: x\r\n" ABOUT_US HOST ID "\r\n", .to = &origin },
        { "GET http://example.com/a HTTP/1.1\r\nHost: other\r\n\r\n", /* RFC 9112 3.2.2 */
          "GET /a HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "\r\n", .to = &origin },
        { "GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n",
          "GET /a HTTP/1.1\r\nHost: app.internal:80\r\n" ABOUT_US HOST ID "\r\n", .to = &own_host },
        { "GET / HTTP/1.0\r\nHost: example.com\r\nVia: 1.0 first\r\nVia: 1.1 second\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: example.com\r\nVia: 1.0 first, 1.1 second, 1.1 edge\r\n"
          "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n" HOST ID "\r\n",
          .to = &origin },
        { "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Forwarded-For: "
          "1.2.3.4\r\n"
          "X-Request-ID: forged\r\nKeep-Alive: 5\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "\r\n", .to = &origin },
        { "OPTIONS / HTTP/1.1\r\nHost: example.com\r\nMax-Forwards: 5\r\n\r\n", /* RFC 9110 7.6.2 */
          "OPTIONS / HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "Max-Forwards: 4\r\n\r\n",
          .to = &origin },
        { "GET / HTTP/1.1\r\nHost: example.com\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "TE: trailers\r\nConnection: TE\r\n\r\n",
          .to = &origin },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i]);
}

static void bodies_are_framed_anew(void **state)
{
    static const struct forward_case cases[] = {
        { "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 005\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "Content-Length: 5\r\n\r\n",
          .to = &origin },
        { "POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "Transfer-Encoding: chunked\r\n\r\n",
          .to = &origin, .chunked = true },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i]);
}

#define CONDITIONS "Range: bytes=0-1\r\nIf-None-Match: \"c\"\r\n"

static void the_cache_asks_for_the_whole_with_its_own_conditions(void **state)
{
    static const struct forward_case cases[] = {
        { "GET / HTTP/1.1\r\nHost: example.com\r\n" CONDITIONS "\r\n",
          "GET / HTTP/1.1\r\nHost: example.com\r\n" CONDITIONS ABOUT_US HOST ID "\r\n", .to = &origin },
        { "GET / HTTP/1.1\r\nHost: example.com\r\n" CONDITIONS "\r\n",
          "GET / HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "\r\n", .to = &origin,
          .own_conditions = true },
        { "GET / HTTP/1.1\r\nHost: example.com\r\n" CONDITIONS "\r\n",
          "GET / HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "If-None-Match: \"s\"\r\n\r\n",
          .to = &origin, .own_conditions = true, .stale = "\"s\"" },
        /* a request that goes through as it came isn't made conditional */
        { "HEAD / HTTP/1.1\r\nHost: example.com\r\n\r\n",
          "HEAD / HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "\r\n", .to = &origin,
          .stale = "\"s\"" },
        { "HEAD / HTTP/1.1\r\nHost: example.com\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: example.com\r\n" ABOUT_US HOST ID "\r\n", .to = &origin,
          .own_conditions = true },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_written_anew),
        cmocka_unit_test(bodies_are_framed_anew),
        cmocka_unit_test(the_cache_asks_for_the_whole_with_its_own_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
