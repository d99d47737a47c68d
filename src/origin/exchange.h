/* SPDX-License-Identifier: BSD-2-Clause */
/* One exchange with an origin: a request goes out; interim responses, a head and a body come back.
 *
 * The exchange picks an address of a server (balancing, health), takes a pooled connection or makes one,
 * writes the head, streams the request's flow, parses the answer strictly and fills the response's flow. It
 * pauses whichever side is too fast. It knows nothing of caching. It is embedded in its owner's struct,
 * zeroed before its first start. Thread: the loop's owner.
 *
 * The callbacks:
 *
 * 1. If wr_exchange_start() returns an error, no callback is called.
 * 2. Otherwise on_end is called exactly once and last, and never before the start has returned, unless the
 *    owner cancels.
 * 3. on_head is called at most once, before on_end.
 * 4. In any callback the owner may cancel or start another exchange. In on_end it may also start the same one
 *    again or free it.
 *
 * When a request is sent again:
 *
 * - If an address can't be reached, the next one is tried, each at most once. Nothing has been sent by then,
 *   so this is allowed for any method.
 * - A connection that had carried other requests ends without a byte of an answer: the request is sent again
 *   over a new one, to the same address.
 * - A new connection ends without a byte of an answer, nothing comes within response_timeout, or the response
 *   has a status of `retry_on`: another address that is well is asked, if there is one, `retries` times and
 *   within the retry budget.
 * - In the last two cases the request must be idempotent, and its body must still be there from the first
 *   byte.
 *
 * Errors:
 *
 * - ORIGIN_REFUSED: no address could be reached, or none is known.
 * - ORIGIN_TIMEOUT: connecting, the head or the next piece of the body took too long (slow clients don't
 *   count).
 * - ORIGIN_CLOSED: the connection ended before the response was whole.
 * - ORIGIN_BROKEN: the response is malformed; `why` says how.
 * - ORIGIN_DOWN: every server is drained or disabled, by order or by its weight.
 * - QUEUE_FULL: max_connections are in use, and as many runs wait as may.
 * - QUEUE_TIMEOUT: max_connections were in use for a whole queue_timeout.
 * - OVERLOADED: no file descriptor is left.
 * - Any other: the error that the request's flow ended with. */
#pragma once

#include "base/err.h"
#include "http/upgrade.h"
#include "net/flow.h"
#include "policy/policy.h"

struct wr_names;
struct wr_origins;  /* one per worker and policy: connection pools, balancing state */
struct wr_backends; /* one per process: what is known of each address of each server; survives reloads */

struct wr_exchange {
    /* set by the owner before the start */
    /* A 1xx response other than 101; may be NULL. */
    void (*on_interim)(struct wr_exchange *x, const struct wr_head *head);
    /* The final head. Its slices are valid until this returns. If head->framing isn't NONE, the owner must
     * name the flow for the body by wr_exchange_into() before it returns. */
    void (*on_head)(struct wr_exchange *x, const struct wr_head *head);
    /* OK: the response is whole and its flow has been ended. */
    void (*on_end)(struct wr_exchange *x, enum wr_err err);
    const struct wr_origin_policy *origin;
    const struct wr_patience *patience; /* of the request's route; NULL: that of the origin */
    enum wr_method method;
    /* The request's head, ready to be sent; borrowed until on_end. With pass_host off the server's own name
     * is written after the request line, in place of a Host field that stands there. */
    struct wr_slice head;
    /* The request's body, or NULL; the exchange opens a reader on it; borrowed until on_end. */
    struct wr_flow *request;
    const struct wr_field_edits *edits; /* trailers that these drop aren't sent; or NULL */
    bool request_chunked;               /* send the body chunked, because its length isn't in the head */
    /* The protocol that the request asks to switch to; NULL: none. A 101 that agrees is a final head: its
     * framing is CLOSE, `request` goes on as it is, and instead of idle_timeout counts tunnel_timeout, for
     * silence in both directions. Borrowed until on_end. */
    const struct wr_upgrade *upgrade;
    struct wr_span tunnel_timeout;
    bool idempotent;       /* may be sent again over another connection if not a byte of an answer came (RFC
                              9110 9.2.2) */
    uint64_t balance_hash; /* for balance: hash */
    bool careful; /* the owner can do without an answer: servers that have just failed are left alone, and if
                     there is no other the start is refused. A server whose rest is over may be tried */

