/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the scripts of origins on threads of their own, and the loop until the calls have ended. See rig.h. */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000

/* --- the origin --- */

static void *run_script(void *arg)
{
    struct scripted_server *s = arg;
    s->script(s);
    return NULL;
}

void server_start(struct scripted_server *s, void (*script)(struct scripted_server *s))
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    *s = (struct scripted_server){ .script = script };
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->listener >= 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(listen(s->listener, script ? 64 : 0), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *) &at, &len), 0);
    s->port = ntohs(at.sin_port);
    if (script)
        assert_int_equal(pthread_create(&s->thread, NULL, run_script, s), 0);
}

void server_stop(struct scripted_server *s)
{
    if (s->script)
        pthread_join(s->thread, NULL);
    close(s->listener);
    wr_buf_fini(&s->heard);
}

static bool ready(int fd, short what)
{
    struct pollfd p = { fd, what, 0 };
    return poll(&p, 1, PATIENCE_MS) == 1;
}

int server_accept(struct scripted_server *s)
{
    int fd = ready(s->listener, POLLIN) ? accept4(s->listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    if (fd >= 0)
        s->accepted++;
    return fd;
}

static bool hear_some(struct scripted_server *s, int fd, size_t most)
{
    if (!ready(fd, POLLIN))
        return false;
    ssize_t n = recv(fd, wr_buf_reserve(&s->heard, most), most, 0);
    if (n <= 0)
        return false;
    s->heard.len += (size_t) n;
    return true;
}

bool hear(struct scripted_server *s, int fd, size_t bytes)
{
    wr_buf_clear(&s->heard);
    while (s->heard.len < bytes)
        if (!hear_some(s, fd, bytes - s->heard.len))
            return false;
    return true;
}

bool hear_until(struct scripted_server *s, int fd, const char *end)
{
    size_t len = strlen(end);
    wr_buf_clear(&s->heard);
    while (s->heard.len < len || memcmp(s->heard.at + s->heard.len - len, end, len) != 0)
        if (!hear_some(s, fd, 1))
            return false;
    return true;
}

bool hear_head(struct scripted_server *s, int fd)
{
    return hear_until(s, fd, "\r\n\r\n");
}

static bool say_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t) n;
    }
    return true;
}

bool say(int fd, const char *text)
{
    return say_all(fd, text, strlen(text));
}

bool say_bytes(int fd, size_t bytes)
{
    static const char block[65536];
    for (; bytes > sizeof block; bytes -= sizeof block)
        if (!say_all(fd, block, sizeof block))
            return false;
    return say_all(fd, block, bytes);
}

void server_reach(struct scripted_server *s, int step)
{
    __atomic_store_n(&s->step, step, __ATOMIC_RELEASE);
}

void server_await(struct scripted_server *s, int step)
{
    for (int i = 0; i < PATIENCE_MS && __atomic_load_n(&s->step, __ATOMIC_ACQUIRE) < step; i++)
        usleep(1000);
}

/* --- the rig --- */

static void on_guard(struct wr_timer *t)
{
    struct rig *r = WR_CONTAINER(t, struct rig, guard);
    r->overdue = true;
    wr_loop_stop(&r->loop);
}

static void on_look(struct wr_timer *t)
{
    struct rig *r = WR_CONTAINER(t, struct rig, look);
    if (r->until && r->until(r))
        wr_loop_stop(&r->loop);
    else
        wr_timer_set(t, WR_SPAN_MS(2));
}

void rig_start(struct rig *r, const char *servers, const char *options)
{
    struct wr_buf text = { 0 }, errors = { 0 };
    *r = (struct rig){ 0 };
    assert_int_equal(wr_loop_init(&r->loop, 0), 0);
    wr_buf_printf(&text,
                  "listen: [{ address: 127.0.0.1:1 }]\norigins:\n  app:\n    servers: [%s]\n%sroutes: [{ "
                  "match: {}, origin: app }]\n",
                  servers, options);
    r->policy = wr_policy_parse(wr_buf_slice(&text), "test", &errors);
    if (r->policy == NULL)
        fail_msg("%.*s", (int) errors.len, errors.at);
    wr_buf_fini(&text);
    wr_buf_fini(&errors);
    r->names = wr_names_new(&r->loop);
    r->backends = wr_backends_new(r->names);
    r->origins = wr_origins_new(&r->loop, r->policy, r->backends);
    wr_timer_init(&r->look, &r->loop, on_look);
    wr_timer_init(&r->guard, &r->loop, on_guard);
}

