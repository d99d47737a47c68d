/* SPDX-License-Identifier: BSD-2-Clause */
/* Maintenance that is switched on at run time. A switch names a route, an origin or all origins. The routes
 * concerned answer like those whose policy says `maintenance: on`. Switches are kept by name, so they outlive
 * the policy: they are applied to each new one. They only add to what the policy says.
 *
 * Thread: main. Workers only read `switched` of a route. */
#pragma once

#include "policy/policy.h"

enum wr_switch_scope {                   /* from wide to narrow */
                       WR_SWITCH_ALL,    /* all routes that ask an origin */
                       WR_SWITCH_ORIGIN, /* all routes that ask this origin */
                       WR_SWITCH_ROUTE,
};

struct wr_switch {
    enum wr_switch_scope scope;
    char *name; /* "": all origins */
};

struct wr_switches { /* zeroed is empty and valid */
    struct wr_switch *of;
    size_t count;
};

/* Switches maintenance on or off, and applies that to the policy. Twice the same is no mistake. Off for
 * WR_SWITCH_ALL ends every switch. Returns false and appends a sentence to *why, and changes nothing: the
 * policy has no such route or origin, or a wider switch holds it in maintenance. */
bool wr_switches_set(struct wr_switches *s, struct wr_policy *policy, enum wr_switch_scope scope,
                     struct wr_slice name, bool on, struct wr_buf *why);
/* Applies the switches to a policy. Requests see it from their next route on. */
void wr_switches_apply(const struct wr_switches *s, struct wr_policy *policy);
/* Appends what is in maintenance, for a person: "off", or "on for origin app, by the policy: 3 of 5 routes".
 */
void wr_switches_describe(const struct wr_switches *s, const struct wr_policy *policy, struct wr_buf *out);
/* Returns how many routes of the policy are in maintenance, by the policy or by a switch. Thread: any. */
size_t wr_maintained_routes(const struct wr_policy *policy);
/* Frees the switches. */
void wr_switches_fini(struct wr_switches *s);
