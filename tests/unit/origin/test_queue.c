/* SPDX-License-Identifier: BSD-2-Clause */
/* Who waits while max_connections are in use, and who is next. */
#include "rig.h"

#include <stdio.h>
#include <unistd.h>

#include "origin/origin_priv.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct scripted_server s;
static struct rig r;

static void start(void (*script)(struct scripted_server *s), const char *options)
{
    char text[64];
    server_start(&s, script);
    snprintf(text, sizeof text, "\"127.0.0.1:%u\"", s.port);
    rig_start(&r, text, options);
}

static void stop(void)
{
    rig_stop(&r);
    server_stop(&s);
}

static void leave(struct call *c)
{
    wr_exchange_cancel(&c->x);
    call_fini(c);
}

static uint64_t waiting(void)
{
    return wr_stats_sum(WR_STAT_origin_queue);
}

/* The first letter of each path, in the order in which the server has got them. */
static char order[8];

static void serve_four(struct scripted_server *server)
{
    int fd = server_accept(server);
    for (int i = 0; i < 4 && hear_head(server, fd); i++) {
        order[i] = server->heard.at[sizeof "GET /" - 1];
        server_await(server, 1);
        say(fd, OK_HELLO);
    }
    close(fd);
}

static void who_came_first_is_next(void **state)
{
    (void) state;
    static const char *const asked[] = { "GET /a", "GET /b", "GET /c", "GET /d" };
    start(serve_four, "    max_connections: 1\n    queue_timeout: 1m\n");
    struct call c[4] = { 0 };
    for (int i = 0; i < 4; i++)
        call_start(&c[i], &r, asked[i], "");
    assert_int_equal(waiting(), 3);
    server_reach(&s, 1);
    rig_run(&r);
    assert_int_equal(waiting(), 0);
    assert_string_equal(order, "abcd");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(c[i].err, WR_OK);
        call_fini(&c[i]);
    }
    stop();
}

static void no_more_wait_than_may(void **state)
{
    (void) state;
    for (unsigned most = 0; most < 3; most++) {
        char options[64];
        snprintf(options, sizeof options, "    max_connections: 1\n    queue: %u\n", most);
        start(NULL, options);
        struct call c[4] = { 0 };
        for (unsigned i = 0; i < 4; i++)
            call_start(&c[i], &r, "GET /", "");
        assert_int_equal(waiting(), most);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(c[i].ended, i > most);
            assert_int_equal(c[i].err, i > most ? WR_ERR_QUEUE_FULL : WR_OK);
            leave(&c[i]);
        }
        assert_int_equal(waiting(), 0);
        stop();
    }
}

static void begin_upload(struct call *c)
{
    c->x.request = wr_flow_new(UINT64_MAX, false, UINT64_MAX);
    c->x.request_chunked = true;
    call_start(c, &r, "POST /", "Transfer-Encoding: chunked\r\n");
}

static void end_upload(struct call *c)
{
    if (wr_flow_state(c->x.request) == WR_FLOW_ARRIVING)
        wr_flow_end(c->x.request, WR_OK, wr_slice(NULL, 0));
}

static bool two_uploads(struct rig *rig)
{
    return rig->origins->list[0].peers[0]->uploads == 2;
}

static bool none_waits(struct rig *rig)
{
    (void) rig;
    return waiting() == 0;
}

static bool one_waits(struct rig *rig)
{
    (void) rig;
    return waiting() == 1;
}

static void uploads_leave_places_to_others(void **state)
{
    (void) state;
    start(NULL, "    max_connections: 4\n    connect_timeout: 1m\n");
    struct call up[4] = { 0 }, get[2] = { 0 };
    for (int i = 0; i < 4; i++)
        begin_upload(&up[i]);
    assert_int_equal(waiting(), 1);
    for (int i = 0; i < 2; i++) /* the first one passes by the upload that waits */
        call_start(&get[i], &r, "GET /", "");
    assert_int_equal(get[0].x.attempts, 1);
    assert_int_equal(get[1].x.attempts, 0);
    assert_int_equal(waiting(), 2);
    end_upload(&up[0]); /* now there may be one more upload, but there is no place */
    rig_run_until(&r, two_uploads);
    assert_int_equal(waiting(), 2);
    leave(&get[0]);
    rig_run_until(&r, one_waits);
    assert_int_equal(up[3].x.attempts, 1); /* it came first */
    assert_int_equal(get[1].x.attempts, 0);
    leave(&up[1]);
    rig_run_until(&r, none_waits);
    assert_int_equal(get[1].x.attempts, 1);
    leave(&get[1]);
    for (int i = 0; i < 4; i++) {
        struct wr_flow *request = up[i].x.request;
        end_upload(&up[i]);
        leave(&up[i]);
        wr_flow_unref(request);
    }
    assert_int_equal(r.origins->list[0].peers[0]->uploads, 0);
    stop();
}

static void whoever_waited_in_vain_has_left_the_queue(void **state)
{
    (void) state;
    start(NULL, "    max_connections: 1\n    queue_timeout: 1m\n");
    struct call c[3] = { 0 };
    for (int i = 0; i < 3; i++)
        call_start(&c[i], &r, "GET /", "");
    server_stop(&s); /* so the next connection is refused */
    leave(&c[0]);
    r.waiting--;
    rig_run(&r);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(c[i].err, WR_ERR_ORIGIN_REFUSED);
        call_fini(&c[i]);
    }
    assert_int_equal(waiting(), 0);
    assert_int_equal(r.origins->list[0].queued, 0);
    rig_stop(&r);
}

int main(void)
{
    wr_stats_join();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_came_first_is_next),
        cmocka_unit_test(no_more_wait_than_may),
        cmocka_unit_test(uploads_leave_places_to_others),
        cmocka_unit_test(whoever_waited_in_vain_has_left_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
