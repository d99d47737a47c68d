/* SPDX-License-Identifier: BSD-2-Clause */
/* A pipelined connection to Redis, with a deadline for each call.
 *
 * A call lives inside its asker. A refused call returns an error at once and never calls back. An accepted
 * call calls back exactly once, never before the start has returned. A cancelled call never calls back.
 * When the deadline passes, the call ends with TIMEOUT, and its late reply is dropped in its turn: the link
 * and the other calls go on. Too many late replies in a row open the breaker. All commands of one turn of
 * the loop leave in one write. Thread: the loop's owner.
 *
 * A call is about one key, or keys of one slot: argv[1], or a script's first key (a channel counts as a
 * key). So it is the link's own business whether there is one server or several chosen by key; callers see
 * no difference. */
#pragma once

#include "base/err.h"
#include "net/loop.h"
#include "policy/policy.h"
#include "redis/reply.h"

struct wr_link;
struct wr_names;

struct wr_call {
    /* err: OK with a reply (which may be Redis's own ERROR reply), TIMEOUT, or REDIS_AWAY with NULL. */
    void (*done)(struct wr_call *call, enum wr_err err, const struct wr_reply *reply);
    /* private to link.c from here */
    struct wr_link *link;
    struct wr_link_request *request;
    struct wr_mono due;
    TAILQ_ENTRY(wr_call) entry;
};

/* Connects in the background and stays connected, with jittered backoff. names: resolves the server's name
 * without blocking, and outlives the link; may be NULL if the policy has a literal address. name: shown by
 * CLIENT LIST. Keeps a reference to the policy. The caller owns the link. */
struct wr_link *wr_link_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_names *names,
                            const char *name);
/* Commands that wr_link_tell() has accepted are still written, as far as that needs no waiting. Every call
 * that is still open ends with REDIS_AWAY. */
void wr_link_free(struct wr_link *link);
/* Would a call made now be accepted: connected, breaker closed, queue not full? */
bool wr_link_ready(const struct wr_link *link);

/* Sends a command. call->done must be set; argv[1] is the key. argv's bytes are copied before it returns.
 * timeout: from now. */
enum wr_err wr_link_send(struct wr_link *link, struct wr_call *call, struct wr_span timeout, size_t argc,
                         const struct wr_slice *argv) WR_MUST_USE;
/* The same for a script of scripts.def: EVALSHA, and then EVAL, without the caller's notice, if Redis has
 * forgotten the script. */
enum wr_script {
#define X(id, file) WR_SCRIPT_##id,
#include "redis/scripts.def"
#undef X
    WR_SCRIPT_COUNT
};
enum wr_err wr_link_script(struct wr_link *link, struct wr_call *call, struct wr_span timeout,
                           enum wr_script script, size_t key_count, const struct wr_slice *keys,
                           size_t arg_count, const struct wr_slice *args) WR_MUST_USE;
/* For a command whose reply nobody needs (a lock's release, a publish). Sent if the link is ready; the
 * reply is dropped. */
void wr_link_tell(struct wr_link *link, size_t argc, const struct wr_slice *argv);
void wr_link_tell_script(struct wr_link *link, enum wr_script script, size_t key_count,
                         const struct wr_slice *keys, size_t arg_count, const struct wr_slice *args);
/* Returns since when the link has been connected (monotonic). */
struct wr_mono wr_link_since(const struct wr_link *link);
/* Returns how far Redis's clock is ahead of our wall clock (negative: behind), to within a round trip; 0
 * while that isn't known. */
struct wr_span wr_link_ahead(const struct wr_link *link);
/* Keeps wr_link_ahead() up to date: asks for TIME, unless that was done within the last second or the link
 * isn't ready. */
void wr_link_learn_clock(struct wr_link *link);
/* Cancels the call. Harmless on a call that is not under way (zeroed or done). */
void wr_call_cancel(struct wr_call *call);
static inline bool wr_call_pending(const struct wr_call *call)
{
    return call->request != NULL;
}
