/* SPDX-License-Identifier: BSD-2-Clause */
/* http/parse: heads that must be refused, whole and byte by byte, and what well-formed heads parse to. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/parse.h"
#include "http/target.h"

static const struct wr_parse_limits limits = { .target = 1024, .head = 8192 };

struct parse_input {
    const char *text;
    size_t len;
};
#define IN(lit)              \
    {                        \
        lit, sizeof(lit) - 1 \
    }
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Parses `in` once whole, and once byte by byte in memory of exact size. Checks that both results are equal.
 */
static enum wr_parse_status parse(struct parse_input in, bool response, enum wr_method method,
                                  struct wr_parse *p, struct wr_field *fields, struct wr_head *head)
{
    enum wr_parse_status drip = WR_PARSE_MORE;
    struct wr_parse dripped = { 0 };
    struct wr_head other;
    for (size_t len = 1; len <= in.len && drip == WR_PARSE_MORE; len++) {
        char *copy = malloc(len);
        memcpy(copy, in.text, len);
        drip = response ? wr_parse_response(&dripped, copy, len, limits.head, method, fields, &other)
                        : wr_parse_request(&dripped, copy, len, &limits, fields, &other);
        if (drip == WR_PARSE_DONE)
            assert_int_equal(dripped.length, len);
        free(copy);
    }
    *p = (struct wr_parse){ 0 };
    enum wr_parse_status whole = response ? wr_parse_response(p, in.text, in.len, limits.head, method, fields,
                                                              head)
                                          : wr_parse_request(p, in.text, in.len, &limits, fields, head);
    if (whole != drip || (whole == WR_PARSE_DONE && p->length != dripped.length) ||
        (whole == WR_PARSE_ERROR && (p->err != dripped.err || strcmp(p->why, dripped.why) != 0)))
        fail_msg("whole and byte by byte differ for: %s", in.text);
    return whole;
}

static void expect_refused(const char *where, struct parse_input in, bool response, enum wr_err err)
{
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head head;
    struct wr_parse p;
    enum wr_parse_status got = parse(in, response, WR_METHOD_GET, &p, fields, &head);
    if (got != WR_PARSE_ERROR || p.err != err)
        fail_msg("%s: status %d err %d (%s) for: %s", where, got, got == WR_PARSE_ERROR ? (int) p.err : -1,
                 got == WR_PARSE_ERROR ? p.why : "", in.text);
    assert_true(p.why && p.why[0]);
}

#define H "Host: a\r\n"

