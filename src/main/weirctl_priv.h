/* SPDX-License-Identifier: BSD-2-Clause */
/* What weirctl's files share: one question to a running weir, blocking and simple. */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"

#define WR_EXIT_REFUSED 1 /* also: no answer at all */
#define WR_EXIT_USAGE 2

struct wr_asking {
    const char *where; /* path of a socket, or http://host:port */
    bool json;
    /* what purge is to purge, unless it is a URL */
    const char *what, *name;
    unsigned purges; /* how many such things were named */
    bool soft;
};

struct wr_asked {
    int status;
    struct wr_buf text;   /* all that came */
    struct wr_slice body; /* in it */
};

/* Says on stderr what is wrong; gives -1. */
int wr_ctl_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One request; a form as its body, unless body.at is NULL. false: it has been said why. The caller frees
 * r->text. */
bool wr_ctl_ask(const struct wr_asking *a, const char *method, const char *target, struct wr_slice body,
                struct wr_asked *r);
/* weirctl_top.c: what grows, each second, until Ctrl-C. Gives the exit status. */
int wr_ctl_top(const struct wr_asking *a, const char *argument);
