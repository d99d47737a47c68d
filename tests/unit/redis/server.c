/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts, stops and asks a real redis-server for the unit tests. */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void server_spawn(struct test_redis *s)
{
    if (s->dir[0] == '\0') {
        strcpy(s->dir, "/tmp/weir-test-XXXXXX");
        assert_non_null(mkdtemp(s->dir));
        snprintf(s->sock, sizeof s->sock, "%s/redis.sock", s->dir);
    }
    const char *argv[40] = {
        "redis-server", "--port", "0",         "--unixsocket", s->sock, "--dir", s->dir, "--save", "",
        "--appendonly", "no",     "--logfile", "redis.log",
    };
    size_t argc = 13;
    for (size_t i = 0; s->args[i]; i++)
        argv[argc++] = s->args[i];
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* the server ends with the test, also if the test crashes */
        execvp(argv[0], (char *const *) (void *) argv);
        _exit(127);
    }
}

static bool still_runs(struct test_redis *s)
{
    return waitpid(s->pid, NULL, WNOHANG) == 0;
}

void server_control(struct test_redis *s)
{
    if (s->control)
        redisFree(s->control);
    s->control = redisConnectUnix(s->sock);
    assert_non_null(s->control);
    if (s->control->err == 0 && s->password) {
        redisReply *r = redisCommand(s->control, "AUTH %s %s", s->user ? s->user : "default", s->password);
        freeReplyObject(r);
    }
}

void server_start(struct test_redis *s)
{
    signal(SIGPIPE, SIG_IGN);
    server_spawn(s);
    struct wr_mono start = wr_time_monotonic();
    for (;;) {
        server_control(s);
        redisReply *r = s->control->err ? NULL : redisCommand(s->control, "PING");
        bool up = r && r->type == REDIS_REPLY_STATUS;
        if (r)
            freeReplyObject(r);
        if (up)
            return;
        if (!still_runs(s))
            fail_msg("redis-server does not start: is it installed?");
        if (wr_time_since(wr_time_monotonic(), start).us > MAX_WAIT.us)
            fail_msg("redis-server does not answer");
        usleep(2000);
    }
}

void server_kill(struct test_redis *s)
{
    if (s->control)
        redisFree(s->control);
    s->control = NULL;
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
    unlink(s->sock);
}

void server_stop(struct test_redis *s)
{
    char cmd[128];
    server_kill(s);
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", s->dir);
    assert_int_equal(system(cmd), 0);
    s->dir[0] = '\0';
}

static redisReply *ask(struct test_redis *s, const char *fmt, va_list ap)
{
    redisReply *r = redisvCommand(s->control, fmt, ap);
    if (r == NULL)
        fail_msg("control connection: %s", s->control->errstr);
    else if (r->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", fmt, r->str);
    return r;
}

redisReply *server_ask(struct test_redis *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = ask(s, fmt, ap);
    va_end(ap);
    return r;
}

long long server_int(struct test_redis *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = ask(s, fmt, ap);
    va_end(ap);
    assert_int_equal(r->type, REDIS_REPLY_INTEGER);
    long long n = r->integer;
    freeReplyObject(r);
    return n;
}

void server_do(struct test_redis *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = ask(s, fmt, ap);
    va_end(ap);
    freeReplyObject(r);
}

long long server_info(struct test_redis *s, const char *field)
{
    redisReply *r = server_ask(s, "INFO");
    const char *at = strstr(r->str, field);
    assert_non_null(at);
    long long n = atoll(at + strlen(field) + 1);
    freeReplyObject(r);
    return n;
}

void policy_for(struct wr_policy *p, const char *sock)
{
    *p = (struct wr_policy){ .refs = 1, .workers = 1 };
    p->redis = (struct wr_policy_redis){
        .enabled = true,
        .address = { .kind = WR_ADDRESS_UNIX, .text = (char *) sock, .host = (char *) sock },
        .namespace_ = (char *) "weir",
        .keyspace = (char *) "v1",
        .timeout = WR_SPAN_MS(50),
        .max_staleness = WR_SPAN_MS(200),
    };
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;
    wr_loop_tick(arg);
}

void turn(struct wr_loop *loop)
{
    struct timeval ten_ms = { 0, 10000 };
    assert_int_equal(event_base_once(loop->base, -1, EV_TIMEOUT, on_tick, loop, &ten_ms), 0);
    assert_true(event_base_loop(loop->base, EVLOOP_ONCE) >= 0);
    wr_loop_tick(loop);
}

void server_set_up(struct test_redis *s, struct wr_policy *p, struct wr_loop *loop, unsigned loop_index)
{
    *s = (struct test_redis){ 0 };
    server_start(s);
    policy_for(p, s->sock);
    assert_int_equal(wr_loop_init(loop, loop_index), 0);
}

void server_tear_down(struct test_redis *s, struct wr_policy *p, struct wr_loop *loop)
{
    turn(loop);
    wr_loop_fini(loop);
    server_stop(s);
    assert_int_equal(p->refs, 1);
}

void turn_for(struct wr_loop *loop, struct wr_span span)
{
    struct wr_mono start = wr_time_monotonic();
    while (wr_time_since(wr_time_monotonic(), start).us < span.us)
        turn(loop);
}

static FILE *captured;
static int stderr_kept = -1;

void log_capture_begin(void)
{
    captured = tmpfile();
    assert_non_null(captured);
    stderr_kept = dup(STDERR_FILENO);
    assert_true(dup2(fileno(captured), STDERR_FILENO) >= 0);
}

size_t log_captured(const char *text)
{
    char line[2048];
    size_t count = 0;
    int fd = open("/proc/self/fd/2", O_RDONLY | O_CLOEXEC); /* an offset of its own */
    FILE *f = fdopen(fd, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strstr(line, text))
            count++;
    fclose(f);
    return count;
}

void log_capture_end(void)
{
    assert_true(dup2(stderr_kept, STDERR_FILENO) >= 0);
    close(stderr_kept);
    fclose(captured);
}
