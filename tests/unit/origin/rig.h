/* SPDX-License-Identifier: BSD-2-Clause */
/* Real sockets on loopback: origins that follow a script on a thread of their own, and calls that record what
 * became of an exchange. Nothing here asserts while the loop runs, because cmocka would jump out of a
 * callback. */
#pragma once

#include "test.h"

#include <pthread.h>

#include "net/names.h"
#include "origin/exchange.h"
#include "stats/stats.h"

/* --- the origin --- */
struct scripted_server {
    int listener;
    uint16_t port;
    pthread_t thread;
    void (*script)(struct scripted_server *s);
    struct wr_buf heard; /* the head or body that the script received last */
    unsigned accepted;
    int step; /* atomic: how far script and test have come; see server_reach() */
};

/* Listens on a free port. script NULL: nobody accepts connections. */
void server_start(struct scripted_server *s, void (*script)(struct scripted_server *s));
/* Waits for the script to return. */
void server_stop(struct scripted_server *s);
/* For scripts. Each wait ends after some seconds. */
int server_accept(struct scripted_server *s);
bool hear_head(struct scripted_server *s, int fd);          /* into s->heard, including the empty line */
bool hear(struct scripted_server *s, int fd, size_t bytes); /* into s->heard */
bool hear_until(struct scripted_server *s, int fd, const char *end);
bool say(int fd, const char *text);
bool say_bytes(int fd, size_t bytes);
/* One side says that it has reached a step; the other waits for it. */
void server_reach(struct scripted_server *s, int step);
void server_await(struct scripted_server *s, int step);

/* --- the caller --- */
struct call {
    struct wr_exchange x;
    struct rig *rig;
    char head[1024];
    enum wr_method method;
    bool lazy; /* doesn't read the body before call_read() */
    unsigned interims;
    int status;
    enum wr_framing framing;
    bool ended;
    enum wr_err err;
    struct wr_flow *flow;
    struct wr_flow_reader reader;
    uint64_t received;
    struct wr_buf body; /* its first 64 KB */
    void (*at_interim)(struct call *c);
    void (*at_head)(struct call *c);
    void (*at_end)(struct call *c);
};

struct rig {
    struct wr_loop loop;
    struct wr_policy *policy;
    struct wr_names *names;
    struct wr_backends *backends;
    struct wr_origins *origins;
    unsigned waiting; /* calls that have not ended */
    bool (*until)(struct rig *r);
    struct wr_timer look, guard;
    bool overdue;
};

/* options: lines of an origin in YAML, except its servers, such as "    retries: 2\n". servers: "127.0.0.1:1,
 * ...". */
void rig_start(struct rig *r, const char *servers, const char *options);
void rig_stop(struct rig *r);
/* Runs the loop until no call is waiting. Fails the test if that takes too long. */
void rig_run(struct rig *r);
/* Runs the loop until `until` returns true. */
void rig_run_until(struct rig *r, bool (*until)(struct rig *r));
/* request: "GET /", "POST /" ...; fields: further lines, or "". If the exchange is refused, the call has
 * ended when this returns. */
void call_start(struct call *c, struct rig *r, const char *request, const char *fields);
void call_read(struct call *c);
void call_fini(struct call *c);
