/* SPDX-License-Identifier: BSD-2-Clause */
/* An exchange with an origin that follows a script: connections, retries, timeouts, cancelling. */
#include "rig.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "origin/origin_priv.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct scripted_server s1, s2;
static struct rig r;

static const char *servers(uint16_t a, uint16_t b)
{
    static char text[64];
    if (b)
        snprintf(text, sizeof text, "\"127.0.0.1:%u\", \"127.0.0.1:%u\"", a, b);
    else
        snprintf(text, sizeof text, "\"127.0.0.1:%u\"", a);
    return text;
}

/* Returns a port that refuses connections: it was bound once and has been closed. */
static uint16_t closed_port(void)
{
    struct scripted_server s;
    server_start(&s, NULL);
    server_stop(&s);
    return s.port;
}

static void one_origin(void (*script)(struct scripted_server *s), const char *options)
{
    server_start(&s1, script);
    rig_start(&r, servers(s1.port, 0), options);
}

static void done(void)
{
    rig_stop(&r);
    server_stop(&s1);
}

static void assert_hello(const struct call *c)
{
    assert_int_equal(c->err, WR_OK);
    assert_int_equal(c->status, 200);
    assert_int_equal(c->body.len, 5);
    assert_memory_equal(c->body.at, "hello", 5);
}

static bool no_connection(struct rig *rig)
{
    (void) rig;
    return wr_stats_sum(WR_STAT_origin_connections_open) == 0;
}

/* --- connections --- */

static void serve_three(struct scripted_server *s)
{
    int fd = server_accept(s);
    for (int i = 0; i < 3; i++)
        if (hear_head(s, fd))
            say(fd, OK_HELLO);
    close(fd);
}

static void a_connection_is_used_again(void **state)
{
    (void) state;
    one_origin(serve_three, "");
    uint64_t opened = wr_stats_sum(WR_STAT_origin_connections);
    for (int i = 0; i < 3; i++) {
        struct call c = { 0 };
        call_start(&c, &r, "GET /a", "");
        rig_run(&r);
        assert_hello(&c);
        assert_int_equal(c.x.reused, i > 0);
        assert_int_equal(c.x.attempts, 1);
        assert_true(c.x.answered.us >= c.x.sent.us && c.x.sent.us > 0);
        call_fini(&c);
    }
    assert_int_equal(wr_stats_sum(WR_STAT_origin_connections) - opened, 1);
    rig_run_until(&r, no_connection); /* the script has closed it, which is noticed while it is idle */
    done();
}

static void die_when_asked_again(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    say(fd, OK_HELLO);
    hear_head(s, fd);
    close(fd);
    fd = server_accept(s);
    if (fd >= 0 && hear_head(s, fd))
        say(fd, OK_HELLO);
    close(fd);
}

static void a_stale_connection_is_replaced(void **state)
{
    (void) state;
    one_origin(die_when_asked_again, "");
    struct call first = { 0 }, again = { 0 };
    call_start(&first, &r, "GET /a", "");
    rig_run(&r);
    call_start(&again, &r, "GET /a", "");
    rig_run(&r);
    assert_hello(&again);
    assert_int_equal(again.x.attempts, 2);
    assert_false(again.x.reused);
    call_fini(&first);
    call_fini(&again);
    done();
}

static void die_twice(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    say(fd, OK_HELLO);
    hear_head(s, fd);
    close(fd);
}

static void what_is_not_idempotent_is_sent_once(void **state)
{
    (void) state;
    one_origin(die_twice, "");
    struct call first = { 0 }, post = { 0 };
    call_start(&first, &r, "GET /a", "");
    rig_run(&r);
    call_start(&post, &r, "POST /a", "Content-Length: 0\r\n");
    rig_run(&r);
    assert_int_equal(post.err, WR_ERR_ORIGIN_CLOSED);
    assert_int_equal(post.x.attempts, 1);
    assert_true(post.x.reused);
    call_fini(&first);
    call_fini(&post);
    done();
}

static void no_retry_without_retries(void **state)
{
    (void) state;
    one_origin(die_twice, "    retries: 0\n");
    struct call first = { 0 }, again = { 0 };
    call_start(&first, &r, "GET /a", "");
    rig_run(&r);
    call_start(&again, &r, "GET /a", "");
    rig_run(&r);
    assert_int_equal(again.err, WR_ERR_ORIGIN_CLOSED);
    call_fini(&first);
    call_fini(&again);
    done();
}

