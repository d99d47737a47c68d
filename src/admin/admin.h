/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin listener: /healthz, /readyz, /metrics, /, POST /purge, and what weirctl asks for. Served by
 * libevent's evhttp on the main loop: it is not on the way of any request, so a convenient server is worth
 * more here than a fast one. It knows nothing of caches and workers: the daemon gives it struct
 * wr_admin_host. Thread: main.
 *
 * Of the rooms above net/ only this one includes <event2/http.h>. */
#pragma once

#include "log/access.h"
#include "net/loop.h"
#include "policy/policy.h"

struct wr_admin;

/* One purge that has been. Borrowed. */
struct wr_admin_purged {
    struct wr_redis_time at; /* the journal's clock: Redis's, or our own without it */
    struct wr_slice node, who, what, name;
    bool soft;
};

/* What the daemon offers to the admin listener; each is called on the main loop. */
struct wr_admin_host {
    void *ctx;
    /* Purges here and in the fleet. what: "url", "tag", "prefix", "host" or "all"; name: of that. Calls
     * done() once it has ended, on the main loop, never before this returns and perhaps after
     * wr_admin_free(); confirmed: how many nodes of `live` have said that they know. false: the name can't be
     * read, *why (static text); done is not called. */
    bool (*purge)(void *ctx, const char *what, struct wr_slice name, bool soft,
                  void (*done)(void *arg, enum wr_err err, unsigned confirmed, unsigned live), void *arg,
                  const char **why);
    /* The latest purges of the fleet, newest first, then done(), under the same rules. */
    void (*purges)(void *ctx, void (*each)(void *arg, const struct wr_admin_purged *purge),
                   void (*done)(void *arg, enum wr_err err), void *arg);
    /* Reload the policy: true, or false with the errors. */
    bool (*reload)(void *ctx, struct wr_buf *errors);
    void (*drain)(void *ctx); /* stop accepting, finish, exit */
    bool (*ready)(void *ctx); /* not draining */
    /* Facts for status: name of each, value; called through `add`. A value of digits only is a number in
     * JSON. The fact "redis" is shown by /readyz too. */
    void (*status)(void *ctx, void (*add)(void *arg, const char *name, const char *value), void *arg);
    struct wr_loop **loops; /* the workers', whose beat /healthz watches: each turns at least every second */
    size_t loop_count;
    const struct wr_access *access; /* NULL: access: off */
};

/* Listens where the policy says (which must have an admin section). NULL and *why if it can't. */
struct wr_admin *wr_admin_new(struct wr_loop *main_loop, const struct wr_policy *policy,
                              const struct wr_admin_host *host, struct wr_buf *why);
/* Closes the listener and every connection of it. NULL is harmless. Thread: start, after the main loop has
 * ended. */
void wr_admin_free(struct wr_admin *a);
