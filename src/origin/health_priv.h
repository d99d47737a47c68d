/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process knows of each server's health, shared by all workers; by name, so that it outlives a
 * reload.
 *
 * Passive: a server that can't be reached, that says nothing to anybody, is late three times in a row, or
 * ends five connections in a row without a word, is shunned for a while that doubles up to half a minute;
 * then one request tries it while the others still keep away. Active: the checks of probe.c say up or down.
 * Entries are never removed: there are as many as servers were ever named. Thread: any. */
#pragma once

#include "origin/exchange.h"

enum wr_health {
    WR_HEALTH_UP,
    WR_HEALTH_TRIAL,   /* its time is over: the next request may try it */
    WR_HEALTH_SHUNNED, /* failed a moment ago: only if nothing better is left */
    WR_HEALTH_DOWN,    /* an active check says so */
};

struct wr_backend;

/* The entry of this server of this origin; holds as long as `b`. */
struct wr_backend *wr_backend_of(struct wr_backends *b, const char *origin, const char *server);
enum wr_health wr_backend_health(struct wr_backend *s, struct wr_mono mono);
/* Its rest is over and it is to be asked: the others keep away for so long. true: it is this request that
 * tries it. */
bool wr_backend_try(struct wr_backend *s, struct wr_mono mono, struct wr_span patience);
/* The request that tried it has ended before anything was known. Harmless where something is. */
void wr_backend_untried(struct wr_backend *s, struct wr_mono mono);
void wr_backend_unreachable(struct wr_backend *s, struct wr_mono mono);
void wr_backend_late(struct wr_backend *s, struct wr_mono mono);
/* It has ended a new connection without answering the request. One request may do that to it: some in a row
 * mean that it fails. */
void wr_backend_ended(struct wr_backend *s, struct wr_mono mono);
/* It has said nothing to a request that was sent at `since`. If it has answered nobody since then, it hangs:
 * it is shunned at once. */
void wr_backend_silent(struct wr_backend *s, struct wr_mono since, struct wr_mono mono);
void wr_backend_answered(struct wr_backend *s, struct wr_mono mono);
/* Its clock is off by so much. */
void wr_backend_clock(struct wr_backend *s, struct wr_span error, struct wr_mono mono);
/* The result of an active check. */
void wr_backend_checked(struct wr_backend *s, bool ok);

/* --- probe.c: the active checks of one policy, on the main loop --- */
struct wr_probes *wr_probes_new(struct wr_backends *b, struct wr_loop *loop, struct wr_policy *policy);
/* Harmless on NULL. */
void wr_probes_free(struct wr_probes *p);
/* Whether this server is among those checked. p may be NULL. */
bool wr_probes_watch(const struct wr_probes *p, const struct wr_backend *s);
