/* SPDX-License-Identifier: BSD-2-Clause */
/* A pipelined connection to Redis, and calls on it with deadlines of their own.
 *
 * A call lives inside its asker. Refused: an error now, the callback never. Accepted: the callback exactly
 * once, never before the start has returned. Cancelled: never. When the deadline passes the call ends with
 * TIMEOUT and its late reply is swallowed in order: the link and its neighbours live on; too many late ones
 * in a row open the breaker. All commands of one turn of the loop leave in one write. Thread: the loop's
 * owner.
 *
 * A call is about one key, or keys of one slot: argv[1], or a script's first key (a channel stands for a
 * key). So whether one server answers, or one chosen by key, is the link's own business and looks the same to
 * who asks. */
#pragma once

#include "base/err.h"
#include "net/loop.h"
#include "policy/policy.h"
#include "redis/reply.h"

struct wr_link;

struct wr_call {
    /* err: OK with a reply (which may be Redis's own ERROR reply), TIMEOUT, or REDIS_AWAY with NULL. */
    void (*done)(struct wr_call *call, enum wr_err err, const struct wr_reply *reply);
    /* private to link.c from here */
    struct wr_link *link;
    struct wr_link_request *request;
    struct wr_mono due;
    TAILQ_ENTRY(wr_call) entry;
};

/* Connects in the background and stays connected, with jittered backoff; names are resolved without blocking.
 * `name` is what CLIENT LIST shows. Keeps a reference to the policy. */
struct wr_link *wr_link_new(struct wr_loop *loop, struct wr_policy *policy, const char *name);
/* Every accepted call still open ends with REDIS_AWAY first. */
void wr_link_free(struct wr_link *link);
/* Whether a call made now would be accepted: connected, breaker closed, queue not full. */
bool wr_link_ready(const struct wr_link *link);

/* call->done must be set; argv[1] is the key. argv's octets are copied before it returns. timeout: from now.
 */
enum wr_err wr_link_send(struct wr_link *link, struct wr_call *call, struct wr_span timeout, size_t argc,
                         const struct wr_slice *argv) WR_MUST_USE;
/* The same for a script of scripts.def: EVALSHA, and EVAL behind the caller's back when Redis has forgotten
 * it. */
enum wr_script {
#define X(id, file) WR_SCRIPT_##id,
#include "redis/scripts.def"
#undef X
    WR_SCRIPT_COUNT
};
enum wr_err wr_link_script(struct wr_link *link, struct wr_call *call, struct wr_span timeout,
                           enum wr_script script, size_t key_count, const struct wr_slice *keys,
                           size_t arg_count, const struct wr_slice *args) WR_MUST_USE;
/* For what nobody waits for (a lock's release, a publish): sent if the link is ready, its reply swallowed. */
void wr_link_tell(struct wr_link *link, size_t argc, const struct wr_slice *argv);
void wr_link_tell_script(struct wr_link *link, enum wr_script script, size_t key_count,
                         const struct wr_slice *keys, size_t arg_count, const struct wr_slice *args);
/* Since when it has been connected (monotonic). */
struct wr_mono wr_link_since(const struct wr_link *link);
/* How far Redis's clock is ahead of our wall clock (negative: behind), to within a round trip. 0 as long as
 * that isn't known. */
struct wr_span wr_link_ahead(const struct wr_link *link);
/* Keeps that fresh: asks for the time, unless it has been asked within a second or the link isn't ready. */
void wr_link_learn_clock(struct wr_link *link);
/* The asker no longer wants to know. Harmless on a call that is not under way (zeroed or done). */
void wr_call_cancel(struct wr_call *call);
static inline bool wr_call_pending(const struct wr_call *call)
{
    return call->request != NULL;
}
