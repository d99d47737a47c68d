/* What the process knows of each server's health, shared by all workers; by name, so that it outlives a reload.
 *
 * Passive: a server that can't be reached, or is late three times in a row, is shunned for a while that doubles up to
 * half a minute; then one request tries it while the others still keep away. Active: the checks of probe.c say up or
 * down. Entries are never removed: there are as many as servers were ever named. Thread: any. */
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
enum wr_health wr_backend_health(struct wr_backend *s, struct wr_time mono);
/* It is being tried: the others keep away for so long. */
void wr_backend_try(struct wr_backend *s, struct wr_time mono, struct wr_span patience);
void wr_backend_unreachable(struct wr_backend *s, struct wr_time mono);
void wr_backend_late(struct wr_backend *s, struct wr_time mono);
void wr_backend_answered(struct wr_backend *s);
/* Its clock is off by so much. */
void wr_backend_clock(struct wr_backend *s, struct wr_span error, struct wr_time mono);
/* The result of an active check. */
void wr_backend_checked(struct wr_backend *s, bool ok);

/* --- probe.c: the active checks of one policy, on the main loop --- */
struct wr_probes *wr_probes_new(struct wr_backends *b, struct wr_loop *loop, struct wr_policy *policy);
/* Harmless on NULL. */
void wr_probes_free(struct wr_probes *p);
/* Whether this server is among those checked. p may be NULL. */
bool wr_probes_watch(const struct wr_probes *p, const struct wr_backend *s);