/* The request line. */
static const struct {
    struct parse_input in;
    enum wr_err err;
} bad_lines[] = {
    /* no version, or an unknown one */
    { IN("GET /c\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c\tHTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c \r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c HTTP/0.0\r\n" H "\r\n"), WR_ERR_VERSION },
    { IN("GET /c HTTP/0.9\r\n" H "\r\n"), WR_ERR_VERSION },
    { IN("GET /c HTTP/2.0\r\n" H "\r\n"), WR_ERR_VERSION },
    { IN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), WR_ERR_VERSION },
    { IN("GET /c HTTP/3.0\r\n" H "\r\n"), WR_ERR_VERSION },
    { IN("GET /c HTTP/9.9\r\n" H "\r\n"), WR_ERR_VERSION },
    { IN("GET /c HTTP/1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c HTTP/2\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c HTTP/1.\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c HTTP/01.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c HTTP/1.10\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c HTTP/1,1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c http/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c HTTP/1.1 \r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c HTTP/1.1x\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("SOURCE /c ICE/1.0\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c RTSP/1.0\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    /* spaces */
    { IN("GET  /c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c  HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET\t/c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN(" GET /c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /c d HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET \r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    /* bytes of the target */
    { IN("GET /a\tb HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /a\fb HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /a\0b HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /a\177b HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /a#b HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET /a##b HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    /* forms of the target */
    { IN("GET * HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET ?c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET a:80 HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET http:///x HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET http:/x HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET http://:80/x HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET http://a:99999/x HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET http://u@a/x HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET http://u:p@a/x HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET ftp://a/x HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("OPTIONS *x HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("TRACE /x HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na"), WR_ERR_BAD_REQUEST },
    { IN("TRACE /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), WR_ERR_BAD_REQUEST },
    { IN("POST /x HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"), WR_ERR_NOT_IMPLEMENTED },
    { IN("POST /x HTTP/1.1\r\n" H "Transfer-Encoding: br;q=1,\tChunked\r\n\r\n"), WR_ERR_NOT_IMPLEMENTED },
    /* methods */
    { IN("CONNECT a:80 HTTP/1.1\r\n" H "\r\n"), WR_ERR_NOT_IMPLEMENTED },
    { IN("CONNECT / HTTP/1.1\r\n" H "\r\n"), WR_ERR_NOT_IMPLEMENTED },
    { IN("GE(T /c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("GET: /c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("\026\003\001\002\000\001\000\001\374\003\003"), WR_ERR_BAD_REQUEST },
    { IN("\r\n\r\n\r\n\r\n\r\nGET /c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("\nGET /c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
    { IN("\rGET /c HTTP/1.1\r\n" H "\r\n"), WR_ERR_BAD_REQUEST },
};

static void bad_request_lines_are_refused(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(bad_lines); i++)
        expect_refused("request line", bad_lines[i].in, false, bad_lines[i].err);
}

/* Fields that make any head malformed. Each is tested in a request and in a response. */
static const struct parse_input bad_fields[] = {
    IN("X-Foo : 1\r\n"),
    IN("X-Foo\t: 1\r\n"),
    IN("X Y: 1\r\n"),
    IN("Content-Length : 5\r\n"),
    IN("Transfer-Encoding : chunked\r\n"),
    IN("Transfer-Encoding\t: chunked\r\n"),
    IN("Content-Length\0: 5\r\n"),
    IN(": 1\r\n"),
    IN("nocolon\r\n"),
    IN("X(Y: 1\r\n"),
    IN("X\"Y: 1\r\n"),
    IN("X\200Y: 1\r\n"),
    /* folded lines */
    IN("X: a\r\n b\r\n"),
    IN("X: a\r\n\tb\r\n"),
    IN("Content-Length:\r\n 5\r\n"),
    IN("Content-Length: 1\r\n 5\r\n"),
    IN("Transfer-Encoding:\r\n chunked\r\n"),
    IN("Transfer-Encoding: chunked\r\n ,identity\r\n"),
    IN("X:\r\n \r\n"),
    IN("X: a\n b\r\n"),
    /* line ends */
    IN("X: x\rY: z\r\n"),
    IN("X: x\r\rY: z\r\n"),
    IN("X:\r\r\n"),
    IN("X: a\r\n\rX"),
    IN("X: a\r\n\r\rY"),
    IN("\rX: a\r\n"),
    /* control characters, at the beginning of the value and later */
    IN("X: \0a\r\n"),
    IN("X:\001a\r\n"),
    IN("X: a\0b\r\n"),
    IN("X: a\001b\r\n"),
    IN("X: a\177\r\n"),
    IN("X: \033\r\n"),
    IN("X: a\013b\r\n"),
    IN("X\0Y: a\r\n"),
    /* framing */
    IN("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    IN("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    IN("Content-Length: 5\r\nTransfer-Encoding: identity\r\n"),
    IN("Content-Length: 0\r\nTransfer-Encoding: xchunked\r\n"),
    IN("Content-Length: 5\r\nContent-Length: 5\r\n"),
    IN("Content-Length: 5\r\nContent-Length: 6\r\n"),
    IN("Content-Length: 5\r\nX: y\r\ncontent-length: 5\r\n"),
    IN("Content-Length: 5, 5\r\n"),
    IN("Content-Length: 5,\r\n"),
    IN("Content-Length: +5\r\n"),
    IN("Content-Length: -5\r\n"),
    IN("Content-Length: 0x5\r\n"),
    IN("Content-Length: 5 5\r\n"),
    IN("Content-Length: 5a\r\n"),
    IN("Content-Length:\r\n"),
    IN("Content-Length: \"5\"\r\n"),
    IN("Content-Length: 5.0\r\n"),
    IN("Content-Length: 9223372036854775808\r\n"),
    IN("Content-Length: 18446744073709551609\r\n"),
    IN("Content-Length: 18446744073709551616\r\n"),
    IN("Content-Length: 99999999999999999999999\r\n"),
    IN("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    IN("Transfer-Encoding: chunked, chunked\r\n"),
    IN("Transfer-Encoding: identity, chunked\r\n"),
    IN("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
    IN("Transfer-Encoding: chunked, identity\r\n"),
    IN("Transfer-Encoding: identity\r\n"),
    IN("Transfer-Encoding: gzip\r\n"),
    IN("Transfer-Encoding: xchunked\r\n"),
    IN("Transfer-Encoding: \"chunked\"\r\n"),
    IN("Transfer-Encoding: chunked;a=b\r\n"),
    IN("Transfer-Encoding:\r\n"),
    IN("Transfer-Encoding: chunked,\r\n"),
    IN("Transfer-Encoding: ,chunked\r\n"),
    IN("Transfer-Encoding: \013chunked\r\n"),
    IN("Connection: \"close\"\r\n"),
    IN("Connection: a b\r\n"),
};

/* Fields whose lines end in LF alone. An origin may send these. */
static const struct parse_input bad_of_clients[] = {
    IN("X: a\n"), IN("X: x\nTransfer-Encoding: chunked\r\n"), IN("X: a\n\r\n"), IN("X: a\r\n\n"), IN("X:\n"),
};

static struct parse_input glue(char *room, const char *front, struct parse_input field, const char *back)
{
    size_t a = strlen(front), b = strlen(back);
    memcpy(room, front, a);
    memcpy(room + a, field.text, field.len);
    memcpy(room + a + field.len, back, b + 1);
    return (struct parse_input){ room, a + field.len + b };
}

static void bad_fields_are_refused_on_both_sides(void **state)
{
    (void) state;
    char room[512];
    for (size_t i = 0; i < COUNT(bad_fields); i++) {
        expect_refused("last field", glue(room, "POST /c HTTP/1.1\r\n" H, bad_fields[i], "\r\n0\r\n\r\n"),
                       false, WR_ERR_BAD_REQUEST);
        expect_refused("first field", glue(room, "POST /c HTTP/1.1\r\n", bad_fields[i], H "\r\n0\r\n\r\n"),
                       false, WR_ERR_BAD_REQUEST);
        expect_refused("response",
                       glue(room, "HTTP/1.1 200 OK\r\n", bad_fields[i], "Server: s\r\n\r\n0\r\n\r\n"), true,
                       WR_ERR_ORIGIN_BROKEN);
    }
    for (size_t i = 0; i < COUNT(bad_of_clients); i++)
        expect_refused("LF", glue(room, "POST /c HTTP/1.1\r\n" H, bad_of_clients[i], "\r\n0\r\n\r\n"), false,
                       WR_ERR_BAD_REQUEST);
    expect_refused("coding",
                   (struct parse_input) IN("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
                   true, WR_ERR_ORIGIN_BROKEN);
    static const struct parse_input first[] = { IN(" Host: b\r\n"), IN("\tContent-Length: 5\r\n"),
                                                IN(" \r\n") };
    for (size_t i = 0; i < COUNT(first); i++) {
        expect_refused("before the first field", glue(room, "GET /c HTTP/1.1\r\n", first[i], H "\r\n"), false,
                       WR_ERR_BAD_REQUEST);
        expect_refused("before the first field", glue(room, "HTTP/1.1 200 OK\r\n", first[i], "\r\n"), true,
                       WR_ERR_ORIGIN_BROKEN);
    }
}

static void bad_hosts_are_refused(void **state)
{
    (void) state;
    static const struct parse_input bad[] = {
        IN(""),
        IN("Host:\r\n"),
        IN("Host: a\r\nHost: a\r\n"),
        IN("Host: a\r\nhost: b\r\n"),
        IN("Host: a b\r\n"),
        IN("Host: a/b\r\n"),
        IN("Host: a?b\r\n"),
        IN("Host: u@a\r\n"),
        IN("Host: a:b\r\n"),
        IN("Host: a:65536\r\n"),
        IN("Host: a:80:80\r\n"),
        IN("Host: :80\r\n"),
        IN("Host: [::1\r\n"),
        IN("Host: [::g]\r\n"),
        IN("Host: []\r\n"),
        IN("Host: [::1]x\r\n"),
        IN("Host: [::1]:x\r\n"),
        IN("Host: [1.2.3.4]\r\n"),
        IN("Host: [fe80::1%25eth0]\r\n"),
        IN("Host: ::1\r\n"),
        IN("Host: a%\r\n"),
        IN("Host: a%2\r\n"),
        IN("Host: a%zz\r\n"),
        IN("Host: \"a\"\r\n"),
        IN("Host: a{b}\r\n"),
        IN("Host: http://a\r\n"),
        IN("Host: a\\b\r\n"),
        IN("Host: a#b\r\n"),
        IN("Host: \303\244\r\n"),
        IN("Host: a, b\r\n"),
        IN("Host: a:+80\r\n"),
        IN("Host: a:0x50\r\n"),
    };
    char room[256];
    for (size_t i = 0; i < COUNT(bad); i++) {
        expect_refused("Host", glue(room, "GET /c HTTP/1.1\r\n", bad[i], "\r\n"), false, WR_ERR_BAD_REQUEST);
        expect_refused("Host", glue(room, "GET http://a/c HTTP/1.1\r\n", bad[i], "\r\n"), false,
                       WR_ERR_BAD_REQUEST);
    }
    static const char *good[] = { "a",
                                  "a.example.com",
                                  "a:80",
                                  "a:",
                                  "127.0.0.1:8080",
                                  "[::1]",
                                  "[2001:db8::1]:443",
                                  "a_b-c~d!$&'()*+;=",
                                  "%41b",
                                  "[::ffff:1.2.3.4]" };
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(wr_authority_valid(wr_slice_str(good[i])));
    expect_refused("1.0 TE",
                   (struct parse_input) IN("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"),
                   false, WR_ERR_BAD_REQUEST);
    expect_refused("expect", (struct parse_input) IN("POST / HTTP/1.1\r\n" H "Expect: magic\r\n\r\n"), false,
                   WR_ERR_EXPECTATION);
}

static void bad_status_lines_are_refused(void **state)
{
    (void) state;
    static const struct parse_input bad[] = {
        IN("HTTP/1.1 000 x\r\n\r\n"),
        IN("HTTP/1.1 099 x\r\n\r\n"),
        IN("HTTP/1.1 20 x\r\n\r\n"),
        IN("HTTP/1.1 2000 x\r\n\r\n"),
        IN("HTTP/1.1 -20 x\r\n\r\n"),
        IN("HTTP/1.1  200 x\r\n\r\n"),
        IN("HTTP/0.9 200 x\r\n\r\n"),
        IN("HTTP/9.9 200 x\r\n\r\n"),
        IN("HTTP/2.0 200 x\r\n\r\n"),
        IN("HTTP/1.1\r\n\r\n"),
        IN("HTTP/1.1 \r\n\r\n"),
        IN("HTTP/1.1 200 O\001K\r\n\r\n"),
        IN("HTTP/1.1 200 OK\rX: y\r\n\r\n"),
        IN("HTTP/1.1 200 OK\r\rX: y\r\n\r\n"),
        IN("ICY 200 OK\r\n\r\n"),
        IN("HTTP/1.1\t200 OK\r\n\r\n"),
        IN("\r\n\r\n\r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        IN("\rHTTP/1.1 200 OK\r\n\r\n"),
        IN("HTTP/1.1 200 OK\nX: a\n b\n\n"),
        IN("HTTP/1.1 200 OK\nX: a\rb\n\n"),
        IN("HTTP/1.1 200 OK\n\rX"),
        IN("HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n"),
        IN("HTTP/1.1 200 OK\nX\n\n"),
        IN("HTTP/1.1 200\tOK\r\n\r\n"),
        IN("<html>\r\n\r\n"),
        IN("HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\n"),
        IN("HTTP/1.1 100 C\r\nTransfer-Encoding: chunked\r\n\r\n"),
        IN("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        expect_refused("status line", bad[i], true, WR_ERR_ORIGIN_BROKEN);
}

static struct wr_head good(struct parse_input in, bool response, enum wr_method method,
                           struct wr_field *fields)
{
    struct wr_head head;
    struct wr_parse p;
    if (parse(in, response, method, &p, fields, &head) != WR_PARSE_DONE)
        fail_msg("refused (%s): %s", p.why ? p.why : "incomplete", in.text);
    return head;
}

static void assert_slice(struct wr_slice got, const char *want)
{
    if (want == NULL)
        assert_null(got.at);
    else if (!wr_slice_eq(got, wr_slice_str(want)))
        fail_msg("got \"%.*s\", want \"%s\"", WR_SLICE_ARG(got), want);
}

static void requests_are_understood(void **state)
{
    (void) state;
    static const struct {
        struct parse_input in;
        enum wr_method method;
        const char *host, *path, *query;
        bool keep_alive;
        enum wr_framing framing;
        uint64_t length;
    } cases[] = {
        { IN("GET / HTTP/1.1\r\n" H "\r\n"), WR_METHOD_GET, "a", "/", NULL, true, WR_FRAMING_NONE, 0 },
        { IN("\r\n\r\nHEAD /x?y?z HTTP/1.1\r\n" H "\r\n"), WR_METHOD_HEAD, "a", "/x", "y?z", true,
          WR_FRAMING_NONE, 0 },
        { IN("GET //b/x? HTTP/1.1\r\n" H "\r\n"), WR_METHOD_GET, "a", "//b/x", "", true, WR_FRAMING_NONE, 0 },
        { IN("GET /a%20b;c=[1]@:$ HTTP/1.1\r\n" H "\r\n"), WR_METHOD_GET, "a", "/a%20b;c=[1]@:$", NULL, true,
          WR_FRAMING_NONE, 0 },
        { IN("GET /\"<>\\^`{|}\303\244\377?\"<>\\^`{|}\303\244\200 HTTP/1.1\r\n" H "\r\n"), WR_METHOD_GET,
          "a", "/\"<>\\^`{|}\303\244\377", "\"<>\\^`{|}\303\244\200", true, WR_FRAMING_NONE, 0 },
        { IN("GET / HTTP/1.2\r\n" H "\r\n"), WR_METHOD_GET, "a", "/", NULL, true, WR_FRAMING_NONE, 0 },
        { IN("GET / HTTP/1.9\r\n" H "TE: gzip, chunked\r\n\r\n"), WR_METHOD_GET, "a", "/", NULL, true,
          WR_FRAMING_NONE, 0 },
        { IN("POST / HTTP/1.1\r\n" H "Content-Length:\t 3 \t\r\nX: a\tb\t\r\n\r\n"), WR_METHOD_POST, "a", "/",
          NULL, true, WR_FRAMING_LENGTH, 3 },
        { IN("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\tchunked\t\r\n\r\n"), WR_METHOD_POST, "a", "/", NULL,
          true, WR_FRAMING_CHUNKED, 0 },
        { IN("TRACE / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), WR_METHOD_TRACE, "a", "/", NULL, true,
          WR_FRAMING_LENGTH, 0 },
        { IN("GET / HTTP/1.0\r\n\r\n"), WR_METHOD_GET, NULL, "/", NULL, false, WR_FRAMING_NONE, 0 },
        { IN("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), WR_METHOD_GET, NULL, "/", NULL, true,
          WR_FRAMING_NONE, 0 },
        { IN("GET / HTTP/1.1\r\n" H "Connection: foo, Close\r\n\r\n"), WR_METHOD_GET, "a", "/", NULL, false,
          WR_FRAMING_NONE, 0 },
        { IN("GET / HTTP/1.1\r\n" H "Connection: close, keep-alive\r\n\r\n"), WR_METHOD_GET, "a", "/", NULL,
          false, WR_FRAMING_NONE, 0 },
        { IN("GET http://b:80/x?y HTTP/1.1\r\nHost: b:80\r\n\r\n"), WR_METHOD_GET, "b:80", "/x", "y", true,
          WR_FRAMING_NONE, 0 },
        { IN("GET HTTPS://b?y HTTP/1.1\r\n" H "\r\n"), WR_METHOD_GET, "b", "/", "y", true, WR_FRAMING_NONE,
          0 },
        { IN("GET http://[::1]:8080 HTTP/1.1\r\n" H "\r\n"), WR_METHOD_GET, "[::1]:8080", "/", NULL, true,
          WR_FRAMING_NONE, 0 },
        { IN("OPTIONS * HTTP/1.1\r\n" H "\r\n"), WR_METHOD_OPTIONS, "a", "*", NULL, true, WR_FRAMING_NONE,
          0 },
        { IN("OPTIONS http://b HTTP/1.1\r\n" H "\r\n"), WR_METHOD_OPTIONS, "b", "*", NULL, true,
          WR_FRAMING_NONE, 0 },
        { IN("FOO /x HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"), WR_METHOD_OTHER, "a", "/x", NULL, true,
          WR_FRAMING_LENGTH, 3 },
        { IN("get /x HTTP/1.1\r\n" H "\r\n"), WR_METHOD_OTHER, "a", "/x", NULL, true, WR_FRAMING_NONE, 0 },
        { IN("!#$%&'*+-.^_`|~1aZ /x HTTP/1.1\r\n" H "\r\n"), WR_METHOD_OTHER, "a", "/x", NULL, true,
          WR_FRAMING_NONE, 0 },
        { IN("TRACE /x HTTP/1.1\r\n" H "\r\n"), WR_METHOD_TRACE, "a", "/x", NULL, true, WR_FRAMING_NONE, 0 },
        { IN("PURGE /x HTTP/1.1\r\n" H "\r\n"), WR_METHOD_PURGE, "a", "/x", NULL, true, WR_FRAMING_NONE, 0 },
        { IN("POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775807 \r\n\r\n"), WR_METHOD_POST, "a",
          "/", NULL, true, WR_FRAMING_LENGTH, INT64_MAX },
        { IN("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), WR_METHOD_POST, "a", "/", NULL, true,
          WR_FRAMING_LENGTH, 0 },
        { IN("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: \tChunked \r\n\r\n"), WR_METHOD_PUT, "a", "/", NULL,
          true, WR_FRAMING_CHUNKED, 0 },
        { IN("GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nmore"), WR_METHOD_GET,
          "a", "/", NULL, true, WR_FRAMING_NONE, 0 },
        { IN("PATCH / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nmore"),
          WR_METHOD_PATCH, "a", "/", NULL, true, WR_FRAMING_LENGTH, 4 },
    };
    struct wr_field fields[WR_MAX_FIELDS];
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wr_head h = good(cases[i].in, false, WR_METHOD_GET, fields);
        assert_int_equal(h.method, cases[i].method);
        assert_slice(h.host, cases[i].host);
        assert_slice(h.path, cases[i].path);
        assert_slice(h.query, cases[i].query);
        assert_int_equal(h.keep_alive, cases[i].keep_alive);
        assert_int_equal(h.framing, cases[i].framing);
        assert_true(h.content_length == cases[i].length);
        assert_int_equal(h.status, 0);
    }
}

static void responses_are_understood(void **state)
{
    (void) state;
    static const struct {
        struct parse_input in;
        enum wr_method method;
        int status;
        const char *reason;
        bool keep_alive;
        enum wr_framing framing;
        uint64_t length;
    } cases[] = {
        { IN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), WR_METHOD_GET, 200, "OK", true,
          WR_FRAMING_LENGTH, 5 },
        { IN("HTTP/1.1 200\r\n\r\n"), WR_METHOD_GET, 200, "", false, WR_FRAMING_CLOSE, 0 },
        { IN("HTTP/1.1 200 OK\nX: y\nContent-Length: 5\n\nhello"), WR_METHOD_GET, 200, "OK", true,
          WR_FRAMING_LENGTH, 5 },
        { IN("HTTP/1.1 200 OK\r\nX: y\nContent-Length:\t5\t\n\r\nhello"), WR_METHOD_GET, 200, "OK", true,
          WR_FRAMING_LENGTH, 5 },
        { IN("HTTP/1.1 200 OK\nX: y\r\nTransfer-Encoding: chunked\t\r\n\n5\r\n"), WR_METHOD_GET, 200, "OK",
          true, WR_FRAMING_CHUNKED, 0 },
        { IN("HTTP/1.0 200 OK\n\n"), WR_METHOD_GET, 200, "OK", false, WR_FRAMING_CLOSE, 0 },
        { IN("\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), WR_METHOD_GET, 200, "OK", true,
          WR_FRAMING_LENGTH, 5 },
        { IN("\n\r\nHTTP/1.1 200 OK\nContent-Length: 5\n\n"), WR_METHOD_GET, 200, "OK", true,
          WR_FRAMING_LENGTH, 5 },
        { IN("HTTP/1.1 600 x\r\nContent-Length: 0\r\n\r\n"), WR_METHOD_GET, 600, "x", true, WR_FRAMING_LENGTH,
          0 },
        { IN("HTTP/1.2 999 x\r\nContent-Length: 0\r\n\r\n"), WR_METHOD_GET, 999, "x", true, WR_FRAMING_LENGTH,
          0 },
        { IN("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"), WR_METHOD_GET, 200, "", true, WR_FRAMING_LENGTH,
          0 },
        { IN("HTTP/1.0 404 Not\tFound \344\r\nContent-Length: 0\r\n\r\n"), WR_METHOD_GET, 404,
          "Not\tFound \344", false, WR_FRAMING_LENGTH, 0 },
        { IN("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n"), WR_METHOD_GET, 200,
          "OK", true, WR_FRAMING_LENGTH, 1 },
        { IN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), WR_METHOD_GET, 200, "OK",
          true, WR_FRAMING_CHUNKED, 0 },
        { IN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), WR_METHOD_HEAD, 200, "OK", true,
          WR_FRAMING_NONE, 0 },
        { IN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), WR_METHOD_HEAD, 200, "OK", true,
          WR_FRAMING_NONE, 0 },
        { IN("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), WR_METHOD_GET, 304, "Not Modified",
          true, WR_FRAMING_NONE, 0 },
        { IN("HTTP/1.1 204 No\r\n\r\n"), WR_METHOD_GET, 204, "No", true, WR_FRAMING_NONE, 0 },
        { IN("HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n"), WR_METHOD_GET, 204, "No", true, WR_FRAMING_NONE,
          0 },
        { IN("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello"), WR_METHOD_GET, 204, "No", false,
          WR_FRAMING_NONE, 0 },
        { IN("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n"), WR_METHOD_GET, 204, "No", false,
          WR_FRAMING_NONE, 0 },
        { IN("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"), WR_METHOD_GET, 103,
          "Early Hints", true, WR_FRAMING_NONE, 0 },
        { IN("HTTP/1.1 599 x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"), WR_METHOD_GET, 599, "x",
          false, WR_FRAMING_LENGTH, 2 },
    };
    struct wr_field fields[WR_MAX_FIELDS];
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wr_head h = good(cases[i].in, true, cases[i].method, fields);
        assert_int_equal(h.status, cases[i].status);
        assert_slice(h.reason, cases[i].reason);
        assert_int_equal(h.keep_alive, cases[i].keep_alive);
        assert_int_equal(h.framing, cases[i].framing);
        assert_true(h.content_length == cases[i].length);
    }
}

static void fields_are_trimmed_known_and_hidden(void **state)
{
    (void) state;
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head h = good(
        (struct parse_input) IN(
            "POST http://real/ HTTP/1.1\r\nHoSt: \t fake \t\r\nX-Empty:\r\nX-Empty-Too: \t \r\nACCEPT: "
            "a\r\naccept: b\r\n"
            "Connection: X-Mine, Host, authorization, x-forwarded-for,, cache-control, TE, content-length\r\n"
            "connection: X-Other\r\nX-Mine: 1\r\nx-mine: 2\r\nX-Other: 3\r\nX-Kept: a\tb\r\nAuthorization: "
            "z\r\n"
            "X-Forwarded-For: 1.2.3.4\r\nCache-Control: no-cache\r\nTE: trailers;q=1, "
            "trailers\r\nKeep-Alive: 5\r\n"
            "Proxy-Connection: x\r\nUpgrade: y\r\nTrailer: X-Sum\r\nContent-Length: 3\r\nExpect: "
            "100-Continue\r\n\r\nabc"),
        false, WR_METHOD_GET, fields);
    static const struct {
        const char *name, *value;
        bool hidden;
    } want[] = {
        { "Host", "real", false },
        { "x-empty", "", false },
        { "X-Empty-Too", "", false },
        { "X-Kept", "a\tb", false },
        { "X-MINE", "1", true },
        { "X-Other", "3", true },
        { "Authorization", "z", false },
        { "TE", "trailers;q=1, trailers", true },
        { "X-Forwarded-For", "1.2.3.4", false },
        { "Cache-Control", "no-cache", false },
        { "Keep-Alive", "5", true },
        { "Proxy-Connection", "x", true },
        { "Upgrade", "y", true },
        { "Trailer", "X-Sum", false },
        { "Content-Length", "3", true },
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct wr_field *f = wr_head_named(&h, wr_slice_str(want[i].name), NULL);
        assert_non_null(f);
        assert_slice(f->value, want[i].value);
        if ((f->hidden != 0) != want[i].hidden)
            fail_msg("%s: hidden %d", want[i].name, f->hidden);
    }
    struct wr_field old_fields[WR_MAX_FIELDS];
    struct wr_head old = good(
        (struct parse_input) IN("POST / HTTP/1.0\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n"), false,
        WR_METHOD_GET, old_fields);
    assert_true(!old.expect_continue && old_fields[0].hidden && old_fields[1].hidden);
    const struct wr_field *mine = wr_head_named(&h, WR_SLICE("x-mine"), NULL);
    mine = wr_head_named(&h, WR_SLICE("x-mine"), mine);
    assert_true(mine && mine->hidden);
    assert_null(wr_head_named(&h, WR_SLICE("x-mine"), mine));
    assert_true(h.trailers_wanted && h.expect_continue && !h.upgrade);

    struct wr_arena arena = { 0 };
    struct wr_head copy;
    assert_slice(wr_head_joined(&h, WR_F_ACCEPT, &arena), "a, b");
    assert_slice(wr_head_joined(&h, WR_F_HOST, &arena), "real");
    assert_slice(wr_head_joined(&h, WR_F_COOKIE, &arena), NULL);
    wr_head_copy(&copy, &h, &arena);
    assert_true(copy.fields != h.fields && copy.field_count == h.field_count);
    assert_slice(copy.host, "real");
    assert_slice(wr_head_get(&copy, WR_F_EXPECT)->value, "100-Continue");
    wr_arena_fini(&arena);
}

static void limits_hold(void **state)
{
    (void) state;
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head head;
    struct wr_parse p = { 0 };
    char *room = malloc(20000);
    /* a target of exactly the limit, and one more */
    for (int over = 0; over <= 1; over++) {
        size_t target = limits.target + (size_t) over;
        memset(room, 'x', 20000);
        memcpy(room, "GET /", 5);
        strcpy(room + 4 + target, " HTTP/1.1\r\n" H "\r\n");
        p = (struct wr_parse){ 0 };
        enum wr_parse_status got = wr_parse_request(&p, room, strlen(room), &limits, fields, &head);
        assert_int_equal(got, over ? WR_PARSE_ERROR : WR_PARSE_DONE);
        if (over)
            assert_int_equal(p.err, WR_ERR_TARGET_TOO_LONG);
    }
    /* an endless line; an endless head; a head of exactly the limit */
    memset(room, 'x', 20000);
    memcpy(room, "GET /", 5);
    p = (struct wr_parse){ 0 };
    assert_int_equal(wr_parse_request(&p, room, limits.head - 1, &limits, fields, &head), WR_PARSE_MORE);
    assert_int_equal(wr_parse_request(&p, room, limits.head, &limits, fields, &head), WR_PARSE_ERROR);
    assert_int_equal(p.err, WR_ERR_TARGET_TOO_LONG);
    for (int over = 0; over <= 1; over++) {
        static const char front[] = "GET / HTTP/1.1\r\n" H "X: ";
        memset(room, 'x', 20000);
        memcpy(room, front, sizeof front - 1);
        memcpy(room + limits.head - 4 + over, "\r\n\r\n", 4);
        p = (struct wr_parse){ 0 };
        enum wr_parse_status got = wr_parse_request(&p, room, 20000, &limits, fields, &head);
        assert_int_equal(got, over ? WR_PARSE_ERROR : WR_PARSE_DONE);
        if (over)
            assert_int_equal(p.err, WR_ERR_HEAD_TOO_LARGE);
    }
    /* one field too many */
    for (int count = WR_MAX_FIELDS; count <= WR_MAX_FIELDS + 1; count++) {
        size_t at = (size_t) sprintf(room, "GET / HTTP/1.1\r\n" H);
        for (int i = 1; i < count; i++)
            at += (size_t) sprintf(room + at, "X%d: 1\r\n", i);
        at += (size_t) sprintf(room + at, "\r\n");
        p = (struct wr_parse){ 0 };
        enum wr_parse_status got = wr_parse_request(&p, room, at, &limits, fields, &head);
        assert_int_equal(got, count > WR_MAX_FIELDS ? WR_PARSE_ERROR : WR_PARSE_DONE);
        if (got == WR_PARSE_ERROR)
            assert_int_equal(p.err, WR_ERR_HEAD_TOO_LARGE);
    }
    /* a head larger than http-parser's own limit */
    struct wr_parse_limits wide = { .target = 200000, .head = 300000 };
    char *large = malloc(250000);
    memset(large, 'x', 250000);
    memcpy(large, "GET /", 5);
    strcpy(large + 100000, " HTTP/1.1\r\n" H "X: ");
    large[strlen(large)] = 'x';
    memcpy(large + 249996, "\r\n\r\n", 4);
    p = (struct wr_parse){ 0 };
    assert_int_equal(wr_parse_request(&p, large, 250000, &wide, fields, &head), WR_PARSE_DONE);
    free(large);
    free(room);
}

static void pipelined_requests_end_where_they_end(void **state)
{
    (void) state;
    static const char two[] = "GET /1 HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n";
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head head;
    struct wr_parse p = { 0 };
    assert_int_equal(wr_parse_request(&p, two, sizeof two - 1, &limits, fields, &head), WR_PARSE_DONE);
    assert_slice(head.path, "/1");
    size_t first = p.length;
    p = (struct wr_parse){ 0 };
    assert_int_equal(wr_parse_request(&p, two + first, sizeof two - 1 - first, &limits, fields, &head),
                     WR_PARSE_DONE);
    assert_slice(head.path, "/2");
    assert_int_equal(first + p.length, sizeof two - 1);
}

static void every_field_name_finds_its_id(void **state)
{
    (void) state;
    char upper[64];
    for (enum wr_field_id id = 1; id < WR_F_COUNT; id++) {
        struct wr_slice name = wr_field_name(id);
        assert_int_equal(wr_field_id_of(name), id);
        for (size_t i = 0; i < name.len; i++)
            upper[i] = name.at[i] >= 'a' && name.at[i] <= 'z' ? (char) (name.at[i] - 32) : name.at[i];
        assert_int_equal(wr_field_id_of(wr_slice(upper, name.len)), id);
        for (size_t i = 0; i < name.len; i++) { /* no other byte is folded to a letter, a digit or '-' */
            char kept = upper[i];
            upper[i] = (char) (kept == '-' ? 0x0d : kept ^ 0x40);
            assert_int_equal(wr_field_id_of(wr_slice(upper, name.len)), WR_F_OTHER);
            upper[i] = kept;
        }
    }
    assert_int_equal(wr_field_id_of(WR_SLICE("x-unknown")), WR_F_OTHER);
    assert_int_equal(wr_field_id_of(WR_SLICE("")), WR_F_OTHER);
}

static void trailers_are_sifted(void **state)
{
    (void) state;
    struct wr_field fields[WR_MAX_FIELDS];
    size_t count;
    assert_true(wr_parse_trailers(
        WR_SLICE("X-Sum: 1 \r\nContent-Length: 5\r\nConnection: x\r\nServer-Timing: t\r\n"), fields, &count));
    assert_int_equal(count, 4);
    assert_slice(fields[0].value, "1");
    assert_true(!fields[0].hidden && fields[1].hidden && fields[2].hidden && !fields[3].hidden);
    assert_true(wr_parse_trailers(WR_SLICE(""), fields, &count) && count == 0);
    static const char *bad[] = { "X: 1",  "X: 1\n",  "X : 1\r\n",   " X: 1\r\n",
                                 "X\r\n", ": 1\r\n", "X: \001\r\n", "\r\n" };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(wr_parse_trailers(wr_slice_str(bad[i]), fields, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_request_lines_are_refused),
        cmocka_unit_test(bad_fields_are_refused_on_both_sides),
        cmocka_unit_test(bad_hosts_are_refused),
        cmocka_unit_test(bad_status_lines_are_refused),
        cmocka_unit_test(requests_are_understood),
        cmocka_unit_test(responses_are_understood),
        cmocka_unit_test(fields_are_trimmed_known_and_hidden),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(pipelined_requests_end_where_they_end),
        cmocka_unit_test(every_field_name_finds_its_id),
        cmocka_unit_test(trailers_are_sifted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
