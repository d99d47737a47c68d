/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of weirctl, for its own files: one blocking request to a running weir. Thread: start, the only
 * one. */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"

#define WR_EXIT_REFUSED 1 /* weir has refused, or hasn't answered */
#define WR_EXIT_USAGE 2

/* The weir to ask, and what the command line says. */
struct wr_asking {
    const char *where; /* the path of a socket, host:port or http://host:port */
    const char *token; /* for Authorization; NULL: none */
    bool json;
    /* `purge` without a URL: the parameter and its value */
    const char *what, *name;
    unsigned purges; /* how many of them were given */
    bool soft;
    /* `maintenance`: of what; both NULL: all origins */
    const char *route, *origin;
    const char *second; /* the argument after the first */
};

/* The answer. */
struct wr_asked {
    int status;
    struct wr_buf text;   /* the whole answer */
    struct wr_slice body; /* a part of `text` */
};

/* Writes what is wrong to stderr. Returns -1. */
int wr_ctl_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Sends one request, with `body` as a form unless body.at is NULL. Before a POST it makes sure that weir is
 * what listens there: a purge must not be posted to an application. Returns false if there is no answer of
 * weir's; then it has said why. The caller frees r->text. */
bool wr_ctl_ask(const struct wr_asking *a, const char *method, const char *target, struct wr_slice body,
                struct wr_asked *r);
/* Prints what stdout still holds. Returns the status, or WR_EXIT_REFUSED after it has said that stdout can't
 * take it (a full disk). */
int wr_ctl_end_output(int status);
/* weirctl_top.c: shows each second how the counters grow, until Ctrl-C. Returns the exit status. */
int wr_ctl_top(const struct wr_asking *a, const char *argument);
