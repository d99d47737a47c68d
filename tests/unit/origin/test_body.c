/* SPDX-License-Identifier: BSD-2-Clause */
/* How an exchange treats heads and bodies: framing in both directions, interim responses, back-pressure,
 * early answers. */
#include "rig.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct scripted_server s1;
static struct rig r;
static const char *answer; /* what the origin sends next */
static bool dribble;       /* byte by byte */

static void serve_answer(struct scripted_server *s)
{
    int fd = server_accept(s);
    if (!hear_head(s, fd))
        return;
    if (!dribble)
        say(fd, answer);
    for (const char *at = answer; dribble && *at; at++) {
        say(fd, (char[]){ *at, '\0' });
        usleep(200);
    }
    close(fd);
}

static void begin(void (*script)(struct scripted_server *s))
{
    char text[64];
    server_start(&s1, script);
    snprintf(text, sizeof text, "\"127.0.0.1:%u\"", s1.port);
    rig_start(&r, text, "");
}

static void done(void)
{
    rig_stop(&r);
    server_stop(&s1);
}

/* --- answers, whole and byte by byte --- */

static const struct {
    const char *request, *answer;
    int status;
    enum wr_err err;
    const char *body, *trailers;
    unsigned interims;
} answers[] = {
    { "GET /", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, WR_OK, "hello", "", 0 },
    { "GET /", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, WR_OK, "", "", 0 },
    { "GET /", "HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, WR_OK, "until the end", "", 0 },
    { "GET /", "HTTP/1.0 200 OK\r\n\r\n", 200, WR_OK, "", "", 0 },
    { "GET /",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 200,
      WR_OK, "hello world", "", 0 },
    { "GET /",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum:  7 \r\nContent-Length: "
      "9\r\n\r\n",
      200, WR_OK, "hello", "X-Sum: 7\r\n", 0 },
    { "HEAD /", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, WR_OK, "", "", 0 },
    { "GET /", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, WR_OK, "", "", 0 },
    { "GET /", "HTTP/1.1 204 No Content\r\n\r\n", 204, WR_OK, "", "", 0 },
    { "GET /",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 "
      "OK\r\nContent-Length: 2\r\n\r\nhi",
      200, WR_OK, "hi", "", 2 },
    /* Cut short. */
    { "GET /", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 200, WR_ERR_ORIGIN_CLOSED, "hel", "", 0 },
    { "GET /", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200,
      WR_ERR_ORIGIN_CLOSED, "hello", "", 0 },
    { "GET /", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", 200,
      WR_ERR_ORIGIN_CLOSED, "hello", "", 0 },
    { "GET /", "HTTP/1.1 200 OK\r\nContent-Le", 0, WR_ERR_ORIGIN_CLOSED, "", "", 0 },
    { "GET /", "", 0, WR_ERR_ORIGIN_CLOSED, "", "", 0 },
    { "GET /", "HTTP/1.1 100 Continue\r\n\r\n", 0, WR_ERR_ORIGIN_CLOSED, "", "", 1 },
    /* Malformed. */
    { "GET /", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 0,
      WR_ERR_ORIGIN_BROKEN, "", "", 0 },
    { "GET /", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", 0,
      WR_ERR_ORIGIN_BROKEN, "", "", 0 },
    { "GET /", "SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, WR_ERR_ORIGIN_BROKEN, "", "", 0 },
    { "GET /", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", 200,
      WR_ERR_ORIGIN_BROKEN, "hello", "", 0 },
};

static void answers_are_understood_or_refused(void **state)
{
    (void) state;
    for (size_t i = 0; i < 2 * sizeof answers / sizeof answers[0]; i++) {
        size_t k = i / 2;
        dribble = i % 2;
        answer = answers[k].answer;
        begin(serve_answer);
        struct call c = { 0 };
        call_start(&c, &r, answers[k].request, "");
        rig_run(&r);
        if (c.err != answers[k].err || c.status != answers[k].status || c.interims != answers[k].interims ||
            c.body.len != strlen(answers[k].body) ||
            (c.body.len && memcmp(c.body.at, answers[k].body, c.body.len) != 0))
            fail_msg("answer %zu%s: error %s, status %d, %u interim, %zu bytes", k,
                     dribble ? " in crumbs" : "", wr_err_info(c.err)->name, c.status, c.interims, c.body.len);
        assert_true(c.err != WR_ERR_ORIGIN_BROKEN || c.x.why != NULL);
        if (c.flow) {
            assert_int_equal(wr_flow_err(c.flow), c.err);
            assert_true(wr_slice_eq(wr_flow_trailers(c.flow), wr_slice_str(answers[k].trailers)));
        }
        assert_int_equal(wr_stats_sum(WR_STAT_origin_connections_open) <= 1, 1);
        call_fini(&c);
        done();
    }
    dribble = false;
}

/* --- a reset after the last bytes, which epoll reports together with them --- */

static void say_and_reset(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    server_reach(s, 1);
    server_await(s, 2);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    const struct linger at_once = { .l_onoff = 1 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    server_reach(s, 3);
}

/* Stops the loop while bytes and reset arrive, so that it learns of both at once. */
static bool have_both(struct rig *rig)
{
    (void) rig;
    if (__atomic_load_n(&s1.step, __ATOMIC_ACQUIRE) < 1)
        return false;
    server_reach(&s1, 2);
    server_await(&s1, 3);
    return true;
}

static void a_reset_behind_the_bytes_is_not_waited_for(void **state)
{
    (void) state;
    begin(say_and_reset);
    struct call c = { 0 };
    call_start(&c, &r, "GET /", "");
    rig_run_until(&r, have_both);
    rig_run(&r);
    assert_int_equal(c.err, WR_ERR_ORIGIN_CLOSED);
    assert_int_equal(wr_stats_sum(WR_STAT_origin_connections_open), 0);
    call_fini(&c);
    done();
}

static void hint_for_ever(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    while (say(fd, "HTTP/1.1 103 Early Hints\r\n\r\n"))
        continue;
    close(fd);
}

static void endless_head(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    say(fd, "HTTP/1.1 200 OK\r\nX-Long: ");
    while (say(fd, "0123456789012345678901234567890123456789012345678901234567890123456789"))
        continue;
    close(fd);
}

static void heads_have_an_end(void **state)
{
    (void) state;
    void (*const scripts[])(struct scripted_server *) = { hint_for_ever, endless_head };
    for (int i = 0; i < 2; i++) {
        begin(scripts[i]);
        struct call c = { 0 };
        call_start(&c, &r, "GET /", "");
        rig_run(&r);
        assert_int_equal(c.err, WR_ERR_ORIGIN_BROKEN);
        assert_non_null(c.x.why);
        assert_int_equal(c.interims, i == 0 ? 32 : 0);
        call_fini(&c);
        done();
    }
}

/* --- large bodies and slow readers --- */

#define LARGE ((size_t) 24 * 1024 * 1024)

static void say_large(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", LARGE);
    say(fd, head);
    say_bytes(fd, LARGE);
    hear_head(s, fd); /* the connection is used again */
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    close(fd);
}

static void say_large_chunked(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t left = LARGE, n = 1; left > 0; left -= n, n = n * 3 % 100000 + 1) {
        char size[32];
        n = n < left ? n : left;
        snprintf(size, sizeof size, "%zx\r\n", n);
        if (!say(fd, size) || !say_bytes(fd, n) || !say(fd, "\r\n"))
            break;
    }
    say(fd, "0\r\n\r\n");
    hear_head(s, fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    close(fd);
}

static struct call *slow;

static bool flow_is_full(struct rig *rig)
{
    (void) rig;
    return slow->flow && wr_flow_room(slow->flow) == 0;
}

static void a_slow_reader_holds_the_origin_back(void **state)
{
    (void) state;
    void (*const scripts[])(struct scripted_server *) = { say_large, say_large_chunked };
    for (int i = 0; i < 2; i++) {
        begin(scripts[i]);
        struct call c = { .lazy = true }, next = { 0 };
        slow = &c;
        call_start(&c, &r, "GET /", "");
        for (uint64_t before = 0; before < LARGE / 4; before = c.received) {
            rig_run_until(&r, flow_is_full);
            assert_true(wr_flow_bytes(c.flow) < WR_FLOW_WINDOW + 3 * WR_FLOW_PIECE);
            assert_false(c.ended);
            call_read(&c); /* reads a little, then stops again */
            c.lazy = true;
        }
        c.lazy = false;
        call_read(&c);
        rig_run(&r);
        assert_int_equal(c.err, WR_OK);
        assert_int_equal(c.received, LARGE);
        call_start(&next, &r, "GET /", "");
        rig_run(&r);
        assert_true(next.x.reused);
        assert_int_equal(next.body.len, 2);
        call_fini(&c);
        call_fini(&next);
        done();
    }
}

/* --- requests with bodies --- */

static void hear_chunked(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    hear_until(s, fd, "\r\nX-Sum: 9\r\n\r\n");
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    close(fd);
}

static struct wr_flow *upload;

static void send_the_rest(struct call *c)
{
    (void) c;
    wr_flow_append(upload, WR_SLICE("second part"));
    wr_flow_end(upload, WR_OK, WR_SLICE("X-Sum: 9\r\n"));
}

static void later(struct wr_timer *t)
{
    (void) t;
    send_the_rest(NULL);
}

static void a_request_is_sent_in_chunks_as_it_comes(void **state)
{
    (void) state;
    static const char want[] = "5\r\nfirst\r\nb\r\nsecond part\r\n0\r\nX-Sum: 9\r\n\r\n";
    begin(hear_chunked);
    struct call c = { 0 };
    struct wr_timer t;
    upload = wr_flow_new(UINT64_MAX, false, UINT64_MAX);
    wr_flow_append(upload, WR_SLICE("first"));
    c.x.request = upload;
    c.x.request_chunked = true;
    call_start(&c, &r, "POST /", "Transfer-Encoding: chunked\r\n");
    wr_timer_init(&t, &r.loop, later);
    wr_timer_set(&t, WR_SPAN_MS(20));
    rig_run(&r);
    wr_timer_fini(&t);
    pthread_join(s1.thread, NULL);
    s1.script = NULL;
    assert_int_equal(c.err, WR_OK);
    assert_int_equal(s1.heard.len, sizeof want - 1);
    assert_memory_equal(s1.heard.at, want, sizeof want - 1);
    wr_flow_unref(upload);
    call_fini(&c);
    done();
}

static void hear_large(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    server_await(s, 1);
    if (hear(s, fd, LARGE))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    close(fd);
}

/* Fills the upload as long as there is room, then waits for more. */
static struct wr_note room;
static uint64_t uploaded;
static bool stalled;

static void fill(struct wr_note *note)
{
    static char block[32 * 1024];
    (void) note;
    while (uploaded < LARGE) {
        if (wr_flow_room(upload) == 0) {
            stalled = true;
            return;
        }
        wr_flow_append(upload, wr_slice(block, sizeof block));
        uploaded += sizeof block;
    }
    wr_flow_end(upload, WR_OK, wr_slice(NULL, 0));
}

static bool upload_stalled(struct rig *rig)
{
    (void) rig;
    return stalled;
}

static void start_upload(struct call *c)
{
    char fields[64];
    upload = wr_flow_new(LARGE, false, UINT64_MAX);
    uploaded = 0;
    stalled = false;
    snprintf(fields, sizeof fields, "Content-Length: %zu\r\n", LARGE);
    wr_note_init(&room, &r.loop, fill);
    wr_flow_producer(upload, &room);
    wr_note_post(&room);
    c->x.request = upload;
    call_start(c, &r, "POST /", fields);
}

static void end_upload(void)
{
    wr_flow_producer(upload, NULL);
    wr_note_fini(&room);
    wr_flow_unref(upload);
}

static void a_slow_origin_holds_the_client_back(void **state)
{
    (void) state;
    begin(hear_large);
    struct call c = { 0 };
    start_upload(&c);
    rig_run_until(&r, upload_stalled);
    assert_true(wr_flow_bytes(upload) < WR_FLOW_WINDOW + 3 * WR_FLOW_PIECE);
    server_reach(&s1, 1);
    rig_run(&r);
    assert_int_equal(c.err, WR_OK);
    assert_int_equal(c.status, 200);
    assert_int_equal(uploaded, LARGE);
    end_upload();
    call_fini(&c);
    done();
}

/* Answers without having read the body, and resets the connection by closing it with unread bytes. */
static void refuse_early(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    say(fd, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    server_await(s, 1);
    close(fd);
}

static void an_early_answer_is_delivered(void **state)
{
    (void) state;
    begin(refuse_early);
    struct call c = { 0 };
    start_upload(&c);
    rig_run(&r);
    server_reach(&s1, 1);
    assert_int_equal(c.err, WR_OK);
    assert_int_equal(c.status, 413);
    assert_int_equal(c.body.len, 3);
    assert_int_equal(wr_stats_sum(WR_STAT_origin_connections_open), 0); /* it can't be used again */
    end_upload();
    call_fini(&c);
    done();
}

static void read_some_then_reset(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    hear(s, fd, 1000);
    close(fd);
}

static void an_origin_that_breaks_off_ends_the_upload(void **state)
{
    (void) state;
    begin(read_some_then_reset);
    struct call c = { 0 };
    start_upload(&c);
    rig_run(&r);
    assert_int_equal(c.err, WR_ERR_ORIGIN_CLOSED);
    assert_int_equal(c.x.attempts, 1);
    end_upload();
    call_fini(&c);
    done();
}

static void wait_for_the_end(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    while (hear(s, fd, 1))
        continue;
    close(fd);
}

static void a_client_that_breaks_off_ends_the_exchange(void **state)
{
    (void) state;
    begin(wait_for_the_end);
    struct call c = { 0 };
    upload = wr_flow_new(100, false, UINT64_MAX);
    wr_flow_append(upload, WR_SLICE("some"));
    c.x.request = upload;
    call_start(&c, &r, "POST /", "Content-Length: 100\r\n");
    wr_flow_end(upload, WR_ERR_CLOSED, wr_slice(NULL, 0));
    rig_run(&r);
    assert_int_equal(c.err, WR_ERR_CLOSED);
    wr_flow_unref(upload);
    call_fini(&c);
    done();
}

static void die_then_hear(struct scripted_server *s)
{
    int fd = server_accept(s);
    hear_head(s, fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    hear_head(s, fd);
    hear(s, fd, 4);
    close(fd);
    fd = server_accept(s);
    if (fd < 0)
        return;
    hear_head(s, fd);
    if (hear(s, fd, 4) && memcmp(s->heard.at, "body", 4) == 0)
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    close(fd);
}

/* A PUT may be sent again, but only while its body is still there from the first byte. */
static void a_body_is_sent_again_only_if_all_of_it_is_there(void **state)
{
    (void) state;
    for (int kept = 0; kept < 2; kept++) {
        begin(die_then_hear);
        struct call first = { 0 }, put = { 0 };
        call_start(&first, &r, "GET /", "");
        rig_run(&r);
        upload = kept ? wr_flow_of(WR_SLICE("body")) : wr_flow_new(4, false, UINT64_MAX);
        if (!kept) {
            wr_flow_append(upload, WR_SLICE("body"));
            wr_flow_end(upload, WR_OK, wr_slice(NULL, 0));
        }
        put.x.request = upload;
        call_start(&put, &r, "PUT /", "Content-Length: 4\r\n");
        rig_run(&r);
        assert_int_equal(put.err, kept ? WR_OK : WR_ERR_ORIGIN_CLOSED);
        assert_int_equal(put.x.attempts, kept ? 2 : 1);
        if (!kept) { /* lets the script end */
            struct call last = { 0 };
            call_start(&last, &r, "PUT /", "Content-Length: 4\r\n");
            wr_exchange_cancel(&last.x);
            r.waiting--;
        }
        wr_flow_unref(upload);
        call_fini(&first);
        call_fini(&put);
        done();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_understood_or_refused),
        cmocka_unit_test(a_reset_behind_the_bytes_is_not_waited_for),
        cmocka_unit_test(heads_have_an_end),
        cmocka_unit_test(a_slow_reader_holds_the_origin_back),
        cmocka_unit_test(a_request_is_sent_in_chunks_as_it_comes),
        cmocka_unit_test(a_slow_origin_holds_the_client_back),
        cmocka_unit_test(an_early_answer_is_delivered),
        cmocka_unit_test(an_origin_that_breaks_off_ends_the_upload),
        cmocka_unit_test(a_client_that_breaks_off_ends_the_exchange),
        cmocka_unit_test(a_body_is_sent_again_only_if_all_of_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
