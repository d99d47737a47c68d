/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of each address of each server: its health and its counters, shared by all workers.
 * It is kept by origin, server and address, so that it survives reloads, and an address that is missing from
 * one answer of a name server.
 *
 * Passive: an address is shunned for a while if it can't be reached, answers nobody, or several times in a
 * row is late or ends connections without an answer (`passive` of the policy). The time doubles. Then one
 * request tries the address while the others still avoid it. Active: the checks in probe.c say up or down.
 * An address that returns gets a growing share (`slow_start`).
 *
 * An entry that nobody uses any more is kept for some minutes. Thread: any. */
#pragma once

#include "origin/exchange.h"

/* In the order in which addresses are preferred. */
enum wr_health {
    WR_HEALTH_UP,
    WR_HEALTH_TRIAL,   /* its rest is over: the next request may try it */
    WR_HEALTH_SHUNNED, /* it failed a moment ago: used only if there is no better server */
    WR_HEALTH_DOWN,    /* the active checks fail: the same */
    WR_HEALTH_DRAINED, /* by order, or by its weight: no new requests */
    WR_HEALTH_DISABLED,
};

struct wr_backend;

/* Returns the entry of this address, made if need be, and one reference. server: as in the policy; address:
 * as text, or NULL where that is the same. */
struct wr_backend *wr_backend_ref(struct wr_backends *b, const char *origin, const char *server,
                                  const char *address);
/* Gives a reference back. */
void wr_backend_unref(struct wr_backends *b, struct wr_backend *s, struct wr_mono mono);
/* Returns the address's health. mono: the monotonic clock, here as in the functions below. */
enum wr_health wr_backend_health(struct wr_backend *s, struct wr_mono mono);
/* Returns the percentage of its weight that the address gets now: it has returned less than `slow_start` ago.
 */
unsigned wr_backend_share(const struct wr_backend *s, struct wr_mono mono, struct wr_span slow_start);
/* Call this before a server is used. If its rest is over, only this request tries it: the others avoid it for
 * `patience` more. Returns true if it is this request that tries it. */
bool wr_backend_try(struct wr_backend *s, struct wr_mono mono, struct wr_span patience);
/* The request that tried the server has ended before its health was known: another one may try. Does nothing
 * if the health is known. */
void wr_backend_untried(struct wr_backend *s, struct wr_mono mono);
/* What a request has found out about an address. */
enum wr_finding {
    WR_FOUND_ANSWER,      /* it has answered: it is well */
    WR_FOUND_UNREACHABLE, /* no connection could be made: it is shunned */
    WR_FOUND_SILENCE, /* it hasn't answered a request. If it has answered nobody since that was sent, it hangs
                         and is shunned at once; otherwise as LATE */
    WR_FOUND_LATE,    /* it was too slow for one request: shunned if that happens several times in a row */
    WR_FOUND_END,     /* it has ended a new connection without an answer. One such request may have caused it;
                         several in a row mean that the server fails */
};
/* Takes what a request has found out. since: when the request was sent (SILENCE only). */
void wr_backend_found(struct wr_backend *s, const struct wr_passive_policy *passive, enum wr_finding finding,
                      struct wr_mono since, struct wr_mono mono);
/* A request was given to the address; and it has left, however it ended. */
void wr_backend_given(struct wr_backend *s);
void wr_backend_left(struct wr_backend *s);
/* The head of a response has come, so long after its request was sent; and its content has broken off. */
void wr_backend_head(struct wr_backend *s, int status, struct wr_span took);
void wr_backend_cut(struct wr_backend *s);
/* The server's clock is off by `error`; negative: behind. Logs it. */
void wr_backend_clock(struct wr_backend *s, struct wr_span error, struct wr_mono mono);
/* From now on the address is checked actively, by one more checker; and by one less. When nobody checks it
 * any more, it is neither up nor down. Thread: main, here and below. */
void wr_backend_check_begins(struct wr_backend *s);
void wr_backend_check_ends(struct wr_backend *s);
/* Takes the result of an active check. why: what was wrong, for the log; NULL: nothing. */
void wr_backend_checked(struct wr_backend *s, const struct wr_health_policy *health, struct wr_mono mono,
                        const char *why);

/* --- probe.c: the active checks of one policy --- */
/* Starts the checks on the main loop. The caller owns them. Returns NULL if the policy has none. Thread:
 * main, here and below. */
struct wr_origins *wr_probes_new(struct wr_backends *b, struct wr_loop *loop, struct wr_policy *policy);
/* NULL is fine. */
void wr_probes_free(struct wr_origins *probes);