    /* for the owner to read once on_head or on_end was called */
    struct wr_wall sent, answered; /* wall clock: request_time and response_time (RFC 9111 4.2.3) */
    /* how many tries there were, and whether the last one used a pooled connection */
    unsigned attempts;
    bool reused;
    bool trial; /* valid after the start, too: the server had failed, and this request shows whether it is
                   well again */
    const char *server; /* the server's text in the policy */
    /* The reason, with ORIGIN_BROKEN and sometimes ORIGIN_REFUSED; a constant; else NULL. */
    const char *why;

    struct wr_exchange_run *run; /* private */
};

/* Makes what the process knows of its servers; the caller owns it. names: outlives it; may be NULL if no
 * policy names a host. Thread: the one that starts the process. */
struct wr_backends *wr_backends_new(struct wr_names *names);
/* Frees it. No wr_origins made with it may be left. If anything is watched, the main loop must still exist.
 */
void wr_backends_free(struct wr_backends *b);
/* Gives the names of the process. Thread: any. */
struct wr_names *wr_backends_names(struct wr_backends *b);
/* From now on runs the active health checks of the policy's origins on the main loop, and stops those of
 * servers that it doesn't name. The state of servers that it names again is kept. NULL: stops all
 * checks. Thread: main. */
void wr_backends_watch(struct wr_backends *b, struct wr_loop *main_loop, struct wr_policy *policy);

/* Makes a worker's part: pools and balancing for all origins of the policy. Keeps a reference to the policy;
 * `backends` must outlive it. The caller owns it. */
struct wr_origins *wr_origins_new(struct wr_loop *loop, struct wr_policy *policy,
                                  struct wr_backends *backends);
/* Closes idle connections. Exchanges under way go on; the last one to end frees the struct. NULL is fine. */
void wr_origins_free(struct wr_origins *o);

/* Starts an exchange. The errors and the callbacks are described above. */
enum wr_err wr_exchange_start(struct wr_exchange *x, struct wr_origins *origins) WR_MUST_USE;
/* Called from on_head: says by how much the Date of a response that was just made is off; negative: behind.
 * Logs when an error begins or ends, at most once a minute. */
void wr_exchange_clock(struct wr_exchange *x, struct wr_span error);
/* Starts a second exchange beside `first`, whose server says nothing. It goes to another server that is well;
 * if there is none and `same` is set, to the same server over another connection. x is filled in as for
 * wr_exchange_start(). ORIGIN_REFUSED: there is no such server. */
enum wr_err wr_exchange_start_beside(struct wr_exchange *x, struct wr_origins *origins,
                                     const struct wr_exchange *first, bool same) WR_MUST_USE;
/* Says that the owner has waited long enough. Returns true if a server has the request and hasn't answered.
 * If that server has answered nobody since, it is taken to hang, and is left alone like one that can't be
 * reached. */
bool wr_exchange_silent(struct wr_exchange *x);
/* Names the flow for the body. The exchange takes a reference, is the flow's producer, and ends it before
 * on_end (with OK or the error). */
void wr_exchange_into(struct wr_exchange *x, struct wr_flow *flow);
/* Has the exchange started and not ended? */
static inline bool wr_exchange_is_open(const struct wr_exchange *x)
{
    return x->run != NULL;
}
/* Cancels: no callback is called any more, the connection is closed, and a response flow that is still
 * arriving ends with CANCELLED. Does nothing if the exchange has ended. */
void wr_exchange_cancel(struct wr_exchange *x);
