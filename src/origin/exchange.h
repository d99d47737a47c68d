/* SPDX-License-Identifier: BSD-2-Clause */
/* One exchange with an origin: a request goes out, interim responses, a head and a body come back.
 *
 * The exchange picks a server (balancing, health), takes a pooled connection or makes one, writes the head,
 * streams the request's flow, parses the answer strictly and fills the response's flow, pausing whichever
 * side lags. It knows nothing of caching. Embedded in its owner, zeroed before its first start. Thread: the
 * loop's owner.
 *
 * Contract: wr_exchange_start() refused: an error, no callback. Accepted: on_end exactly once and last, never
 * before start has returned, unless cancelled. on_head at most once, before on_end. From within any callback
 * the owner may cancel, start another exchange, and (from on_end) start the same one again or free it.
 *
 * A server that can't be reached gives way to the next, each at most once: nothing has been sent, so that
 * needs no idempotence. The request goes out a second time (`retries` times) only when a connection that had
 * carried others dies without an octet of an answer, or nothing comes within response_timeout and another
 * server is well; if the request is idempotent and its body is still there from the first octet.
 *
 * Errors: ORIGIN_REFUSED nobody could be reached; ORIGIN_TIMEOUT connecting, the head, or the next piece of
 * the body took too long (slow clients don't count); ORIGIN_CLOSED the connection ended before the response
 * was whole; ORIGIN_BROKEN `why`; ORIGIN_DOWN active checks fail for all servers; OVERLOADED max_connections
 * under way for a whole connect_timeout, or no descriptor left; any other: the error that the request's flow
 * ended with. */
#pragma once

#include "base/err.h"
#include "http/head.h"
#include "net/flow.h"
#include "policy/policy.h"

struct wr_origins;  /* one per worker and policy: connection pools, balancing state */
struct wr_backends; /* one per process: what is known of each server's health, by name across reloads */

struct wr_exchange {
    /* filled by the owner before the start */
    void (*on_interim)(struct wr_exchange *x, const struct wr_head *head); /* a 1xx but 101; may be NULL */
    /* The final head; its slices hold until this returns. The owner must name the flow for the body with
     * wr_exchange_into() before it returns if head->framing isn't NONE. */
    void (*on_head)(struct wr_exchange *x, const struct wr_head *head);
    void (*on_end)(struct wr_exchange *x,
                   enum wr_err err); /* OK: the response is whole (its flow has been ended) */
    const struct wr_origin_policy *origin;
    enum wr_method method;
    struct wr_slice
        head; /* the request head ready to be sent, must hold until on_end. With pass_host off the server's
               * own name goes in after the request line, in place of a Host field that stands there */
    struct wr_flow *request; /* the request's body, or NULL; the exchange opens a reader on it, so it must
                                hold until on_end */
    bool request_chunked;    /* send it chunked (its length isn't in the head) */
    bool idempotent;         /* may be sent again to another connection if not an octet of an answer came (RFC
                                9110 9.2.2) */
    uint64_t balance_hash;   /* for balance: hash */
    bool careful; /* its owner can do without: servers that have just failed are left alone, and when there is
                   * no other the start is refused. A server whose rest is over may be tried */

    /* to be read by the owner once on_head or on_end ran */
    struct wr_wall sent, answered; /* wall clock: request_time and response_time of RFC 9111 4.2.3 */
    unsigned attempts;
    bool reused;
    bool trial; /* also after the start: the server had failed, and this shows whether it is well again */
    const char *server; /* the server's text in the policy */
    const char *why; /* with ORIGIN_BROKEN (perhaps ORIGIN_REFUSED): what was wrong; static text, else NULL */

    struct wr_exchange_run *run; /* private */
};

/* Thread: start. */
struct wr_backends *wr_backends_new(void);
/* Once no wr_origins is left that was made with it, and while the main loop is still there if something is
 * watched. */
void wr_backends_free(struct wr_backends *b);
/* Active health checks of the policy's origins run on the main loop from now on (and stop for what is no
 * longer named). What is known of servers named again stays known. NULL: stop all. Thread: main. */
void wr_backends_watch(struct wr_backends *b, struct wr_loop *main_loop, struct wr_policy *policy);

struct wr_origins *wr_origins_new(struct wr_loop *loop, struct wr_policy *policy,
                                  struct wr_backends *backends);
/* Closes idle connections; exchanges under way go on and free it when the last has ended. */
void wr_origins_free(struct wr_origins *o);

enum wr_err wr_exchange_start(struct wr_exchange *x, struct wr_origins *origins) WR_MUST_USE;
/* From on_head: by how much the Date of a response that it has just made is off; negative: behind. Logged
 * when that begins or ends, once a minute at most. */
void wr_exchange_clock(struct wr_exchange *x, struct wr_span error);
/* A second start beside `first`, whose server says nothing: at another server that is well, or, if `same`,
 * else at the same one over another connection. x is filled in as for wr_exchange_start(). ORIGIN_REFUSED:
 * there is no such server. */
enum wr_err wr_exchange_start_beside(struct wr_exchange *x, struct wr_origins *origins,
                                     const struct wr_exchange *first, bool same) WR_MUST_USE;
/* The owner has waited for long enough. true: a server has the request and says nothing. If it has answered
 * nobody meanwhile, it is taken to hang, and is left alone like one that can't be reached. */
bool wr_exchange_silent(struct wr_exchange *x);
/* Where the body goes; the exchange takes a reference, is its producer and ends it (OK or the error) before
 * on_end. */
void wr_exchange_into(struct wr_exchange *x, struct wr_flow *flow);
/* Has it started and not ended? */
static inline bool wr_exchange_is_open(const struct wr_exchange *x)
{
    return x->run != NULL;
}
/* No callback any more; the connection is closed; a response flow still arriving ends with CANCELLED.
 * Harmless when ended. */
void wr_exchange_cancel(struct wr_exchange *x);
