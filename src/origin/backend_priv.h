/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process knows of one address: for health.c, which judges it, and backends.c, which keeps it. */
#pragma once

#include "origin/health_priv.h"
#include "origin/servers.h"

enum wr_checked { UNCHECKED, CHECKED_UP, CHECKED_DOWN };

/* What each request writes: in a line of the cache of its own. Atomic. */
struct wr_tally {
    uint64_t requests, failed, status_5xx;
    uint64_t answers, answer_us, recent_us; /* of heads, and how long they took; a moving average */
    int64_t active;
} __attribute__((aligned(64)));

struct wr_backend {
    char *origin, *server;
    char *address; /* NULL: the server's text is the address */
    char *label;   /* both, for messages */
    struct wr_backend *next;
    unsigned refs;       /* under the lock of wr_backends, as the next two */
    struct wr_mono idle; /* when the last reference was given back */
    struct wr_mono ordered_at;
    /* the main thread's only */
    unsigned checkers;
    unsigned good_checks, bad_checks; /* in a row */
    uint64_t checks, checks_failed;
    char check_why[96]; /* what was wrong at the last one that failed */
    /* atomic, as all fields below */
    unsigned order;      /* enum wr_server_order */
    unsigned failures;   /* in a row */
    unsigned late;       /* in a row */
    unsigned ended;      /* in a row */
    int64_t answered_at; /* monotonic, microseconds, as the next three: when the server last answered a
                            request, to within ANSWER_GRAIN */
    int64_t rest_until;  /* 0: the server is well */
    int64_t returned_at; /* when it was well again; 0: never */
    int64_t changed_at;  /* when it became well, or ill */
    const char *why;     /* it rests; a constant */
    bool trying;         /* its rest is over for one request, which tries it */
    bool mute;           /* it rests because it could not be reached, or answered nobody */
    unsigned checked;    /* enum wr_checked */
    bool clock_wrong;
    int64_t clock_logged; /* monotonic, microseconds: when a wrong or right clock was last logged; 0: never */
    struct wr_tally tally;
};

/* Fills in what is known of an address: all but its origin, its server and its weight. Thread: main. */
void wr_backend_facts(struct wr_backend *s, struct wr_mono mono, struct wr_server_facts *facts);
