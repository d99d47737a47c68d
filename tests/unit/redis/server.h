/* SPDX-License-Identifier: BSD-2-Clause */
/* A real redis-server for one test: on a Unix socket in a directory of its own, without network, without
 * disk unless asked; and a loop that turns until something has happened. A missing redis-server fails the
 * test. */
#pragma once

#include "test.h"

#include <hiredis.h>
#include <sys/types.h>

#include "net/loop.h"
#include "policy/policy.h"

#define MAX_WAIT WR_SPAN_S(20) /* the test fails if it waits longer */

struct test_redis {
    char dir[64], sock[80];
    const char *args[12];        /* more of redis-server's command line, NULL-ended; kept over restarts */
    const char *user, *password; /* for control; NULL: none */
    pid_t pid;
    redisContext *control; /* an ordinary blocking connection */
};

/* Starts the server and waits until it answers. s: zeroed, but args and password may be set. */
void server_start(struct test_redis *s);
/* Starts without waiting. */
void server_spawn(struct test_redis *s);
void server_control(struct test_redis *s);
void server_kill(struct test_redis *s); /* sends SIGKILL and reaps; keeps the directory, for a restart */
void server_stop(struct test_redis *s); /* stops the server and removes the directory */
/* Sends a command over the control connection. The reply must not be an error. */
redisReply *server_ask(struct test_redis *s, const char *fmt, ...);
long long server_int(struct test_redis *s, const char *fmt, ...);
void server_do(struct test_redis *s, const char *fmt, ...);
/* Returns the number after "field:" in INFO. */
long long server_info(struct test_redis *s, const char *field);

/* Makes a policy for this server: timeout 50 ms, max_staleness 200 ms. Its parts are static, so a struct has
 * one policy at a time. */
void policy_for(struct wr_policy *p, const char *sock);

/* Most tests begin with this: it starts a server, and makes a policy for it and a loop with this index. */
void server_set_up(struct test_redis *s, struct wr_policy *p, struct wr_loop *loop, unsigned loop_index);
/* Ends all three. Nothing may hold the policy any more. */
void server_tear_down(struct test_redis *s, struct wr_policy *p, struct wr_loop *loop);

/* Turns the loop until the condition holds; fails the test after MAX_WAIT. */
#define turn_until(loop, cond)                                                        \
    do {                                                                              \
        struct wr_mono turn_start = wr_time_monotonic();                              \
        while (!(cond)) {                                                             \
            if (wr_time_since(wr_time_monotonic(), turn_start).us > MAX_WAIT.us)      \
                fail_msg("%s:%d: waited in vain for: %s", __FILE__, __LINE__, #cond); \
            turn(loop);                                                               \
        }                                                                             \
    } while (0)
/* Runs one turn: all events that are ready, or 10 ms. */
void turn(struct wr_loop *loop);
void turn_for(struct wr_loop *loop, struct wr_span span);

/* log_capture_begin() sends stderr to memory. log_captured() returns how many lines so far contain `text`.
 * log_capture_end() restores stderr. */
void log_capture_begin(void);
size_t log_captured(const char *text);
void log_capture_end(void);