void rig_stop(struct rig *r)
{
    wr_origins_free(r->origins);
    wr_backends_free(r->backends);
    wr_names_free(r->names);
    wr_timer_fini(&r->look);
    wr_timer_fini(&r->guard);
    wr_loop_fini(&r->loop);
    wr_policy_unref(r->policy);
}

void rig_run_until(struct rig *r, bool (*until)(struct rig *r))
{
    wr_loop_tick(&r->loop);
    wr_timer_set(&r->guard, WR_SPAN_MS(PATIENCE_MS));
    r->until = until;
    wr_timer_set(&r->look, WR_SPAN_MS(0));
    wr_loop_run(&r->loop);
    wr_timer_clear(&r->guard);
    wr_timer_clear(&r->look);
    assert_false(r->overdue);
}

static bool nobody_waits(struct rig *r)
{
    return r->waiting == 0;
}

void rig_run(struct rig *r)
{
    rig_run_until(r, nobody_waits);
}

/* --- the caller --- */

void call_read(struct call *c)
{
    struct iovec iov[8];
    enum wr_flow_state state;
    int n;
    c->lazy = false;
    while (c->reader.flow && (n = wr_flow_reader_peek(&c->reader, iov, 8, UINT64_MAX, &state)) > 0) {
        uint64_t bytes = 0;
        for (int i = 0; i < n; i++) {
            if (c->body.len < 65536)
                wr_buf_add(&c->body, iov[i].iov_base, iov[i].iov_len);
            bytes += iov[i].iov_len;
        }
        c->received += bytes;
        wr_flow_reader_advance(&c->reader, bytes);
    }
}

static void on_more(struct wr_flow_reader *reader)
{
    struct call *c = WR_CONTAINER(reader, struct call, reader);
    if (!c->lazy)
        call_read(c);
}

static void on_interim(struct wr_exchange *x, const struct wr_head *head)
{
    struct call *c = WR_CONTAINER(x, struct call, x);
    (void) head;
    c->interims++;
    if (c->at_interim)
        c->at_interim(c);
}

static void on_head(struct wr_exchange *x, const struct wr_head *head)
{
    struct call *c = WR_CONTAINER(x, struct call, x);
    c->status = head->status;
    c->framing = head->framing;
    if (head->framing != WR_FRAMING_NONE) {
        uint64_t expected = head->framing == WR_FRAMING_LENGTH ? head->content_length : UINT64_MAX;
        c->flow = wr_flow_new(expected, false, UINT64_MAX);
        WR_CHECK(wr_flow_reader_open(&c->reader, c->flow, &c->rig->loop, 0, on_more));
        wr_exchange_into(x, c->flow);
    }
    if (c->at_head)
        c->at_head(c);
}

static void finished(struct call *c, enum wr_err err)
{
    c->ended = true;
    c->err = err;
    c->rig->waiting--;
    if (!c->lazy)
        call_read(c);
    if (c->at_end)
        c->at_end(c);
}

static void on_end(struct wr_exchange *x, enum wr_err err)
{
    finished(WR_CONTAINER(x, struct call, x), err);
}

void call_start(struct call *c, struct rig *r, const char *request, const char *fields)
{
    int len = snprintf(c->head, sizeof c->head, "%s HTTP/1.1\r\nHost: client.example\r\n%s\r\n", request,
                       fields);
    wr_loop_tick(&r->loop);
    c->rig = r;
    c->x.head = wr_slice(c->head, (size_t) len);
    c->x.origin = &r->policy->origins[0];
    c->x.method = strncmp(request, "HEAD", 4) == 0   ? WR_METHOD_HEAD
                  : strncmp(request, "POST", 4) == 0 ? WR_METHOD_POST
                                                     : WR_METHOD_GET;
    c->x.idempotent = c->x.method != WR_METHOD_POST;
    c->x.on_interim = on_interim;
    c->x.on_head = on_head;
    c->x.on_end = on_end;
    r->waiting++;
    enum wr_err err = wr_exchange_start(&c->x, r->origins);
    if (err != WR_OK)
        finished(c, err);
}

void call_fini(struct call *c)
{
    wr_flow_reader_close(&c->reader);
    wr_flow_unref(c->flow);
    wr_buf_fini(&c->body);
}