static void close_behind_the_answer(struct scripted_server *s)
{
    for (int i = 0; i < 2; i++) {
        int fd = server_accept(s);
        hear_head(s, fd);
        say(fd, OK_HELLO);
        close(fd);
        server_reach(s, i + 1);
    }
}

/* The close has arrived, but the loop hasn't run since: before a POST the connection is checked. */
static void a_post_does_not_walk_into_a_closed_connection(void **state)
{
    (void) state;
    one_origin(close_behind_the_answer, "");
    struct call first = { 0 }, post = { 0 };
    call_start(&first, &r, "GET /a", "");
    rig_run(&r);
    server_await(&s1, 1);
    call_start(&post, &r, "POST /a", "Content-Length: 0\r\n");
    rig_run(&r);
    assert_hello(&post);
    call_fini(&first);
    call_fini(&post);
    done();
}

static void idle_connections_time_out(void **state)
{
    (void) state;
    one_origin(serve_three, "    keepalive_timeout: 400ms\n");
    struct call c = { 0 };
    call_start(&c, &r, "GET /a", "");
    rig_run(&r);
    assert_hello(&c);
    assert_int_equal(wr_stats_sum(WR_STAT_origin_connections_open), 1);
    rig_run_until(&r, no_connection);
    call_fini(&c);
    done();
}

static void answer_too_much(struct scripted_server *s)
{
    for (int i = 0; i < 2; i++) {
        int fd = server_accept(s);
        hear_head(s, fd);
        say(fd, OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
        close(fd);
    }
}

static void bytes_behind_a_response_are_nobodys(void **state)
{
    (void) state;
    one_origin(answer_too_much, "");
    for (int i = 0; i < 2; i++) {
        struct call c = { 0 };
        call_start(&c, &r, "GET /a", "");
        rig_run(&r);
        assert_hello(&c);
        assert_false(c.x.reused);
        call_fini(&c);
    }
    done();
}

static void exchanges_wait_for_a_place(void **state)
{
    (void) state;
    one_origin(serve_three, "    max_connections: 1\n");
    struct call c[3] = { 0 };
    uint64_t opened = wr_stats_sum(WR_STAT_origin_connections);
    for (int i = 0; i < 3; i++)
        call_start(&c[i], &r, "GET /a", "");
    rig_run(&r);
    for (int i = 0; i < 3; i++) {
        assert_hello(&c[i]);
        call_fini(&c[i]);
    }
    assert_int_equal(wr_stats_sum(WR_STAT_origin_connections) - opened, 1);
    done();
}

static void hold_one(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    server_await(s, 1);
    say(fd, OK_HELLO);
    close(fd);
}

static void nobody_waits_for_a_place_for_ever(void **state)
{
    (void) state;
    one_origin(hold_one, "    max_connections: 1\n    connect_timeout: 50ms\n");
    struct call holder = { 0 }, late = { 0 }, gone = { 0 };
    call_start(&holder, &r, "GET /a", "");
    call_start(&late, &r, "GET /b", "");
    call_start(&gone, &r, "GET /c", "");
    wr_exchange_cancel(&gone.x);
    /* Without the one that was cancelled and the one that holds the place: only the late one ends. */
    r.waiting -= 2;
    rig_run(&r);
    assert_int_equal(late.err, WR_ERR_QUEUE_TIMEOUT);
    assert_false(gone.ended);
    r.waiting = 1;
    server_reach(&s1, 1);
    rig_run(&r);
    assert_hello(&holder);
    call_fini(&holder);
    done();
}

/* --- other servers --- */

static void the_next_server_is_tried(void **state)
{
    (void) state;
    server_start(&s1, serve_three);
    rig_start(&r, servers(closed_port(), s1.port), "");
    unsigned attempts = 0;
    for (int i = 0; i < 3; i++) {
        struct call c = { 0 };
        /* Nothing has been sent to the server that refuses, so a POST may be sent to the next one, too. */
        call_start(&c, &r, i ? "POST /a" : "GET /a", i ? "Content-Length: 0\r\n" : "");
        rig_run(&r);
        assert_hello(&c);
        attempts += c.x.attempts;
        call_fini(&c);
    }
    assert_int_equal(attempts, 4); /* refused once, and avoided since */
    done();
}

static void nobody_listens(void **state)
{
    (void) state;
    rig_start(&r, servers(closed_port(), closed_port()), "");
    uint64_t before = wr_stats_sum(WR_STAT_origin_errors_refused);
    struct call c[2] = { 0 };
    for (int i = 0; i < 2; i++) { /* the second time all are known to fail, and are still tried */
        call_start(&c[i], &r, "GET /a", "");
        rig_run(&r);
        assert_int_equal(c[i].err, WR_ERR_ORIGIN_REFUSED);
        assert_int_equal(c[i].x.attempts, 2);
    }
    assert_int_equal(wr_stats_sum(WR_STAT_origin_errors_refused) - before, 2);
    rig_stop(&r);
}

/* Fills the queue of a listener that accepts nothing, so that further connections hang. */
static void jam(const struct scripted_server *s, int fds[4])
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(s->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    for (int i = 0; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void) connect(fds[i], (struct sockaddr *) &at, sizeof at);
    }
}

