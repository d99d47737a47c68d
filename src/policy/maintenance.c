/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/maintenance.h"

#include <stdlib.h>

#include "policy/policy_error.h"

/* --- what a switch concerns --- */

static bool concerns(const struct wr_switch *s, const struct wr_route *route)
{
    switch (s->scope) {
    case WR_SWITCH_ROUTE:
        return route->name && strcmp(route->name, s->name) == 0;
    case WR_SWITCH_ORIGIN:
        return route->origin && strcmp(route->origin->name, s->name) == 0;
    case WR_SWITCH_ALL:
        break;
    }
    return route->origin != NULL;
}

static const char *scope_text(enum wr_switch_scope scope)
{
    return scope == WR_SWITCH_ROUTE ? "route " : scope == WR_SWITCH_ORIGIN ? "origin " : "all origins";
}

static bool concerns_any(const struct wr_switch *s, const struct wr_policy *policy)
{
    for (size_t i = 0; i < policy->route_count; i++)
        if (concerns(s, &policy->routes[i]))
            return true;
    return s->scope == WR_SWITCH_ALL;
}

/* Appends that there is no such name, and which one may have been meant. */
static void complain_of_name(const struct wr_switch *s, const struct wr_policy *policy, struct wr_buf *why)
{
    struct wr_arena arena = { 0 };
    struct wr_guess guess = wr_guess_for(wr_slice_str(s->name));
    for (size_t i = 0; i < policy->route_count; i++) {
        const struct wr_route *route = &policy->routes[i];
        if (s->scope == WR_SWITCH_ROUTE && route->name)
            wr_guess_offer(&guess, wr_slice_str(route->name));
        if (s->scope == WR_SWITCH_ORIGIN && route->origin)
            wr_guess_offer(&guess, wr_slice_str(route->origin->name));
    }
    wr_buf_printf(why, "No route of the policy %s \"%s\"%s.",
                  s->scope == WR_SWITCH_ROUTE ? "has the name" : "asks the origin", s->name,
                  wr_guess_text(&guess, &arena));
    wr_arena_fini(&arena);
}

/* --- the list --- */

static struct wr_switch *find(const struct wr_switches *s, const struct wr_switch *like)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->of[i].scope == like->scope && strcmp(s->of[i].name, like->name) == 0)
            return &s->of[i];
    return NULL;
}

static bool switch_on(struct wr_switches *s, const struct wr_policy *policy, const struct wr_switch *new,
                      struct wr_buf *why)
{
    if (find(s, new))
        return true;
    if (!concerns_any(new, policy)) {
        complain_of_name(new, policy, why);
        return false;
    }
    s->of = realloc(s->of, (s->count + 1) * sizeof *s->of);
    WR_CHECK(s->of != NULL);
    s->of[s->count++] = (struct wr_switch){ new->scope, wr_slice_dup(wr_slice_str(new->name)) };
    return true;
}

/* Returns the switch that holds a route in maintenance with which `narrow` is concerned; NULL: none does. */
static const struct wr_switch *wider_than(const struct wr_switches *s, const struct wr_switch *narrow,
                                          const struct wr_policy *policy)
{
    for (size_t i = 0; i < policy->route_count; i++)
        for (size_t j = 0; concerns(narrow, &policy->routes[i]) && j < s->count; j++)
            if (s->of[j].scope < narrow->scope && concerns(&s->of[j], &policy->routes[i]))
                return &s->of[j];
    return NULL;
}

static bool switch_off(struct wr_switches *s, const struct wr_policy *policy, const struct wr_switch *old,
                       struct wr_buf *why)
{
    struct wr_switch *found = find(s, old);
    if (old->scope == WR_SWITCH_ALL) {
        wr_switches_fini(s);
        return true;
    }
    const struct wr_switch *wider = wider_than(s, old, policy);
    if (wider) {
        wr_buf_printf(why, "Maintenance is on for %s%s: switch that off.", scope_text(wider->scope),
                      wider->name);
        return false;
    }
    if (found) {
        free(found->name);
        *found = s->of[--s->count];
        return true;
    }
    if (concerns_any(old, policy))
        return true;
    complain_of_name(old, policy, why);
    return false;
}

bool wr_switches_set(struct wr_switches *s, struct wr_policy *policy, enum wr_switch_scope scope,
                     struct wr_slice name, bool on, struct wr_buf *why)
{
    const struct wr_switch meant = { scope, wr_slice_dup(name) };
    bool done = on ? switch_on(s, policy, &meant, why) : switch_off(s, policy, &meant, why);
    free(meant.name);
    if (done)
        wr_switches_apply(s, policy);
    return done;
}

void wr_switches_apply(const struct wr_switches *s, struct wr_policy *policy)
{
    for (size_t i = 0; i < policy->route_count; i++) {
        bool on = false;
        for (size_t j = 0; j < s->count; j++)
            on = on || concerns(&s->of[j], &policy->routes[i]);
        __atomic_store_n(&policy->routes[i].switched, on, __ATOMIC_RELAXED);
    }
}

void wr_switches_fini(struct wr_switches *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->of[i].name);
    free(s->of);
    *s = (struct wr_switches){ 0 };
}

/* --- what is told --- */

size_t wr_maintained_routes(const struct wr_policy *policy)
{
    size_t count = 0;
    for (size_t i = 0; i < policy->route_count; i++)
        count += wr_route_maintained(&policy->routes[i]);
    return count;
}

void wr_switches_describe(const struct wr_switches *s, const struct wr_policy *policy, struct wr_buf *out)
{
    bool by_policy = false;
    const char *before = "on for ";
    for (size_t i = 0; i < policy->route_count; i++)
        by_policy = by_policy || policy->routes[i].maintenance.on;
    for (size_t i = 0; i < s->count; i++) {
        wr_buf_printf(out, "%s%s%s", before, scope_text(s->of[i].scope), s->of[i].name);
        before = ", ";
    }
    if (by_policy)
        wr_buf_printf(out, "%s", s->count ? ", and by the policy" : "on by the policy");
    if (s->count == 0 && !by_policy)
        wr_buf_add_str(out, "off");
    else
        wr_buf_printf(out, ": %zu of %zu routes", wr_maintained_routes(policy), policy->route_count);
}
