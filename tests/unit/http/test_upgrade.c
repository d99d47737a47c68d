/* SPDX-License-Identifier: BSD-2-Clause */
/* http/upgrade: what asks for another protocol, and which 101 agrees. */
#include "test.h"

#include <stdio.h>

#include "http/parse.h"
#include "http/upgrade.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define ASKS "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" /* RFC 6455 1.3 */
#define AGREES "Connection: upgrade\r\nUpgrade: websocket\r\n"

static char websocket[] = "websocket", other[] = "other";
static char *const protocols[] = { websocket, other, NULL };

static bool asks(const char *line, const char *fields, struct wr_upgrade *out)
{
    static struct wr_field room[WR_MAX_FIELDS];
    static char text[1024];
    const struct wr_parse_limits limits = { 1000, 1000 };
    struct wr_parse p = { 0 };
    struct wr_head head;
    int len = snprintf(text, sizeof text, "%s\r\nHost: a\r\n%s\r\n", line, fields);
    assert_int_equal(wr_parse_request(&p, text, (size_t) len, &limits, room, &head), WR_PARSE_DONE);
    return wr_upgrade_asked(&head, protocols, out);
}

static bool agrees(const struct wr_upgrade *asked, const char *fields)
{
    static struct wr_field room[WR_MAX_FIELDS];
    static char text[1024];
    struct wr_parse p = { 0 };
    struct wr_head head;
    int len = snprintf(text, sizeof text, "HTTP/1.1 101 Yes\r\n%s\r\n", fields);
    assert_int_equal(wr_parse_response(&p, text, (size_t) len, 1000, WR_METHOD_GET, room, &head),
                     WR_PARSE_DONE);
    return wr_upgrade_agreed(asked, &head);
}

static void what_asks(void **state)
{
    static const struct {
        const char *line, *fields;
        bool asks;
    } cases[] = {
        { "GET / HTTP/1.1", ASKS KEY VERSION, true },
        { "GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: OTHER\r\n", true },
        { "GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: more\r\n", false },
        { "GET / HTTP/1.1", "Upgrade: websocket\r\n" KEY VERSION, false },
        { "GET / HTTP/1.1", "Connection: upgrade\r\n" KEY VERSION, false },
        { "GET / HTTP/1.1", ASKS "Upgrade: other\r\n" KEY VERSION, false },
        { "GET / HTTP/1.0", ASKS KEY VERSION, false },
        { "POST / HTTP/1.1", ASKS KEY VERSION, false },
        { "GET / HTTP/1.1", ASKS KEY VERSION "Content-Length: 1\r\n", false },
        { "GET / HTTP/1.1", ASKS KEY, false },
        { "GET / HTTP/1.1", ASKS VERSION, false },
        { "GET / HTTP/1.1", ASKS KEY KEY VERSION, false },
        { "GET / HTTP/1.1", ASKS KEY "Sec-WebSocket-Version: 8\r\n", false },
        { "GET / HTTP/1.1", ASKS "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n" VERSION, false },
        { "GET / HTTP/1.1", ASKS "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" VERSION, false },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_upgrade asked = { 0 };
        if (asks(cases[i].line, cases[i].fields, &asked) != cases[i].asks ||
            (asked.protocol[0] != '\0') != cases[i].asks)
            fail_msg("%s with %s", cases[i].line, cases[i].fields);
    }
}

static void which_answer_agrees(void **state)
{
    static const struct {
        const char *fields;
        bool websocket, other;
    } cases[] = {
        { AGREES ACCEPT, true, false },
        { "Connection: Upgrade\r\nUpgrade: WEBSOCKET\r\n" ACCEPT, true, false },
        { AGREES, false, false },
        { AGREES ACCEPT ACCEPT, false, false },
        { AGREES "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n", false, false },
        { "Upgrade: websocket\r\n" ACCEPT, false, false },
        { "Connection: upgrade\r\n" ACCEPT, false, false },
        { "Connection: upgrade\r\nUpgrade: other\r\n", false, true },
        { "Connection: upgrade\r\nUpgrade: other, websocket\r\n" ACCEPT, false, false },
    };
    struct wr_upgrade of_websocket = { 0 }, of_other = { 0 };
    (void) state;
    assert_true(asks("GET / HTTP/1.1", ASKS KEY VERSION, &of_websocket));
    assert_true(asks("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: other\r\n", &of_other));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (agrees(&of_websocket, cases[i].fields) != cases[i].websocket ||
            agrees(&of_other, cases[i].fields) != cases[i].other)
            fail_msg("%s", cases[i].fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_asks),
        cmocka_unit_test(which_answer_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
