/* The admin listener: /healthz, /readyz, /metrics, /, POST /purge, and what weirctl asks for. Served by libevent's evhttp on
 * the main loop: it is not on the way of any request. Thread: main. */
#pragma once

#include "net/loop.h"
#include "policy/policy.h"

struct wr_admin;

/* What the daemon offers to the admin listener; each is called on the main loop. */
struct wr_admin_host {
    void *ctx;
    /* Purges one URL ("https://host/path?query") here and in Redis; calls done(arg, reached, err) once it is: reached: a short
     * text such as "1 of 1 nodes". false: the URL can't be read; *why. */
    bool (*purge_url)(void *ctx, const char *url, void (*done)(void *arg, enum wr_err err), void *arg, const char **why);
    /* Reload the policy: true, or false with the mistakes. */
    bool (*reload)(void *ctx, struct wr_buf *mistakes);
    void (*drain)(void *ctx); /* stop accepting, finish, exit */
    bool (*ready)(void *ctx); /* not draining */
    /* Facts for status: name of each, value; called through `add`. */
    void (*status)(void *ctx, void (*add)(void *arg, const char *name, const char *value), void *arg);
    struct wr_loop **loops;   /* the workers', whose beat /healthz watches */
    size_t loop_count;
};

/* NULL and *why if it can't listen. */
struct wr_admin *wr_admin_new(struct wr_loop *main_loop, const struct wr_policy *policy, const struct wr_admin_host *host,
                              struct wr_buf *why);
void wr_admin_free(struct wr_admin *a);
