/* SPDX-License-Identifier: BSD-2-Clause */
/* Pass markers: they say that the response to a key could not be shared a moment ago, so that the next
 * requests don't wait for one another. All decisions about them are made here.
 *
 * - A marker is left by an answer that may not be stored. An error leaves none, because it says nothing about
 *   the next answer. Nor is one left while something fresh is stored, because nobody waits then.
 * - A marker stands in a table of its own, beside what is stored, and never replaces it.
 * - A marker concerns requests like the one that left it: if that one had Authorization, only those with
 *   Authorization.
 * - A marker ends when its time is over; each answer to a request that passed renews it. It also ends when a
 *   response that may be shared is stored (a request under a marker fetches for itself, and its answer is
 *   judged like any other), and when what is stored is newer than the marker.
 *
 * Each node has markers of its own: it needs only one answer to learn. Their number is bounded: in a full row
 * the oldest marker gives way. Thread: any. */
#pragma once

#include "cache/key.h"
#include "cache/rules.h"

struct wr_passes;

/* The caller owns the table. free: NULL is fine. */
struct wr_passes *wr_passes_new(void);
void wr_passes_free(struct wr_passes *p);

/* Should an answer of this status, judged as `storing`, leave a marker? held: what is stored, or NULL. now:
 * wall clock. */
bool wr_pass_is_due(enum wr_storing storing, int status, const struct wr_object *held, struct wr_wall now);
/* Under which key does an answer leave its marker? */
enum wr_pass_place {
    WR_PASS_HERE,    /* under the key of the request */
    WR_PASS_VARIANT, /* under the variant that the answer's Vary selects; a VARY marker has to lead there */
    WR_PASS_NOWHERE, /* what is stored names other fields than the answer: it leaves none */
};
/* names: those of the answer's Vary (wr_vary_names()). vary, held: the VARY marker and the response that the
 * request has found in the stores, or NULL. */
enum wr_pass_place wr_pass_place(struct wr_slice names, const struct wr_object *vary,
                                 const struct wr_object *held);
/* Leaves a marker under the key's hash for `ttl` from now, or renews the one under which the request has
 * passed. held: what is stored there, or NULL. A ttl of 0 leaves none. */
void wr_passes_leave(struct wr_passes *p, struct wr_hash key, const struct wr_request_rules *asked,
                     const struct wr_object *held, struct wr_wall now, struct wr_span ttl);
/* Is there a marker that concerns a request? */
enum wr_pass {
    WR_PASS_NONE,   /* no */
    WR_PASS_BARE,   /* yes; nothing was stored when it was left */
    WR_PASS_BESIDE, /* yes; something was stored that may be validated, or serve if the origin fails */
};
/* Looks for a marker that concerns this request. held: as above. */
enum wr_pass wr_passes_find(struct wr_passes *p, struct wr_hash key, const struct wr_request_rules *asked,
                            const struct wr_object *held, struct wr_wall now);
/* Ends the marker of this key: a response has been stored there, or what is stored has changed. */
void wr_passes_end(struct wr_passes *p, struct wr_hash key);