static void unjam(const int fds[4])
{
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

static void connecting_takes_only_so_long(void **state)
{
    (void) state;
    int fds[4];
    server_start(&s2, NULL);
    jam(&s2, fds);
    server_start(&s1, serve_three);
    rig_start(&r, servers(s2.port, s1.port), "    connect_timeout: 50ms\n");
    struct call c = { 0 };
    call_start(&c, &r, "GET /a", "");
    rig_run(&r);
    assert_hello(&c);
    assert_int_equal(c.x.attempts, 2);
    call_fini(&c);
    done();

    rig_start(&r, servers(s2.port, 0), "    connect_timeout: 50ms\n");
    struct call late = { 0 };
    call_start(&late, &r, "GET /a", "");
    rig_run(&r);
    assert_int_equal(late.err, WR_ERR_ORIGIN_TIMEOUT);
    rig_stop(&r);
    unjam(fds);
    server_stop(&s2);
}

static void names_are_resolved(void **state)
{
    (void) state;
    char text[64];
    server_start(&s1, serve_three);
    snprintf(text, sizeof text, "\"localhost:%u\"", s1.port);
    rig_start(&r, text, "    pass_host: off\n");
    struct call c = { 0 };
    call_start(&c, &r, "GET /a", "X-Y: z\r\n");
    rig_run(&r);
    assert_hello(&c);
    call_fini(&c);
    done();
}

static void hear_host(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    say(fd, OK_HELLO);
    close(fd);
}

static void the_servers_own_name_replaces_host(void **state)
{
    (void) state;
    one_origin(hear_host, "    pass_host: off\n");
    struct call c = { 0 };
    char want[128];
    call_start(&c, &r, "GET /a", "X-Y: z\r\n");
    rig_run(&r);
    assert_hello(&c);
    snprintf(want, sizeof want, "GET /a HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-Y: z\r\n\r\n", s1.port);
    pthread_join(s1.thread, NULL);
    assert_int_equal(s1.heard.len, strlen(want));
    assert_memory_equal(s1.heard.at, want, strlen(want));
    s1.script = NULL;
    call_fini(&c);
    done();
}

static bool at_once(struct rig *rig)
{
    (void) rig;
    return true;
}

static void unix_sockets_are_servers_too(void **state)
{
    (void) state;
    char dir[] = "/tmp/weir-test-XXXXXX", text[128];
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    assert_non_null(mkdtemp(dir));
    snprintf(at.sun_path, sizeof at.sun_path, "%s/s", dir);
    snprintf(text, sizeof text, "\"unix:%s\"", at.sun_path);
    s1 = (struct scripted_server){ .script = serve_three,
                                   .listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    assert_int_equal(bind(s1.listener, (struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(listen(s1.listener, 8), 0);
    rig_start(&r, text, "    pass_host: off\n");
    struct call c[2] = { 0 };
    s1.script = NULL;
    call_start(&c[0], &r, "GET /a", ""); /* connects at once, into the backlog */
    rig_run_until(&r, at_once);          /* and sends at the end of the turn */
    int fd = server_accept(&s1);
    assert_true(hear_head(&s1, fd) && say(fd, OK_HELLO));
    rig_run(&r);
    assert_hello(&c[0]);
    close(fd);
    unlink(at.sun_path);
    /* The pooled connection is closed and the socket is gone. */
    call_start(&c[1], &r, "POST /a", "Content-Length: 0\r\n");
    rig_run(&r);
    assert_int_equal(c[1].err, WR_ERR_ORIGIN_REFUSED);
    call_fini(&c[0]);
    done();
    rmdir(dir);
}

/* --- timeouts and cancelling --- */

static void stay_silent(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    server_await(s, 1);
    close(fd);
}

static void stop_in_the_body(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    server_await(s, 1);
    close(fd);
}

static void stop_in_the_head(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Le");
    server_await(s, 1);
    close(fd);
}

static void silence_has_an_end(void **state)
{
    (void) state;
    void (*const scripts[])(struct scripted_server *) = { stay_silent, stop_in_the_head, stop_in_the_body };
    for (int i = 0; i < 3; i++) {
        one_origin(scripts[i], i == 2 ? "    idle_timeout: 300ms\n" : "    response_timeout: 300ms\n");
        struct call c = { 0 };
        call_start(&c, &r, "GET /a", "");
        rig_run(&r);
        server_reach(&s1, 1);
        assert_int_equal(c.err, WR_ERR_ORIGIN_TIMEOUT);
        assert_int_equal(c.status, i == 2 ? 200 : 0);
        if (i == 2)
            assert_int_equal(wr_flow_err(c.flow), WR_ERR_ORIGIN_TIMEOUT);
        assert_int_equal(wr_stats_sum(WR_STAT_origin_connections_open), 0);
        call_fini(&c);
        done();
    }
}

static void cancel_here(struct call *c)
{
    wr_exchange_cancel(&c->x);
    c->rig->waiting--;
}

static struct call successor;

static void cancel_and_start_another(struct call *c)
{
    wr_exchange_cancel(&c->x);
    c->rig->waiting--;
    call_start(&successor, c->rig, "GET /next", "");
}

static void serve_all(struct scripted_server *s)
{
    for (int fd; (fd = server_accept(s)) >= 0;) {
        bool last = hear_head(s, fd) && memmem(s->heard.at, s->heard.len, "/end", 4) != NULL;
        say(fd, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK_HELLO);
        close(fd);
        if (last)
            return;
    }
}

static void the_caller_may_leave_at_any_moment(void **state)
{
    (void) state;
    one_origin(serve_all, "");
    struct call c[6] = { 0 };
    call_start(&c[0], &r, "GET /0", ""); /* while connecting */
    wr_exchange_cancel(&c[0].x);
    wr_exchange_cancel(&c[0].x);
    r.waiting--;
    c[1].at_interim = cancel_here;
    call_start(&c[1], &r, "GET /1", "");
    rig_run(&r);
    c[2].at_head = cancel_here;
    call_start(&c[2], &r, "GET /2", "");
    rig_run(&r);
    assert_int_equal(wr_flow_err(c[2].flow), WR_ERR_CANCELLED);
    c[3].at_interim = cancel_and_start_another;
    successor = (struct call){ 0 };
    call_start(&c[3], &r, "GET /3", "");
    rig_run(&r);
    assert_hello(&successor);
    call_fini(&successor);
    c[4].at_head = cancel_and_start_another;
    successor = (struct call){ 0 };
    call_start(&c[4], &r, "GET /4", "");
    rig_run(&r);
    assert_hello(&successor);
    call_fini(&successor);
    call_start(&c[5], &r, "GET /end", "");
    rig_run(&r);
    assert_hello(&c[5]);
    assert_int_equal(c[5].interims, 1);
    for (int i = 0; i < 5; i++)
        assert_false(c[i].ended);
    for (int i = 0; i < 6; i++)
        call_fini(&c[i]);
    done();
}

static void the_callers_policy_ends_before_the_exchange(void **state)
{
    (void) state;
    one_origin(hold_one, "");
    struct call c = { 0 };
    call_start(&c, &r, "GET /a", "");
    wr_origins_free(r.origins);
    r.origins = NULL;
    server_reach(&s1, 1);
    rig_run(&r);
    assert_hello(&c);
    assert_int_equal(wr_stats_sum(WR_STAT_origin_connections_open), 0);
    call_fini(&c);
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(a_stale_connection_is_replaced),
        cmocka_unit_test(what_is_not_idempotent_is_sent_once),
        cmocka_unit_test(no_retry_without_retries),
        cmocka_unit_test(a_post_does_not_walk_into_a_closed_connection),
        cmocka_unit_test(idle_connections_time_out),
        cmocka_unit_test(bytes_behind_a_response_are_nobodys),
        cmocka_unit_test(exchanges_wait_for_a_place),
        cmocka_unit_test(nobody_waits_for_a_place_for_ever),
        cmocka_unit_test(the_next_server_is_tried),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(connecting_takes_only_so_long),
        cmocka_unit_test(names_are_resolved),
        cmocka_unit_test(the_servers_own_name_replaces_host),
        cmocka_unit_test(unix_sockets_are_servers_too),
        cmocka_unit_test(silence_has_an_end),
        cmocka_unit_test(the_caller_may_leave_at_any_moment),
        cmocka_unit_test(the_callers_policy_ends_before_the_exchange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
