/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin listeners: serve the endpoints of endpoints.def, which weirctl asks as well. It uses libevent's
 * evhttp on the main loop, because no client request passes here: a convenient server is worth more than a
 * fast one. It knows nothing of caches and workers; the daemon gives it struct wr_admin_host. Thread: main.
 *
 * Of the rooms above net/ only this one includes <event2/http.h>. */
#pragma once

#include "log/access.h"
#include "net/loop.h"
#include "origin/servers.h"
#include "policy/maintenance.h"
#include "purge/word.h"
#include "worker/life.h"

struct wr_admin;

/* Each answer has this field with weir's version as its value: so a client knows weir from other servers. */
#define WR_ADMIN_FIELD "Weir-Admin"

/* One entry of the journal of purges. Valid during the call only. */
struct wr_admin_purged {
    struct wr_redis_time at; /* on the journal's clock: Redis's, or this node's without Redis */
    struct wr_slice node, who, what, name;
    bool soft;
};

/* When the policy was read last, and whether that was taken. */
struct wr_admin_reload {
    bool ok;
    struct wr_wall at;
};

/* The daemon's functions for the admin listeners. Each function is called on the main loop. who: who asks, as
 * it stands in logs: "admin: uid 0", "admin: 192.0.2.1", "admin: token NAME from 192.0.2.1". */
struct wr_admin_host {
    void *ctx;
    /* Purges here and in the fleet. what: "url", "tag", "prefix", "host" or "all"; name: of that. Calls
     * done() once it has ended, on the main loop, never before this returns and perhaps after
     * wr_admin_free(); the result is borrowed. false: the name can't be read, *why (static text); done is
     * not called. */
    bool (*purge)(void *ctx, const char *who, const char *what, struct wr_slice name, bool soft,
                  void (*done)(void *arg, const struct wr_purge_result *result), void *arg, const char **why);
    /* The latest purges of the fleet, newest first, then done(), under the same rules. */
    void (*purges)(void *ctx, void (*each)(void *arg, const struct wr_admin_purged *purge),
                   void (*done)(void *arg, enum wr_err err), void *arg);
    /* Reloads the policy. Returns false and the errors if the new one is refused; true and in *pending what
     * waits for a restart, as words separated by ", ". */
    bool (*reload)(void *ctx, const char *who, struct wr_buf *errors, struct wr_buf *pending);
    struct wr_admin_reload (*reloaded)(void *ctx); /* how the last reload ended */
    /* Begins to drain. Appends what the process does now. */
    void (*drain)(void *ctx, const char *who, struct wr_buf *now);
    /* Ends that while the node still accepts. Returns false if it can't be undone. Appends likewise. */
    bool (*undrain)(void *ctx, const char *who, struct wr_buf *now);
    /* Switches maintenance on or off for a route, an origin or all origins. Appends what is in maintenance
     * now. Returns false if it can't, and appends why. */
    bool (*maintain)(void *ctx, const char *who, enum wr_switch_scope scope, struct wr_slice name, bool on,
                     struct wr_buf *now);
    size_t (*maintained)(void *ctx); /* how many routes are in maintenance */
    enum wr_life (*life)(void *ctx);
    /* Gives the facts for /status to add(): the name and the value of each. A value of digits only is a
     * number in JSON. /readyz shows the fact "redis" too. */
    void (*status)(void *ctx, void (*add)(void *arg, const char *name, const char *value), void *arg);
    struct wr_loop *
        *loops; /* the workers' loops, which /healthz watches: each turns at least once a second */
    size_t loop_count;
    const struct wr_access *access; /* NULL: access: off */
    struct wr_backends *backends;   /* for /servers and /server */
};

/* Listens at the policy's `admin` addresses. Returns NULL and *why if it can't; but if the policy doesn't
 * name the address, only warns. The policy must outlive the listeners. */
struct wr_admin *wr_admin_new(struct wr_loop *main_loop, const struct wr_policy *policy,
                              const struct wr_admin_host *host, struct wr_buf *why);
/* Closes the listener and all its connections. NULL is harmless. Thread: start, after the main loop has
 * ended. */
void wr_admin_free(struct wr_admin *a);
