/* SPDX-License-Identifier: BSD-2-Clause */
/* One connection to Redis on a loop. It dials, greets (AUTH, SELECT, CLIENT SETNAME), stays connected with
 * jittered backoff, sends all commands of a turn in one write, and hands over each reply in order. It
 * doesn't know what the commands mean.
 *
 * It connects hiredis and libevent: a non-blocking redisContext provides the socket, the output buffer and
 * the parser. hiredis's own callback dispatcher (async.c) isn't used. In 0.14 a reply that nobody asked
 * for, or a pushed message of unexpected form, fails an assert there and ends the process; and a PING on a
 * subscribed connection is never answered. Here a peer can end only its connection. TLS comes in below, as
 * hiredis_ssl's reading and writing of that context. Thread: the loop's owner.
 *
 * The process must ignore SIGPIPE: hiredis writes with write(). */
#pragma once

#include "net/budget.h"
#include "net/names.h"
#include "policy/policy.h"
#include "redis/reply.h"
#include "redis/tls_priv.h"

struct redisContext;

enum wr_pipe_state {
    WR_PIPE_DOWN,     /* waits to dial (again) */
    WR_PIPE_DIALLING, /* the name is looked up, or connect() is under way */
    WR_PIPE_GREETING, /* AUTH ... PING were sent */
    WR_PIPE_OPEN,     /* commands may be sent */
};

/* Why a connection ended or didn't come up; each is logged once per outage. */
enum wr_pipe_trouble {
#define X(ID, text) WR_PIPE_##ID,
#include "redis/troubles.def"
#undef X
};

struct wr_pipe {
    struct wr_loop *loop;
    const struct wr_policy_redis *policy; /* of the owner's snapshot */
    char *name;
    /* The owner's. opened: commands may be said now. reply: one reply, borrowed. closed: an open pipe has
     * ended; what was said since it opened and not answered will never be. Any of them may cut or fini the
     * pipe. */
    void (*opened)(struct wr_pipe *pipe);
    void (*reply)(struct wr_pipe *pipe, const struct wr_reply *reply);
    void (*closed)(struct wr_pipe *pipe);

    enum wr_pipe_state state;
    struct redisContext *ctx; /* NULL while DOWN, or while the name is looked up */
    struct event *on_readable, *on_writable, *on_flush;
    struct wr_tls *tls;         /* NULL: plain, or its files could not be read */
    bool held_back;             /* a write waits for something to be read (only TLS does that) */
    struct wr_name_watch watch; /* of the server's name; a literal address or a path watches nothing */
    bool resolving;             /* DIALLING: waits for the name's addresses */
    struct wr_timer timer;      /* DOWN: dial; DIALLING, GREETING: give up */
    unsigned failures;          /* in a row: the backoff's exponent */
    struct wr_mono opened_at;
    size_t unwritten;        /* bytes said since the output buffer was last empty */
    struct wr_charge charge; /* those bytes as memory in flight */
    unsigned greetings_left;
    bool has_been_open;
    unsigned logged; /* bits by enum wr_pipe_trouble: said in this outage */
    struct wr_buf scratch;
};

/* Fill the three callbacks first. Dials at once, in the background. names: outlives the pipe; may be NULL if
 * the policy has a literal address. name: copied. */
void wr_pipe_init(struct wr_pipe *p, struct wr_loop *loop, const struct wr_policy_redis *policy,
                  struct wr_names *names, const char *name);
/* Closes without telling the owner. Commands said before are written first, as far as that needs no waiting.
 */
void wr_pipe_fini(struct wr_pipe *p);
/* One command, or several already in RESP; copied; leaves at the end of this turn. Only while
 * OPEN. */
void wr_pipe_say(struct wr_pipe *p, size_t argc, const struct wr_slice *argv);
void wr_pipe_say_raw(struct wr_pipe *p, struct wr_slice bytes);
/* Ends the connection and dials again later. The owner's closed() runs before this returns, if the pipe was
 * open. detail: for the log, or empty. Harmless while DOWN. */
void wr_pipe_cut(struct wr_pipe *p, enum wr_pipe_trouble why, struct wr_slice detail);

/* The form of commands (RESP): a head with the number of arguments, then each argument. */
void wr_resp_head(struct wr_buf *out, size_t argc);
void wr_resp_arg(struct wr_buf *out, struct wr_slice arg);
