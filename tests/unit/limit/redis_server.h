/* SPDX-License-Identifier: BSD-2-Clause */
/* A real redis-server for one test, on a Unix socket in a directory of its own. */
#pragma once

#include "test.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct redis_server {
    char dir[64], socket[96];
    pid_t pid;
};

/* Returns when it accepts connections. */
static inline void redis_server_start(struct redis_server *s)
{
    int out[2];
    if (s->dir[0] == '\0') {
        strcpy(s->dir, "/tmp/weir-limit-XXXXXX");
        assert_non_null(mkdtemp(s->dir));
        snprintf(s->socket, sizeof s->socket, "%s/redis.sock", s->dir);
    }
    assert_int_equal(pipe(out), 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", s->socket, "--save", "",
               "--appendonly", "no", "--dir", s->dir, (char *) NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *log = fdopen(out[0], "r");
    char line[512];
    bool ready = false;
    while (!ready && fgets(line, sizeof line, log))
        ready = strstr(line, "eady to accept connections") != NULL;
    fclose(log); /* it writes no more that anybody needs: SIGPIPE is ignored by redis-server */
    if (!ready)
        fail_msg("redis-server did not start: is it installed?");
}

static inline void redis_server_kill(struct redis_server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static inline void redis_server_remove(struct redis_server *s)
{
    redis_server_kill(s);
    unlink(s->socket);
    rmdir(s->dir);
}

/* Sends one command, whose reply must be no error. Returns an integer, or the length of a status or an
 * array. */
static inline long long redis_int(redisContext *redis, const char *command)
{
    redisReply *r = redisCommand(redis, command);
    assert_non_null(r);
    if (r->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", command, r->str);
    long long n = r->type == REDIS_REPLY_INTEGER ? r->integer : (long long) r->elements;
    freeReplyObject(r);
    return n;
}
